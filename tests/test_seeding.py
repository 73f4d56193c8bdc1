"""Tests of when seeds are asked, and of what becomes of what they tell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from peerproto.forms.gossip import Known
from peerproto.node.entries import DAY
from peerproto.node.seeding import (
    AT_ONCE,
    FEW_WAIT,
    FIRST_REST,
    LAST_REST,
    MANY,
    MANY_WAIT,
    MOST,
    SeedFailed,
    Seeding,
    Source,
    seen_lately,
)
from tests.book_case import NOW, BookCase, known, spread


class SeedingTests(BookCase):
    """Seven seeds, which answer when the test says so.

    :ivar asked: their names, in order. :ivar waiting: what each that is being asked waits for.
    """

    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.asked: list[str] = []
        self.waiting: dict[str, Deferred[list[Known]]] = {}
        self.peers = 0
        self.looks = 0
        self.seeding = self.seeds(*(f"seed{number}.example.org" for number in range(7)))
        self.addCleanup(lambda: self.successResultOf(self.seeding.stop()))

    def seeds(self, *names: str, random: Callable[[], float] = lambda: 0.5) -> Seeding:
        return Seeding(
            self.clock,
            [Source(name, lambda name=name: self.ask(name)) for name in names],  # type: ignore[misc]
            self.book,
            enough=lambda: self.peers >= 2,
            found=self.look,
            random=random,
        )

    def ask(self, name: str) -> Deferred[list[Known]]:
        self.asked.append(name)
        self.waiting[name] = Deferred()
        return self.waiting[name]

    def look(self) -> None:
        self.looks += 1

    def fail(self, error: Exception) -> None:
        """All that are being asked fail."""
        while self.waiting:
            self.waiting.popitem()[1].errback(error)

    def waited(self, most: int = 100_000) -> int:
        """Seconds until the next is asked."""
        before = len(self.asked)
        for second in range(1, most):
            self.clock.advance(1)
            if len(self.asked) > before:
                return second
        raise AssertionError(f"nobody is asked in {most} seconds")

    def test_empty_book(self) -> None:
        """Who knows nobody asks all of them at once."""
        self.seeding.start()
        self.assertEqual(sorted(self.asked), [f"seed{number}.example.org" for number in range(7)])

    def test_few_addresses(self) -> None:
        """Who knows some tries these first; then a few are asked, then a few more."""
        self.add("8.8.8.8")
        self.seeding.start()
        self.assertEqual((self.waited(), len(self.asked)), (FEW_WAIT, AT_ONCE))
        self.fail(SeedFailed("nobody"))
        self.assertEqual((self.waited(), len(self.asked)), (FEW_WAIT, 2 * AT_ONCE))
        self.assertEqual((self.waited(), len(self.asked)), (FEW_WAIT, 7))
        self.assertEqual(len(set(self.asked)), 7)

    def test_many_addresses(self) -> None:
        """Who knows many has more patience."""
        while len(self.book) < MANY:
            self.book.add(spread(500, first=11 + len(self.book) % 90), f"{len(self.book) % 200}.9.9.9")
        self.seeding.start()
        self.assertEqual((self.waited(), len(self.asked)), (MANY_WAIT, AT_ONCE))

    def test_enough_peers(self) -> None:
        """Nobody is asked while there are peers; when they go, no sooner than after the wait."""
        self.peers = 2
        self.seeding.start()
        self.add("8.8.8.8")
        self.clock.pump([1.0] * 1000)
        self.assertEqual(self.asked, [])
        self.peers = 1
        self.clock.pump([1.0] * (int(FEW_WAIT) - 1))
        self.peers = 2
        self.clock.advance(1)
        self.peers = 0
        self.assertEqual(self.waited(), FEW_WAIT)

    def test_nobody_is_known(self) -> None:
        """If no seed helps who knows nobody, that is said each time; of who knows some it is not, nor at a stop."""

        def said(logs: Any) -> list[str]:
            return [formatEvent(event) for event in logs if "nobody is known" in event["log_format"]]

        with capturedLogs() as logs:
            self.seeding.start()
            self.fail(SeedFailed("no network"))
        text = "no seed has told of anybody, and nobody is known: all are asked again in 90 seconds"
        self.assertEqual(said(logs), [text])
        with capturedLogs() as logs:
            self.waited()
            self.add("8.8.8.8")
            self.fail(SeedFailed("no network"))
        self.assertEqual(said(logs), [])
        other = self.seeds("a.org")
        self.book.shelves.remove(next(iter(self.book)))
        with capturedLogs() as logs:
            other.start()
            self.waiting["a.org"].addErrback(lambda _: None)
            self.successResultOf(other.stop())
        self.assertEqual(said(logs), [])

    def test_all_over_again(self) -> None:
        """When nobody has helped all are asked again, later each time, and soon again once there were peers."""
        self.seeding.start()
        waits = []
        for _ in range(9):
            self.fail(SeedFailed("no network"))
            waits.append(self.waited())
        self.assertEqual(waits, sorted(waits))
        self.assertEqual(waits[0], FIRST_REST * 0.75)
        self.assertEqual(waits[-1], LAST_REST * 0.75)
        self.assertEqual(len(self.asked), 10 * 7)
        self.peers = 2
        self.clock.advance(1)
        self.peers = 0
        self.fail(SeedFailed("no network"))
        self.assertEqual(self.waited(), FIRST_REST)
        self.fail(SeedFailed("no network"))
        self.assertEqual(self.waited(), FIRST_REST * 0.75)

    def test_who_is_still_asked(self) -> None:
        """Who has not answered yet is not asked a second time."""
        self.seeding.start()
        self.waiting.pop("seed1.example.org").errback(SeedFailed("no"))
        self.waited()
        self.assertEqual(self.asked[7:], ["seed1.example.org"])

    def test_order(self) -> None:
        """The order is by chance, so that no seed is the first of everybody."""
        self.add("8.8.8.8")
        numbers = iter([0.9, 0.1, 0.5, 0.2, 0.8])
        seeding = self.seeds("a", "b", "c", "d", "e", random=lambda: next(numbers, 0.5))
        seeding.start()
        self.clock.pump([1.0] * 30)
        self.assertEqual(self.asked, ["b", "d", "c", "e", "a"])
        self.successResultOf(seeding.stop())

    def test_told(self) -> None:
        """What a seed tells is put into the book under its name, so much of it and no more."""
        self.seeding.start()
        with capturedLogs() as logs:
            self.waiting["seed3.example.org"].callback(spread(MOST + 100))
        self.assertEqual({entry.source for entry in self.book}, {"seed3.example.org"})
        self.assertLessEqual(sum(self.book.counts.values()), MOST)
        self.assertGreater(len(self.book), MOST // 2)
        self.assertLessEqual(len(self.book.shelves.new.used), 64)
        self.assertEqual(self.looks, 1)
        (event,) = logs
        said = event["log_format"].format(**event)
        self.assertEqual(said, f"seed seed3.example.org: {MOST} addresses, {len(self.book)} of them new")
        self.waiting["seed4.example.org"].callback([known("127.0.0.1")])
        self.assertEqual((self.looks, self.book.counts["unroutable"]), (1, 1))

    def test_failures(self) -> None:
        """Why a seed has failed is said in one line; our own mistakes with all that is known of them."""
        self.seeding.start()
        with capturedLogs() as logs:
            self.waiting.pop("seed0.example.org").errback(SeedFailed("nonsense\x1b[2J"))
            self.waiting.pop("seed1.example.org").errback(ZeroDivisionError())
        told = [event["log_format"].format(**event) for event in logs]
        self.assertEqual(
            told,
            [
                "seed seed0.example.org: nonsense\\x1b[2J",
                "seed seed1.example.org cannot be asked",
            ],
        )
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_stop(self) -> None:
        """A stop leaves nobody waiting and no timer, and nothing is heard any more."""
        gone: list[Any] = []
        slow: Deferred[list[Known]] = Deferred(lambda _: gone.append("cut"))
        self.patch(self, "ask", lambda name: slow)
        self.seeding.start()
        self.successResultOf(self.seeding.stop())
        self.assertEqual((gone, self.clock.getDelayedCalls(), self.flushLoggedErrors()), (["cut"], [], []))

    def test_no_seeds(self) -> None:
        """Without seeds there is nothing to do."""
        seeding = self.seeds()
        seeding.start()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.successResultOf(seeding.stop())

    def test_seen_lately(self) -> None:
        """Between 3 and 7 days ago."""
        for number, days in ((0.0, 3), (0.5, 5), (1.0, 7)):
            self.assertEqual(seen_lately(NOW, lambda number=number: number), NOW - days * DAY)  # type: ignore[misc]
