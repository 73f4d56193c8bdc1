"""Tests of deadlines: idleness, stalls, requests, the keep-alive, and how they are judged."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from peerproto.errors import HandshakeTimeout, NotFound, PeerIdle, PeerLost, PeerStalled, Reason
from peerproto.networks import bitcoin
from peerproto.networks.bitcoin import (
    MSG_BLOCK,
    Addr,
    Block,
    BlockHeader,
    GetAddr,
    GetData,
    GetHeaders,
    Headers,
    Inv,
    InvVect,
    MemPool,
    Ping,
    Pong,
)
from peerproto.peer.handshake import State
from peerproto.testing import RawPeer, Recorder
from tests.peer_case import HASHES, POLICIES, SHORT, PeerTestCase, unknown_frame

GET_HEADERS = GetHeaders(70016, [], bytes(32))
BLOCK = Block(BlockHeader(1, bytes(32), bytes(32), 1, 0, 0), [])


class IdleTests(PeerTestCase):
    """300 seconds without a complete message."""

    def idle(self, raw: RawPeer) -> None:
        error = self.why(raw)
        self.assertIsInstance(error, PeerIdle)
        self.assertIs(error.reason, Reason.IDLE)
        self.assertEqual(str(error), "no message for 300 seconds")
        self.assertNotIn("reject", [message.command for message in raw.read()])

    def test_silence(self) -> None:
        """A silent peer is ended after 300 seconds, and not before, without a word."""
        for policy in POLICIES:
            raw = self.ready(policy)
            self.let_pass(299.9)
            self.assertFalse(raw.hung_up)
            self.clock.advance(0.2)
            self.idle(raw)

    def test_restarted_by_messages(self) -> None:
        """Any complete message begins the time anew, also one that nobody understands."""
        raw = self.ready()
        for thing in (Ping(1), unknown_frame(raw.peer.network), Inv([])):
            self.let_pass(299)
            raw.send(thing)
        self.let_pass(299)
        self.assertFalse(raw.hung_up)
        self.let_pass(2)
        self.idle(raw)

    def test_not_by_bytes(self) -> None:
        """Row 7: bytes of a message that never ends do not."""
        raw = self.ready()
        raw.send(raw.peer.network.envelope.wrap(b"block".ljust(12, b"\0"), bytes(4_000_000))[:24])
        for _ in range(300):
            self.clock.advance(1)
            raw.send(b"\0")
        self.clock.advance(0.1)
        self.assertIs(self.why(raw).reason, Reason.SLOW_MESSAGE)

    def test_look_twice(self) -> None:
        """A message that arrives in the turn in which the time is up saves the peer."""
        raw = self.ready()
        self.clock.callLater(300, raw.send, Ping(1))
        self.let_pass(301)
        self.assertFalse(raw.hung_up)
        self.let_pass(298)
        self.assertFalse(raw.hung_up)
        self.let_pass(2)
        self.idle(raw)

    def test_own_timing(self) -> None:
        """A factory may have other times than its network."""
        raw = self.ready(timing=SHORT)
        self.let_pass(30.1)
        self.assertEqual(str(self.why(raw)), "no message for 30 seconds")

    def test_our_time(self) -> None:
        """Time in which our own listener was busy is not the peer's silence."""
        raw = self.ready(listener=Recorder({"on_inv": lambda *_: self.busy(200)}))
        raw.send(Inv([]))
        self.let_pass(299)
        self.assertFalse(raw.hung_up)
        self.let_pass(1.1)
        self.idle(raw)


