"""Tests of what the library offers for tests."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import ITransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from peerproto.errors import PeerLost, Reason
from peerproto.networks.bitcoin import FeeFilter, GetAddr, Inv, Ping, Pong, VerAck, Version
from peerproto.peer.handshake import State
from peerproto.peer.listener import IPeerListener, PeerListener
from peerproto.testing import CALLED, CALLER, MemoryTransport, Pair, RawPeer, Recorder, Script, memory_factory
from tests.peer_case import regtest


class RecorderTests(SynchronousTestCase):
    """A listener that writes down what it hears."""

    def test_events(self) -> None:
        """Everything in order, with the peer and what came."""
        recorder, raw = Recorder(), RawPeer(memory_factory(regtest()))
        recorder.on_ready(raw.peer)
        recorder.on_inv(raw.peer, Inv([]))
        self.assertEqual(recorder.names, ["on_ready", "on_inv"])
        self.assertEqual(recorder.events, [("on_ready", raw.peer, None), ("on_inv", raw.peer, Inv([]))])
        self.assertEqual(recorder.heard("on_inv"), [Inv([])])
        self.assertEqual(recorder.heard("on_addr"), [])
        raw.close()

    def test_then(self) -> None:
        """What it was told to do is done, behind the writing down."""
        done: list[object] = []
        recorder = Recorder(
            {"on_inv": lambda peer, message: done.append((peer, message, list(recorder.names)))}
        )
        raw = RawPeer(memory_factory(regtest(), recorder))
        raw.handshake()
        raw.send(Inv([]), GetAddr())
        self.assertEqual(done, [(raw.peer, Inv([]), ["on_version", "on_verack", "on_ready", "on_inv"])])
        raw.close()

    def test_is_a_listener(self) -> None:
        """It is one by all rules, and has no other attribute that is not there."""
        verifyObject(IPeerListener, Recorder())
        with self.assertRaises(AttributeError):
            _ = Recorder().off_inv


class MemoryTransportTests(SynchronousTestCase):
    """One end of a connection."""

    def setUp(self) -> None:
        self.transport = MemoryTransport(CALLER, CALLED)

    def test_is_a_transport(self) -> None:
        """It is one by Twisted's rules."""
        verifyObject(ITransport, self.transport)
        self.assertEqual((self.transport.getHost(), self.transport.getPeer()), (CALLER, CALLED))

    def test_take(self) -> None:
        """What is written waits, and is taken in order, at most so much at a time."""
        self.transport.write(b"abc")
        self.transport.writeSequence([b"de", b"f"])
        self.assertEqual(
            [self.transport.take(4), self.transport.take(), self.transport.take()], [b"abcd", b"ef", b""]
        )

    def test_end(self) -> None:
        """It tells whether its end was asked for, and whether at once."""
        self.assertEqual((self.transport.closing, self.transport.aborted), (False, False))
        self.transport.loseConnection()
        self.assertEqual((self.transport.closing, self.transport.aborted), (True, False))
        self.transport.abortConnection()
        self.assertEqual((self.transport.closing, self.transport.aborted), (True, True))


