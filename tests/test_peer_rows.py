"""Tests of hostile conduct and faults, row by row of the list that a peer must survive: time, answers, floods, ends.

Rows about bytes stand in `test_peer_hostile`.
"""

from __future__ import annotations

import tracemalloc
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.logger import LogLevel, formatEvent, globalLogPublisher

from peerproto.errors import LocalError, NotFound, PeerLost, PeerStalled, Reason
from peerproto.networks.bitcoin import (
    MSG_BLOCK,
    MSG_TX,
    Addr,
    Block,
    BlockHeader,
    GetAddr,
    GetData,
    GetHeaders,
    Inv,
    InvVect,
    MemPool,
    Ping,
    Pong,
    TimedAddress,
)
from peerproto.networks.bitcoin import NotFound as NotFoundMessage
from peerproto.peer.flow import BUFFER
from peerproto.peer.handshake import State
from peerproto.peer.reading import MOST_KEPT
from peerproto.testing import Pair, RawPeer
from tests.peer_case import HASHES, POLICIES, PeerTestCase, regtest

MIB = 1 << 20
HEADER = BlockHeader(1, bytes(32), bytes(32), 5, 6, 7)


def junk(raw: RawPeer, command: str = "block", size: int = 3_999_900) -> bytes:
    """A long frame that nobody looks into."""
    envelope = raw.peer.network.envelope
    return envelope.wrap(envelope.command(command), bytes(80) + b"\0" + bytes(size - 81))


class TimeTests(PeerTestCase):
    """Rows 8 to 11: who takes his time."""

    def test_row_08_slow_message(self) -> None:
        """4 MB are announced and come byte by byte: ended at the idle limit, since only whole messages restart it."""
        raw = self.ready()
        raw.send(junk(raw)[:1000])
        for _ in range(299):
            self.let_pass(1)
            raw.send(b"\0")
        self.assertFalse(raw.hung_up)
        self.let_pass(1.1)
        error = self.why(raw)
        self.assertEqual(error.reason, Reason.SLOW_MESSAGE)
        self.assertEqual(str(error), "1299 bytes of a message in 300 seconds, and not the rest")

    def test_row_08_at_last(self) -> None:
        """One that is whole in time, however slowly it came, is a message."""
        raw, frame = self.ready(), None
        frame = raw.frame(Inv([]))
        for at in range(len(frame)):
            raw.send(frame[at : at + 1])
            self.let_pass(11)
        self.assertFalse(raw.hung_up)
        self.assertEqual(self.heard(raw).names[-1], "on_inv")

    def test_row_09_silence(self) -> None:
        """Who calls and says nothing is ended after 30 seconds."""
        raw = self.raw(inbound=True)
        self.let_pass(29.9)
        self.assertFalse(raw.hung_up)
        self.let_pass(0.2)
        self.assertEqual(self.why(raw).reason, Reason.HANDSHAKE_TIMEOUT)

    def test_row_10_only_pings(self) -> None:
        """Pings do not prolong it, where they do not end it at once."""
        raw = self.raw("core", inbound=True)
        for _ in range(30):
            raw.send(Ping(1))
            self.let_pass(1)
        self.assertEqual((self.why(raw).reason, raw.read()), (Reason.HANDSHAKE_TIMEOUT, []))
        early = self.raw("btcd", inbound=True)
        early.send(Ping(1))
        self.assertEqual(self.why(early).reason, Reason.UNEXPECTED_MESSAGE)

    def test_row_11_never_verack(self) -> None:
        """A version alone does not stop the same timer."""
        for policy in POLICIES:
            raw = self.raw(policy)
            raw.send(raw.version())
            self.let_pass(30.1)
            self.assertEqual(self.why(raw).reason, Reason.HANDSHAKE_TIMEOUT)


