"""One outbound peer, kept connected."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectingCancelledError, ConnectionLost
from twisted.python.failure import Failure

from peerproto.errors import ConnectFailed, InvalidHeaders, LocalError, Reason, SelfConnection
from peerproto.node.backoff import Backoff
from peerproto.node.connector import STABLE, PeerConnector
from peerproto.peer.protocol import PeerProtocol
from peerproto.testing import RawPeer
from tests.node_case import NodeCase

REFUSED = ConnectFailed("192.0.2.2:8333: refused: nothing listens there", Reason.CONNECTION_REFUSED)
PLACE = IPv4Address("TCP", "192.0.2.2", 8333)


class ConnectorCase(NodeCase):
    """A connector with waits of 1, 2, 4 ... seconds, whose dialling is done by hand."""

    def setUp(self) -> None:
        super().setUp()
        self.dialled: list[Deferred[PeerProtocol]] = []
        self.cancelled = 0
        self.connector = self.make(self.dial)
        self.factory_node = self.node()

    def make(self, dial: Callable[[], Deferred[PeerProtocol]]) -> PeerConnector:
        """A connector that dials like this."""
        return PeerConnector(self.clock, "example:8333", dial, backoff=Backoff(lambda: 1.0))

    def dial(self) -> Deferred[PeerProtocol]:
        """A try that ends when the test says so."""

        def cancel(_: object) -> None:
            self.cancelled += 1

        self.dialled.append(Deferred(cancel))
        return self.dialled[-1]

    def connect(self) -> RawPeer:
        """The last try has come through."""
        raw = self.raw(self.factory_node)
        self.dialled[-1].callback(raw.peer)
        return raw

    def start(self) -> RawPeer:
        """Start, and let the first try come through."""
        self.connector.start()
        return self.connect()

    def assert_next_after(self, seconds: float) -> None:
        """The next try is made after so many seconds, and not before."""
        tries = len(self.dialled)
        self.clock.advance(seconds - 0.01)
        self.assertEqual(len(self.dialled), tries)
        self.clock.advance(0.02)
        self.assertEqual(len(self.dialled), tries + 1)


class CallingTests(ConnectorCase):
    """When a peer is called, and when again."""

    def tearDown(self) -> None:
        """Every connector can be stopped, and leaves nothing."""
        stopping = self.connector.stop()
        if self.connector.peer is not None:
            self._raws[-1].close()
        self.successResultOf(stopping)
        super().tearDown()

    def test_connected(self) -> None:
        """A started connector dials once, and knows its peer while that is connected."""
        self.assertEqual(self.dialled, [])
        raw = self.start()
        self.assertEqual(len(self.dialled), 1)
        self.assertIs(self.connector.peer, raw.peer)
        raw.close()
        self.assertIsNone(self.connector.peer)

    def test_refused(self) -> None:
        """After each try that fails the wait is longer; the log says why and how long."""
        self.connector.start()
        for seconds in (1, 2, 4, 8):
            self.dialled[-1].errback(REFUSED)
            self.assert_next_after(seconds)
        self.assertIn(f"{REFUSED} (connection-refused); next try in 4.0 seconds", self.logged)

    def test_every_reason(self) -> None:
        """Whatever a PeerError says, there is another try, but to ourselves."""
        for reason in set(Reason) - {Reason.SELF}:
            connector = self.make(lambda reason=reason: fail(ConnectFailed("no", reason)))  # type: ignore[misc]
            connector.start()
            self.assertEqual(len(self.clock.getDelayedCalls()), 1, reason)
            self.successResultOf(connector.stop())

    def test_ended_before_ready(self) -> None:
        """A peer that accepts and hangs up, again and again, is called less and less often: it was never good."""
        self.connector.start()
        for seconds in (1, 2, 4):
            self.connect().close()
            self.assert_next_after(seconds)
        self.assertIn("example:8333: next try in 4.0 seconds", self.logged)

    def test_ended_soon_after_ready(self) -> None:
        """So is one that hangs up soon after each handshake."""
        self.connector.start()
        for seconds in (1, 2, 4):
            raw = self.connect()
            raw.handshake()
            self.clock.advance(STABLE - 1)
            raw.close(ConnectionLost())
            self.assert_next_after(seconds)

    def test_good_peer(self) -> None:
        """A peer that was ready for a minute is called again after the first wait."""
        self.connector.start()
        for _ in range(3):
            self.dialled[-1].errback(REFUSED)
            self.clock.advance(10)
        raw = self.connect()
        raw.handshake()
        self.clock.advance(STABLE)
        raw.close()
        self.assert_next_after(1)

    def test_misbehaving(self) -> None:
        """A peer that we end for what it did is called again, later."""
        raw = self.start()
        raw.handshake()
        raw.peer.fail(InvalidHeaders("bad bits"))
        raw.close()
        self.assert_next_after(1)

    def test_ourselves(self) -> None:
        """Ourselves we do not call again, and say so."""
        raw = self.start()
        raw.peer.fail(SelfConnection("our own nonce"))
        raw.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertIn("example:8333 is ourselves: not called again", self.logged)

    def test_dial_raises(self) -> None:
        """A try that raises a PeerError is one that failed."""

        def dial() -> Deferred[PeerProtocol]:
            self.dialled.append(Deferred())
            raise REFUSED

        self.connector = self.make(dial)
        self.connector.start()
        self.assert_next_after(1)
        self.assert_next_after(2)

    def test_dial_has_a_bug(self) -> None:
        """A try that raises anything else is logged as our own failure, and does not end the connector."""
        for error in (LocalError("where?"), ZeroDivisionError()):
            connector = self.make(lambda error=error: fail(error))  # type: ignore[misc]
            connector.start()
            self.assertEqual(len(self.flushLoggedErrors(type(error))), 1)
            self.assertEqual(len(self.clock.getDelayedCalls()), 1)
            self.successResultOf(connector.stop())

    def test_cancelled_by_somebody_else(self) -> None:
        """An endpoint that cancels a try by itself ends the try, not the connector."""
        self.connector.start()
        self.dialled[-1].errback(ConnectingCancelledError(PLACE))
        self.flushLoggedErrors(ConnectingCancelledError)
        self.assert_next_after(1)

    def test_never_spins(self) -> None:
        """Tries that fail at once do not follow each other at once."""
        tries = []

        def dial() -> Deferred[PeerProtocol]:
            tries.append(self.clock.seconds())
            return fail(REFUSED)

        self.connector = self.make(dial)
        self.connector.start()
        self.clock.pump([0.5] * 2000)
        self.assertLess(len(tries), 15)

    def test_started_twice(self) -> None:
        """A second start does nothing."""
        self.connector.start()
        self.connector.start()
        self.assertEqual(len(self.dialled), 1)

    def test_peers_are_not_held(self) -> None:
        """A peer that has ended is held by nobody while the next is awaited."""
        self.connector.start()
        raw = self.connect()
        peer = weakref.ref(raw.peer)
        raw.close()
        self._raws.clear()
        self.dialled.clear()
        del raw
        gc.collect()
        self.assertIsNone(peer())


class StoppingTests(ConnectorCase):
    """A connector ends, whatever it is at."""

    def test_before_start(self) -> None:
        """One that was not started has nothing to stop."""
        self.successResultOf(self.connector.stop())

    def test_while_dialling(self) -> None:
        """A try under way is cancelled, and nothing is said of it."""
        self.connector.start()
        self.successResultOf(self.connector.stop())
        self.assertEqual(self.cancelled, 1)
        self.assertEqual(self.logged, [])

    def test_while_waiting(self) -> None:
        """A wait is broken off."""
        self.connector.start()
        self.dialled[-1].errback(REFUSED)
        self.successResultOf(self.connector.stop())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_while_connected(self) -> None:
        """A peer is told to end, and waited for; then it is not called again."""
        raw = self.start()
        raw.handshake()
        stopping = self.connector.stop()
        self.assertNoResult(stopping)
        self.assertTrue(raw.hung_up)
        raw.close()
        self.successResultOf(stopping)
        assert raw.peer.ending is not None
        self.assertEqual(raw.peer.ending.reason, Reason.SHUTDOWN)
        self.assertEqual(len(self.dialled), 1)

    def test_twice(self) -> None:
        """Every stop fires when all is over."""
        raw = self.start()
        stops = [self.connector.stop(), self.connector.stop()]
        raw.close()
        stops.append(self.connector.stop())
        for stopping in stops:
            self.successResultOf(stopping)

    def test_peer_that_comes_in_spite_of_it(self) -> None:
        """A try that cannot be cancelled any more brings a peer: it is ended at once, and the stop waits for it."""
        blocked: Deferred[PeerProtocol] = Deferred(lambda _: None)
        raw = self.raw(self.factory_node)
        connector = self.make(lambda: blocked.addErrback(lambda _: raw.peer))
        connector.start()
        stopping = connector.stop()
        self.assertTrue(raw.hung_up)
        self.assertNoResult(stopping)
        raw.close()
        self.successResultOf(stopping)

    def test_started_again(self) -> None:
        """A stopped connector can be started again."""
        self.connector.start()
        self.successResultOf(self.connector.stop())
        raw = self.start()
        self.assertEqual(len(self.dialled), 2)
        stopping = self.connector.stop()
        raw.close()
        self.successResultOf(stopping)

    def test_dial_that_is_there_at_once(self) -> None:
        """A try may come through before `start` returns."""
        raw = self.raw(self.factory_node)
        connector = self.make(lambda: succeed(raw.peer))
        connector.start()
        self.assertIs(connector.peer, raw.peer)
        stopping = connector.stop()
        raw.close()
        self.successResultOf(stopping)

    def test_stopped_by_the_dial_itself(self) -> None:
        """A stop from within a try is obeyed as soon as the try is over."""
        stops = []

        def dial() -> Deferred[PeerProtocol]:
            stops.append(connector.stop())
            return fail(Failure(REFUSED))

        connector = self.make(dial)
        connector.start()
        self.successResultOf(stops[0])
