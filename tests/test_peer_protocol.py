"""Tests of a peer as its user has it: waiting, sending, ending."""

from __future__ import annotations

import weakref
from typing import Any
from unittest import mock

from twisted.internet.address import IPv6Address
from twisted.internet.error import ConnectionAborted, ConnectionLost
from twisted.logger import formatEvent, globalLogPublisher

from peerproto.errors import (
    HandshakeTimeout,
    InvalidHeaders,
    LocalError,
    PeerLost,
    PeerStalled,
    Reason,
)
from peerproto.networks import bitcoin
from peerproto.networks.bitcoin import (
    Block,
    BlockHeader,
    FeeFilter,
    GetAddr,
    GetHeaders,
    Headers,
    Inv,
    MemPool,
    Ping,
    Pong,
    Reject,
    SendHeaders,
    Tx,
    TxIn,
    TxOut,
    VerAck,
)
from peerproto.networks.bitcoin.records import OutPoint
from peerproto.peer.handshake import State
from peerproto.testing import CALLED, CALLER, MemoryTransport, RawPeer, Recorder, memory_factory
from tests.peer_case import HASHES, POLICIES, PeerTestCase, regtest

GET_HEADERS = GetHeaders(70016, [], bytes(32))
BLOCKS = [Block(BlockHeader(1, bytes(32), bytes(32), number, 0, 0), []) for number in range(3)]


def block_hashes() -> list[bytes]:
    return [block.block_hash for block in BLOCKS]


class WaitingTests(PeerTestCase):
    """Ready and gone, for any number of waiters."""

    def test_ready(self) -> None:
        """All who wait get the peer, those who ask later too."""
        raw = self.raw()
        waiting = [raw.peer.when_ready() for _ in range(3)]
        raw.handshake()
        for each in (*waiting, raw.peer.when_ready()):
            self.assertIs(self.successResultOf(each), raw.peer)

    def test_never_ready(self) -> None:
        """If the handshake is never done all hear why."""
        raw = self.raw()
        waiting = raw.peer.when_ready()
        self.let_pass(31)
        raw.close()
        for each in (waiting, raw.peer.when_ready()):
            self.failureResultOf(each, HandshakeTimeout)

    def test_disconnected(self) -> None:
        """All who wait for the end get its error, those who ask later too; it is no failure."""
        raw = self.ready()
        waiting = [raw.peer.when_disconnected() for _ in range(3)]
        raw.peer.disconnect()
        for each in waiting:
            self.assertNoResult(each)
        raw.close()
        for each in (*waiting, raw.peer.when_disconnected()):
            self.assertIs(self.successResultOf(each).reason, Reason.LOCAL_CLOSE)

    def test_ready_and_then_lost(self) -> None:
        """That it was ready stays true after its end."""
        raw = self.ready()
        raw.close()
        self.assertIs(self.successResultOf(raw.peer.when_ready()), raw.peer)

    def test_their_version(self) -> None:
        """What the other side has said is there: its version message, and what it means."""
        raw = self.raw()
        self.assertEqual((raw.peer.version, raw.peer.theirs), (None, None))
        raw.handshake(user_agent="/them:2/", height=77)
        assert raw.peer.theirs is not None
        self.assertEqual((raw.peer.theirs.user_agent, raw.peer.theirs.height), ("/them:2/", 77))
        self.assertEqual(raw.peer.version, raw.version())

    def test_order(self) -> None:
        """The listener hears that a peer is ready, or lost, before those who wait for it."""
        order: list[str] = []
        then = {name: lambda *_, name=name: order.append(name) for name in ("on_ready", "on_lost")}
        raw = self.raw(listener=Recorder(then))
        raw.peer.when_ready().addCallback(lambda _: order.append("ready"))
        raw.peer.when_disconnected().addCallback(lambda _: order.append("gone"))
        raw.handshake()
        raw.peer.request(GetAddr()).addErrback(lambda _: order.append("request"))
        raw.close()
        self.assertEqual(order, ["on_ready", "ready", "on_lost", "request", "gone"])

    def test_states(self) -> None:
        """The state at each point of a life."""
        raw = self.raw()
        states = [raw.peer.state]
        raw.send(raw.version())
        states.append(raw.peer.state)
        raw.send(VerAck())
        states.append(raw.peer.state)
        raw.peer.disconnect()
        states.append(raw.peer.state)
        raw.close()
        self.assertEqual([*states, raw.peer.state], [*State, State.CLOSED])