class ManyTests(PeerTestCase):
    """Rows 31 to 35: lists that are too long, or empty."""

    def reason(self, policy: str, command: str, payload: bytes) -> Reason | None:
        """Why a payload ends a ready peer that looks into it, if it does."""
        raw = self.ready(policy)
        raw.peer.hear(command, lambda peer, message: message.load())
        envelope = raw.peer.network.envelope
        raw.send(envelope.wrap(envelope.command(command), payload))
        return raw.peer.ending.reason if raw.peer.ending else None

    def test_row_31_too_many_announced(self) -> None:
        """50,001 entries of an inv: too long for the command; Core's policy passes them over."""
        payload = b"\xfe\x51\xc3\0\0" + bytes(36) * 50_001
        self.assertEqual(self.reason("btcd", "inv", payload), Reason.OVERSIZE)
        self.assertIsNone(self.reason("core", "inv", payload))

    def test_row_32_nothing(self) -> None:
        """Empty lists are none of a peer's business here."""
        for policy in POLICIES:
            for command in ("inv", "getdata", "addr", "addrv2"):
                self.assertIsNone(self.reason(policy, command, b"\0"), command)

    def test_row_33_unknown_things(self) -> None:
        """50,000 unknown things are asked for: whoever answers says so in one message, and nothing piles up."""
        raw = self.ready()
        raw.peer.hear("getdata", lambda peer, message: peer.send(NotFoundMessage(message.inv_list)))
        vectors = [InvVect(MSG_TX, number.to_bytes(32, "big")) for number in range(50_000)]
        raw.send(GetData(vectors))
        self.assertEqual([message.inv_list == vectors for message in raw.read()], [True])  # type: ignore[attr-defined]

    def test_row_34_many_questions(self) -> None:
        """1001 questions that take their time: one is worked on, the others wait where they came from."""
        work: list[Deferred[None]] = []

        def answer(peer: Any, message: Any) -> Deferred[None]:
            work.append(Deferred())
            return work[-1]

        raw = self.ready()
        raw.peer.hear("getdata", answer)
        question = raw.frame(GetData([InvVect(MSG_TX, bytes(32))]))
        for _ in range(1001):
            raw.send(question)
        self.assertEqual((len(work), raw.transport.reading), (1, False))
        for number in range(1001):
            work[number].callback(None)
            self.clock.advance(0)
        self.assertEqual((len(work), raw.transport.reading), (1001, True))

    def test_row_35_too_many_addresses(self) -> None:
        """1001 addresses."""
        payload = b"\xfd\xe9\x03" + bytes(30) * 1001
        self.assertIn(self.reason("btcd", "addr", payload), (Reason.OVERSIZE, Reason.MALFORMED))
        self.assertIsNone(self.reason("core", "addr", payload))