class ProducerTests(SynchronousTestCase):
    """A transport in memory tells its producer what TCP tells."""

    def setUp(self) -> None:
        self.transport = MemoryTransport(CALLER, CALLED)
        self.told: list[str] = []

    def pauseProducing(self) -> None:
        """See IPushProducer."""
        self.told.append("pause")

    def resumeProducing(self) -> None:
        """See IPushProducer."""
        self.told.append("resume")

    def test_push(self) -> None:
        """To pause, once, when it holds more than 64 KiB; to go on when all is taken."""
        self.transport.registerProducer(self, True)
        for _ in range(3):
            self.transport.write(bytes(40_000))
        self.transport.take(100_000)
        self.assertEqual(self.told, ["pause"])
        self.transport.take()
        self.assertEqual(self.told, ["pause", "resume"])
        self.transport.write(b"x")
        self.transport.take()
        self.transport.startWriting()
        self.assertEqual(len(self.told), 2)

    def test_pull(self) -> None:
        """To produce, at first and whenever it is empty."""
        self.transport.registerProducer(self, False)
        self.transport.write(bytes(100_000))
        self.transport.take(50_000)
        self.transport.startWriting()
        self.assertEqual(self.told, ["resume"])
        self.transport.take()
        self.transport.startWriting()
        self.assertEqual(self.told, ["resume"] * 3)

    def stopProducing(self) -> None:
        """See IPushProducer."""
        self.told.append("stop")

    def test_end_of_the_connection(self) -> None:
        """To stop, once; it is held no longer then."""
        self.transport.registerProducer(self, True)
        self.transport.end()
        self.transport.end()
        self.transport.write(bytes(100_000))
        self.assertEqual(self.told, ["stop"])

    def test_one_only(self) -> None:
        """There is one producer at a time."""
        self.transport.registerProducer(self, True)
        self.assertRaises(RuntimeError, self.transport.registerProducer, self, True)
        self.transport.unregisterProducer()
        self.transport.registerProducer(self, True)

    def test_reading_stops(self) -> None:
        """Nothing is carried to a peer that does not read, until it does."""
        held: Deferred[None] = Deferred()
        pair = Pair(regtest())
        pair.inbound.hear("ping", lambda peer, message: held)
        pair.deliver()
        pair.outbound.send(Ping(1))
        pair.outbound.send(Ping(2))
        pair.deliver()
        pair.outbound.send(Ping(3))
        pair.deliver()
        self.assertEqual(len(pair.inbound_heard.heard("on_ping")), 1)
        held.callback(None)
        pair.advance(0)
        self.assertEqual(pair.inbound_heard.heard("on_ping"), [Ping(1), Ping(2), Ping(3)])


class PairTests(SynchronousTestCase):
    """Two peers that are connected to each other."""

    def test_nothing_moves_by_itself(self) -> None:
        """Until somebody delivers, both wait."""
        pair = Pair(regtest())
        self.assertEqual((pair.outbound.state, pair.inbound.state), (State.AWAITING_VERSION,) * 2)
        pair.deliver()
        self.assertEqual((pair.outbound.state, pair.inbound.state), (State.READY,) * 2)
        self.assertEqual((pair.outbound.inbound, pair.inbound.inbound), (False, True))

    def test_pieces(self) -> None:
        """It may deliver in pieces of any size."""
        for chunk in (1, 7, 1000):
            pair = Pair(regtest())
            pair.deliver(chunk)
            self.assertEqual((pair.outbound.state, pair.inbound.state), (State.READY,) * 2)

    def test_options(self) -> None:
        """Each side has its own options, a listener among them, and nonces of its own."""
        mine = PeerListener()
        pair = Pair(regtest(), outbound={"services": 8}, inbound={"listener": mine, "user_agent": "/in/"})
        pair.deliver()
        self.assertIs(pair.inbound_heard, mine)
        self.assertEqual(pair.outbound_heard.names[0], "on_version")
        self.assertEqual(pair.outbound.theirs and pair.outbound.theirs.user_agent, "/in/")
        self.assertEqual(pair.inbound.theirs and pair.inbound.theirs.services, 8)

    def test_time(self) -> None:
        """Time passes for both, and then what is under way arrives."""
        pair = Pair(regtest())
        pair.deliver()
        waiting = pair.outbound.ping()
        pair.advance(0.25)
        self.assertEqual(self.successResultOf(waiting), 0.25)
        shared = Pair(regtest(), clock=pair.clock)
        self.assertIs(shared.outbound.clock, pair.clock)

    def test_closed_by_one(self) -> None:
        """If one side closes what it has written arrives first; then both are told."""
        pair = Pair(regtest())
        pair.deliver()
        pair.outbound.send(FeeFilter(7))
        pair.outbound.disconnect()
        pair.deliver()
        pair.deliver()
        self.assertEqual(pair.inbound_heard.heard("on_feefilter"), [FeeFilter(7)])
        reasons = [heard.heard("on_lost")[0].reason for heard in (pair.outbound_heard, pair.inbound_heard)]
        self.assertEqual(reasons, [Reason.LOCAL_CLOSE, Reason.CLOSED_BY_PEER])
        self.assertEqual(pair.clock.getDelayedCalls(), [])

    def test_cut(self) -> None:
        """If the connection breaks both are told, and what was under way is lost."""
        pair = Pair(regtest())
        pair.deliver()
        pair.outbound.send(FeeFilter(7))
        pair.cut()
        pair.deliver()
        self.assertEqual(pair.inbound_heard.heard("on_feefilter"), [])
        for heard in (pair.outbound_heard, pair.inbound_heard):
            (error,) = heard.heard("on_lost")
            self.assertIs(error.reason, Reason.RESET)

    def test_aborted(self) -> None:
        """If one side does not wait for what it has written, that does not arrive."""
        pair = Pair(regtest())
        pair.deliver()
        pair.outbound.send(FeeFilter(7))
        pair.outbound.disconnect()
        pair.clock.advance(6)
        pair.deliver()
        self.assertEqual(pair.inbound_heard.heard("on_feefilter"), [])
        self.assertIs(pair.inbound_heard.heard("on_lost")[0].reason, Reason.RESET)


