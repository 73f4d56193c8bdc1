"""Tests of the book of addresses on disk."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.logger import LogLevel, capturedLogs

from peerproto import networks
from peerproto.errors import PeerLost, Reason, StoreError
from peerproto.forms.gossip import Known
from peerproto.node.addressbook import AddressBook
from peerproto.node.bans import Ban
from peerproto.node.bookfile import BookFile, gather, open_book, take_back
from peerproto.node.entries import DAY, About
from peerproto.node.places import Place
from peerproto.node.storefile import Unfit
from tests.book_case import NETWORK, NOW, BookCase, FolderCase, known, peer, spread
from tests.commands import HOME

RESET = PeerLost("reset by the peer", Reason.RESET)

CHILD = """
import sys, time
from peerproto import networks
from peerproto.forms.gossip import Known
from peerproto.node.addressbook import AddressBook
from peerproto.node.bookfile import gather, open_book
from peerproto.node.groups import Groups

book = AddressBook(Groups(local=True))
file = open_book(sys.argv[1], networks.named("bitcoin-mainnet"), book)
number = len(book.bans)
print("open", number, len(book), flush=True)
while True:
    number += 1
    told = [Known(f"10.{number >> 8}.{number & 255}.1", port, number, int(time.time())) for port in range(1, 6)]
    book.add(told, f"10.{number >> 8}.{number & 255}.2")
    book.ban(f"11.{number >> 8}.{number & 255}.1", 4e9, str(number), "")
    file.save(gather(book))
    print("saved", number, len(book), flush=True)
"""


def shown(book: AddressBook) -> list[Any]:
    """All that is in a book."""
    entries = [
        (
            *(e.place, e.source, e.services, e.seen, e.tries, e.fails, e.counts, e.last_try, e.last_success),
            *(e.not_before, e.about, tuple(sorted(e.buckets)), e.is_tried),
        )
        for e in book
    ]
    return [sorted(entries), sorted(book.bans), book.shelves.keyed.secret]


class BookFileCase(FolderCase):
    """A file, and a book that is filled from it."""

    def opened(self, book: AddressBook | None = None) -> BookFile:
        file = open_book(self.path, networks.named(NETWORK), self.book if book is None else book)
        self.addCleanup(file.close)
        return file

    def again(self) -> AddressBook:
        """What is in the file now, read by who closes it again."""
        book = self.make(seed=3)
        self.opened(book).close()
        return book

    def saved(self) -> AddressBook:
        """The book is saved, and read again."""
        file = BookFile(self.path, networks.named(NETWORK), self.book.shelves.keyed.secret)
        file.save(gather(self.book))
        file.close()
        return self.again()

    def write(self, data: bytes, suffix: str = "") -> None:
        with open(self.path + suffix, "wb") as file:
            file.write(data)

    def read(self, suffix: str = "") -> bytes:
        with open(self.path + suffix, "rb") as file:
            return file.read()

    def execute(self, *statements: str) -> None:
        """Write to the file behind everybody's back."""
        db = sqlite3.connect(self.path, isolation_level=None)
        for statement in statements:
            db.execute(statement)
        db.close()


