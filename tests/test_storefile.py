"""Tests of opening a SQLite file of our own safely, or not at all."""

from __future__ import annotations

import errno
import gc
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import StoreError
from peerproto.node import storefile
from peerproto.node.storefile import Kind, StoreFile, Unfit, told


def fill(db: sqlite3.Connection) -> None:
    db.execute("CREATE TABLE things (number INTEGER PRIMARY KEY, thing BLOB NOT NULL)")
    db.execute("INSERT INTO things VALUES (0, 'first')")


KIND = Kind("thing store", 0x7468696E, 3, {"network": "ours", "genesis": "00ff"}, fill)

CHILD = """
import os, signal, sys
from peerproto.node.storefile import Kind, StoreFile
file = StoreFile(sys.argv[1], Kind("", 0x7468696E, 3, {"network": "ours", "genesis": "00ff"}, None))
file.db.execute("BEGIN")
file.db.execute("INSERT INTO things VALUES (1, 'second')")
if sys.argv[2] == "commit":
    file.db.execute("COMMIT")
    file.db.execute("BEGIN")
    file.db.executemany("INSERT INTO things VALUES (?, ?)", [(n, bytes(1000)) for n in range(2, 40000)])
print("open", flush=True)
sys.stdin.read()
os.kill(os.getpid(), signal.SIGKILL)
"""


def things(file: StoreFile) -> list[int]:
    return [number for (number,) in file.db.execute("SELECT number FROM things")]


class FolderTestCase(SynchronousTestCase):
    """Each test has a folder of its own."""

    def setUp(self) -> None:
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.path = os.path.join(self.folder, "things.sqlite")

    def opened(self, path: str | None = None, kind: Kind = KIND) -> StoreFile:
        file = StoreFile(path or self.path, kind)
        self.addCleanup(file.close)
        return file

    def content(self) -> dict[str, bytes]:
        """Everything that is in the folder."""
        found = {}
        for name in os.listdir(self.folder):
            with open(os.path.join(self.folder, name), "rb") as file:
                found[name] = file.read()
        return found

    def write(self, data: bytes, path: str | None = None) -> None:
        with open(path or self.path, "wb") as file:
            file.write(data)

    def refused(self, text: str, kind: Kind = KIND) -> None:
        """The file is refused with one line of this pattern; the folder stays as it was, byte for byte."""
        before = self.content()
        with self.assertRaisesRegex(StoreError, f"^{self.path}: {text}$"):
            StoreFile(self.path, kind)
        self.assertEqual(self.content(), before)