class SendingTests(PeerTestCase):
    """What goes out, or does not."""

    def test_ready(self) -> None:
        """A ready peer sends at once."""
        raw = self.ready()
        raw.peer.send(FeeFilter(1))
        self.assertEqual(raw.read(), [FeeFilter(1)])

    def test_ended(self) -> None:
        """After the end what is sent is dropped: while the connection closes, and later."""
        raw = self.ready()
        raw.peer.disconnect()
        raw.peer.send(FeeFilter(1))
        raw.close()
        raw.peer.send(FeeFilter(2))
        self.assertEqual(raw.read(), [])

    def test_ended_before_ready(self) -> None:
        """What was held back for a handshake that is never done is dropped without a word."""
        raw = self.raw()
        raw.peer.send(FeeFilter(1))
        raw.peer.disconnect()
        raw.peer.send(FeeFilter(2))
        raw.close()
        raw.peer.send(FeeFilter(3))
        self.assertEqual([message.command for message in raw.read()], ["version"])

    def test_of_another_network(self) -> None:
        """What the network does not know, or cannot be written, is refused at once, also before the handshake."""
        for raw in (self.raw(), self.ready()):
            for message in (object(), FeeFilter("much")):
                with self.assertRaises(LocalError):
                    raw.peer.send(message)

    def test_held_and_too_new(self) -> None:
        """What turns out too new for the other side is left out, and said in the log; the rest is sent."""
        raw = self.raw()
        raw.peer.send(FeeFilter(1))
        raw.peer.send(Ping(7))
        asked = raw.peer.request(MemPool())
        written = raw.handshake(protocol_version=60001)
        self.assertEqual([message.command for message in written], ["version", "verack", "ping"])
        self.failureResultOf(asked, LocalError)
        self.assertFalse(raw.hung_up)

    def test_too_new(self) -> None:
        """A ready peer refuses what is too new for the other side."""
        raw = self.ready(says={"protocol_version": 60002})
        with self.assertRaisesRegex(
            LocalError, "feefilter exists from protocol version 70013 on, not at 60002"
        ):
            raw.peer.send(FeeFilter(1))
        self.failureResultOf(raw.peer.request(bitcoin.GetCFCheckpt("x", bytes(32))), LocalError)

    def test_held_without_expecting(self) -> None:
        """That no answer is expected is remembered while a message is held back."""
        raw = self.raw()
        raw.peer.send(GET_HEADERS, expect=False)
        raw.peer.send(MemPool())
        raw.handshake()
        self.let_pass(29)
        self.assertFalse(raw.hung_up)
        self.let_pass(2)
        self.assertEqual(str(self.why(raw)), "no answer to mempool")

    def test_witness_by_request(self) -> None:
        """Who sends what was asked for decides whether witnesses go with it; else the peer's services do."""
        spent = TxIn(OutPoint(HASHES[0], 0), b"", 0, [b"proof"])
        tx = Tx(2, [spent], [TxOut(1, b"")], 0)
        codec = regtest().codec
        for services, witness, wanted in (
            *((0, None, False), (0, True, True), (0, False, False)),
            *((8, None, True), (8, True, True), (8, False, False)),
        ):
            raw = self.raw()
            raw.peer.send(tx, witness=witness)
            raw.send(raw.version(services=services), VerAck())
            raw.peer.send(tx, witness=witness)
            frame = codec(70016, wanted).encode(tx)
            self.assertEqual(raw.transport.take()[-2 * len(frame) :], frame * 2)

    def test_one_write_a_chunk(self) -> None:
        """What is sent while a chunk is handled leaves as one."""
        raw = self.ready()
        writes: list[bytes] = []
        raw.transport.write = writes.append  # type: ignore[method-assign]
        raw.send(Ping(1), Ping(2), Ping(3))
        self.assertEqual(writes, [b"".join(raw.frame(Pong(nonce)) for nonce in (1, 2, 3))])

    def test_relayed_as_it_came(self) -> None:
        """A message that nobody has looked at is sent on as the bytes it came in."""
        one = self.ready()
        other = self.ready(listener=Recorder({"on_block": lambda _, block: one.peer.send(block)}))
        other.send(BLOCKS[0])
        self.assertEqual(one.transport.take(), other.frame(BLOCKS[0]))


