"""What a peer promises of what is known of it, of its end and its log, and of the tools for tests, on every network:
the points 9, 11 and 13 to 16 of the list in `test_promises`.
"""

from __future__ import annotations

import json
import weakref
from dataclasses import asdict
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import formatEvent

from peerproto.errors import PeerError, PeerLost, Reason
from peerproto.forms.introduction import Introduction
from peerproto.networks import kaspa
from peerproto.peer.logs import MESSAGES, TRACE, set_log_level
from peerproto.peer.protocol import PeerProtocol
from peerproto.peer.score import Judge
from peerproto.testing import Pair, RawPeer, memory_factory
from tests.everywhere import WAYS, EverywhereCase, module_of, tx_of
from tests.frames import kept, long
from tests.peer_case import HASHES
from tests.test_peer_tracing import TracedCase


class StatisticsTests(EverywhereCase):
    """Point 9."""

    def test_snapshot(self) -> None:
        """What is known of a peer is plain data: bytes and messages by command and direction, time in handlers, what is
        asked and for how long still, what waits.
        """
        for way, raw in self.everywhere(time_handlers=True):
            ping = raw.peer.network.make_ping(7, raw.peer.factory)
            raw.peer.hear("ping", lambda *_: self.busy(0.25))
            raw.send(ping, ping)
            waiting = raw.peer.request_transactions([HASHES[0]], timeout=20)
            self.clock.advance(5)
            told = json.loads(json.dumps(asdict(raw.peer.snapshot())))
            received, sent = told["received"]["ping"], told["sent"]["pong"]
            self.assertEqual((received["messages"], sent["messages"]), (2, 2), way)
            self.assertEqual(received["bytes"], 2 * len(raw.frame(ping)), way)
            self.assertAlmostEqual(received["seconds"], 0.5, msg=way)
            for direction in ("sent", "received"):
                total = sum(each["bytes"] for each in told[direction].values())
                self.assertEqual(total, told[f"bytes_{direction}"], way)
            self.assertEqual((told["open_requests"], told["state"], told["score"]), (1, "ready", 0), way)
            (asked,) = told["requests"]
            self.assertAlmostEqual(asked["seconds_left"], 15.0, msg=way)
            self.assertIn(HASHES[0][::-1].hex(), asked["name"])
            waiting.addErrback(lambda _: None)

    def test_accessors(self) -> None:
        """Where a peer stands, without a snapshot."""
        for way, raw in self.everywhere(inbound=True):
            peer, other = raw.peer, self.on(way).peer
            self.assertEqual(str(peer), "192.0.2.1:50001 (inbound)")
            self.assertEqual(str(other), "192.0.2.2:8333 (outbound)")
            self.assertNotEqual(peer.id, other.id)
            self.assertEqual((peer.version_known, peer.verack_received, peer.connected), (True,) * 3, way)
            self.assertEqual(type(peer.version), peer.network.version, way)
            self.assertEqual(peer.local_addr, "192.0.2.2:8333")
            place = peer.na
            assert place is not None
            self.assertEqual((place.host, place.port), ("192.0.2.1", 50001))
            for height, best in ((50, 50), (40, 50), (60, 60)):
                peer.update_last_block_height(height)
                self.assertEqual(peer.last_block, best, way)
            peer.update_last_announced_block(HASHES[1])
            self.assertEqual(peer.snapshot().last_announced_block, HASHES[1][::-1].hex())
            self.assertEqual((peer.selected_tip is None, peer.subnetwork), (way != "kaspad", None), way)
            self.assertEqual(peer.time_connected, 1_600_000_000.0, way)


