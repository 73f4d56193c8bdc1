"""Tests of how the book of addresses is written down now and then."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import TestCase

from peerproto import networks
from peerproto.errors import StoreError
from peerproto.node.bookfile import open_book
from peerproto.node.bookkeeping import EVERY, BookKeeper
from peerproto.node.places import Place
from tests.book_case import NETWORK, FolderCase


class BookKeeperTests(FolderCase):
    """One book and its file, under a clock."""

    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.file = open_book(self.path, networks.named(NETWORK), self.book)
        self.addCleanup(self.file.close)

    def keeper(self, in_thread: Callable[..., Deferred[Any]] = maybeDeferred) -> BookKeeper:
        return BookKeeper(self.clock, self.file, self.book, in_thread=in_thread)

    def on_disk(self) -> int:
        """How many addresses the file has; it is closed after that."""
        self.file.close()
        other = self.make()
        open_book(self.path, networks.named(NETWORK), other).close()
        return len(other)

    def test_now_and_then(self) -> None:
        """What has changed is written after a minute, and what changes then after another."""
        written = []

        def note(save: Callable[..., object], changes: Any) -> Deferred[Any]:
            written.append(len(changes.rows))
            return maybeDeferred(save, changes)

        keeper = self.keeper(note)
        keeper.start()
        self.add("8.8.8.8")
        self.clock.advance(EVERY - 1)
        self.assertEqual(written, [])
        self.clock.advance(1)
        self.clock.advance(EVERY)
        self.add("7.7.7.7", "6.6.6.6")
        self.clock.advance(EVERY)
        self.assertEqual(written, [1, 2])
        self.successResultOf(keeper.stop())
        self.assertEqual((self.clock.getDelayedCalls(), self.on_disk()), ([], 3))

    def test_at_stop(self) -> None:
        """When it stops it writes what is left, and closes the file."""
        keeper = self.keeper()
        keeper.start()
        self.add("8.8.8.8")
        self.successResultOf(keeper.stop())
        self.assertRaises(StoreError, self.file.history, "8.8.8.8")
        self.assertEqual((self.clock.getDelayedCalls(), self.on_disk()), ([], 1))

    def test_one_at_a_time(self) -> None:
        """While a slow disk writes the next save waits; the stop waits for both."""
        begun: list[tuple[Deferred[Any], Any]] = []

        def slow(save: Callable[..., object], changes: Any) -> Deferred[Any]:
            begun.append((Deferred(), lambda: save(changes)))
            return begun[-1][0]

        keeper = self.keeper(slow)
        keeper.start()
        self.add("8.8.8.8")
        self.clock.advance(EVERY)
        self.add("7.7.7.7")
        self.clock.advance(EVERY)
        stopping = keeper.stop()
        self.assertEqual(len(begun), 1)
        for number in (0, 1):
            self.assertNoResult(stopping)
            done, save = begun[number]
            save()
            done.callback(None)
        self.successResultOf(stopping)
        self.assertEqual((len(begun), self.on_disk()), (2, 2))

    def test_row_71_disk_full(self) -> None:
        """A full disk is said, and what could not be written is tried again, with all that came since."""
        keeper = self.keeper()
        keeper.start()
        db = self.file._file.db
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages}")
        for number in range(600):
            self.add(f"{11 + number // 250}.{number % 250}.1.1", source=f"{number % 90}.9.9.9")
        total = len(self.book)
        for _ in range(2):
            with capturedLogs() as logs:
                self.clock.advance(EVERY)
            (event,) = logs
            said = event["log_format"].format(**event)
            self.assertEqual(
                said, f"the book of addresses is not saved: {self.path}: database or disk is full"
            )
        self.add("8.8.8.8")
        db.execute("PRAGMA max_page_count = 100000")
        self.clock.advance(EVERY)
        self.successResultOf(keeper.stop())
        self.assertEqual(self.on_disk(), total + 1)

    def test_anchors(self) -> None:
        """At the end it is written, too, whom to call first the next time; that that cannot be is said."""
        anchor = Place("8.8.8.8", 8333)
        self.successResultOf(self.keeper().stop([anchor]))
        with closing(open_book(self.path, networks.named(NETWORK), self.make())) as file:
            self.assertEqual(file.take_anchors(self.book.groups), [anchor])
        with capturedLogs() as logs:
            self.successResultOf(self.keeper().stop([anchor]))
        (event,) = logs
        said = event["log_format"].format(**event)
        self.assertEqual(said, f"whom to call first the next time is not saved: {self.path}: is closed")

    def test_row_71_disk_full_at_the_end(self) -> None:
        """If the last save fails it is said, and the stop goes on."""

        def fail(save: object, changes: object) -> Deferred[Any]:
            raise StoreError("no room")

        keeper = self.keeper(fail)
        self.add("8.8.8.8")
        with capturedLogs() as logs:
            self.successResultOf(keeper.stop())
        self.assertEqual([str(event["error"]) for event in logs], ["no room"])

    def test_our_own_mistake_at_the_end(self) -> None:
        """Any other failure of the last save is the stop's; the file is closed all the same."""

        def fail(save: object, changes: object) -> Deferred[Any]:
            raise ZeroDivisionError

        keeper = self.keeper(fail)
        self.add("8.8.8.8")
        self.failureResultOf(keeper.stop(), ZeroDivisionError)
        self.assertRaises(StoreError, self.file.history, "8.8.8.8")


class ThreadTests(FolderCase, TestCase):
    """The way it is used."""

    def test_in_a_thread(self) -> Deferred[None]:
        """The disk is written by a thread, and the reactor goes on."""
        from twisted.internet import reactor

        file = open_book(self.path, networks.named(NETWORK), self.book)
        self.add("8.8.8.8")
        keeper = BookKeeper(reactor, file, self.book)  # type: ignore[arg-type]
        keeper.start()

        def look(_: object) -> None:
            other = self.make()
            open_book(self.path, networks.named(NETWORK), other).close()
            self.assertEqual(len(other), 1)

        return keeper.stop().addCallback(look)