class EndingTests(PeerTestCase):
    """How a connection ends."""

    def test_idempotent(self) -> None:
        """Only the first reason counts, however often and by whomever it is ended."""
        raw = self.ready()
        raw.peer.disconnect()
        raw.peer.disconnect(PeerLost("other", Reason.SHUTDOWN))
        raw.peer.fail(PeerStalled("late"))
        raw.close(ConnectionLost())
        self.assertEqual(str(raw.peer.ending), "disconnected by us")
        self.assertEqual(self.heard(raw).names.count("on_lost"), 1)

    def test_any_reason(self) -> None:
        """The user may give his own reason."""
        raw = self.ready()
        raw.peer.disconnect(InvalidHeaders("work below the target"))
        raw.close()
        self.assertIs(self.successResultOf(raw.peer.when_disconnected()).reason, Reason.MISBEHAVING)

    def test_grace(self) -> None:
        """What is written is still sent; a peer that does not read is cut after five seconds."""
        raw = self.ready()
        raw.peer.send(FeeFilter(1))
        raw.peer.disconnect()
        self.assertEqual((raw.transport.closing, raw.transport.aborted), (True, False))
        self.assertEqual(raw.read(), [FeeFilter(1)])
        self.let_pass(4.9)
        self.assertFalse(raw.transport.aborted)
        self.clock.advance(0.2)
        self.assertTrue(raw.transport.aborted)
        raw.close(ConnectionAborted())
        self.assertIs(raw.peer.ending and raw.peer.ending.reason, Reason.LOCAL_CLOSE)

    def test_no_abort(self) -> None:
        """A transport that cannot be cut is asked once more to close."""
        asked: list[None] = []
        raw = self.ready()
        closing = mock.Mock(spec=["loseConnection"], loseConnection=lambda: asked.append(None))
        raw.peer.transport = closing
        raw.peer.disconnect()
        self.let_pass(5.1)
        self.assertEqual(len(asked), 2)

    def test_before_the_connection(self) -> None:
        """btcd's own test: a connection that is handed to a peer already ended is closed, once, without a word."""
        factory = memory_factory(regtest(), Recorder(), clock=self.clock)
        peer = factory.build(inbound=False)
        peer.disconnect()
        self.assertIs(peer.state, State.CLOSED)
        transport = MemoryTransport(CALLER, CALLED)
        peer.makeConnection(transport)
        self.assertTrue(transport.closing)
        self.assertEqual(transport.take(), b"")
        peer.dataReceived(b"x" * 100)
        peer.connectionLost()
        self.assertEqual(factory.listener.names, ["on_lost"])
        self.assertEqual((factory.peers, self.clock.getDelayedCalls()), ({}, []))

    def test_reject_before_the_end(self) -> None:
        """By btcd's policy the reason is told before the end, behind what was due before."""
        raw = self.ready()
        raw.send(Ping(1), raw.peer.network.verack(), Ping(2))
        pong, reject = raw.read()
        self.assertEqual(pong, Pong(1))
        self.assertEqual(reject, Reject("verack", 0x12, "duplicate verack message"))

    def test_reject_needs_its_version(self) -> None:
        """Below 70002 no reject can be written, so nothing is told."""
        for pver, told in ((70001, False), (70002, True)):
            raw = self.ready(says={"protocol_version": pver})
            raw.send(b"\xff" * 24)
            self.assertEqual([message.command for message in raw.read()], ["reject"] if told else [])
            self.assertTrue(raw.hung_up)

    def test_long_reject(self) -> None:
        """The words of a reject are cut to a length that any peer takes."""
        raw = self.ready()
        raw.send(raw.peer.network.envelope.wrap(b"\xfe" * 12, b""))
        (reject,) = raw.read()
        self.assertLessEqual(len(reject.reason), 250)

    def test_closed_by_peer(self) -> None:
        """The peer's own end is told as such, by state; if we have called it, with what is mostly behind it."""
        hint = "; a node that speaks another network or version does that"
        for raw, text in (
            (self.raw(), f"closed by the peer while awaiting version{hint}"),
            (self.raw(inbound=True), "closed by the peer while awaiting version"),
            (self.ready(), "closed by the peer"),
        ):
            raw.close()
            self.assertEqual(str(raw.peer.ending), text)
            self.assertIs(raw.peer.ending and raw.peer.ending.reason, Reason.CLOSED_BY_PEER)

    def test_in_a_message(self) -> None:
        """Row 52: an end in the middle of a message is named so, in the header and in the payload."""
        for count in (1, 23, 24, 31):
            raw = self.ready()
            raw.send(raw.frame(Ping(1))[:count])
            raw.close()
            self.assertIs(raw.peer.ending and raw.peer.ending.reason, Reason.EOF_IN_MESSAGE)

    def test_nothing_is_left(self) -> None:
        """After the end no timer runs and nobody holds the peer."""
        gone: list[weakref.ref[Any]] = []
        for end in ("by us", "by them", "in the handshake", "malformed", "with requests"):
            raw = RawPeer(memory_factory(regtest(), clock=self.clock))
            if end != "in the handshake":
                raw.handshake()
            if end == "by us":
                raw.peer.disconnect()
            if end == "malformed":
                raw.send(b"\xff" * 30)
            if end == "with requests":
                raw.peer.request(GET_HEADERS).addErrback(lambda _: None)
            raw.close()
            gone.append(weakref.ref(raw.peer))
        del raw
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assert_gone(gone)


