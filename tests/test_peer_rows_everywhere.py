"""Tests of hostile conduct and faults, row by row, that are the same deed on every network: time, floods, ends, gaps.

What a network has its own answer to is told by its data. Rows whose bytes differ stand in `test_peer_rows_networks`,
what needs only one network in `test_peer_rows`; rows 47 and 48 in `test_peer_requesting`.
"""

from __future__ import annotations

import tracemalloc
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.logger import LogLevel, formatEvent, globalLogPublisher

from peerproto.errors import MalformedMessage, Reason, UnknownCommand
from peerproto.peer.flow import BUFFER
from peerproto.peer.handshake import State
from peerproto.peer.reading import LOOK, MOST_KEPT
from peerproto.testing import Pair, RawPeer
from peerproto.wire.message import Message
from peerproto.wire.varint import write_varint
from tests.everywhere import WAYS, EverywhereCase, missing, module_of, tx_of
from tests.frames import MIB, MOST, frame, header, kept, long, vectors
from tests.talk import talk


def most_of(raw: RawPeer) -> int:
    """How long a block may be, in bytes."""
    return raw.codec.table[b"block".ljust(12, b"\0")].most


def getdata(way: str, number: int) -> bytes:
    """A question for so many transactions that nobody has, all the same."""
    network = WAYS[way]
    ask = network.phrases.transactions
    assert ask is not None
    return network.codec().encode(ask([b"\7" * 32] * number, False))


