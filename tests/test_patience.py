"""Waiting for something that a peer brings, as long as it makes progress."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import PeerLost, PeerStalled, Reason
from peerproto.node.patience import Patience


class PatienceTests(SynchronousTestCase):
    """How a wait can come to its end."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.patience = Patience(self.clock, 30.0, "no headers came")
        self.wanted: Deferred[None] = Deferred()
        self.ended: Deferred[Exception] = Deferred()

    def tearDown(self) -> None:
        """No timer is left."""
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def wait(self) -> Deferred[None]:
        """Begin to wait."""
        return Deferred.fromCoroutine(self.patience.until(self.wanted, self.ended))

    def test_wanted(self) -> None:
        """What is wanted comes, and the wait is over."""
        waiting = self.wait()
        self.clock.advance(29)
        self.assertNoResult(waiting)
        self.wanted.callback(None)
        self.assertIsNone(self.successResultOf(waiting))

    def test_stalled(self) -> None:
        """Without any progress it fails, and says what did not come for how long."""
        waiting = self.wait()
        self.clock.advance(30)
        error = self.failureResultOf(waiting, PeerStalled).value
        self.assertEqual(str(error), "no headers came for 30 seconds")

    def test_progress(self) -> None:
        """Progress renews the time, as often as there is some."""
        waiting = self.wait()
        for _ in range(5):
            self.clock.advance(29)
            self.patience.renew()
        self.assertNoResult(waiting)
        self.clock.advance(30)
        self.failureResultOf(waiting, PeerStalled)

    def test_end(self) -> None:
        """The exception that an end fires with is raised."""
        waiting = self.wait()
        error = PeerLost("closed by the peer", Reason.CLOSED_BY_PEER)
        self.ended.callback(error)
        self.assertIs(self.failureResultOf(waiting, PeerLost).value, error)

    def test_silence_allowed(self) -> None:
        """Where silence is an answer, the wait ends well after its time."""
        self.patience.allow_silence(5.0)
        waiting = self.wait()
        self.clock.advance(5)
        self.assertIsNone(self.successResultOf(waiting))

    def test_silence_after_progress(self) -> None:
        """Once there was progress, silence is a stall again."""
        self.patience.allow_silence(5.0)
        waiting = self.wait()
        self.patience.renew()
        self.clock.advance(29)
        self.assertNoResult(waiting)
        self.clock.advance(1)
        self.failureResultOf(waiting, PeerStalled)

    def test_cancelled(self) -> None:
        """A wait that is cancelled takes its timer with it."""
        waiting = self.wait()
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