class KeepAliveTests(PeerTestCase):
    """A ping every 120 seconds."""

    def pings(self, raw: RawPeer) -> list[Any]:
        return [message for message in raw.read() if message.command == "ping"]

    def test_every_two_minutes(self) -> None:
        """The first after 120 seconds, then each 120, each with a nonce of its own."""
        raw = self.ready()
        nonces = set()
        for _ in range(4):
            self.let_pass(119.9)
            self.assertEqual(self.pings(raw), [])
            self.clock.advance(0.1)
            (ping,) = self.pings(raw)
            nonces.add(ping.nonce)
            raw.send(Pong(ping.nonce))
        self.assertEqual(len(nonces), 4)
        self.assertNotIn(0, nonces)

    def test_latency(self) -> None:
        """Its pong is timed like any other."""
        raw = self.ready()
        for latency in (0.25, 0.5):
            self.let_pass(120 if raw.peer.pings.last is None else 119.75)
            (ping,) = self.pings(raw)
            self.clock.advance(latency)
            raw.send(Pong(ping.nonce))
        self.assertAlmostEqual(raw.peer.pings.last, 0.5)
        self.assertAlmostEqual(raw.peer.pings.least, 0.25)
        self.assertAlmostEqual(raw.peer.pings.mean, 0.375)

    def test_without_nonce(self) -> None:
        """Up to protocol version 60000 it has none, and keeps the connection open all the same."""
        raw = self.ready(says={"protocol_version": 60000})
        self.let_pass(120)
        self.assertEqual(self.pings(raw), [Ping(None)])

    def test_a_peer_that_never_answers(self) -> None:
        """A missing pong ends nobody; silence does."""
        raw = self.ready()
        for _ in range(20):
            self.let_pass(60)
            raw.send(Inv([]))
        self.assertFalse(raw.hung_up)
        self.assertEqual(len(self.pings(raw)), 10)


class StallTests(PeerTestCase):
    """What is owed and does not come, by each policy."""

    def stalled(self, raw: RawPeer, command: str) -> None:
        error = self.why(raw)
        self.assertIsInstance(error, PeerStalled)
        self.assertIs(error.reason, Reason.STALLED)
        self.assertEqual(str(error), f"no answer to {command}")

    def test_at_the_next_look(self) -> None:
        """btcd looks every 15 seconds: 30 after a request at second 10, it sees at 45 that it is late."""
        raw = self.ready()
        self.let_pass(10)
        raw.peer.send(MemPool())
        self.let_pass(34.5)
        self.assertFalse(raw.hung_up)
        self.let_pass(0.6)
        self.stalled(raw, "mempool")

    def test_headers(self) -> None:
        """Headers have 90 seconds."""
        raw = self.ready()
        raw.peer.send(GET_HEADERS)
        self.let_pass(89)
        self.assertFalse(raw.hung_up)
        self.let_pass(1.1)
        self.stalled(raw, "getheaders")

    def test_later_request_moves_it(self) -> None:
        """A later request of the same kind moves the deadline."""
        raw = self.ready()
        for _ in range(5):
            raw.peer.send(GetData([InvVect(1, HASHES[0])]))
            self.let_pass(29)
        self.assertFalse(raw.hung_up)
        self.let_pass(16)
        self.stalled(raw, "getdata")

    def test_any_answer_to_a_getdata(self) -> None:
        """Row 48: a block that nobody asked for clears the peer; the request fails alone."""
        raw = self.ready()
        waiting = raw.peer.request_blocks(HASHES[:1])
        raw.send(BLOCK)
        self.let_pass(31)
        self.assertFalse(raw.hung_up)
        (error,) = self.successResultOf(waiting)
        self.assertIsInstance(error, PeerStalled)

    def test_not_owed(self) -> None:
        """What is sent without expecting an answer is not watched, nor is what btcd does not watch."""
        raw = self.ready()
        raw.peer.send(GET_HEADERS, expect=False)
        raw.peer.send(GetAddr())
        self.let_pass(200)
        self.assertFalse(raw.hung_up)

    def test_not_ahead(self) -> None:
        """Row 42: a peer that is behind us owes no headers, and a request that does not expect them sets no time."""
        raw = self.ready(says={"height": 0})
        raw.peer.send(GET_HEADERS, expect=False)
        raw.send(Headers([]))
        self.let_pass(200)
        self.assertFalse(raw.hung_up)

    def test_core_ends_nobody(self) -> None:
        """By Bitcoin Core's policy requests fail, and the peer stays."""
        raw = self.ready("core")
        requests = [raw.peer.request(message) for message in (MemPool(), GET_HEADERS)]
        requests.append(raw.peer.request_blocks(HASHES[:1]))
        self.let_pass(100)
        self.assertFalse(raw.hung_up)
        for each in requests[:2]:
            self.failureResultOf(each, PeerStalled)
        (error,) = self.successResultOf(requests[2])
        self.assertIsInstance(error, PeerStalled)

    def test_look_twice(self) -> None:
        """An answer that arrives in the turn of the verdict saves the peer."""
        raw = self.ready()
        raw.peer.send(MemPool())
        self.clock.callLater(30, raw.send, Inv([]))
        self.let_pass(60)
        self.assertFalse(raw.hung_up)

    def test_idle_and_stall_at_once(self) -> None:
        """Two verdicts of one turn do not hide each other: the message that clears one leaves the other."""
        raw = self.ready(timing=SHORT)
        self.let_pass(0.1)
        raw.peer.send(MemPool())
        self.let_pass(29.9)
        self.assertTrue(raw.hung_up)
        raw = self.ready(timing=SHORT)
        raw.peer.send(MemPool())
        self.clock.callLater(30, raw.send, Ping(1))
        self.let_pass(30)
        self.stalled(raw, "mempool")

    def test_our_time(self) -> None:
        """Row 66, of one peer: time that its own messages took us does not count against it."""
        raw = self.ready(listener=Recorder({"on_inv": lambda *_: self.busy(60)}))
        raw.peer.send(GET_HEADERS)
        raw.send(Inv([]))
        self.let_pass(85)
        self.assertFalse(raw.hung_up)
        self.let_pass(20)
        self.stalled(raw, "getheaders")

    def test_our_time_in_small_pieces(self) -> None:
        """It is not lost if it comes in pieces too small to notice."""
        raw = self.ready(listener=Recorder({"on_inv": lambda *_: self.busy(0.05)}))
        waiting = raw.peer.request(GetAddr())
        for _ in range(400):
            raw.send(Inv([]))
        self.let_pass(29)
        self.assertNoResult(waiting)
        self.let_pass(1.1)
        self.failureResultOf(waiting, PeerStalled)


