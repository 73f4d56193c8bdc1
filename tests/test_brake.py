"""The brake on all calls."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred

from peerproto.node.brake import MOST_FAILURES, PAUSE, Brake
from tests.manager_case import ManagerCase


class BrakeTests(ManagerCase):
    """When calls go through."""

    def setUp(self) -> None:
        super().setUp()
        self.brake = Brake(self.clock, lambda: 0.5)

    def pull(self) -> None:
        """So many fail that it is on."""
        for _ in range(MOST_FAILURES):
            self.successResultOf(self.brake.enter())
            self.assertFalse(self.brake.is_on)
            self.brake.failed()
        self.assertTrue(self.brake.is_on)

    def test_off(self) -> None:
        """An answer makes the failures before it forgotten."""
        for _ in range(MOST_FAILURES - 1):
            self.brake.failed()
        self.brake.answered()
        self.brake.failed()
        self.successResultOf(self.brake.enter())
        self.assertEqual(self.logged, [])

    def test_one_at_a_time(self) -> None:
        """When so many have failed in a row, one call a minute goes through, the first first."""
        self.pull()
        self.assertIn("25 calls in a row were not answered", self.logged[-1])
        waiting = [self.brake.enter() for _ in range(3)]
        for number in range(3):
            self.clock.advance(PAUSE - 0.1)
            self.assertFalse(waiting[number].called)
            self.clock.advance(0.1)
            self.assertEqual([each.called for each in waiting], [at <= number for at in range(3)])
            self.brake.failed()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(len(self.logged), 1)

    def test_jitter(self) -> None:
        """It may be a quarter more or less."""
        for random, seconds in ((0.0, 45.0), (1.0, 75.0)):
            self.brake = Brake(self.clock, lambda random=random: random)  # type: ignore[misc]
            self.pull()
            waiting = self.brake.enter()
            self.clock.advance(seconds - 0.1)
            self.assertFalse(waiting.called)
            self.clock.advance(0.2)
            self.assertTrue(waiting.called)

    def test_answer(self) -> None:
        """When somebody answers all that wait go through."""
        self.pull()
        waiting = [self.brake.enter() for _ in range(3)]
        self.clock.advance(PAUSE)
        self.brake.answered()
        self.assertTrue(all(each.called for each in waiting))
        self.assertFalse(self.brake.is_on)
        self.assertIn("somebody answers again", self.logged[-1])

    def test_cancelled(self) -> None:
        """Who waits may leave; without anybody who waits there is no timer."""
        self.pull()
        first, second = self.brake.enter(), self.brake.enter()
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.clock.advance(PAUSE)
        self.successResultOf(second)
        third: Deferred[None] = self.brake.enter()
        third.cancel()
        self.failureResultOf(third, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_all_that_wait_leave_while_one_goes(self) -> None:
        """One that goes through and makes all others leave, leaves no timer behind."""
        self.pull()
        first, second = self.brake.enter(), self.brake.enter()
        first.addCallback(lambda _: second.cancel())
        self.clock.advance(PAUSE)
        self.failureResultOf(second, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_one_that_goes_makes_another_leave(self) -> None:
        """Somebody who is let go with all others may take another with him."""
        self.pull()
        first, second, third = (self.brake.enter() for _ in range(3))
        first.addCallback(lambda _: second.cancel())
        self.brake.answered()
        self.successResultOf(first)
        self.failureResultOf(second, CancelledError)
        self.successResultOf(third)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_on_again_while_they_go(self) -> None:
        """When those that are let go first find nobody at once, those behind them wait on, one a minute."""
        self.pull()
        again: list[Deferred[None]] = []

        def find_nobody(_: None) -> None:
            for _ in range(MOST_FAILURES):
                self.brake.failed()
            again.append(self.brake.enter())

        first, second = self.brake.enter().addCallback(find_nobody), self.brake.enter()
        self.brake.answered()
        self.assertEqual([each.called for each in (first, second, *again)], [True, False, False])
        self.clock.advance(PAUSE)
        self.assertEqual([each.called for each in (second, *again)], [True, False])
        self.clock.advance(PAUSE)
        self.assertTrue(again[0].called)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_on_again_and_nobody_enters(self) -> None:
        """So they do if none of those that went comes back."""
        self.pull()
        first, second = self.brake.enter(), self.brake.enter()
        first.addCallback(lambda _: [self.brake.failed() for _ in range(MOST_FAILURES)])
        self.brake.answered()
        self.assertFalse(second.called)
        self.clock.advance(PAUSE)
        self.assertTrue(second.called)
