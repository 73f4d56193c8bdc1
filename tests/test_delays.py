"""When each place may be called again."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from peerproto.node.delays import Delays
from tests.manager_case import place


class DelayTests(SynchronousTestCase):
    """Waits of 1, 2, 4 ... seconds for each place."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.delays = Delays(self.clock.seconds, lambda: 1.0, most=3)

    def test_longer_each_time(self) -> None:
        """A place waits longer after each call that came to nothing, up to five minutes; others do not."""
        for seconds in (1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300):
            self.delays.ended(place(1))
            self.clock.advance(seconds - 0.5)
            self.assertFalse(self.delays.is_due(place(1)))
            self.assertTrue(self.delays.is_due(place(2)))
            self.clock.advance(0.5)
            self.assertTrue(self.delays.is_due(place(1)))

    def test_good(self) -> None:
        """After a stable time the first wait comes again."""
        for _ in range(5):
            self.delays.ended(place(1))
        self.delays.good(place(1))
        self.delays.good(place(2))
        self.delays.ended(place(1))
        self.clock.advance(1)
        self.assertTrue(self.delays.is_due(place(1)))

    def test_bounded(self) -> None:
        """Of too many places that is forgotten which was called longest ago."""
        for number in (1, 2, 3, 1, 4):
            self.delays.ended(place(number))
        self.assertEqual(
            [self.delays.is_due(place(number)) for number in (1, 2, 3, 4)], [False, True, False, False]
        )