class RawPeerTests(SynchronousTestCase):
    """The other side, played by hand."""

    def raw(self, *, inbound: bool = False) -> RawPeer:
        raw = RawPeer(memory_factory(regtest(), Recorder()), inbound=inbound)
        self.addCleanup(raw.close)
        return raw

    def test_handshake(self) -> None:
        """It can do a whole handshake, and gives what the peer has written in it."""
        raw = self.raw()
        written = raw.handshake(user_agent="/hand/", height=3)
        self.assertIsInstance(written[0], Version)
        self.assertEqual(written[-2], VerAck())
        self.assertIs(raw.peer.state, State.READY)
        self.assertEqual(raw.peer.theirs and raw.peer.theirs.height, 3)
        self.assertEqual(raw.read(), [])

    def test_codec_follows(self) -> None:
        """After a handshake with an old version it speaks that version."""
        raw = self.raw(inbound=True)
        raw.handshake(protocol_version=60000)
        raw.send(Ping(5))
        self.assertEqual((raw.codec.pver, raw.frame(Ping(5))[24:], raw.read()), (60000, b"", []))
        self.assertEqual(self.raw().frame(b"as it is"), b"as it is")

    def test_exactly(self) -> None:
        """It says messages and bytes as it is told, in one chunk, and reads what comes back."""
        raw = self.raw()
        raw.handshake()
        raw.send(Ping(1), raw.frame(Ping(2)), Ping(3))
        self.assertEqual(raw.read(), [Pong(1), Pong(2), Pong(3)])
        self.assertFalse(raw.hung_up)
        raw.send(b"\xff" * 24)
        self.assertTrue(raw.hung_up)

    def test_script(self) -> None:
        """It answers by a script until the peer is silent: with a message, bytes, several of them, or nothing."""
        raw = self.raw()
        raw.handshake()
        raw.peer.send(GetAddr())
        script: Script = {
            "getaddr": lambda asked: [Ping(1), raw.frame(Ping(2))],
            "pong": lambda pong: raw.frame(Ping(3)) if pong.nonce == 1 else None,
        }
        self.assertEqual(raw.play(script), [GetAddr(), Pong(1), Pong(2), Pong(3)])
        self.assertEqual(raw.play({}), [])
        raw.peer.send(GetAddr())
        self.assertEqual(raw.play({}), [GetAddr()])

    def test_end(self) -> None:
        """It can end the connection in good order."""
        raw = RawPeer(memory_factory(regtest()))
        gone: Deferred[PeerLost] = raw.peer.when_disconnected()  # type: ignore[assignment]
        raw.close()
        self.assertIs(self.successResultOf(gone).reason, Reason.CLOSED_BY_PEER)
