"""Tests of an event for which any number may wait."""

from __future__ import annotations

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import PeerLost, Reason
from peerproto.peer.once import Once

LOST = PeerLost("gone", Reason.RESET)


class OnceTests(SynchronousTestCase):
    """Something that happens at most once."""

    def setUp(self) -> None:
        self.once: Once[str] = Once()

    def test_before_and_after(self) -> None:
        """Who asked before waits, who asks after is answered at once."""
        waiting = [self.once.when(), self.once.when()]
        for each in waiting:
            self.assertNoResult(each)
        self.once.fire("now")
        for each in (*waiting, self.once.when()):
            self.assertEqual(self.successResultOf(each), "now")

    def test_never(self) -> None:
        """If it will never happen all who ask, before or after, hear why."""
        waiting = self.once.when()
        self.once.fail(LOST)
        for each in (waiting, self.once.when()):
            self.assertIs(self.failureResultOf(each, PeerLost).value, LOST)

    def test_only_the_first_counts(self) -> None:
        """What is said after it is over changes nothing."""
        self.once.fire("first")
        self.once.fire("second")
        self.once.fail(LOST)
        self.assertEqual(self.successResultOf(self.once.when()), "first")
        never: Once[str] = Once()
        never.fail(LOST)
        never.fail(PeerLost("again", Reason.IDLE))
        never.fire("late")
        self.assertIs(self.failureResultOf(never.when(), PeerLost).value, LOST)

    def test_is_over(self) -> None:
        """It tells whether it is still to come."""
        self.assertFalse(self.once.is_over())
        self.once.fire("now")
        self.assertTrue(self.once.is_over())

    def test_cancel(self) -> None:
        """Who cancels takes out himself only."""
        first, second = self.once.when(), self.once.when()
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.once.fire("now")
        self.assertEqual(self.successResultOf(second), "now")

    def test_cancelling_another_while_told(self) -> None:
        """Who is told may cancel another that is to be told in the same turn."""
        first, second = self.once.when(), self.once.when()
        first.addCallback(lambda _: second.cancel())
        self.once.fire("now")
        self.failureResultOf(second, CancelledError)

    def test_asking_again_while_told(self) -> None:
        """Who is told may ask again."""
        again = self.once.when().addCallback(lambda _: self.once.when())
        self.once.fire("now")
        self.assertEqual(self.successResultOf(again), "now")

    def test_nobody_waits(self) -> None:
        """A failure for which nobody waits is no unhandled error."""
        self.once.fail(LOST)
        self.assertEqual(self.flushLoggedErrors(), [])