class AddressTests(PeerTestCase):
    """Who it is, as text."""

    def test_text(self) -> None:
        """A peer shows where it is and who called."""
        self.assertEqual(str(self.raw().peer), "192.0.2.2:8333 (outbound)")
        self.assertEqual(str(self.raw(inbound=True).peer), "192.0.2.1:50001 (inbound)")
        self.assertEqual(str(memory_factory(regtest()).build(inbound=False)), "nowhere (outbound)")

    def test_ip6(self) -> None:
        """An IPv6 host stands in brackets."""
        peer = memory_factory(regtest(), clock=self.clock).build(inbound=False)
        peer.makeConnection(MemoryTransport(CALLER, IPv6Address("TCP", "2001:db8::7", 8333)))
        self.assertEqual(peer.address, "[2001:db8::7]:8333")
        peer.connectionLost()

    def test_no_delay(self) -> None:
        """Small messages are not held back by the system, where a transport can say so."""
        set_to: list[bool] = []
        transport = MemoryTransport(CALLER, CALLED)
        transport.setTcpNoDelay = set_to.append  # type: ignore[attr-defined]
        peer = memory_factory(regtest(), clock=self.clock).build(inbound=False)
        peer.makeConnection(transport)
        peer.connectionLost()
        self.assertEqual(set_to, [True])


class LogTests(PeerTestCase):
    """What stands in the log."""

    def logged(self) -> list[str]:
        lines: list[str] = []

        def observe(event: Any) -> None:
            lines.append(formatEvent(event))

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        return lines

    def test_a_life(self) -> None:
        """One line when a peer is ready, one when it has ended."""
        lines = self.logged()
        raw = self.ready()
        raw.send(Ping(1), Inv([]))
        raw.close()
        self.assertEqual(
            lines,
            [
                "192.0.2.2:8333 (outbound) is ready: /raw:1/ 70016",
                "192.0.2.2:8333 (outbound) ended: closed-by-peer: closed by the peer",
            ],
        )

    def test_hostile_text(self) -> None:
        """Row 25: text from the network is escaped in the log and in errors."""
        lines = self.logged()
        agent = "/\x1b[2J\n\r\u202e\udcff<b>/"
        raw = self.ready(says={"user_agent": agent})
        raw.send(raw.peer.network.envelope.wrap(b"\x1b[31m\n\xff".ljust(12, b"\0"), b""))
        first = self.raw(inbound=True)
        first.send(first.peer.network.envelope.wrap(b"\n\x1b[0m".ljust(12, b"\0"), b""))
        for each in (raw, first):
            each.close()
        self.assertEqual(len(lines), 3)
        for line in (*lines, str(raw.peer.ending), str(first.peer.ending)):
            self.assertTrue(line.isascii() and line.isprintable(), line)
        self.assertIn("/\\x1b[2J\\n\\r\\u202e\\udcff<b>/", lines[0])
        self.assertEqual(raw.peer.snapshot().user_agent, agent)

    def test_held_and_not_sent(self) -> None:
        """What was held back and cannot be sent is named."""
        lines = self.logged()
        raw = self.raw()
        raw.peer.send(SendHeaders())
        raw.handshake(protocol_version=60001)
        self.assertEqual(
            lines[1:],
            [
                "sendheaders was held back and cannot be sent: "
                "sendheaders exists from protocol version 70012 on, not at 60001"
            ],
        )

    def test_no_peer_in_the_log(self) -> None:
        """Events hold text, not peers: a log that keeps them keeps no peer alive."""
        kept: list[Any] = []
        globalLogPublisher.addObserver(kept.append)
        self.addCleanup(globalLogPublisher.removeObserver, kept.append)
        raw = RawPeer(memory_factory(regtest(), clock=self.clock))
        raw.handshake()
        raw.close()
        gone = [weakref.ref(raw.peer)]
        del raw
        self.assertEqual(len(kept), 2)
        self.assert_gone(gone)


class BothSidesTests(PeerTestCase):
    """What holds for both policies and both sides."""

    def test_duties_and_requests(self) -> None:
        """A peer that was called asks and answers like one that has called."""
        for policy in POLICIES:
            for family in ("bitcoin", "litecoin"):
                for inbound in (False, True):
                    raw = self.ready(policy, inbound=inbound, family=family)
                    waiting = raw.peer.request(GET_HEADERS)
                    raw.send(Ping(1), Headers([]))
                    self.assertEqual(raw.read(), [GET_HEADERS, Pong(1)])
                    self.successResultOf(waiting)
