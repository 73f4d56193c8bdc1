"""Tests of who hears what."""

from __future__ import annotations

from typing import Any

from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from peerproto.errors import InvalidHeaders, ListenerFailed, MalformedMessage, PeerLost, Reason
from peerproto.networks.bitcoin import (
    Addr,
    Block,
    BlockHeader,
    FeeFilter,
    GetAddr,
    Headers,
    Inv,
    InvVect,
    Ping,
    Pong,
    Reject,
    VerAck,
)
from peerproto.peer.handshake import State
from peerproto.peer.listener import IPeerListener, PeerListener, handlers_of
from peerproto.testing import RawPeer, Recorder
from peerproto.wire.codec import Unread
from tests.peer_case import HASHES, POLICIES, PeerTestCase, golden_frames, regtest, unknown_frame

HEADER = BlockHeader(1, bytes(32), bytes(32), 1, 0, 0)


class HandlersTests(PeerTestCase):
    """Which methods are called."""

    def test_each_message_of_the_network(self) -> None:
        """There is a method for every command, cfcheckpt included, and one for what is not understood."""
        network = regtest()
        handlers = handlers_of(Recorder(), network)
        self.assertEqual(set(handlers), {*network.messages, Unread})

    def test_all_are_optional(self) -> None:
        """Only the methods that are there are called; a listener may be any object, or none."""

        class Some:
            def on_inv(self, peer: Any, message: Any) -> None:
                """Hear."""

        listener = Some()
        self.assertEqual(handlers_of(listener, regtest()), {Inv: listener.on_inv})
        self.assertEqual(handlers_of(None, regtest()), {})

    def test_base_class(self) -> None:
        """The class to start from does nothing, and is not called for it."""
        listener = PeerListener()
        verifyObject(IPeerListener, listener)
        verifyObject(IPeerListener, Recorder())
        self.assertEqual(set(handlers_of(listener, regtest())), set())
        raw = self.ready(listener=listener)
        raw.send(unknown_frame(raw.peer.network), Ping(1))
        raw.close()

    def test_no_listener(self) -> None:
        """Without a listener a peer does its own duties."""
        raw = self.ready(listener=object())
        raw.send(Ping(7), Inv([]))
        self.assertEqual(raw.read(), [Pong(7)])


class HearingTests(PeerTestCase):
    """What is heard when."""

    def test_a_whole_life(self) -> None:
        """Version and what negotiates, ready, messages, lost: each once, with the peer."""
        raw = self.ready()
        raw.send(Inv([]), Headers([]))
        raw.close()
        self.assertEqual(
            self.heard(raw).names, ["on_version", "on_verack", "on_ready", "on_inv", "on_headers", "on_lost"]
        )
        self.assertEqual({event.peer for event in self.heard(raw).events}, {raw.peer})
        self.assertEqual(self.heard(raw).heard("on_inv"), [Inv([])])

    def test_every_message(self) -> None:
        """btcd's own test, and the kinds that it leaves out: every golden message reaches its method."""
        for policy in POLICIES:
            raw = self.ready(policy, services=4, says={"services": 13})
            early = {kind.command for kind in raw.peer.network.order.late}
            frames = golden_frames(raw.peer.network)
            for command, frame in frames:
                if command not in early:
                    raw.send(frame)
                    self.assertEqual(self.heard(raw).names[-1], f"on_{command}")
                    self.assertEqual(self.heard(raw).events[-1].what.command, command)
            kinds = {kind.command for kind in raw.peer.network.messages}
            self.assertEqual({command for command, _ in frames} - {"alert"}, kinds - {"alert"})

    def test_answers_reach_it_too(self) -> None:
        """There are no consumed messages: who waits gets the answer, and the listener hears it."""
        raw = self.ready()
        waiting = raw.peer.request(GetAddr())
        raw.send(Addr([]))
        self.assertEqual(self.successResultOf(waiting), Addr([]))
        self.assertEqual(self.heard(raw).heard("on_addr"), [Addr([])])

    def test_nothing_before_ready(self) -> None:
        """Row 18: data before the handshake is done is not heard, whatever becomes of the peer."""
        for policy in POLICIES:
            for first in ((), ("version",)):
                raw = self.raw(policy)
                things = [raw.version()] if first else []
                raw.send(*things, Inv([InvVect(2, HASHES[0])]), Headers([]), Block(HEADER, []))
                names = self.heard(raw).names
                self.assertEqual(names, ["on_version"] if first else [])

    def test_not_understood(self) -> None:
        """Rows 15 and 16: a frame that was passed over is heard as such, its command escaped."""
        for policy in POLICIES:
            raw = self.ready(policy)
            raw.send(unknown_frame(raw.peer.network, b"\x1b[31mred\0x", b"123"))
            (unread,) = self.heard(raw).heard("on_message")
            self.assertEqual((unread.command, unread.payload), ("\\x1b[31mred\\x00x", b"123"))
            self.assertFalse(raw.hung_up)

    def test_lost_once(self) -> None:
        """Also a handshake that never was done ends with one call, and whatever is said later adds none."""
        for policy in POLICIES:
            raw = self.raw(policy)
            raw.peer.disconnect()
            raw.peer.disconnect(PeerLost("again", Reason.SHUTDOWN))
            raw.close()
            raw.peer.disconnect()
            (error,) = self.heard(raw).heard("on_lost")
            self.assertIs(error.reason, Reason.LOCAL_CLOSE)
            self.assertEqual(self.heard(raw).names, ["on_lost"])

    def test_version_may_be_refused(self) -> None:
        """A listener may end a peer for its version, before we answer it."""
        raw = self.raw(inbound=True, listener=Recorder({"on_version": lambda peer, _: peer.disconnect()}))
        raw.send(raw.version(), VerAck())
        self.assertEqual(raw.read(), [])
        self.assertTrue(raw.hung_up)
        self.assertEqual(self.heard(raw).names, ["on_version"])