class AnswerTests(PeerTestCase):
    """Rows 42, 44, 46 to 48: what is owed, and what is not."""

    def test_row_42_from_who_is_behind(self) -> None:
        """Who is not ahead owes no headers: without an answer for an hour, he stays."""
        raw = self.ready()
        raw.peer.send(GetHeaders(70016, [HASHES[0]], bytes(32)), expect=False)
        for _ in range(60):
            self.let_pass(60)
            raw.send(Ping(1))
        self.assertFalse(raw.hung_up)

    def test_row_44_pongs(self) -> None:
        """One that was not asked for, or has another nonce, is ignored and cancels nothing."""
        raw = self.ready()
        raw.send(Pong(5))
        waiting = raw.peer.ping()
        (ping,) = raw.read()
        assert isinstance(ping, Ping) and ping.nonce is not None
        raw.send(Pong(ping.nonce ^ 1))
        self.assertNoResult(waiting)
        self.let_pass(2)
        raw.send(Pong(ping.nonce))
        self.assertAlmostEqual(self.successResultOf(waiting), 2.0)

    def test_row_44_zero(self) -> None:
        """One with the nonce zero ends the waiting, without a latency; the peer stays."""
        raw = self.ready()
        waiting = [raw.peer.ping(), raw.peer.ping()]
        raw.send(Pong(0))
        for each in waiting:
            self.assertIn("nonce zero", str(self.failureResultOf(each, PeerStalled).value))
        self.assertEqual((raw.peer.snapshot().ping_last, raw.hung_up), (None, False))

    def test_row_44_short(self) -> None:
        """One that cannot be read does so too, where that ends no peer."""
        raw = self.ready("core")
        waiting = raw.peer.ping()
        raw.send(raw.peer.network.envelope.wrap(b"pong".ljust(12, b"\0"), b"123"))
        self.failureResultOf(waiting, PeerStalled)
        self.assertFalse(raw.hung_up)
        raw.send(raw.peer.network.envelope.wrap(b"ping".ljust(12, b"\0"), b"123"), Ping(7))
        self.assertIn(Pong(7), raw.read())

    def test_row_46_not_asked(self) -> None:
        """A notfound for what was not asked changes nothing."""
        raw = self.ready()
        asked = raw.peer.request_blocks([HASHES[0]])
        raw.send(NotFoundMessage([InvVect(MSG_BLOCK, HASHES[1]), InvVect(MSG_TX, HASHES[0])]))
        self.assertNoResult(asked)
        self.assertFalse(raw.hung_up)
        raw.close()
        self.failureResultOf(asked, PeerLost)

    def test_row_47_twice_and_late(self) -> None:
        """A second answer is not heard by who asked, and one behind the deadline is dropped."""
        raw = self.ready()
        asked = raw.peer.request(GetAddr())
        raw.send(Addr([]), Addr([TimedAddress(1, 1, "192.0.2.1", 1)]))
        self.assertEqual(self.successResultOf(asked), Addr([]))
        late = raw.peer.request(GetAddr(), timeout=5)
        self.let_pass(6)
        self.failureResultOf(late, PeerStalled)
        raw.send(Addr([]))
        self.assertFalse(raw.hung_up)

    def test_row_48_two_of_three(self) -> None:
        """What is not given fails alone after 30 seconds; the peer stays if any was given, by this policy."""
        raw = self.ready()
        there, missing = HEADER.block_hash, HASHES[1]
        asked = raw.peer.request_blocks([there, missing, HASHES[2]])
        raw.send(Block(HEADER, []), NotFoundMessage([InvVect(MSG_BLOCK, HASHES[2])]))
        self.let_pass(31)
        block, stalled, unknown = self.successResultOf(asked)
        self.assertEqual(block.block_hash, there)
        self.assertIsInstance(stalled, PeerStalled)
        self.assertIn(missing[::-1].hex(), str(stalled))
        self.assertIsInstance(unknown, NotFound)
        self.let_pass(60)
        self.assertFalse(raw.hung_up)


