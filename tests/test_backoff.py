"""How long to wait before the next try."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from peerproto.node.backoff import Backoff


class BackoffTests(SynchronousTestCase):
    """The waits, in seconds."""

    def test_doubles_to_a_limit(self) -> None:
        """Each wait is twice the one before, up to five minutes."""
        backoff = Backoff(lambda: 1.0)
        waits = [backoff.next() for _ in range(11)]
        self.assertEqual(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300])
        self.assertEqual(backoff.tries, 11)

    def test_jitter(self) -> None:
        """A wait is between half of its length and all of it, as chance will have it."""
        numbers = iter([0.0, 0.5, 1.0])
        backoff = Backoff(lambda: next(numbers), first=8.0, factor=1.0)
        self.assertEqual([backoff.next() for _ in range(3)], [4, 6, 8])

    def test_numbers_of_its_own(self) -> None:
        """First wait, factor and limit may be given."""
        backoff = Backoff(lambda: 1.0, first=0.5, factor=3.0, most=4.0)
        self.assertEqual([backoff.next() for _ in range(4)], [0.5, 1.5, 4, 4])

    def test_good_try(self) -> None:
        """After a good try the first wait comes again."""
        backoff = Backoff(lambda: 1.0)
        backoff.next()
        backoff.next()
        backoff.reset()
        self.assertEqual((backoff.tries, backoff.next()), (0, 1))

    def test_for_ever(self) -> None:
        """Any number of tries gives a number: nothing overflows."""
        backoff = Backoff(lambda: 1.0)
        backoff.tries = 100_000
        self.assertEqual(backoff.next(), 300)