def fail(*_: Any) -> None:
    """As a listener might."""
    raise ValueError("a bug of the listener")


class FailingTests(PeerTestCase):
    """Row 55: an exception in a listener is logged once and ends that peer only."""

    def check(self, name: str, *things: Any, policy: str = "btcd") -> RawPeer:
        other = self.ready(policy)
        raw = self.raw(policy, listener=Recorder({name: fail}))
        raw.handshake()
        raw.send(*things)
        if name == "on_lost":
            raw.close()
        (failure,) = self.flushLoggedErrors(ValueError)
        self.assertIsInstance(failure, Failure)
        if name != "on_lost":
            self.assertIsInstance(self.why(raw), ListenerFailed)
            self.assertIs(raw.peer.ending and raw.peer.ending.reason, Reason.LOCAL_ERROR)
        self.assertFalse(other.hung_up)
        other.send(Ping(1))
        self.assertEqual(other.read()[-1], Pong(1))
        return raw

    def test_each_method(self) -> None:
        """Whichever it is."""
        for policy in POLICIES:
            for name, things in (
                ("on_version", ()),
                ("on_verack", ()),
                ("on_ready", ()),
                ("on_inv", (Inv([]),)),
                ("on_ping", (Ping(1),)),
                ("on_message", (unknown_frame(regtest(policy)),)),
                ("on_lost", ()),
            ):
                self.check(name, *things, policy=policy)

    def test_on_lost(self) -> None:
        """It changes nothing for those who wait."""
        raw = self.ready(listener=Recorder({"on_lost": fail}))
        waiting = [raw.peer.request(GetAddr()), raw.peer.when_disconnected()]
        raw.close()
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.assertIs(self.failureResultOf(waiting[0], PeerLost).value, self.successResultOf(waiting[1]))
        self.assertIs(raw.peer.ending and raw.peer.ending.reason, Reason.CLOSED_BY_PEER)

    def test_no_words_to_the_peer(self) -> None:
        """The peer is not told of our bugs, and what was due to it before is still written."""
        raw = self.ready(listener=Recorder({"on_inv": fail}))
        raw.send(Ping(4), Inv([]), Ping(5))
        self.assertEqual(raw.read(), [Pong(4)])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_ready_is_not_told(self) -> None:
        """If on_ready fails, who waits for the peer hears of the end, not of a peer."""
        raw = self.raw(listener=Recorder({"on_ready": fail}))
        waiting = raw.peer.when_ready()
        raw.handshake()
        self.assertNoResult(waiting)
        self.flushLoggedErrors(ValueError)
        raw.close()
        self.failureResultOf(waiting, ListenerFailed)

    def test_peer_errors_are_the_peers(self) -> None:
        """A PeerError that a listener raises is its judgement of the peer: no bug, and not logged as one."""

        def judge(*_: Any) -> None:
            raise InvalidHeaders("work below the target")

        for name in ("on_ready", "on_headers"):
            raw = self.raw(listener=Recorder({name: judge}))
            raw.handshake()
            raw.send(Headers([]))
            self.assertIsInstance(self.why(raw), InvalidHeaders)
            self.assertIs(raw.peer.ending and raw.peer.ending.reason, Reason.MISBEHAVING)