class FreshTests(FolderTestCase):
    """A path where nothing is."""

    def test_made(self) -> None:
        """The file is made, filled, and stands alone once it is closed."""
        file = self.opened()
        self.assertEqual((file.path, things(file)), (self.path, [0]))
        file.close()
        self.assertEqual(os.listdir(self.folder), ["things.sqlite"])

    def test_opened_again(self) -> None:
        """What was written is there the next time."""
        file = self.opened()
        file.db.execute("INSERT INTO things VALUES (7, 'x')")
        file.close()
        self.assertEqual(things(self.opened()), [0, 7])

    def test_write_ahead(self) -> None:
        """The file is written ahead, so that readers of a copy and a kill find whole transactions."""
        self.assertEqual(self.opened().db.execute("PRAGMA journal_mode").fetchone(), ("wal",))

    def test_memory(self) -> None:
        """ ":memory:" makes no file, and each is its own."""
        first, second = self.opened(":memory:"), self.opened(":memory:")
        first.db.execute("INSERT INTO things VALUES (7, 'x')")
        self.assertEqual((things(first), things(second), os.path.exists(":memory:")), ([0, 7], [0], False))

    def test_half_made(self) -> None:
        """If it cannot be filled nothing is left behind."""

        def break_off(db: sqlite3.Connection) -> None:
            fill(db)
            db.execute("no such statement")

        with self.assertRaisesRegex(StoreError, f'^{self.path}: near "no": syntax error$'):
            StoreFile(self.path, replace(KIND, fill=break_off))
        self.assertEqual(os.listdir(self.folder), [])

    def test_somebody_was_faster(self) -> None:
        """If another process makes the file at the same moment, that one is opened and not replaced."""
        link = os.link

        def late(source: str, target: str) -> None:
            link(source, target)
            with sqlite3.connect(target) as other:
                other.execute("INSERT INTO things VALUES (5, 'theirs')")
            other.close()
            link(source, target)

        self.patch(os, "link", late)
        self.assertEqual(things(self.opened()), [0, 5])

    def test_no_links(self) -> None:
        """On a file system without links the file is renamed."""

        def refuse(source: str, target: str) -> None:
            raise OSError(errno.EPERM, "not permitted")

        self.patch(os, "link", refuse)
        self.opened().close()
        self.assertEqual(os.listdir(self.folder), ["things.sqlite"])

    def test_symbolic_link(self) -> None:
        """A link to nowhere is followed: the file is made where it leads."""
        link = os.path.join(self.folder, "link")
        os.symlink(self.path, link)
        file = self.opened(link)
        with self.assertRaisesRegex(StoreError, f"^{self.path}: is in use by this process$"):
            StoreFile(self.path, KIND)
        file.close()
        self.assertEqual(things(self.opened()), [0])

    def test_no_folder(self) -> None:
        """A folder that is not there is named."""
        path = os.path.join(self.folder, "not", "there")
        with self.assertRaisesRegex(StoreError, f"^{path}: No such file or directory$"):
            StoreFile(path, KIND)

    def test_left_over_log(self) -> None:
        """A log without its file is not mixed into a new file."""
        for suffix in ("-wal", "-journal"):
            self.write(b"something", self.path + suffix)
            self.refused(f"is not there, but {self.path}{suffix} is; move that away")
            os.unlink(self.path + suffix)


class CloseTests(FolderTestCase):
    """Closing."""

    def test_twice(self) -> None:
        """A second close does nothing, also not to another that has the file open."""
        for path in (self.path, ":memory:"):
            file = self.opened(path)
            file.close()
            other = self.opened(path)
            file.close()
            if path == self.path:
                self.refused("is in use by this process")
            other.close()

    def test_forgotten(self) -> None:
        """One that is dropped without being closed does not keep its file from the next."""
        StoreFile(self.path, KIND)
        gc.collect()
        self.assertEqual(things(self.opened()), [0])

    def test_use(self) -> None:
        """A closed one says so."""
        file = self.opened()
        file.close()
        with self.assertRaisesRegex(StoreError, f"^{self.path}: is closed$"):
            file.db.execute("SELECT 1")


