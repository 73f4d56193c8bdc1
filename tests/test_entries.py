"""Tests of one address of the book."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from peerproto.node.entries import DAY, HOUR, About, Entry, about_of
from peerproto.node.places import Place
from tests.book_case import NOW, peer

GOOD = about_of(peer())


def entry(**given: float) -> Entry:
    return Entry(Place("8.8.8.8", 8333), "9.9.9.9", **{"seen": NOW - DAY, **given})  # type: ignore[arg-type]


class WorthTests(SynchronousTestCase):
    """Which addresses may give way to any other."""

    def test_age(self) -> None:
        """What nobody has seen for a month, or somebody in the future."""
        for seen, worthless in ((NOW, False), (NOW - 29 * DAY, False), (NOW - 30 * DAY, True)):
            self.assertEqual(entry(seen=seen).is_worthless(NOW), worthless)
        self.assertEqual([entry(seen=NOW + s).is_worthless(NOW) for s in (599, 601)], [False, True])

    def test_failures(self) -> None:
        """What never was good after three failures; what was, after ten in a week."""
        self.assertEqual([entry(counts=n).is_worthless(NOW) for n in (2, 3)], [False, True])
        for days, counts, worthless in ((8, 10, True), (8, 9, False), (6, 10, False)):
            found = entry(counts=counts, last_success=NOW - days * DAY)
            self.assertEqual(found.is_worthless(NOW), worthless)

    def test_being_called(self) -> None:
        """Not what is being called."""
        self.assertFalse(entry(counts=9, last_try=NOW - 59).is_worthless(NOW))
        self.assertTrue(entry(counts=9, last_try=NOW - 61).is_worthless(NOW))


class OfferTests(SynchronousTestCase):
    """What an address is said to offer."""

    def test_services(self) -> None:
        """All that is wanted, or nothing that is known."""
        for told, wanted, may in (
            (9, 9, True),
            (9, 1, True),
            (1, 9, False),
            (8, 1, False),
            (0, 9, True),
            (4, 0, True),
        ):
            found = entry()
            found.services = told
            self.assertEqual(found.may_offer(wanted), may)


class CallTests(SynchronousTestCase):
    """When an address may be called again."""

    def test_waits(self) -> None:
        """After each failure twice as long, up to ten minutes, for ever."""
        found = entry()
        waits = []
        for _ in range(100):
            found.begin(NOW)
            found.fail(NOW, 0.0)
            waits.append(found.not_before - NOW)
        self.assertEqual(waits[:7], [30, 60, 120, 240, 480, 600, 600])
        self.assertEqual((waits[-1], found.tries, found.fails), (600, 100, 100))
        self.assertLess(found.chance(), 0.04)

    def test_longer(self) -> None:
        """... or longer, if there is a reason."""
        found = entry()
        found.fail(NOW, 0.0, DAY)
        self.assertEqual([found.may_be_called(NOW + s) for s in (0, DAY - 1, DAY)], [False, False, True])

    def test_good(self) -> None:
        """A good call ends that."""
        found = entry(fails=9, counts=9)
        found.begin(NOW)
        self.assertFalse(found.may_be_called(NOW + 29))
        found.succeed(NOW + 5, GOOD)
        self.assertEqual(
            (found.fails, found.counts, found.last_success, found.seen), (0, 0, NOW + 5, NOW + 5)
        )
        self.assertEqual((found.chance(), found.about), (1.0, GOOD))
        self.assertTrue(found.may_be_called(NOW + 35))

    def test_only_what_others_did(self) -> None:
        """Failures count against an address only if between them another was good: else it may be our network."""
        found = entry()
        for _ in range(5):
            found.fail(NOW, NOW - 10)
        self.assertEqual((found.fails, found.counts), (5, 1))
        found.fail(NOW + 20, NOW + 10)
        self.assertEqual((found.fails, found.counts), (6, 2))

    def test_row_64_clock_steps(self) -> None:
        """A clock that is set back by more than a day keeps nothing from being called."""
        found = entry()
        found.fail(NOW, 0.0)
        self.assertTrue(found.may_be_called(NOW - DAY - HOUR))
        self.assertTrue(found.may_be_called(NOW + DAY))


class ClockTests(SynchronousTestCase):
    """Times of a clock that was wrong."""

    def test_cut(self) -> None:
        """What has not come yet is cut to now, and the wait that began then begins now."""
        ahead = NOW + 365 * DAY
        found = entry(seen=ahead)
        found.fail(ahead, ahead - 1)
        found.last_try = found.last_success = ahead
        found.cut(NOW)
        self.assertEqual(
            (found.seen, found.last_try, found.last_success, found.last_count, found.not_before),
            (NOW, NOW, NOW, NOW, NOW + 30),
        )

    def test_not_cut(self) -> None:
        """What was, and a wait that goes on, stay as they are."""
        found = entry()
        found.begin(NOW - 9)
        found.fail(NOW, NOW - 1)
        found.cut(NOW)
        self.assertEqual(
            (found.seen, found.last_try, found.last_count, found.not_before),
            (NOW - DAY, NOW - 9, NOW, NOW + 30),
        )


class AboutTests(SynchronousTestCase):
    """What is kept of a peer."""

    def test_of_a_snapshot(self) -> None:
        """Its services by name, its agent as it came, height, version and least latency."""
        self.assertEqual(GOOD, About(("network",), "/them:1/", 7, 70016, 0.25))