class EndingTests(EverywhereCase):
    """Point 11."""

    def test_everybody_is_told(self) -> None:
        """However often a peer is ended, whoever waits for anything hears of it once, with the first reason."""
        for way, raw in self.everywhere():
            peer, told = raw.peer, list[Any]()
            ping = peer.network.make_ping(1, peer.factory)
            peer.send(kept(raw, long(way)))
            waiting: list[Deferred[Any]] = [peer.when_disconnected() for _ in range(3)]
            waiting += [peer.request_transactions([name]) for name in HASHES]
            waiting += [peer.ping(), peer.send(ping, notify=True), peer.drained()]
            for each in waiting:
                each.addBoth(told.append)
            peer.disconnect()
            peer.disconnect(PeerLost("another reason", Reason.SHUTDOWN))
            raw.close()
            peer.disconnect()
            errors = [found if isinstance(found, PeerError) else found.value for found in told]
            self.assertEqual({error.reason for error in errors}, {Reason.LOCAL_CLOSE}, way)
            self.assertEqual((len(told), self.heard(raw).names.count("on_lost")), (len(waiting), 1), way)
            late = self.successResultOf(peer.when_disconnected())
            self.assertIs(late, peer.ending)

    def test_in_the_handshake(self) -> None:
        """So does who waits for a peer to be ready, or for what was held back until then."""
        for way in WAYS:
            raw = self.made(way)
            ping = raw.peer.network.make_ping(1, raw.peer.factory)
            waiting = [raw.peer.when_ready(), raw.peer.send(ping, notify=True), raw.peer.ping()]
            waiting += [raw.peer.request_transactions([HASHES[0]])]
            raw.close()
            for each in waiting:
                found = self.failureResultOf(each, PeerLost).value
                self.assertEqual(found.reason, Reason.CLOSED_BY_PEER, way)

    def test_who_does_not_read(self) -> None:
        """What is written may still be taken, for as long as the grace time; then the connection is cut."""
        for way, raw in self.everywhere():
            raw.peer.send(kept(raw, long(way)))
            raw.peer.disconnect()
            self.let_pass(raw.peer.factory.timing.grace - 0.1)
            self.assertEqual((raw.transport.closing, raw.transport.aborted), (True, False), way)
            self.let_pass(0.2)
            self.assertTrue(raw.transport.aborted, way)

    def test_nothing_is_left(self) -> None:
        """No timer, no producer, no reference: whoever ends it, with requests open or a listener at work."""
        for way, network in WAYS.items():
            gone: list[weakref.ref[PeerProtocol]] = []
            for end in ("by us", "by them", "in the handshake", "malformed", "at work", "full"):
                raw = RawPeer(memory_factory(network, clock=self.clock))
                if end != "in the handshake":
                    raw.handshake()
                self.spend(way, raw, end)
                raw.close()
                self.assertIsNone(raw.transport._producer, (way, end))
                self.assertEqual(raw.peer.factory.peers, {}, (way, end))
                gone.append(weakref.ref(raw.peer))
            del raw
            self.assertEqual(self.clock.getDelayedCalls(), [], way)
            self.assert_gone(gone)

    def spend(self, way: str, raw: RawPeer, end: str) -> None:
        """A life with this end."""
        raw.peer.request_transactions([HASHES[0]]).addErrback(lambda _: None)
        raw.peer.ping().addErrback(lambda _: None)
        if end == "by us":
            raw.peer.disconnect()
        if end == "malformed":
            raw.send(b"\xff" * 30)
        if end == "at work":
            work: Deferred[None] = Deferred()
            raw.peer.hear("tx", lambda *_: work)
            raw.peer.hear("getdata", lambda *_: work)
            tx, _ = tx_of(raw.peer.network)
            ask = raw.peer.network.phrases.transactions
            assert ask is not None
            raw.send(ask(HASHES, False), ask(HASHES, False), tx, tx)
        if end == "full":
            raw.peer.send(kept(raw, long(way)))
            raw.peer.drained().addErrback(lambda _: None)