class RefusedTests(FolderTestCase):
    """Files that are not ours stay as they are."""

    def test_empty(self) -> None:
        """An empty file is refused."""
        self.write(b"")
        self.refused("an empty file, not a thing store")

    def test_text(self) -> None:
        """A text file is refused."""
        self.write(b"peers = 3\nport = 8333\n")
        self.refused(r"not a SQLite file, it begins with b'peers = 3\\nport ='")

    def test_foreign(self) -> None:
        """Another program's SQLite file is refused, whatever its journal and even with a log beside it."""
        for mode in ("DELETE", "WAL"):
            db = sqlite3.connect(self.path, isolation_level=None)
            db.execute(f"PRAGMA journal_mode = {mode}")
            db.execute("CREATE TABLE IF NOT EXISTS things (number)")
            self.refused("another program's SQLite file, application id 0x0, not 0x7468696e")
            db.close()
            self.refused("another program's SQLite file, application id 0x0, not 0x7468696e")

    def test_version(self) -> None:
        """A file with other tables than these is refused."""
        self.opened(kind=replace(KIND, version=4)).close()
        self.refused("a thing store of version 4, only 3 can be read")

    def test_marks(self) -> None:
        """Another network's file is refused, and so is one whose genesis differs; both are named."""
        self.opened().close()
        for marks, text in (
            ({"network": "theirs", "genesis": "00ff"}, "network theirs, genesis 00ff"),
            ({"network": "ours", "genesis": "11ff"}, "network ours, genesis 11ff"),
        ):
            kind = replace(KIND, marks=marks)
            self.refused(f"a thing store of network ours, genesis 00ff, not of {text}", kind)

    def test_marks_with_log(self) -> None:
        """Another network's file that was left by a kill is refused without touching its log."""
        file = self.opened()
        file.db.executemany("INSERT INTO things VALUES (?, ?)", [(n, bytes(1000)) for n in range(1, 100)])
        self.write(self.content()["things.sqlite"], self.path + ".copy")
        self.write(self.content()["things.sqlite-wal"], self.path + ".copy-wal")
        self.path += ".copy"
        self.refused("a thing store of network ours, .*", replace(KIND, marks={"network": "theirs"}))
        self.assertEqual(len(things(self.opened())), 100)

    def test_cut_short(self) -> None:
        """A file that was cut short anywhere is refused."""
        file = self.opened()
        file.db.executemany("INSERT INTO things VALUES (?, ?)", [(n, bytes(1000)) for n in range(1, 100)])
        file.close()
        whole = self.content()["things.sqlite"]
        for size in (16, 99):
            self.write(whole[:size])
            self.refused(f"cut short: a SQLite file of {size} bytes")
        for size in (100, 4095, 4096, 4097, len(whole) // 2, len(whole) - 4096, len(whole) - 1):
            self.write(whole[:size])
            self.refused(f"cut short: {size} bytes, {len(whole)} announced")
        self.write(whole)
        self.assertEqual(len(things(self.opened())), 100)

    def test_damaged(self) -> None:
        """Wherever a file is overwritten, it opens or is refused with `StoreError`, nothing else."""
        self.opened().close()
        whole, refusals = self.content()["things.sqlite"], set()
        for at in range(100, len(whole), 100):
            self.write(whole[:at] + b"\xff" * 100 + whole[at + 100 :])
            try:
                with closing(self.opened()) as file, told(self.path):
                    things(file)
            except StoreError as error:
                refusals.add(str(error))
        self.assertIn(f"{self.path}: damaged: database disk image is malformed", refusals)

    def test_not_a_file(self) -> None:
        """A folder is not a file."""
        os.mkdir(self.path)
        with self.assertRaisesRegex(StoreError, f"^{self.path}: not a file$"):
            StoreFile(self.path, KIND)

    def test_not_readable(self) -> None:
        """A file that may not be read is named with the reason."""
        self.opened().close()

        def refuse(path: str) -> None:
            raise PermissionError(errno.EACCES, "Permission denied")

        self.patch(os, "stat", refuse)
        with self.assertRaisesRegex(StoreError, f"^{self.path}: Permission denied$"):
            storefile.StoreFile(self.path, KIND)

    def test_not_writable(self) -> None:
        """A file that may be read but not written, or whose folder may not, is named with that reason."""
        self.opened().close()
        if os.geteuid() == 0:  # who may do everything is no test
            nobody = 65534
            for path in (self.path, self.folder):
                os.chown(path, nobody, nobody)
            os.seteuid(nobody)
            self.addCleanup(os.seteuid, 0)
        self.addCleanup(os.chmod, self.folder, 0o700)
        for file, folder, text in (
            (0o400, 0o500, "cannot be written: Permission denied"),
            (
                0o600,
                0o500,
                f"{self.path}-wal has to stand beside it, and the folder cannot be written: Permission denied",
            ),
        ):
            os.chmod(self.path, file)
            os.chmod(self.folder, folder)
            self.refused(text)


class UpgradeTests(FolderTestCase):
    """Files of an older version, where it is known how they become new ones."""

    def newer(self, version: int, *steps: str) -> Kind:
        def step(statement: str) -> Callable[[sqlite3.Connection], None]:
            return lambda db: db.execute(statement) and None

        upgrades = {KIND.version + at: step(statement) for at, statement in enumerate(steps)}
        return replace(KIND, version=version, upgrades=upgrades)

    def test_step_by_step(self) -> None:
        """It goes through all versions between, once, and is then of the new one."""
        self.opened().close()
        kind = self.newer(
            5, "INSERT INTO things VALUES (4, '')", "INSERT INTO things SELECT number + 1, '' FROM things"
        )
        for _ in range(2):
            with closing(self.opened(kind=kind)) as file:
                self.assertEqual(things(file), [0, 1, 4, 5])
                self.assertEqual(file.db.execute("PRAGMA user_version").fetchone(), (5,))
        self.refused("a thing store of version 5, only 3 can be read")

    def test_unknown_step(self) -> None:
        """Where a step is missing it is refused, and stays as it was."""
        self.opened().close()
        self.refused("a thing store of version 3, only 6 can be read", self.newer(6, "", ""))

    def test_failing_step(self) -> None:
        """Where a step fails nothing is changed."""
        self.opened().close()
        kind = self.newer(5, "INSERT INTO things VALUES (4, '')", "no such statement")
        with self.assertRaisesRegex(Unfit, f'^{self.path}: near "no": syntax error$'):
            StoreFile(self.path, kind)
        self.assertEqual(things(self.opened()), [0])


class BlameTests(FolderTestCase):
    """Whether the file itself is to blame."""

    def test_words_that_are_none(self) -> None:
        """Damage that SQLite tells of in bytes that are no text."""
        with self.assertRaisesRegex(Unfit, "x: damaged: it holds text that is none"), told("x"):
            b"\xff".decode()

    def test_too_long_a_value(self) -> None:
        """A damaged length that asks for more memory than there is."""
        with (
            self.assertRaisesRegex(Unfit, "x: damaged: a value of it is said to be longer than memory is"),
            told("x"),
        ):
            raise MemoryError

    def test_unfit(self) -> None:
        """It is if it is damaged or of another kind."""
        self.write(b"text")
        self.assertRaises(Unfit, StoreFile, self.path, KIND)

    def test_circumstances(self) -> None:
        """It is not if it is in use, or may not be read."""
        self.opened()
        error = self.assertRaises(StoreError, StoreFile, self.path, KIND)
        self.assertNotIsInstance(error, Unfit)


class OtherProcessTests(FolderTestCase):
    """Files that another process has open, or had when it was killed."""

    def child(self, what: str) -> subprocess.Popen[bytes]:
        """Another process that has the file open and a transaction begun."""
        self.opened().close()
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, self.path, what],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.addCleanup(child.communicate)
        assert child.stdout is not None
        self.assertEqual(child.stdout.readline(), b"open\n")
        return child

    def test_locked(self) -> None:
        """What another process has open is refused in one line; once that was killed it can be opened, with
        what was committed and nothing else."""
        child = self.child("commit")
        self.refused("is in use by another process")
        child.communicate()
        self.assertEqual(child.returncode, -signal.SIGKILL)
        self.assertEqual(things(self.opened()), [0, 1])

    def test_killed_before_commit(self) -> None:
        """A transaction that a kill broke off has not been."""
        self.child("leave").communicate()
        self.assertEqual(things(self.opened()), [0])

    def test_copied(self) -> None:
        """A copy of file and log, taken in the middle of a transaction, has what was committed."""
        file = self.opened()
        file.db.execute("INSERT INTO things VALUES (1, 'committed')")
        file.db.execute("BEGIN")
        file.db.executemany("INSERT INTO things VALUES (?, ?)", [(n, bytes(1000)) for n in range(2, 40000)])
        for name, data in self.content().items():
            self.write(data, os.path.join(self.folder, f"copy-{name}"))
        self.assertEqual(things(self.opened(os.path.join(self.folder, "copy-things.sqlite"))), [0, 1])

    def test_second_writer(self) -> None:
        """What another program wrote and did not commit is not there, and does no harm."""
        self.opened().close()
        other = sqlite3.connect(self.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        other.execute("INSERT INTO things VALUES (9, 'uncommitted')")
        other.close()
        self.assertEqual(things(self.opened()), [0])
