"""Tests of hostile conduct and faults, row by row of the list that a peer must survive, on Bitcoin: time and answers.

Rows about bytes stand in `test_peer_hostile`, those that run on every network in `test_peer_rows_everywhere`.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from peerproto.errors import NotFound, PeerLost, PeerStalled, Reason
from peerproto.networks.bitcoin import (
    MSG_BLOCK,
    MSG_TX,
    Addr,
    Block,
    BlockHeader,
    GetAddr,
    GetHeaders,
    Inv,
    InvVect,
    Ping,
    Pong,
    TimedAddress,
)
from peerproto.networks.bitcoin import NotFound as NotFoundMessage
from tests.peer_case import HASHES, POLICIES, PeerTestCase

MIB = 1 << 20
HEADER = BlockHeader(1, bytes(32), bytes(32), 5, 6, 7)


class TimeTests(PeerTestCase):
    """Rows 8 to 11: who takes his time."""

    def test_row_08_at_last(self) -> None:
        """One that is whole in time, however slowly it came, is a message."""
        raw = self.ready()
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
    """Rows 31, 32 and 35: lists that are too long, or empty."""

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
    """Row 45: more than can be taken."""

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