class KeepingTests(BookFileCase):
    """What is kept."""

    def fill(self, book: AddressBook) -> None:
        for number in range(20):
            book.add(spread(200), f"{number + 60}.1.1.1")
        good = [Place(item.host, item.port) for item in spread(20)]
        for place in good:
            self.good(place, book)
        self.bad(good[0])
        book.ban("7.7.0.0/16", NOW + 99, "a test", "operator")

    def test_all(self) -> None:
        """Everything is there again as it was, and nothing needs to be written."""
        self.fill(self.book)
        other = self.saved()
        self.assertEqual(shown(other), shown(self.book))
        self.assertGreater(sum(len(entry.buckets) > 1 for entry in other), 50)
        self.assertEqual((len(other.shelves.tried), gather(other)), (20, ([], [], [], [], [])))

    def test_empty(self) -> None:
        """A new file is that of an empty book, whose secret it keeps."""
        self.assertEqual(shown(self.saved()), shown(self.book))
        self.assertEqual((len(self.book), os.listdir(self.folder)), (0, ["book.sqlite"]))

    def test_forgotten(self) -> None:
        """What the book forgets the file forgets; bans that are over or taken back too."""
        file = self.opened()
        first, second = self.add("8.8.8.8", "7.7.7.7")
        self.book.ban("6.6.6.6", NOW + 10, "", "")
        self.book.ban("5.5.5.5", NOW + 99, "", "")
        self.book.ban("4.4.4.4", NOW + 99, "", "")
        file.save(gather(self.book))
        self.book.own(first)
        self.book.bans.unban("5.5.5.5")
        self.now += 11
        file.save(gather(self.book))
        file.close()
        other = self.again()
        self.assertEqual([entry.place for entry in other], [second])
        self.assertEqual([ban.what for ban in other.bans], ["4.4.4.4/32"])

    def test_bans_end_while_we_do_not_run(self) -> None:
        """A ban whose time has come is not there any more."""
        self.book.ban("6.6.6.6", NOW + 10, "", "")
        file = self.opened()
        file.save(gather(self.book))
        file.close()
        self.now += 11
        other = self.again()
        self.assertEqual((other.is_banned("6.6.6.6"), len(other.bans)), (False, 0))

    def test_odd_values(self) -> None:
        """Services of 64 bits, agents that are no Unicode, numbers that are not known: all can be written."""
        place = Place("8.8.8.8", 8333)
        self.book.add([known("8.8.8.8", services=2**64 - 1)], "9.9.9.9")
        self.good(place, user_agent="/\udcff\0'x/", last_block=None, version=None, ping_least=None)
        self.book.over(peer(user_agent="\udcff"), RESET)
        (entry,) = self.saved()
        self.assertEqual(entry.services, 2**64 - 1)
        self.assertEqual(entry.about, About(("network",), "/\\udcff\0'x/", None, None, None))

    def test_not_written(self) -> None:
        """What could not be written is gathered again, together with what came after it."""
        self.opened()
        first, second = self.add("8.8.8.8", "7.7.7.7")
        gather(self.book)
        self.book.own(first)
        self.book.ban("5.5.5.5", NOW + 99, "", "")
        self.book.ban("4.4.4.4", NOW + 99, "", "")
        self.book.tried(second)
        self.book.bans.unban("4.4.4.4")
        self.book.over(peer(id=1), RESET)
        changes = gather(self.book)
        self.book.over(peer(id=2, address="1.1.1.1:1"), RESET)
        take_back(self.book, changes)
        again = gather(self.book)
        self.assertEqual(again[:4], changes[:4])
        self.assertEqual([ended.host for ended in again.ended], ["8.8.8.8", "1.1.1.1"])

    def test_in_memory(self) -> None:
        """Without a file it works as well."""
        file = BookFile(":memory:", networks.named(NETWORK), bytes(32))
        file.save(gather(self.book))
        self.assertEqual((file.path, file.load(self.book), file.history("8.8.8.8")), (":memory:", 0, []))
        file.close()
        with self.assertRaisesRegex(StoreError, "^:memory:: is closed$"):
            file.history("8.8.8.8")

    @settings(max_examples=25)
    @given(
        st.lists(
            st.builds(
                Known,
                st.ip_addresses().map(str),
                st.integers(1, 65535),
                st.integers(0, 2**64 - 1),
                st.integers(0, 2**40),
            ),
            max_size=20,
        ),
        st.text(max_size=20),
        st.lists(st.text(max_size=9), max_size=3),
        st.integers(-(2**63), 2**63 - 1),
    )
    def test_whatever_is_told(self, told: list[Known], agent: str, services: list[str], height: int) -> None:
        """Whatever a node can tell comes back as it was."""
        self.now = NOW
        file = BookFile(":memory:", networks.named(NETWORK), bytes(32))
        book, other = self.make(local=True), self.make(local=True)
        book.add(told, "9.9.9.9")
        for item in told[::2]:
            self.good(
                Place(item.host, item.port), book, user_agent=agent, services=services, last_block=height
            )
        file.save(gather(book))
        self.assertEqual(file.load(other), 0)
        self.assertEqual(shown(other), shown(book))
        file.close()


class HistoryTests(BookFileCase):
    """Connections that have ended."""

    def test_last_twenty(self) -> None:
        """Of each host the last twenty are kept, in their order."""
        file = self.opened()
        for number in range(25):
            self.now = NOW + number
            self.book.over(peer(inbound=True), RESET)
            self.book.over(peer(address=f"7.7.7.{number}:1"), RESET)
            if number in (3, 22):
                file.save(gather(self.book))
        file.save(gather(self.book))
        found = file.history("8.8.8.8")
        self.assertEqual([ended.ended for ended in found], [NOW + number for number in range(5, 25)])
        self.assertEqual(
            found[0][:4] + found[0][5:],
            ("8.8.8.8", 8333, True, NOW, "reset", "reset by the peer", "/them:1/"),
        )
        self.assertEqual([len(file.history(f"7.7.7.{number}")) for number in range(26)], [1] * 25 + [0])

    def test_bounded_in_all(self) -> None:
        """Of all no more than 20,000."""
        file = self.opened()
        for number in range(30_000):
            self.book.over(peer(address=f"7.{number >> 8}.{number & 255}.1:1"), RESET)
            if number % 10_000 == 9_999:
                file.save(gather(self.book))
        kept = [len(file.history(f"7.{number >> 8}.{number & 255}.1")) for number in range(30_000)]
        self.assertEqual(kept, [0] * 10_000 + [1] * 20_000)


