"""Tests of scores: what is held against a peer, for how long, and what becomes of it."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.logger import formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.errors import (
    Discredited,
    InvalidHeaders,
    ListenerFailed,
    LocalError,
    PeerLost,
    PeerStalled,
    Reason,
)
from peerproto.networks import kaspa
from peerproto.networks.bitcoin import Ping
from peerproto.peer.score import Judge, Score, is_loopback
from peerproto.testing import RawPeer, memory_factory
from tests.kaspa_case import KaspaCase
from tests.peer_case import PeerTestCase


class ScoreTests(SynchronousTestCase):
    """Points and time (dcrd's own tests of connmgr/dynamicbanscore.go, at its numbers)."""

    def test_decay(self) -> None:
        """TestDynamicBanScoreDecay: half of the transient part is left after a minute; the other stays."""
        score = Score()
        score.add(100, 50, 0)
        self.assertEqual((score.at(0), score.at(60)), (150, 125))
        score.add(200, 150, 60)
        self.assertEqual((score.at(60), score.at(120)), (475, 387))

    def test_life(self) -> None:
        """TestDynamicBanScoreLifetime: after 1800 s nothing is left, however much it was."""
        score = Score()
        score.add(0, 2**32 - 1, 1000)
        self.assertEqual(score.at(1000), 2**32 - 1)
        self.assertEqual(score.at(1000 + 1800), 3)
        self.assertEqual(score.at(1000 + 1801), 0)
        score.add(0, 1, 1000 + 1801)
        self.assertEqual(score.at(1000 + 1801), 1)

    def test_less_than_one(self) -> None:
        """Less than a point is nothing."""
        score = Score()
        score.add(0, 1, 5)
        self.assertEqual((score.at(5), score.at(5.5)), (1, 0))

    def test_persistent(self) -> None:
        """What stays stays, and does not make the rest younger."""
        score = Score()
        score.add(0, 64, 0)
        score.add(1, 0, 60)
        self.assertEqual((score.at(60), score.at(120), score.at(10**6)), (33, 17, 1))

    def test_clock_goes_back(self) -> None:
        """On a clock that goes back nothing grows."""
        score = Score()
        score.add(0, 10, 100)
        self.assertEqual(score.at(40), 10)


class JudgeTests(SynchronousTestCase):
    """What may be told."""

    def test_wrong(self) -> None:
        """A verdict is one of two words or a function."""
        with self.assertRaisesRegex(
            LocalError, "^verdict 'ban' is neither log nor disconnect, and no function$"
        ):
            Judge(verdict="ban")  # type: ignore[arg-type]


class ScoreCase(PeerTestCase):
    """Looks at the log."""

    def setUp(self) -> None:
        super().setUp()
        self.lines: list[str] = []

        def observe(event: Any) -> None:
            if event["log_level"].name == "warn":
                self.lines.append(formatEvent(event))

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)