class LoggingTests(TracedCase, EverywhereCase):
    """Point 13."""

    def test_off(self) -> None:
        """It costs nothing while nobody wants it."""
        for way, raw in self.everywhere():
            raw.send(raw.peer.network.make_ping(1, raw.peer.factory))
            self.assertEqual((self.said(MESSAGES), raw.peer.outbox.on_write), ([], None), way)
            self.assertIs(raw.peer.audience.handlers, raw.peer.factory.handlers)

    def test_lines_and_dumps(self) -> None:
        """A line for each message sent and received, or all of it with a dump of its bytes."""
        set_log_level(MESSAGES, "debug")
        for way, raw in self.everywhere():
            lines = self.said(MESSAGES)
            self.assertEqual(
                len(lines), raw.peer.snapshot().sent["version"]["messages"] + 3 + self.more(raw), way
            )
            size = raw.peer.snapshot().sent["version"]["bytes"]
            self.assertTrue(any(f"sent version to {raw.peer}, {size} bytes" in line for line in lines), way)
        set_log_level(TRACE, "debug")
        for way, raw in self.everywhere():
            self.said(TRACE)
            ping = raw.peer.network.make_ping(0x1122, raw.peer.factory)
            raw.send(ping)
            received, sent = self.said(TRACE)
            self.assertIn("22 11 00 00", received, way)
            self.assertIn("pong", sent, way)

    @staticmethod
    def more(raw: RawPeer) -> int:
        """How many messages a handshake has beside two versions and two veracks."""
        sent = raw.peer.snapshot().sent
        return sum(tally["messages"] for tally in sent.values()) - 2

    def test_text_from_the_network(self) -> None:
        """It is escaped, wherever it comes to stand."""
        set_log_level(MESSAGES, "debug")
        for way in WAYS:
            self.events.clear()
            raw = self.made(way, inbound=True)
            envelope, whole = raw.peer.network.envelope, raw.frame(raw.version(user_agent="/AAAAAA/"))
            raw.send(envelope.wrap(whole[4:16], whole[24:].replace(b"AAAAAA", b"\x1b[2J\n\x7f")))
            raw.send(raw.peer.network.verack())
            said = [formatEvent(event) for event in self.events]
            self.assertTrue(any("x1b" in line for line in said), (way, said))
            for line in said:
                self.assertTrue(line.isascii() and line.isprintable(), (way, line))


class ConfigurationTests(EverywhereCase):
    """Point 14."""

    def test_told(self) -> None:
        """What a factory is told stands in the versions of its peers, where the network's versions say such a thing."""
        told: dict[str, Any] = {"user_agent": "/mine:1.0.0/", "services": 5, "nonce": 99, "port": 1234}
        for way, network in WAYS.items():
            said = self.said(way, height=lambda: 77, tip=HASHES[0], **told)
            found = (said.user_agent, said.services, said.nonce, said.protocol_version)
            self.assertEqual(found, ("/mine:1.0.0/", 5, 99, network.protocol_version), way)
            if self.has_tips(way):
                self.assertEqual(said.tip, HASHES[0])
            else:
                self.assertEqual(said.height, 77, way)
            self.assertEqual(said.port, 1234 if way == "neo-cli" else 0, way)

    @staticmethod
    def has_tips(way: str) -> bool:
        """Whether versions tell the best block by its hash."""
        return module_of(WAYS[way]) is kaspa

    def said(self, way: str, **options: Any) -> Introduction:
        """What a peer with these options says of itself."""
        raw = self.made(way, **options)
        raw.send(raw.version())
        version = next(message for message in raw.read() if isinstance(message, WAYS[way].version))
        return WAYS[way].read_version(version)

    def test_asked_each_time(self) -> None:
        """A function is asked at each handshake; one that fails ends that handshake, as a fault of ours."""
        for way, network in WAYS.items():
            answers = iter((7, 8))
            given: dict[str, Any] = {"height": answers.__next__}
            if self.has_tips(way):
                given = {"tip": lambda answers=answers: bytes([next(answers)]) * 32}
            factory, heard = memory_factory(network, clock=self.clock, **given), list[int]()
            for _ in range(3):
                raw = RawPeer(factory)
                self._raws.append(raw)
                for said in map(network.read_version, raw.read()):
                    heard.append(said.tip[0] if said.tip else said.height)
            self.assertEqual((heard, self.why(raw).reason), ([7, 8], Reason.LOCAL_ERROR), way)
            self.assertEqual(len(self.flushLoggedErrors(StopIteration)), 1, way)

    def test_times(self) -> None:
        """Times, a budget and the stall handler are the caller's to set, peer by peer."""
        for way, raw in self.everywhere(idle_timeout=17, stall_handler=False, trickle_interval=0.5):
            timing = raw.peer.factory.timing
            self.assertEqual((timing.idle, timing.stall_tick, timing.trickle), (17, 0, (0.5, 0.5)), way)
            self.let_pass(18)
            self.assertEqual(self.why(raw).reason, Reason.IDLE, way)