class ExpiryTests(PeerTestCase):
    """Requests that fail alone."""

    def test_three_of_which_one_fails(self) -> None:
        """Row 48: of three things one comes, one is not there, one is not answered and fails at its own time."""
        for policy in POLICIES:
            raw = self.ready(policy)
            hashes = [BLOCK.block_hash, HASHES[1], HASHES[2]]
            waiting = raw.peer.request_blocks(hashes)
            raw.send(BLOCK, bitcoin.NotFound([InvVect(MSG_BLOCK, HASHES[1])]))
            self.let_pass(29.9)
            self.assertNoResult(waiting)
            self.let_pass(0.2)
            found, missing, late = self.successResultOf(waiting)
            self.assertEqual(found.block_hash, BLOCK.block_hash)
            self.assertIsInstance(missing, NotFound)
            self.assertIsInstance(late, PeerStalled)
            self.assertFalse(raw.hung_up)

    def test_own_time(self) -> None:
        """A request may have a time of its own, shorter than another that runs already."""
        raw = self.ready("core")
        long, short = raw.peer.request(GET_HEADERS), raw.peer.request(GetAddr(), timeout=2.5)
        self.let_pass(2.4)
        self.assertNoResult(short)
        self.let_pass(0.2)
        self.failureResultOf(short, PeerStalled)
        self.let_pass(87)
        self.assertNoResult(long)
        self.let_pass(1)
        self.failureResultOf(long, PeerStalled)

    def test_one_timer(self) -> None:
        """However many are open, one timer runs for them."""
        raw = self.ready("core")
        before = len(self.clock.getDelayedCalls())
        waiting = [raw.peer.request(GetAddr(), timeout=seconds) for seconds in (9, 5, 7, 5)]
        self.assertEqual(len(self.clock.getDelayedCalls()), before + 1)
        self.let_pass(10)
        for each in waiting:
            self.failureResultOf(each, PeerStalled)
        self.assertEqual(len(self.clock.getDelayedCalls()), before)

    def test_answers_do_not_touch_it(self) -> None:
        """An answered request leaves the timer, which finds nothing to do."""
        raw = self.ready("core")
        waiting = raw.peer.request(GetAddr(), timeout=5)
        raw.send(Addr([]))
        self.successResultOf(waiting)
        later = raw.peer.request(GetAddr(), timeout=20)
        self.let_pass(19.9)
        self.assertNoResult(later)
        self.let_pass(0.2)
        self.failureResultOf(later, PeerStalled)

    def test_look_twice(self) -> None:
        """An answer that arrives in the turn in which the time is up is in time."""
        raw = self.ready("core")
        waiting = raw.peer.request(GetAddr())
        self.clock.callLater(30, raw.send, Addr([]))
        self.let_pass(31)
        self.assertEqual(self.successResultOf(waiting), Addr([]))

    def test_our_time(self) -> None:
        """Time that this peer's messages took us does not count."""
        raw = self.ready("core", listener=Recorder({"on_inv": lambda *_: self.busy(25)}))
        waiting = raw.peer.request(GetAddr())
        raw.send(Inv([]))
        self.let_pass(29)
        self.assertNoResult(waiting)
        self.let_pass(1.1)
        self.failureResultOf(waiting, PeerStalled)

    def test_failing_one_ends_the_peer(self) -> None:
        """Who fails may end the peer at once; nothing is set on the clock after that but its end."""
        raw = self.ready("core")
        waiting = [raw.peer.request(GetAddr(), timeout=5), raw.peer.request(GetAddr(), timeout=6)]
        waiting[0].addErrback(lambda _: raw.peer.disconnect())
        self.let_pass(5.1)
        self.assertTrue(raw.hung_up)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.let_pass(3)
        self.assertNoResult(waiting[1])
        raw.close()
        self.assertIs(self.failureResultOf(waiting[1], PeerLost).value.reason, Reason.LOCAL_CLOSE)

    def test_sent_without_waiting(self) -> None:
        """A request for which nobody waits ends in silence, and with it its turn."""
        raw = self.ready("core")
        raw.peer.send(GetAddr())
        self.let_pass(31)
        waiting = raw.peer.request(GetAddr())
        raw.send(Addr([]))
        self.successResultOf(waiting)