class AddTests(ScoreCase):
    """add_score and its verdicts."""

    def test_nothing_yet(self) -> None:
        """A new peer has no score; nothing added is nothing."""
        peer = self.raw().peer
        self.assertEqual((peer.score, peer.add_score(), peer.snapshot().score), (0, 0, 0))

    def test_add(self) -> None:
        """Both parts add up; the transient one goes by the peer's clock; the snapshot shows it."""
        peer = self.ready().peer
        self.assertEqual(peer.add_score(10, 8, "this"), 18)
        self.assertEqual(peer.add_score(1), 19)
        self.clock.advance(60)
        self.assertEqual((peer.score, peer.snapshot().score), (15, 15))

    def test_negative(self) -> None:
        """Nothing can be taken back."""
        peer = self.ready().peer
        for points in ((-1, 0), (0, -1)):
            with self.assertRaisesRegex(LocalError, "a score only rises"):
                peer.add_score(*points)

    def test_warning(self) -> None:
        """More than half of the threshold is logged, once; when it was forgotten, once more."""
        peer = self.ready().peer
        peer.add_score(0, 50, "half")
        self.assertEqual(self.lines, [])
        peer.add_score(0, 1, "more")
        peer.add_score(0, 1, "yet more")
        self.assertEqual(self.lines, ["192.0.2.2:8333 (outbound) has a score of 51: more"])
        self.clock.advance(60)
        peer.add_score(0, 40, "again")
        self.assertEqual(len(self.lines), 2)

    def test_threshold(self) -> None:
        """The threshold itself is not yet too much, one point more is: the peer is ended."""
        raw = self.ready()
        raw.peer.add_score(100, 0, "much")
        self.assertFalse(raw.hung_up)
        raw.peer.add_score(0, 1, "that")
        error = self.why(raw)
        self.assertIsInstance(error, Discredited)
        self.assertEqual(
            (str(error), error.reason), ("score of 101, 100 allowed; the last for that", Reason.MISBEHAVING)
        )
        self.assertEqual(raw.peer.score, 101)
        self.assertEqual(raw.read(), [])
        self.assertEqual(self.lines[1:], [f"192.0.2.2:8333 (outbound) misbehaves: {error}"])

    def test_log_only(self) -> None:
        """A verdict may be a line in the log and no more."""
        raw = self.ready(judge=Judge(10, "log"))
        raw.peer.add_score(11, 0, "x")
        raw.peer.add_score(11, 0, "y")
        self.assertFalse(raw.hung_up)
        self.assertEqual(
            self.lines,
            [
                "192.0.2.2:8333 (outbound) has a score of 11: x",
                "192.0.2.2:8333 (outbound) misbehaves: score of 11, 10 allowed; the last for x",
            ],
        )

    def test_function(self) -> None:
        """A verdict may be a function; it is called once, and again when it was forgotten."""
        called: list[Any] = []
        raw = self.ready(judge=Judge(10, lambda peer, why: called.append((peer, why))))
        raw.peer.add_score(0, 11, "x")
        raw.peer.add_score(0, 1, "y")
        self.assertEqual(called, [(raw.peer, "x")])
        self.clock.advance(60)
        raw.peer.add_score(0, 11, "z")
        self.assertEqual([why for _, why in called], ["x", "z"])
        self.assertFalse(raw.hung_up)

    def test_function_ends_the_peer(self) -> None:
        """It may end the peer for its own reason, by raising that too."""

        def judge(peer: Any, why: str) -> None:
            raise PeerLost(f"enough of {why}", Reason.MISBEHAVING)

        raw = self.ready(judge=Judge(10, judge))
        raw.peer.add_score(11, 0, "this")
        self.assertEqual(str(self.why(raw)), "enough of this")

    def test_function_fails(self) -> None:
        """If it fails that is logged, and ends the peer as a listener that fails does."""
        raw = self.ready(judge=Judge(0, lambda *_: 1 // 0))
        raw.peer.add_score(1)
        self.assertIsInstance(self.why(raw), ListenerFailed)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_after_the_end(self) -> None:
        """What a peer is found out for when it has gone still counts, for who looks at it then."""
        raw = self.ready()
        raw.close()
        self.assertEqual(raw.peer.add_score(101, 0, "late"), 101)


class SparedTests(ScoreCase):
    """Against whom nothing is held."""

    def at(self, address: Any, **options: Any) -> RawPeer:
        """A ready peer at an address."""
        raw = self.ready(**options)
        raw.transport._there = address
        return raw

    def test_loopback(self) -> None:
        """Our own machine: a proxy's end or a tunnel's."""
        for address in (
            IPv4Address("TCP", "127.0.0.1", 5),
            IPv4Address("TCP", "127.8.9.1", 5),
            IPv6Address("TCP", "::1", 5),
            IPv6Address("TCP", "::ffff:127.0.0.1", 5),
        ):
            for inbound in (False, True):
                raw = self.at(address, inbound=inbound)
                self.assertEqual(raw.peer.add_score(1000, 1000, "all"), 0)
                self.assertTrue(raw.peer.is_spared)
                self.assertFalse(raw.hung_up)

    def test_others(self) -> None:
        """All else is not."""
        for address in (
            IPv4Address("TCP", "192.0.2.1", 5),
            IPv6Address("TCP", "2001:db8::1", 5),
            IPv6Address("TCP", "::ffff:192.0.2.1", 5),
            UNIXAddress(b"/nowhere"),
        ):
            self.assertFalse(is_loopback(address))
            self.assertEqual(self.at(address).peer.add_score(1), 1)

    def test_manual(self) -> None:
        """Whom we call by choice; who calls such a node is none of them."""
        self.assertEqual(self.ready(manual=True).peer.add_score(1000), 0)
        self.assertEqual(self.ready(manual=True, inbound=True).peer.add_score(1), 1)

    def test_one_by_hand(self) -> None:
        """One peer can be made one."""
        peer = self.ready(inbound=True).peer
        peer.manual = True
        self.assertEqual(peer.add_score(1000), 0)


class BlameTests(ScoreCase):
    """What the table says."""

    def test_offence(self) -> None:
        """An offence has its points; a reason that is not in the table has none."""
        peer = self.ready().peer
        self.assertEqual(peer.blame(Reason.MISBEHAVING), 100)
        self.assertEqual(peer.blame(Reason.IDLE), 100)
        with self.assertRaisesRegex(LocalError, "^bitcoin-regtest has no points for 'unrequested-tx'$"):
            peer.blame("unrequested-tx")

    def test_ended(self) -> None:
        """Who is ended for an offence has it held against him, once."""
        raw = self.ready()
        raw.peer.disconnect(InvalidHeaders("do not link"))
        raw.peer.disconnect(InvalidHeaders("do not link"))
        self.assertEqual(raw.peer.score, 100)

    def test_never_for_ours(self) -> None:
        """Nothing is held against who was ended by us, by our own fault, or whose connection broke."""
        raw = self.ready()
        raw.peer.disconnect()
        self.assertEqual(raw.peer.score, 0)
        raw = self.raw(listener=Fails())
        raw.handshake()
        raw.send(Ping(1))
        self.assertIsInstance(self.why(raw), ListenerFailed)
        self.assertEqual((raw.peer.score, len(self.flushLoggedErrors(ZeroDivisionError))), (0, 1))
        raw = self.ready()
        raw.send(raw.frame(Ping(1))[:9])
        raw.close()
        self.assertEqual((raw.peer.ending and raw.peer.ending.reason, raw.peer.score), ("eof-in-message", 0))

    def test_not_connected(self) -> None:
        """A peer that is ended before it is connected has done nothing."""
        peer = self.raw().peer.factory.build(inbound=False)
        peer.disconnect(InvalidHeaders("none came"))
        self.assertEqual(peer.score, 0)


class Fails:
    """A listener that fails at a ping."""

    def on_ping(self, peer: Any, message: Any) -> None:
        """Fail."""
        _ = 1 // 0


class DecredTests(ScoreCase):
    """dcrd bans at once."""

    def test_malformed(self) -> None:
        """A frame that cannot be read is more than any threshold."""
        called: list[str] = []
        network = networks.named("decred-simnet")
        factory = memory_factory(
            network, clock=self.clock, judge=Judge(10_000, lambda _, why: called.append(why))
        )
        raw = RawPeer(factory)
        self._raws.append(raw)
        raw.handshake()
        raw.send(network.envelope.wrap(b"ping".ljust(12, b"\0"), b"123"))
        self.assertEqual(called, ["malformed"])


class KaspaTests(KaspaCase):
    """kaspad keeps its scores in the peer."""

    def test_malformed(self) -> None:
        """10 points for what cannot be read, whatever it is."""
        network = networks.named("kaspa-simnet")
        for frame in (
            b"\0" * 24,
            network.envelope.wrap(b"nosuch".ljust(12, b"\0"), b""),
            network.envelope.wrap(b"ping".ljust(12, b"\0"), b"123"),
            network.envelope.wrap(b"ping".ljust(12, b"\0"), b"12345678")[:-1] + b"0",
        ):
            raw = self.open()
            raw.send(frame)
            self.assertTrue(raw.hung_up)
            self.assertEqual(raw.peer.score, 10)

    def test_first_no_version(self) -> None:
        """1 point if the first message is no version."""
        raw = self.made(inbound=True)
        raw.send(kaspa.Ping(1))
        self.assertEqual((raw.peer.score, raw.hung_up), (1, True))

    def test_duplicates(self) -> None:
        """1 point for a second version and for a second verack, which are answered by a reject and end nobody."""
        raw = self.open()
        raw.send(raw.version(), kaspa.VerAck(), kaspa.VerAck())
        self.assertEqual((raw.peer.score, raw.hung_up), (3, False))
        self.assertEqual(self.commands(raw), ["reject"] * 3)

    def test_stall(self) -> None:
        """1 point for a question that was not answered."""
        raw = self.open()
        raw.peer.send(kaspa.GetSelectedTip())
        self.let_pass(46)
        self.assertIsInstance(self.why(raw), PeerStalled)
        self.assertEqual(raw.peer.score, 1)

    def test_offences(self) -> None:
        """What a node finds out is blamed by its name."""
        raw = self.open()
        self.assertEqual(raw.peer.blame("unrequested-tx"), 20)
        self.assertEqual(raw.peer.blame("filter-out-of-turn"), 25)
        raw.peer.blame("invalid-block")
        self.assertEqual(str(self.why(raw)), "score of 125, 100 allowed; the last for invalid-block")

    def test_score_and_reject(self) -> None:
        """The reject goes out first; when it is written the points count, and may end the peer."""
        raw = self.open()
        scored = [
            raw.peer.score_and_reject("getlocator", 0x10, "unknown hash", persistent=60, transient=1)
            for _ in range(2)
        ]
        self.assertEqual(raw.read(), [kaspa.Reject("getlocator", 0x10, "unknown hash")] * 2)
        self.assertEqual([self.successResultOf(each) for each in scored], [61, 122])
        self.assertIsInstance(self.why(raw), Discredited)

    def test_score_and_reject_waits(self) -> None:
        """Nothing counts while the peer does not take it; it counts if it never does."""
        raw = self.open()
        scored = raw.peer.score_and_reject("tx", 0x10, "bad", bytes(32), persistent=20)
        self.assertNoResult(scored)
        self.assertEqual(raw.peer.score, 0)
        raw.close()
        self.assertEqual(self.successResultOf(scored), 20)


class NoRejectTests(ScoreCase):
    """Where there are none."""

    def test_no_reject(self) -> None:
        """A network without rejects says so."""
        network = networks.named("neo-privnet")
        raw = RawPeer(memory_factory(network, clock=self.clock))
        self._raws.append(raw)
        raw.handshake()
        with self.assertRaises(LocalError):
            raw.peer.score_and_reject("tx", 1, "no")
        self.assertEqual(raw.peer.score, 0)