class ScoreTests(EverywhereCase):
    """Point 15."""

    def test_verdicts(self) -> None:
        """More than the threshold is judged once: said, ended, or a function is called."""
        judged: list[Any] = []

        def call(*what: Any) -> None:
            judged.append(what)

        for way in WAYS:
            verdict: Any
            for verdict, ended in (("disconnect", True), ("log", False), (call, False)):
                raw = self.on(way, judge=Judge(threshold=10, verdict=verdict))
                self.assertEqual(raw.peer.add_score(10, 0, "at the threshold"), 10, way)
                self.assertFalse(raw.hung_up, way)
                raw.peer.add_score(0, 1, "the last straw")
                self.assertEqual(raw.hung_up, ended, way)
            self.assertEqual(judged.pop(), (raw.peer, "the last straw"), way)
        self.assertEqual(judged, [])

    def test_decay(self) -> None:
        """Half of what may be forgotten is, in a minute, and all of it in half an hour; the rest stays."""
        for way, raw in self.everywhere(idle_timeout=10_000):
            raw.peer.add_score(10, 80)
            for seconds, left in ((60, 50), (60, 30), (1690, 10)):
                self.clock.advance(seconds)
                self.assertEqual(raw.peer.score, left, way)

    def test_table(self) -> None:
        """Each offence that the network knows counts what its table says, and what it does not know nothing."""
        for way, network in WAYS.items():
            for offence, points in network.scoring.offences.items():
                raw = self.on(way, judge=Judge(verdict="log"))
                self.assertEqual(raw.peer.blame(offence), sum(points), (way, offence))
            self.assertEqual(self.on(way).peer.blame(Reason.LOCAL_ERROR), 0, way)

    def test_spared(self) -> None:
        """Nothing is held against who was chosen by hand."""
        for way, raw in self.everywhere(manual=True):
            self.assertEqual((raw.peer.add_score(1000, 1000), raw.hung_up), (0, False), way)


class ToolTests(EverywhereCase):
    """Point 16."""

    def test_pair(self) -> None:
        """Two peers in memory talk to each other, as time is let pass."""
        for way, network in WAYS.items():
            pair = Pair(network, clock=Clock())
            pair.deliver(5)
            waiting = [pair.outbound.ping(), pair.inbound.ping()]
            pair.advance(0.25)
            for each in waiting:
                self.assertAlmostEqual(self.successResultOf(each), 0.25, msg=way)
            for heard in (pair.outbound_heard, pair.inbound_heard):
                self.assertEqual(heard.names.count("on_ready"), 1, way)
                self.assertEqual(heard.names.count("on_ping"), 1, way)
            pair.cut()

    def test_script(self) -> None:
        """The other side can be played by a script of what to say to what."""
        for way, raw in self.everywhere():
            tx, name = tx_of(raw.peer.network)
            waiting = raw.peer.request_transactions([name])
            heard = raw.play({"getdata": lambda asked, tx=tx: [tx, tx]})
            self.assertEqual(self.successResultOf(waiting), [tx], way)
            self.assertEqual([message.command for message in heard], ["getdata"], way)