class DisconnectingTests(PeerTestCase):
    """Row 56: a listener that ends the peer while it hears a message."""

    def test_no_further_message(self) -> None:
        """It hears no other of the same chunk, nor of any later; no duty is done for them."""
        raw = self.ready(listener=Recorder({"on_inv": lambda peer, _: peer.disconnect()}))
        raw.send(Ping(1), Inv([]), Ping(2), Inv([]), unknown_frame(raw.peer.network))
        raw.send(Ping(3))
        self.assertEqual(self.heard(raw).names[-2:], ["on_ping", "on_inv"])
        self.assertEqual(raw.read(), [Pong(1)])

    def test_in_on_ready(self) -> None:
        """It may do so as soon as the peer is ready."""
        raw = self.raw(listener=Recorder({"on_ready": lambda peer, _: peer.disconnect()}))
        waiting = raw.peer.when_ready()
        raw.send(raw.version(), VerAck(), Inv([]))
        self.assertEqual(self.heard(raw).names, ["on_version", "on_verack", "on_ready"])
        raw.close()
        self.assertIs(self.failureResultOf(waiting, PeerLost).value.reason, Reason.LOCAL_CLOSE)

    def test_in_on_verack(self) -> None:
        """Then it does not hear that the peer is ready."""
        raw = self.raw(listener=Recorder({"on_verack": lambda peer, _: peer.disconnect()}))
        raw.send(raw.version(), VerAck(), Inv([]))
        self.assertEqual(self.heard(raw).names, ["on_version", "on_verack"])

    def test_by_who_waited(self) -> None:
        """Also who gets an answer may end the peer: nothing of the chunk is heard but the answer itself."""
        raw = self.ready()
        raw.peer.request(GetAddr()).addCallback(lambda _: raw.peer.disconnect())
        raw.send(Addr([]), Inv([]))
        self.assertEqual(self.heard(raw).names[-1], "on_addr")

    def test_sending_after_it(self) -> None:
        """What it sends after that is dropped."""

        def end(peer: Any, _: Any) -> None:
            peer.send(FeeFilter(1))
            peer.disconnect()
            peer.send(FeeFilter(2))

        raw = self.ready(listener=Recorder({"on_inv": end}))
        raw.send(Inv([]))
        self.assertEqual(raw.read(), [FeeFilter(1)])


class LazyTests(PeerTestCase):
    """Messages that are read on first use: what is malformed inside is found by who looks."""

    def bad_tx(self, raw: RawPeer) -> bytes:
        return raw.peer.network.envelope.wrap(b"tx".ljust(12, b"\0"), bytes(7))

    def test_nobody_looks(self) -> None:
        """While nobody looks nothing happens."""
        for policy in POLICIES:
            raw = self.ready(policy)
            raw.send(self.bad_tx(raw), Ping(1))
            self.assertEqual(raw.read(), [Pong(1)])

    def test_btcd(self) -> None:
        """By btcd's policy the look ends the peer as malformed, with a reject, as if it had been found on arrival."""
        raw = self.ready(listener=Recorder({"on_tx": lambda _, tx: tx.lock_time}))
        raw.send(self.bad_tx(raw), Inv([]))
        error = self.why(raw)
        assert isinstance(error, MalformedMessage)
        self.assertEqual((error.command, error.reason), ("tx", Reason.MALFORMED))
        (reject,) = raw.read()
        self.assertIsInstance(reject, Reject)
        self.assertEqual((reject.cmd, reject.code, reject.reason), ("malformed", 1, str(error)))
        self.assertEqual(self.heard(raw).names[-1], "on_tx")
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_core(self) -> None:
        """By Bitcoin Core's the message is passed over, and heard as such; the rest of the chunk is read."""
        raw = self.ready("core", listener=Recorder({"on_tx": lambda _, tx: tx.lock_time}))
        raw.send(self.bad_tx(raw), Ping(1))
        self.assertFalse(raw.hung_up)
        self.assertEqual(self.heard(raw).names[-3:], ["on_tx", "on_message", "on_ping"])
        (unread,) = self.heard(raw).heard("on_message")
        self.assertEqual((unread.command, unread.payload), ("tx", bytes(7)))
        self.assertIsInstance(unread.error, MalformedMessage)
        self.assertEqual(raw.read(), [Pong(1)])

    def test_core_and_a_listener_that_looks_again(self) -> None:
        """If who hears that looks again, it is his error."""
        look = Recorder({"on_tx": lambda _, tx: tx.lock_time, "on_message": fail})
        raw = self.ready("core", listener=look)
        raw.send(self.bad_tx(raw))
        self.assertIsInstance(self.why(raw), ListenerFailed)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_the_peer_itself_looks(self) -> None:
        """Also the look that finds out which request a transaction answers."""
        raw = self.ready()
        waiting = raw.peer.request_blocks(HASHES[:1])
        raw.send(self.bad_tx(raw))
        self.assertIsInstance(self.why(raw), MalformedMessage)
        raw.close()
        self.failureResultOf(waiting, MalformedMessage)

    def test_raised_for_what_is_not_lazy(self) -> None:
        """An error of that kind in a listener, for a message that was not understood, ends the peer."""

        def complain(*_: Any) -> None:
            raise MalformedMessage("not what we agreed on")

        raw = self.ready("core", listener=Recorder({"on_message": complain}))
        raw.send(unknown_frame(raw.peer.network))
        self.assertIsInstance(self.why(raw), MalformedMessage)
        self.assertIs(raw.peer.state, State.CLOSED)
