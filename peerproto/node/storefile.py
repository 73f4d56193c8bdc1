"""A SQLite file of our own that is opened safely, or not at all.

In this order: a path where nothing is gets a complete file, made under another name and then moved there;
what is there is read (not opened by SQLite, which could write to it) and refused if it is empty, not SQLite,
another program's, another version's, cut short or another network's; then SQLite opens it and locks it for as
long as it is open, and an older version's tables are brought up to date. Every refusal is a `StoreError` of one line
that begins with the path; an `Unfit` if the file itself is to blame.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import tempfile
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from peerproto.errors import StoreError

__all__ = ["Kind", "StoreFile", "Unfit", "told"]

_MAGIC = b"SQLite format 3\0"
_PAGE = 4096
_HEAD = 16 * _PAGE

_DAMAGE = {sqlite3.SQLITE_CORRUPT: "damaged: ", sqlite3.SQLITE_NOTADB: "damaged: ", sqlite3.SQLITE_ERROR: ""}

_in_use: set[tuple[int, int]] = set()


class Unfit(StoreError):
    """What stands there is no such file, or not whole: another one could be begun in its place."""


@dataclass(frozen=True)
class Kind:
    """What a file must be.

    :ivar what: for messages, as in "header store".
    :ivar application_id: 32 bits that no other program uses.
    :ivar version: of the tables.
    :ivar marks: what else must agree, as the network's name.
    :ivar fill: makes the tables and first rows in an empty database.
    :ivar upgrades: by version, what makes a database of that version one of the next.
    """

    what: str
    application_id: int
    version: int
    marks: Mapping[str, str]
    fill: Callable[[sqlite3.Connection], None]
    upgrades: Mapping[int, Callable[[sqlite3.Connection], None]] = field(default_factory=dict)


@contextmanager
def told(path: str) -> Iterator[None]:
    """SQLite's errors become `StoreError`, one line that begins with the path."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_BUSY:
            raise StoreError(f"{path}: is in use by another process") from error
        kind = Unfit if code in _DAMAGE else StoreError
        raise kind(f"{path}: {_DAMAGE.get(code, '')}{error}") from error
    except MemoryError as error:
        raise Unfit(f"{path}: damaged: a value of it is said to be longer than memory is") from error
    except UnicodeError as error:  # of SQLite's own words for what it has found
        raise Unfit(f"{path}: damaged: it holds text that is none") from error


class StoreFile:
    """One open file, or a database in memory for the path ":memory:".

    May be used from any thread, by one at a time.

    :ivar path: as it was given.
    :raises StoreError: from the constructor, if there is a file that is not such a one, is damaged or is open
        elsewhere; it is left as it was.
    """

    def __init__(self, path: str | os.PathLike[str], kind: Kind) -> None:
        self.path = os.fspath(path)
        self._let_go: Callable[[], object] | None = None
        self._db: sqlite3.Connection | None = None
        with told(self.path):
            self._db = _in_memory(kind) if self.path == ":memory:" else self._on_disk(kind)

    def _on_disk(self, kind: Kind) -> sqlite3.Connection:
        real = os.path.realpath(self.path)
        try:
            if not os.path.exists(real):
                _create(self.path, real, kind)
            inode = _inspect(self.path, real, kind)
            _may_write(self.path, real)
        except OSError as error:
            raise StoreError(f"{self.path}: {error.strerror}") from error
        db = _connect(real, kind)
        _in_use.add(inode)
        self._let_go = weakref.finalize(self, _in_use.discard, inode)  # also if nobody closes us
        return db

    @property
    def db(self) -> sqlite3.Connection:
        """The connection, in autocommit mode.

        :raises StoreError: once it is closed.
        """
        if self._db is None:
            raise StoreError(f"{self.path}: is closed")
        return self._db

    def close(self) -> None:
        """Let go of the file; a second time does nothing."""
        db, self._db = self._db, None
        if db is not None:
            db.close()
            if self._let_go is not None:
                self._let_go()


def _in_memory(kind: Kind) -> sqlite3.Connection:
    db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    _fill(db, kind)
    return db


def _fill(db: sqlite3.Connection, kind: Kind) -> None:
    db.execute(f"PRAGMA page_size = {_PAGE}")
    db.execute(f"PRAGMA application_id = {kind.application_id}")
    db.execute(f"PRAGMA user_version = {kind.version}")
    db.execute("BEGIN")
    db.execute("CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")
    db.executemany("INSERT INTO meta (name, value) VALUES (?, ?)", kind.marks.items())
    kind.fill(db)
    db.execute("COMMIT")


