"""Calls, one at a time and several for one purpose."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.error import ConnectionLost

from peerproto.errors import ConnectFailed, LocalError, PeerError, PeerLost, Reason, SelfConnection
from peerproto.node.brake import MOST_FAILURES, Brake
from peerproto.node.calling import Caller, Calls
from peerproto.node.doubles import Doubles
from peerproto.node.places import Place
from peerproto.peer.protocol import PeerProtocol
from tests.manager_case import REFUSED, ManagerCase, place


class CallCase(ManagerCase):
    """A caller whose calls come through by hand."""

    def setUp(self) -> None:
        super().setUp()
        self.brake = Brake(self.clock, lambda: 0.5)
        self.doubles = Doubles(self.factory.peers)
        self.caller = Caller(self.brake, self.doubles, self.dial)

    def call(self) -> Deferred[PeerProtocol]:
        """Call the first place."""
        return Deferred.fromCoroutine(self.caller.call(place(1)))


class CallerTests(CallCase):
    """What is told to the brake and to the doubles."""

    def failures_after(self, end: object) -> int:
        """How many failures the brake counts after one more call, of a peer that ends so; seven before."""
        self.brake.failures = 7
        waiting = self.call()
        raw = self.answer()
        if isinstance(end, PeerError):
            raw.peer.fail(end)
        elif end == "ready":
            raw.handshake()
        elif end == "version":
            raw.send(raw.version())
        raw.close()
        self.successResultOf(waiting)
        return self.brake.failures

    def test_failed(self) -> None:
        """A call that fails is one that was not answered."""
        waiting = self.call()
        self.refuse()
        self.failureResultOf(waiting, ConnectFailed)
        self.assertEqual(self.brake.failures, 1)

    def test_answers(self) -> None:
        """Answered it is when a version has come, whatever becomes of it; not if the other side only closes."""
        self.assertEqual(self.failures_after("ready"), 0)
        self.assertEqual(self.failures_after("version"), 0)
        self.assertEqual(self.failures_after("nothing"), 8)

    def test_our_own_end(self) -> None:
        """What we end ourselves says nothing of the network."""
        self.assertEqual(self.failures_after(PeerLost("stop", Reason.SHUTDOWN)), 7)

    def test_brake(self) -> None:
        """While the brake is on a call waits, and is made then; it is told when."""
        self.brake.failures = MOST_FAILURES
        begun: list[float] = []
        waiting = Deferred.fromCoroutine(self.caller.call("a:1", lambda: begun.append(self.clock.seconds())))
        self.assertEqual((begun, self.dialled), ([], []))
        self.clock.advance(60)
        self.assertEqual((begun, self.called), ([self.clock.seconds()], ["a:1"]))
        self.answer().close()
        self.successResultOf(waiting)

    def test_double(self) -> None:
        """That a call led to ourselves is remembered."""
        waiting = self.call()
        raw = self.answer()
        raw.peer.fail(SelfConnection("us"))
        raw.close()
        self.successResultOf(waiting)
        self.assertTrue(self.doubles.is_double(str(place(1))))


class CallsTests(CallCase):
    """From the beginning of a call to the end of what came of it."""

    def setUp(self) -> None:
        super().setUp()
        self.told: list[tuple[str, Place]] = []
        self.reasons: list[Reason] = []
        self.calls = self.make(self.caller)

    def make(self, caller: Caller) -> Calls:
        """Calls that tell this test."""
        return Calls(
            caller,
            lambda where: self.told.append(("begun", where)),
            lambda where, peer: self.told.append(("met", where)),
            self.over,
        )

    def over(self, where: Place, error: PeerError) -> None:
        """Write down an end."""
        self.told.append(("over", where))
        self.reasons.append(error.reason)

    def test_life(self) -> None:
        """It is told when a call is made, when there is a connection, and when that has ended."""
        self.calls.begin(place(1))
        self.assertEqual(self.calls.peers, {place(1): None})
        raw = self.answer()
        self.assertEqual(self.calls.peers, {place(1): raw.peer})
        raw.close(ConnectionLost())
        self.assertEqual(self.told, [(what, place(1)) for what in ("begun", "met", "over")])
        self.assertEqual((self.reasons, self.calls.peers, self.calls._work), ([Reason.RESET], {}, {}))

    def test_fails(self) -> None:
        """A call that fails is over; it may do so before `begin` returns."""
        self.calls.begin(place(1))
        self.refuse()
        self.make(Caller(self.brake, self.doubles, lambda _: fail(REFUSED))).begin(place(2))
        self.assertEqual(self.reasons, [Reason.CONNECTION_REFUSED] * 2)

    def test_our_bug(self) -> None:
        """Any other failure is logged as our own; what somebody else has cancelled is not even that."""
        for error, logged in ((LocalError("where?"), 1), (ZeroDivisionError(), 1), (CancelledError(), 0)):
            self.calls.begin(place(1))
            self.dialled[-1][1].errback(error)
            self.assertEqual(len(self.flushLoggedErrors(type(error))), logged)
        self.assertEqual(self.reasons, [Reason.LOCAL_ERROR] * 3)

    def test_stop(self) -> None:
        """A stop cancels what is under way, ends the peers, and fires when all have ended; then all may begin again."""
        self.calls.begin(place(1))
        raw = self.answer()
        self.calls.begin(place(2))
        stops = [self.calls.stop(), self.calls.stop()]
        self.assertEqual(self.cancelled, [place(2)])
        self.assertNoResult(stops[0])
        self.settle()
        for stop in stops:
            self.successResultOf(stop)
        assert raw.peer.ending is not None
        self.assertEqual(self.reasons, [Reason.SHUTDOWN] * 2)
        self.calls.begin(place(3))
        self.refuse()
        self.assertEqual(self.told[-1], ("over", place(3)))

    def test_stop_nothing(self) -> None:
        """With nothing under way it fires at once."""
        self.successResultOf(self.calls.stop())

    def test_peer_that_comes_in_spite_of_it(self) -> None:
        """A call that cannot be cancelled any more brings a peer, which is ended at once."""
        blocked: Deferred[PeerProtocol] = Deferred(lambda _: None)
        calls = self.make(Caller(self.brake, self.doubles, lambda _: blocked))
        raw = self.raw_at()
        blocked.addErrback(lambda _: raw.peer)
        calls.begin(place(1))
        stop = calls.stop()
        self.assertTrue(raw.hung_up)
        raw.close()
        self.successResultOf(stop)

    def test_stopped_by_the_call_itself(self) -> None:
        """A stop from within a call cancels that, too."""
        stops: list[Deferred[None]] = []

        def dial(where: Place) -> Deferred[PeerProtocol]:
            stops.append(calls.stop())
            return self.dial(where)

        calls = self.make(Caller(self.brake, self.doubles, dial))
        calls.begin(place(1))
        self.successResultOf(stops[0])
        self.assertEqual(self.cancelled, [place(1)])