class RefusedTests(BookFileCase):
    """Files that cannot be used."""

    def begun_anew(self, text: str) -> None:
        """The file is kept as .bak, loudly, and an empty one begun that works."""
        before = self.read()
        book = self.make()
        with capturedLogs() as logs:
            file = self.opened(book)
        (line,) = [event for event in logs if event["log_level"] >= LogLevel.error]
        said = line["log_format"].format(**line)
        self.assertRegex(
            said, f"^{self.path}: {text}: it is kept as {self.path}.bak, and the book begins empty$"
        )
        self.assertEqual((self.read(".bak"), len(book)), (before, 0))
        self.add("8.8.8.8", book=book)
        file.save(gather(book))
        file.close()
        self.assertEqual(len(self.again()), 1)
        os.unlink(self.path)

    def whole(self) -> bytes:
        """A good file with something in it."""
        for number in range(5):
            self.book.add(spread(300), f"{number + 60}.1.1.1")
        self.saved()
        return self.read()

    def test_row_69_truncated(self) -> None:
        """A book that was cut short anywhere."""
        whole = self.whole()
        for size in (0, 50, 4096, len(whole) // 2, len(whole) - 1):
            self.write(whole[:size])
            self.begun_anew("(an empty file|cut short).*")

    def test_row_69_wrong_checksum(self) -> None:
        """A book that was overwritten anywhere is found out, or does no harm: it never stops us."""
        whole, refused = self.whole(), 0
        for at in range(100, len(whole), len(whole) // 40):
            self.write(whole[:at] + b"\xff" * 100 + whole[at + 100 :])
            with capturedLogs():
                self.again()
            refused += os.path.exists(self.path + ".bak")
            for name in os.listdir(self.folder):
                os.unlink(os.path.join(self.folder, name))
        self.assertGreater(refused, 10)

    def test_row_69_future_version(self) -> None:
        """A book of tables that are not made yet."""
        self.whole()
        self.execute("PRAGMA user_version = 99")
        self.begun_anew("a book of addresses of version 99, only 2 can be read")

    def test_row_69_other_network(self) -> None:
        """Another network's book."""
        BookFile(self.path, networks.named("bitcoin-testnet3"), bytes(32)).close()
        self.begun_anew(
            "a book of addresses of network bitcoin-testnet3, .*, not of network bitcoin-mainnet, .*"
        )

    def test_row_69_counts_of_2_to_the_31(self) -> None:
        """Rows that make no sense are left out, said once, and all others are there."""
        self.add("8.8.8.8", "7.7.7.7", "6.6.6.6", "5.5.5.5", "4.4.4.4", "3.3.3.3")
        self.add("2.2.2.2", "12.1.1.1", "13.1.1.1", "14.1.1.1")
        self.good(Place("3.3.3.3", 8333))
        self.saved()
        self.execute(
            "UPDATE addresses SET port = 2147483648 WHERE host = '8.8.8.8'",
            "UPDATE addresses SET buckets = '[2147483648]', tries = 2147483648 WHERE host = '7.7.7.7'",
            "UPDATE addresses SET buckets = 'nonsense' WHERE host = '6.6.6.6'",
            "UPDATE addresses SET seen = 9e999 WHERE host = '5.5.5.5'",
            "UPDATE addresses SET names = '5' WHERE host = '4.4.4.4'",
            "UPDATE addresses SET tries = 9e999 WHERE host = '2.2.2.2'",
            f"UPDATE addresses SET names = '{'[' * 100_000}' WHERE host = '12.1.1.1'",
            f"UPDATE addresses SET buckets = '{'[' * 100_000}' WHERE host = '13.1.1.1'",
            "UPDATE addresses SET buckets = '[1e999]' WHERE host = '14.1.1.1'",
        )
        book = self.make()
        with capturedLogs() as logs:
            self.opened(book)
        (said,) = [event["log_format"].format(**event) for event in logs]
        self.assertEqual(said, f"{self.path}: 8 rows are left out: they make no sense here")
        self.assertEqual({entry.place.host for entry in book}, {"7.7.7.7", "3.3.3.3"})
        self.assertFalse(os.path.exists(self.path + ".bak"))

    def test_row_70_ban_file_broken(self) -> None:
        """Bans that make no sense are left out, all others hold."""
        for host in ("8.8.8.8", "7.7.7.7", "6.6.6.6"):
            self.book.ban(host, NOW + DAY, "a test", "operator")
        self.saved()
        self.execute(
            "UPDATE bans SET what = 'nonsense' WHERE what = '8.8.8.8/32'",
            "UPDATE bans SET until = 'soon' WHERE what = '7.7.7.7/32'",
        )
        book = self.make()
        with capturedLogs() as logs:
            self.opened(book)
        self.assertEqual(list(book.bans), [Ban("6.6.6.6/32", NOW + DAY, "a test", "operator")])
        self.assertEqual([event["left_out"] for event in logs], [2])

    def test_no_secret(self) -> None:
        """A book without its secret, or with an odd one, is no book."""
        for statement in (
            *("DELETE FROM secret", "UPDATE secret SET secret = 'short'", "UPDATE secret SET secret = x'00'"),
            "INSERT INTO secret VALUES (x'00')",
        ):
            self.saved()
            self.execute(statement)
            self.begun_anew("damaged: it has no secret")

    def test_table_is_gone(self) -> None:
        """A book without one of its tables is no book."""
        self.saved()
        self.execute("DROP TABLE bans")
        self.begun_anew("no such table: bans")

    def test_log_without_file(self) -> None:
        """A log whose file is gone is set aside too."""
        self.write(b"log", "-wal")
        with capturedLogs() as logs:
            self.opened()
        self.assertIn("is not there, but", str(logs[0]["error"]))
        self.assertEqual(self.read(".bak-wal"), b"log")

    def test_in_use(self) -> None:
        """A book that is in use is nobody's to set aside."""
        self.opened()
        with self.assertRaisesRegex(StoreError, f"^{self.path}: is in use by this process$"):
            self.opened(self.make())
        self.assertFalse(os.path.exists(self.path + ".bak"))

    def test_nowhere(self) -> None:
        """Where no file can be made it is said."""
        self.path = os.path.join(self.folder, "none", "book.sqlite")
        error = self.assertRaises(StoreError, self.opened)
        self.assertNotIsInstance(error, Unfit)


class KillTests(BookFileCase):
    """Processes that are killed while they write."""

    def kill_one(self, seconds: float) -> tuple[int, int]:
        """Let a process save over and over, and kill it after a time; of the last save that was done
        its number, and how many addresses there were."""
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, self.path],
            env={**os.environ, "PYTHONPATH": str(HOME)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        first = child.stdout.readline()
        time.sleep(seconds)
        child.kill()
        out, _ = child.communicate()
        self.assertEqual(child.returncode, -signal.SIGKILL)
        lines = [first, *out.splitlines(keepends=True)]
        _, number, total = [line for line in lines if line.endswith("\n")][-1].split()
        return int(number), int(total)

    def test_row_68_kill_9_while_the_book_is_written(self) -> None:
        """Ten times for each book: all that was saved is there, and of the save that was under way all or nothing."""
        for number in range(int(os.environ.get("PEERPROTO_KILLS", "10")) // 10):
            self.path = os.path.join(self.folder, f"book-{number}.sqlite")
            self.kill_ten()

    def kill_ten(self) -> None:
        """Ten processes that write the same book, one after the other."""
        chance, last = random.Random(), 0
        for _ in range(10):
            done, total = self.kill_one(chance.uniform(0.0, 0.1))
            self.assertGreaterEqual(done, last)
            book = self.make(local=True)
            with capturedLogs() as logs:
                self.opened(book).close()
            self.assertEqual(logs, [])
            last = len(book.bans)
            self.assertIn(last, (done, done + 1))
            self.assertLessEqual({entry.services for entry in book}, set(range(1, last + 1)))
            self.assertIn(len(book), range(total, total + 6) if last > done else (total,))
        self.assertGreater(last, 10)


class BookCaseTests(BookCase):
    """Gathering alone."""

    def test_only_what_changed(self) -> None:
        """Each change is gathered once."""
        (place,) = self.add("8.8.8.8")
        self.assertEqual([row[:2] for row in gather(self.book).rows], [tuple(place)])
        self.assertEqual(any(gather(self.book)), False)
        self.book.tried(place)
        self.assertEqual(len(gather(self.book).rows), 1)