class FloodTests(PeerTestCase):
    """Rows 45, 49 to 51: more than can be taken."""

    def test_row_45_ping_flood(self) -> None:
        """Who pings without reading is read no more when the pongs are too many; when he reads, all are answered."""
        raw = self.ready(send_budget=64 * MIB)
        raw.peer.reading.most = MIB // 4
        pings = raw.frame(Ping(1)) * 2000
        sent = 0
        while raw.transport.reading:
            raw.peer.dataReceived(pings)
            sent += 2000
        self.assertLess(raw.peer.outbox.flow.waiting, MIB // 4 + len(pings))
        self.let_pass(10)
        self.assertEqual((len(raw.read()), raw.peer.ending), (sent, None))
        self.let_pass(0.1)
        self.assertTrue(raw.transport.reading)

    def test_row_45_flood_goes_on(self) -> None:
        """What comes all the same is kept, little of it, and handled afterwards."""
        raw = self.ready(send_budget=64 * MIB)
        raw.peer.reading.most = MIB // 4
        pings = raw.frame(Ping(1)) * 2000
        sent = 0
        while raw.transport.reading:
            raw.peer.dataReceived(pings)
            sent += 2000
        self.let_pass(15)
        self.assertTrue(raw.transport.reading)
        raw.peer.dataReceived(pings)
        self.assertFalse(raw.transport.reading)
        self.assertEqual(len(raw.read()), sent)
        self.let_pass(0.1)
        self.assertEqual(len(raw.read()), 2000)

    def test_row_49_reads_nothing(self) -> None:
        """100 MB to who reads nothing: ended at the budget; memory stays near it."""
        raw = self.ready(send_budget=4 * MIB)
        block = raw.codec.decode(junk(raw, size=MIB), strict=False)
        tracemalloc.start()
        try:
            for _ in range(100):
                raw.peer.send(block)
            most = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        self.assertEqual(self.why(raw).reason, Reason.SEND_QUEUE_FULL)
        self.assertLess(most, 4 * MIB + 5 * MIB)
        self.assertEqual(raw.peer.outbox.flow.waiting, 0)

    def test_row_50_both_at_once(self) -> None:
        """Both sides send 4 MB at the same time: each takes the other's."""
        pair = Pair(regtest())
        pair.deliver()
        block = pair.outbound.codec.decode(junk(self.ready()), strict=False)
        for peer in (pair.outbound, pair.inbound):
            peer.send(block)
            peer.send(Ping(1))
        pair.deliver(65_536)
        pair.advance(1)
        for heard in (pair.outbound_heard, pair.inbound_heard):
            self.assertEqual((len(heard.heard("on_block")), heard.heard("on_ping")), (1, [Ping(1)]))

    def test_row_51_junk_beside_a_quiet_peer(self) -> None:
        """Between any two of 80 long junk messages another peer has its pong."""
        noisy, quiet = self.ready("core"), self.ready("core")
        frame = junk(noisy, "nosuch", 999_900)
        for number in range(80):
            noisy.send(frame)
            quiet.send(Ping(number))
            self.assertEqual(quiet.read(), [Pong(number)])
        self.assertFalse(noisy.hung_up)


class BothTests(PeerTestCase):
    """Two things to wait for at the same time."""

    def test_busy_and_full(self) -> None:
        """A listener that is done does not help while the answers are not taken; then all goes on."""
        work: Deferred[None] = Deferred()

        def answer(peer: Any, message: Any) -> Deferred[None]:
            for _ in range(10):
                peer.send(NotFoundMessage([InvVect(MSG_BLOCK, bytes(32))] * 5000))
            return work

        raw = self.ready()
        raw.peer.reading.most = MIB
        raw.peer.hear("getaddr", answer)
        raw.send(GetAddr(), Ping(1))
        work.callback(None)
        self.clock.advance(0)
        self.assertFalse(raw.transport.reading)
        self.assertEqual(len(raw.read()), 10)
        self.clock.advance(0)
        self.assertEqual((raw.read(), raw.transport.reading), ([Pong(1)], True))

    def test_data_in_between(self) -> None:
        """What comes when the listener is done and the turn to go on is not there yet is handled in its order."""
        work: Deferred[None] = Deferred()
        raw = self.ready()
        raw.peer.hear("getaddr", lambda *_: work)
        raw.send(GetAddr(), Ping(1))
        work.callback(None)
        raw.send(Ping(2))
        self.assertEqual(raw.read(), [])
        self.clock.advance(0)
        self.assertEqual(raw.read(), [Pong(1), Pong(2)])


class EndTests(PeerTestCase):
    """Rows 52 to 56: how it ends."""

    def test_row_52_in_the_middle(self) -> None:
        """A FIN inside a message has a reason of its own."""
        raw = self.ready()
        raw.send(raw.frame(Inv([]))[:-1])
        raw.close(ConnectionDone())
        assert raw.peer.ending is not None
        self.assertEqual(raw.peer.ending.reason, Reason.EOF_IN_MESSAGE)

    def test_row_53_reset_at_once(self) -> None:
        """A reset right after the beginning is told once, below a warning, and its place is free."""
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        raw = self.raw(inbound=True)
        raw.close(ConnectionLost())
        self.assertEqual(raw.peer.factory.peers, {})
        self.assertTrue(all(event["log_level"] <= LogLevel.info for event in events))
        assert raw.peer.ending is not None
        self.assertEqual(raw.peer.ending.reason, Reason.RESET)

    def test_row_54_gone_while_not_read(self) -> None:
        """A peer that is not read is looked at every 15 seconds, so that its end is seen; little is kept."""
        raw = self.ready()
        work: Deferred[None] = Deferred()
        raw.peer.hear("inv", lambda *_: work)
        raw.send(Inv([]))
        self.assertFalse(raw.transport.reading)
        self.let_pass(15)
        self.assertTrue(raw.transport.reading)
        raw.peer.dataReceived(raw.frame(Ping(1)) * 2000)
        self.assertFalse(raw.transport.reading)
        for _ in range(40):
            self.let_pass(15)
            if raw.transport.reading:
                raw.peer.dataReceived(raw.frame(Ping(1)) * 2000)
        self.assertLess(raw.peer.inbox.kept, MOST_KEPT + BUFFER)
        raw.close(ConnectionLost())
        work.callback(None)

    def test_row_55_listener_fails(self) -> None:
        """It is logged once, with the peer; that peer is ended, and no other."""
        for policy in POLICIES:
            raw, other = self.ready(policy), self.ready(policy)
            raw.peer.hear("inv", lambda *_: 1 / 0)
            raw.send(Inv([]))
            self.assertEqual(self.why(raw).reason, Reason.LOCAL_ERROR)
            (logged,) = self.flushLoggedErrors(ZeroDivisionError)
            self.assertIsNotNone(logged)
            self.assertFalse(other.hung_up)

    def test_row_56_listener_closes(self) -> None:
        """No further message of the chunk is delivered."""
        raw = self.ready()
        raw.peer.hear("inv", lambda peer, message: peer.disconnect())
        raw.send(Inv([]), Addr([]), Inv([]))
        self.assertEqual(self.heard(raw).names[-1], "on_inv")
        self.assertEqual(self.heard(raw).names.count("on_inv"), 1)


class GapTests(PeerTestCase):
    """Rows 65 and 66: time in which nobody could do anything."""

    def test_row_65_suspended(self) -> None:
        """Suspended for ten minutes, with the answer in the system's buffers: nothing is the peer's fault."""
        raw = self.ready()
        asked = raw.peer.request(MemPool())
        self.clock.callLater(600, raw.send, Inv([]))
        self.clock.advance(600)
        self.clock.advance(0)
        self.assertEqual(self.successResultOf(asked), Inv([]))
        self.assertEqual((raw.peer.state, raw.hung_up), (State.READY, False))

    def test_row_66_busy_handler(self) -> None:
        """A listener that blocks for five seconds takes nothing of the peer's time, and is warned of."""
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        raw = self.ready()
        asked = raw.peer.request(MemPool())
        raw.peer.hear("addr", lambda *_: self.busy(5))
        for _ in range(6):
            raw.send(Addr([]))
            self.let_pass(1)
        self.assertFalse(raw.hung_up)
        self.assertNoResult(asked)
        raw.send(Inv([]))
        self.assertEqual(self.successResultOf(asked), Inv([]))
        warned = [formatEvent(event) for event in events if event["log_level"] is LogLevel.warn]
        self.assertEqual(len(warned), 6)
        self.assertIn("192.0.2.2:8333 (outbound): handling it took more than 1 seconds", warned[0])
        self.assertTrue(warned[0].endswith("last addr"), warned[0])
        with self.assertRaises(LocalError):
            raw.peer.send(Ping(1 << 64))
