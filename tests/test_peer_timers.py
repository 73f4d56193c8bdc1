"""Tests of the timers of one peer."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from peerproto.peer.timers import Timers


class TimersTests(SynchronousTestCase):
    """Named timers on a clock that only moves when it is told to."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.timers = Timers(self.clock)
        self.rung: list[float] = []

    def ring(self) -> None:
        """Note when."""
        self.rung.append(self.clock.seconds())

    def test_later(self) -> None:
        """A timer rings once, at its time."""
        self.timers.later("one", 5, self.ring)
        self.assertTrue(self.timers.is_set("one"))
        self.clock.pump([4.5, 0.5, 5, 5])
        self.assertEqual(self.rung, [5])
        self.assertFalse(self.timers.is_set("one"))

    def test_again(self) -> None:
        """Setting a name again moves the timer."""
        self.timers.later("one", 5, self.ring)
        self.clock.advance(4)
        self.timers.later("one", 5, self.ring)
        self.clock.pump([4, 1, 10])
        self.assertEqual(self.rung, [9])

    def test_every(self) -> None:
        """A repeated one rings for the first time after its interval, and then each time."""
        self.timers.every("one", 10, self.ring)
        self.clock.pump([10] * 3)
        self.assertEqual(self.rung, [10, 20, 30])
        self.timers.cancel("one")
        self.clock.advance(100)
        self.assertEqual(len(self.rung), 3)

    def test_every_ends_itself(self) -> None:
        """What a repeated timer calls may end it."""
        self.timers.every("one", 10, self.timers.cancel_all)
        self.clock.pump([10, 10])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_every_survives_an_exception(self) -> None:
        """An exception in what it calls does not stop a repeated timer."""

        def fail() -> None:
            self.ring()
            raise ValueError

        self.timers.every("one", 10, fail)
        for _ in range(2):
            with self.assertRaises(ValueError):
                self.clock.advance(10)
        self.assertEqual(self.rung, [10, 20])
        self.timers.cancel_all()

    def test_cancel(self) -> None:
        """One can be stopped, by name; one that does not run too."""
        self.timers.later("one", 5, self.ring)
        self.timers.later("two", 6, self.ring)
        self.timers.cancel("one")
        self.timers.cancel("one")
        self.clock.advance(10)
        self.assertEqual(self.rung, [10])

    def test_cancel_all(self) -> None:
        """All can be stopped, and nothing is left on the clock."""
        self.timers.later("one", 5, self.ring)
        self.timers.every("two", 5, self.ring)
        self.timers.cancel_all()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_set_again_by_itself(self) -> None:
        """What a timer calls may set it again under its name."""
        self.timers.later("one", 5, lambda: self.timers.later("one", 1, self.ring))
        self.clock.pump([5, 1])
        self.assertEqual(self.rung, [6])