def _connect(real: str, kind: Kind) -> sqlite3.Connection:
    """Open a file that is known to be ours, lock it, and bring it up to date."""
    address = f"{Path(real).as_uri()}?mode=rw"
    db = sqlite3.connect(address, uri=True, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        # The lock is kept from here on; it also spares the file of shared memory beside the store.
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA cache_size = -16384")
        db.execute("PRAGMA wal_autocheckpoint = 4096")
        db.execute("BEGIN EXCLUSIVE")
        _upgrade(db, kind)
        db.execute("COMMIT")
    except BaseException:
        db.close()
        raise
    return db


def _upgrade(db: sqlite3.Connection, kind: Kind) -> None:
    """All the way or, if a step fails, not at all."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    for step in range(version, kind.version):
        kind.upgrades[step](db)
        db.execute(f"PRAGMA user_version = {step + 1}")


def _create(path: str, real: str, kind: Kind) -> None:
    """Make a complete file under another name, then move it here unless somebody else was faster."""
    for suffix in ("-wal", "-journal"):
        if os.path.exists(real + suffix):  # SQLite would play it into the new file
            raise Unfit(f"{path}: is not there, but {real}{suffix} is; move that away")
    folder, name = os.path.split(real)
    handle, temporary = tempfile.mkstemp(prefix=f"{name}.", suffix=".new", dir=folder)
    os.close(handle)
    try:
        db = sqlite3.connect(temporary, isolation_level=None)
        try:
            _fill(db, kind)
            db.execute("PRAGMA journal_mode = WAL")
        finally:
            db.close()
        _move(temporary, real)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)


def _move(temporary: str, real: str) -> None:
    try:
        os.link(temporary, real)  # unlike a rename, never replaces
    except FileExistsError:
        pass
    except OSError:  # a file system without links
        os.rename(temporary, real)


def _inspect(path: str, real: str, kind: Kind) -> tuple[int, int]:
    """Look at a file without SQLite: it must be of this kind and whole.

    :return: what tells the file from all others.
    """
    found = os.stat(real)
    if not stat.S_ISREG(found.st_mode):
        raise StoreError(f"{path}: not a file")
    inode = found.st_dev, found.st_ino
    if inode in _in_use:  # looking at it would also lift the lock: POSIX lifts all when any handle is closed
        raise StoreError(f"{path}: is in use by this process")
    with open(real, "rb") as file:
        head = file.read(_HEAD)
    has_log = os.path.exists(f"{real}-wal") and os.path.getsize(f"{real}-wal") > 0
    fault = _head_fault(head, kind) or _size_fault(head, found.st_size, has_log) or _marks_fault(head, kind)
    if fault:
        raise Unfit(f"{path}: {fault}")
    return inode


def _may_write(path: str, real: str) -> None:
    """SQLite's own words for what it may not write are "disk I/O error" and the like."""
    for place, what in (
        (real, "cannot be written"),
        (os.path.dirname(real), f"{real}-wal has to stand beside it, and the folder cannot be written"),
    ):
        if not os.access(place, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
            raise StoreError(f"{path}: {what}: Permission denied")


def _head_fault(head: bytes, kind: Kind) -> str:
    if not head:
        return f"an empty file, not a {kind.what}"
    if not head.startswith(_MAGIC):
        return f"not a SQLite file, it begins with {head[:16]!r}"
    if len(head) < 100:
        return f"cut short: a SQLite file of {len(head)} bytes"
    application_id = int.from_bytes(head[68:72], "big")
    if application_id != kind.application_id:
        wanted = kind.application_id
        return f"another program's SQLite file, application id {application_id:#x}, not {wanted:#x}"
    version = int.from_bytes(head[60:64], "big")
    if version > kind.version or not kind.upgrades.keys() >= set(range(version, kind.version)):
        return f"a {kind.what} of version {version}, only {kind.version} can be read"
    return ""


def _size_fault(head: bytes, size: int, has_log: bool) -> str:
    announced = int.from_bytes(head[28:32], "big") * _PAGE
    if size < announced and not has_log:  # the rest may stand in the log, after a kill
        return f"cut short: {size} bytes, {announced} announced"
    return ""


def _marks_fault(head: bytes, kind: Kind) -> str:
    """Read the marks from a copy of the first pages, where they stay from the beginning."""
    pages = len(head) // _PAGE
    image = bytearray(head[: pages * _PAGE])
    image[18:20] = b"\1\1"  # an image has no log
    image[28:32] = pages.to_bytes(4, "big")
    db = sqlite3.connect(":memory:")
    try:
        db.deserialize(bytes(image))
        marks = dict(db.execute("SELECT name, value FROM meta").fetchall())
    finally:
        db.close()
    if marks == kind.marks:
        return ""
    return f"a {kind.what} of {_spelled(marks)}, not of {_spelled(kind.marks)}"


def _spelled(marks: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {marks[name]}" for name in sorted(marks, reverse=True))