class ClockTests(PeerTestCase):
    """Clocks are not exact, and processes sleep."""

    def test_after_a_long_sleep(self) -> None:
        """Row 65: after the machine slept, a peer is not ended before what waits in its socket was read."""
        raw = self.ready()
        waiting = raw.peer.request(GET_HEADERS)
        self.clock.callLater(300, raw.send, Headers([]))
        self.clock.advance(600)
        self.assertEqual(self.successResultOf(waiting), Headers([]))

    def test_rounding(self) -> None:
        """No sum of odd fractions makes a timer ring for ever or never."""
        self.clock.advance(1e9 / 3)
        raw = self.ready("core", listener=Recorder({"on_inv": lambda *_: self.busy(0.1)}))
        waiting: list[Deferred[Any]] = []
        for _ in range(50):
            waiting.append(raw.peer.request(GetAddr(), timeout=0.7))
            raw.send(Inv([]))
            self.clock.advance(0.1)
        self.clock.advance(1)
        for each in waiting:
            self.failureResultOf(each, PeerStalled)

    def test_handshake_with_own_timing(self) -> None:
        """The handshake's time can be another."""
        raw = self.raw(timing=SHORT)
        self.let_pass(3)
        self.assertIsInstance(self.why(raw), HandshakeTimeout)
        self.assertEqual(str(raw.peer.ending), "still awaiting version after 3 seconds")

    def test_ready_stops_the_handshake(self) -> None:
        """A ready peer has three timers: idle, ping and stall."""
        raw = self.ready()
        self.assertEqual(len(self.clock.getDelayedCalls()), 3)
        self.assertIs(raw.peer.state, State.READY)