class EverywhereRows(EverywhereCase):
    """Ready peers of every network."""

    def inv(self, way: str) -> bytes:
        """An announcement of nothing."""
        return frame(way, b"inv", vectors(way, b"\0"))

    def logged(self) -> list[Any]:
        """The events that are logged from now on."""
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        return events

    def ping(self, raw: RawPeer, nonce: int) -> Message:
        """A ping that the other side sends, and the pong that is due for it."""
        network, node = raw.peer.network, raw.peer.factory
        return network.make_ping(nonce, node)

    def pong(self, raw: RawPeer, nonce: int) -> Message | None:
        """What answers that ping."""
        network, node = raw.peer.network, raw.peer.factory
        return network.make_pong(network.make_ping(nonce, node), node)

    def test_row_03_header_byte_by_byte(self) -> None:
        """A header in 24 pieces is as good as a whole one."""
        for way, raw in self.everywhere():
            for byte in raw.frame(self.ping(raw, 3)):
                self.assertEqual(raw.read(), [], way)
                raw.send(bytes([byte]))
            self.assertEqual(raw.read(), [self.pong(raw, 3)], way)

    def test_row_04_three_and_a_half(self) -> None:
        """Three messages and half of the fourth in one chunk: three are delivered in order, the rest is kept."""
        for way, raw in self.everywhere():
            frames = [raw.frame(self.ping(raw, number)) for number in range(1, 5)]
            half = len(frames[3]) // 2
            raw.send(b"".join(frames)[: -len(frames[3]) + half])
            self.assertEqual(raw.read(), [self.pong(raw, number) for number in (1, 2, 3)], way)
            self.assertEqual(raw.peer.inbox.waiting, half, way)
            raw.send(frames[3][half:])
            self.assertEqual(raw.read(), [self.pong(raw, 4)], way)

    def test_row_07_most_and_then_silence(self) -> None:
        """The longest announced payload takes no memory before its bytes come; then the idle limit ends the peer."""
        for way, raw in self.everywhere():
            tracemalloc.start()
            try:
                raw.send(header(way, b"block", most_of(raw)))
                raw.send(bytes(1000))
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
            self.assertLess(peak, 300_000, way)
            self.let_pass(raw.peer.factory.timing.idle - 1)
            self.assertFalse(raw.hung_up, way)
            self.let_pass(1.1)
            self.assertEqual(self.why(raw).reason, Reason.SLOW_MESSAGE, way)

    def test_row_08_slow_message(self) -> None:
        """4 MB come byte by byte: ended at the idle limit, since only whole messages restart it."""
        for way, raw in self.everywhere():
            idle = int(raw.peer.factory.timing.idle)
            raw.send(header(way, b"block", min(4_000_000, most_of(raw))), bytes(1000 - 24))
            for _ in range(idle - 1):
                self.let_pass(1)
                raw.send(b"\0")
            self.assertFalse(raw.hung_up, way)
            self.let_pass(1.1)
            said = f"{1000 + idle - 1} bytes of a message in {idle} seconds, and not the rest"
            self.assertEqual((self.why(raw).reason, str(raw.peer.ending)), (Reason.SLOW_MESSAGE, said), way)

    def test_row_09_silence(self) -> None:
        """Who calls and says nothing is ended when the time of the handshake is over."""
        for way in WAYS:
            raw = self.made(way, inbound=True)
            self.let_pass(raw.peer.factory.timing.handshake - 0.1)
            self.assertFalse(raw.hung_up, way)
            self.let_pass(0.2)
            self.assertEqual(self.why(raw).reason, Reason.HANDSHAKE_TIMEOUT, way)

    def test_row_10_only_pings(self) -> None:
        """Pings do not prolong it, where they do not end it at once."""
        for way in WAYS:
            raw = self.made(way, inbound=True)
            ignored, limit = raw.peer.network.order.ignores_early, int(raw.peer.factory.timing.handshake)
            raw.read()
            for _ in range(limit if ignored else 1):
                raw.send(self.ping(raw, 1))
                self.let_pass(1)
            expected = Reason.HANDSHAKE_TIMEOUT if ignored else Reason.UNEXPECTED_MESSAGE
            self.assertEqual((self.why(raw).reason, "pong" in self.commands(raw)), (expected, False), way)

    def test_row_23_times(self) -> None:
        """Whatever time it says it is: the peer is accepted, and its clock shown as no further off than can be."""
        for way in WAYS:
            for said in (0, 1, 2**32 - 1):
                raw = self.on(way, says={"timestamp": said})
                self.assertIs(raw.peer.state, State.READY, way)
                self.assertEqual(raw.peer.snapshot().time_offset, said - 1_600_000_000, way)

    def test_row_24_user_agents(self) -> None:
        """As many bytes as the network allows are accepted; one more ends the peer, or leaves its version unheard. Of
        Soter's 256 a version can have 240: its own limit forgets the hash in it.
        """
        for way in WAYS:
            most = 240 if way == "soterd" else WAYS[way].agents.most
            agent, size = f"/{'x' * (most - 4)}:1/", write_varint(most)
            self.assertIs(self.on(way, says={"user_agent": agent}).peer.state, State.READY, way)
            raw = self.made(way, inbound=True)
            whole, more = raw.frame(raw.version(user_agent=agent)), write_varint(most + 1)
            payload = whole[24:].replace(size + agent.encode(), more + agent.encode() + b"/")
            self.assertEqual(payload.count(more + agent.encode() + b"/"), 1, way)
            raw.send(frame(way, b"version", payload))
            passed = MalformedMessage in raw.peer.codec.policy.tolerates
            self.assertIs(raw.peer.state, State.AWAITING_VERSION if passed else State.CLOSED, way)

    def test_row_33_unknown_things(self) -> None:
        """As many unknown things as one question may have: whoever answers says so in one message, where that can be
        said, and nothing piles up; that is the cost of the question, and no peer is ended for one.
        """
        for way, raw in self.everywhere():
            number = MOST.get(way, 50_000)
            raw.peer.hear("getdata", self.say_missing)
            raw.send(getdata(way, number))
            found = raw.read()
            self.assertEqual([self.things(message) for message in found], [number] * (way != "neo-cli"), way)
            cost = raw.peer.network.scoring.costs.get(module_of(WAYS[way]).GetData)
            self.assertEqual((raw.peer.score > 0, raw.hung_up), (cost is not None, False), way)

    @staticmethod
    def say_missing(peer: Any, message: Any) -> None:
        """As a node does that has none of it."""
        answer = missing(peer.network, message)
        if answer is not None:
            peer.send(answer)

    def things(self, message: Message) -> int:
        """How many a notfound names."""
        self.assertEqual(message.command, "notfound")
        return len(message.inv_list)  # type: ignore[attr-defined]

    def test_row_34_many_questions(self) -> None:
        """More questions than may be open, of which one is answered and takes its time. dcrd reads on, and ends the
        peer; elsewhere one is worked on, the others wait where they came from, and all are answered.
        """
        for way, raw in self.everywhere():
            backlog, work = raw.peer.network.backlog, list[Deferred[None]]()
            raw.peer.hear("getdata", lambda *_, work=work: work.append(Deferred()) or work[-1])
            question = getdata(way, 1)
            for _ in range((backlog.messages if backlog else 1000) + 1):
                raw.send(question)
            self.assertEqual((len(work), raw.transport.reading, raw.hung_up), (1, bool(backlog), False), way)
            if backlog:
                raw.send(question)
                self.assertEqual((way, self.why(raw).reason), ("dcrd", Reason.TOO_MANY_REQUESTS))
                continue
            for number in range(1001):
                work[number].callback(None)
                self.clock.advance(0)
            self.assertEqual((len(work), raw.transport.reading), (1001, True), way)

    def test_row_42_from_who_is_behind(self) -> None:
        """Who is not ahead owes no headers, and no blocks: without an answer for an hour, it stays."""
        for way, raw in self.everywhere():
            network = raw.peer.network
            asked = [question for question in talk(way).questions if type(question) in network.expects]
            for question in asked:
                raw.peer.send(question, expect=False)
            self.assertEqual(len(raw.read()), len(asked), way)
            for _ in range(60):
                self.clock.advance(60)
                raw.send(self.ping(raw, 1))
            self.assertFalse(raw.hung_up, way)

    def test_row_45_ping_flood(self) -> None:
        """Who pings without reading is read no more when the pongs are too many; when he reads, all are answered."""
        for way, raw in self.everywhere(send_budget=64 * MIB):
            raw.peer.reading.most = MIB // 4
            pings, sent = raw.frame(self.ping(raw, 1)) * 2000, 0
            while raw.transport.reading:
                raw.peer.dataReceived(pings)
                sent += 2000
            self.assertGreater(sent, 2000, way)
            self.assertLess(raw.peer.outbox.flow.waiting, MIB // 4 + len(pings), way)
            self.let_pass(10)
            pongs = raw.read()
            self.assertEqual((pongs, raw.peer.ending), ([self.pong(raw, 1)] * sent, None), way)
            self.let_pass(0.1)
            self.assertTrue(raw.transport.reading, way)

    def test_row_49_reads_nothing(self) -> None:
        """100 MB to who reads nothing: ended at the budget; memory stays near it."""
        for way, raw in self.everywhere(send_budget=4 * MIB):
            much = kept(raw, long(way))
            tracemalloc.start()
            try:
                for _ in range(100):
                    raw.peer.send(much)
                most = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
            self.assertEqual(self.why(raw).reason, Reason.SEND_QUEUE_FULL, way)
            self.assertLess(most, 4 * MIB + 5 * MIB, way)
            self.assertEqual(raw.peer.outbox.flow.waiting, 0, way)

    def test_row_49_takes_too_little(self) -> None:
        """Who takes nothing of what is within the budget is ended when its time is over: of the network's table, and a
        second more for each 256 KiB.
        """
        for way, raw in self.everywhere():
            raw.peer.send(kept(raw, long(way, 1_000_000)))
            seconds = raw.peer.factory.timing.write + 1_000_000 // 262_144
            self.let_pass(seconds - 1)
            self.assertFalse(raw.hung_up, way)
            self.let_pass(2)
            self.assertEqual(self.why(raw).reason, Reason.WRITE_STALL, way)

    def test_row_50_both_at_once(self) -> None:
        """Both sides send 4 MB at the same time: each takes the other's."""
        for way, network in WAYS.items():
            pair = Pair(network)
            pair.deliver()
            peers = (pair.outbound, pair.inbound)
            much = pair.outbound.codec.decode(long(way), strict=False)
            for peer in peers:
                for _ in range(4):
                    peer.send(much)
                peer.send(network.make_ping(1, peer.factory))
            pair.deliver(65_536)
            pair.advance(1)
            for heard in (pair.outbound_heard, pair.inbound_heard):
                taken = len(heard.heard(f"on_{much.command}")), len(heard.heard("on_ping"))
                self.assertEqual(taken, (4, 1), way)
            pair.cut()

    def test_row_51_junk_beside_a_quiet_peer(self) -> None:
        """Between any two of 80 long messages that nobody wants another peer has its pong."""
        for way, noisy in self.everywhere():
            quiet = self.on(way)
            quiet.read()
            passed = UnknownCommand in quiet.peer.codec.policy.tolerates
            much = frame(way, b"nosuch", bytes(400_000)) if passed else long(way, 400_000)
            for number in range(1, 81):
                noisy.send(much)
                quiet.send(self.ping(quiet, number))
                self.assertEqual(quiet.read(), [self.pong(quiet, number)], way)
            self.assertFalse(noisy.hung_up, way)

    def test_row_52_in_the_middle(self) -> None:
        """A FIN inside a message has a reason of its own, and is not held against the peer."""
        for way, raw in self.everywhere():
            raw.send(self.inv(way)[:-1])
            raw.close(ConnectionDone())
            assert raw.peer.ending is not None
            self.assertEqual((raw.peer.ending.reason, raw.peer.score), (Reason.EOF_IN_MESSAGE, 0), way)

    def test_row_53_reset_at_once(self) -> None:
        """A reset right after the beginning is told once, below a warning, and its place is free."""
        for way in WAYS:
            events = self.logged()
            raw = self.made(way, inbound=True)
            raw.close(ConnectionLost())
            self.assertEqual(raw.peer.factory.peers, {}, way)
            self.assertTrue(all(event["log_level"] <= LogLevel.info for event in events), way)
            assert raw.peer.ending is not None
            self.assertEqual(raw.peer.ending.reason, Reason.RESET, way)

    def test_row_54_gone_while_not_read(self) -> None:
        """A peer that is not read is looked at well within the idle limit, so that its end is seen; little of what it
        says then is kept, and it is not idle.
        """
        for way, raw in self.everywhere():
            work: Deferred[None] = Deferred()
            raw.peer.hear("inv", lambda *_, work=work: work)
            raw.send(self.inv(way))
            self.assertFalse(raw.transport.reading, way)
            self.assertLess(LOOK, raw.peer.factory.timing.idle, way)
            pings = raw.frame(self.ping(raw, 1)) * 2000
            for _ in range(40):
                self.let_pass(LOOK)
                if raw.transport.reading:
                    raw.peer.dataReceived(pings)
                    self.assertFalse(raw.transport.reading, way)
            self.assertLess(raw.peer.inbox.kept, MOST_KEPT + BUFFER, way)
            self.assertGreater(raw.peer.inbox.kept, 10 * len(pings), way)
            self.assertIsNone(raw.peer.ending, way)
            raw.close(ConnectionLost())
            work.callback(None)
            assert raw.peer.ending is not None
            self.assertEqual(raw.peer.ending.reason, Reason.RESET, way)

    def test_row_55_listener_fails(self) -> None:
        """It is logged once, with the peer; that peer is ended, and no other; nothing is held against it."""
        for way, raw in self.everywhere():
            other, events = self.on(way), self.logged()
            raw.peer.hear("inv", lambda *_: 1 / 0)
            raw.send(self.inv(way), self.inv(way))
            self.assertEqual((self.why(raw).reason, raw.peer.score), (Reason.LOCAL_ERROR, 0), way)
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1, way)
            (told,) = [event for event in events if event.get("log_failure")]
            self.assertIn(str(raw.peer), formatEvent(told))
            self.assertFalse(other.hung_up, way)

    def test_row_56_listener_closes(self) -> None:
        """No further message of the chunk is delivered."""
        for way, raw in self.everywhere():
            raw.peer.hear("inv", lambda peer, _: peer.disconnect())
            raw.send(self.inv(way), self.ping(raw, 1), self.inv(way))
            self.assertEqual(self.heard(raw).names[-1], "on_inv", way)
            self.assertEqual(self.heard(raw).names.count("on_inv"), 1, way)
            self.assertEqual(self.why(raw).reason, Reason.LOCAL_CLOSE, way)

    def test_row_65_suspended(self) -> None:
        """Suspended for ten minutes, with the answer in the system's buffers: nothing is the peer's fault."""
        for way, raw in self.everywhere():
            tx, name = tx_of(WAYS[way])
            asked = raw.peer.request_transactions([name])
            self.clock.callLater(600, raw.send, tx)
            self.clock.advance(600)
            self.clock.advance(0)
            self.assertEqual(self.successResultOf(asked), [tx], way)
            self.assertEqual((raw.hung_up, raw.peer.ending, raw.peer.score), (False, None, 0), way)
            self.assertIs(raw.peer.state, State.READY, way)

    def test_row_66_busy_handler(self) -> None:
        """A listener that blocks takes nothing of the peer's time, and is warned of; else the peer has all of it."""
        for way, raw in self.everywhere():
            events, network = self.logged(), raw.peer.network
            owed = network.expects[module_of(network).GetData].seconds
            tx, name = tx_of(network)
            asked = raw.peer.request_transactions([name])
            other = raw.peer.request_transactions([bytes(32)])
            raw.peer.hear("inv", lambda *_, owed=owed: self.busy(owed / 6))
            for _ in range(6):
                raw.send(self.inv(way))
                self.let_pass(1)
            self.assertFalse(raw.hung_up, way)
            self.assertNoResult(asked)
            raw.send(tx)
            self.assertEqual(self.successResultOf(asked), [tx], way)
            self.let_pass(owed - 6.5)
            self.assertNoResult(other)
            self.let_pass(1)
            (late,) = self.successResultOf(other)
            self.assertEqual(late.reason, Reason.STALLED, way)
            warned = [formatEvent(event) for event in events if event["log_level"] is LogLevel.warn]
            self.assertEqual(len(warned), 6, way)
            self.assertIn(f"{raw.peer}: handling it took more than 1 seconds", warned[0])
            self.assertTrue(warned[0].endswith("last inv"), warned[0])
