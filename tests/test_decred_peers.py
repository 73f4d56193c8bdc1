"""Tests of Decred's peers: whom they refuse, what is owed and by when, what they answer of themselves."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from twisted.logger import LogLevel, globalLogPublisher

from peerproto import networks
from peerproto.errors import (
    BadChecksum,
    DuplicateVerack,
    DuplicateVersion,
    HandshakeTimeout,
    LocalError,
    MalformedMessage,
    NotFound,
    OversizeCommand,
    PeerIdle,
    PeerStalled,
    SelfConnection,
    UnexpectedMessage,
    UnknownCommand,
    VersionExpected,
    VersionTooOld,
    WrongNetwork,
)
from peerproto.networks import decred
from peerproto.networks.decred import behaviour, slowness
from peerproto.peer.factory import Nonces
from peerproto.peer.handshake import State
from peerproto.peer.score import Judge
from peerproto.testing import Pair
from peerproto.wire.message import Message
from tests.commands import python
from tests.decred_case import DecredCase
from tests.decred_vectors import NETS, by_label, codec_of, frame_of, golden
from tests.peer_case import HASHES, unknown_frame

SIMNET = networks.named("decred-simnet")


def message(label: str) -> Any:
    """One of dcrd's messages."""
    return codec_of(by_label(label)).decode(frame_of(by_label(label)))


def vectors(kind: int, *hashes: bytes) -> list[decred.InvVect]:
    return [decred.InvVect(kind, item) for item in hashes]


class NetworkTests(DecredCase):
    """The four networks."""

    def test_numbers(self) -> None:
        """Magics, ports and names are dcrd's; its own name of the test network is known too."""
        found = {net: networks.named(f"decred-{net}") for net in NETS}
        self.assertEqual(
            {net: (network.magic.hex(), network.port) for net, network in found.items()},
            {
                "mainnet": ("f900b4d9", 9108),
                "testnet": ("75aa94b1", 19108),
                "simnet": ("161c1412", 18555),
                "regnet": ("fa00b5da", 18655),
            },
        )
        self.assertIs(networks.named("decred-testnet3"), networks.named("decred-testnet"))
        self.assertEqual(networks.policies("decred-mainnet"), ("dcrd", "dcrd1"))
        self.assertRaises(LocalError, networks.named, "decred-regtest")
        self.assertRaises(LocalError, networks.named, "decred-simnet", "btcd")

    def test_policies(self) -> None:
        """Today's dcrd speaks 9 to 12, that of old 1 to 8."""
        for policy, versions in (("dcrd", (9, 12)), ("dcrd1", (1, 8))):
            network = networks.named("decred-mainnet", policy)
            self.assertEqual((network.least_protocol_version, network.protocol_version), versions)

    def test_services(self) -> None:
        """The services have names."""
        self.assertEqual(SIMNET.service_names(5), ["NETWORK", "COMMITTED_FILTERS"])

    def test_frames(self) -> None:
        """Frames have the checksum of BLAKE-256, once."""
        self.assertEqual(SIMNET.codec().encode(decred.VerAck())[20:].hex(), "716f6e86")


class HandshakeTests(DecredCase):
    """The way to an open peer."""

    def test_outbound(self) -> None:
        """We say our version; their version is answered by a verack at once, though dcrd waits with its own."""
        raw = self.raw(height=7, user_agent="/dcrwire:1.0.0/peer:1.0.0/")
        (version,) = raw.read()
        assert isinstance(version, decred.Version)
        self.assertEqual((version.protocol_version, version.last_block, version.services), (12, 7, 1))
        self.assertEqual((version.addr_you.ip, version.addr_me), ("192.0.2.2", decred.NetAddress(1, "::", 0)))
        raw.send(raw.version(height=5))
        self.assertEqual(self.commands(raw), ["verack"])
        raw.send(decred.VerAck())
        self.assertEqual(self.commands(raw), ["sendheaders"])
        theirs = raw.peer.theirs
        assert theirs is not None
        self.assertEqual((raw.peer.state, theirs.height, theirs.relay), (State.READY, 5, True))

    def test_inbound(self) -> None:
        """The called one waits, and then says both."""
        raw = self.raw(inbound=True)
        self.assertEqual(raw.read(), [])
        raw.send(raw.version())
        self.assertEqual(self.commands(raw), ["version", "verack"])
        raw.send(decred.VerAck())
        self.assertEqual((self.commands(raw), raw.peer.state), (["sendheaders"], State.READY))

    def test_versions(self) -> None:
        """What both speak is the lower version; nobody below 9 is spoken with, and nothing is said to them."""
        for theirs, both in ((9, 9), (11, 11), (12, 12), (13, 12), (70016, 12)):
            raw = self.ready(inbound=True, says={"protocol_version": theirs})
            self.assertEqual((raw.peer.state, raw.peer.protocol_version), (State.READY, both))
        for theirs, announced in ((9, 9), (13, 12), (70016, 12)):
            raw = self.raw(inbound=True)
            raw.send(raw.version(protocol_version=theirs))
            version, _ = raw.read()
            self.assertEqual(version.protocol_version, announced)
        for theirs in (8, 1, 0, -1):
            raw = self.raw(inbound=True)
            raw.send(raw.version(protocol_version=theirs))
            self.assertIsInstance(self.why(raw), VersionTooOld)
            self.assertEqual(raw.read(), [])

    def test_refusals(self) -> None:
        """All else than what belongs there ends the peer, without a word."""
        for first, error in (
            (decred.Ping(1), VersionExpected),
            (decred.VerAck(), VersionExpected),
            (unknown_frame(SIMNET, b"nosuch"), UnknownCommand),
            (SIMNET.codec(8).encode(decred.Reject("version", 1, "x")), UnknownCommand),
            (networks.named("decred-mainnet").codec().encode(decred.VerAck()), WrongNetwork),
        ):
            raw = self.raw(inbound=True)
            raw.send(first)
            self.assertIs(type(self.why(raw)), error)
            self.assertEqual(raw.read(), [])
        for second, error in ((decred.Ping(1), UnexpectedMessage), (None, DuplicateVersion)):
            raw = self.raw(inbound=True)
            raw.send(raw.version(), second or raw.version())
            self.assertIs(type(self.why(raw)), error)
        for pver, pings, error in ((12, 1, True), (11, 2, False), (11, 3, True)):
            raw = self.raw(inbound=True)
            raw.send(raw.version(protocol_version=pver), *[decred.Ping(number) for number in range(pings)])
            self.assertEqual(bool(raw.peer.ending), error)
        for third, error in ((decred.VerAck(), DuplicateVerack), (None, DuplicateVersion)):
            raw = self.ready()
            raw.send(third or raw.version())
            self.assertIs(type(self.why(raw)), error)
            self.assertEqual(raw.read(), [])

    def test_self(self) -> None:
        """Our own nonce ends the connection, the one of our answers too."""
        nonces = Nonces()
        first = self.raw(inbound=True, nonces=nonces)
        first.send(first.version())
        (version, _) = first.read()
        second = self.raw(inbound=True, nonces=nonces)
        second.send(second.version(nonce=version.nonce))  # type: ignore[attr-defined]
        self.assertIsInstance(self.why(second), SelfConnection)

    def test_time(self) -> None:
        """It has thirty seconds, veracks included."""
        silent, halfway = self.raw(inbound=True), self.raw()
        halfway.send(halfway.version())
        self.clock.advance(29.9)
        self.assertFalse(silent.hung_up or halfway.hung_up)
        self.clock.advance(0.2)
        for raw in (silent, halfway):
            self.assertIsInstance(self.why(raw), HandshakeTimeout)

    def test_bad_frames(self) -> None:
        """A frame that cannot be read ends the peer; none is passed over."""
        good = SIMNET.codec().encode(decred.Ping(1))
        for frame, error in (
            (good[:-1] + b"x", BadChecksum),
            (good[:16] + b"\x09" + good[17:] + b"x", OversizeCommand),
            (SIMNET.envelope.wrap(SIMNET.envelope.command("inv"), b"\0\0"), MalformedMessage),
            (SIMNET.codec(11).encode(decred.Addr([])), OversizeCommand),
            (unknown_frame(SIMNET, b"pi\0ng"), MalformedMessage),
        ):
            raw = self.ready()
            raw.send(frame)
            self.assertIs(type(self.why(raw)), error)
        raw = self.ready()
        raw.send(decred.Inv([]), decred.GetData([]), decred.Headers([]), message("addrv2 1 entries"))
        self.assertFalse(raw.hung_up)


class OldTests(DecredCase):
    """Peers by the manners of dcrd 1.x."""

    def test_everybody(self) -> None:
        """All versions from 1 on are spoken with."""
        for theirs in (1, 6, 8, 12):
            raw = self.ready("dcrd1", inbound=True, says={"protocol_version": theirs})
            self.assertEqual((raw.peer.state, raw.peer.protocol_version), (State.READY, min(theirs, 8)))

    def test_before_their_verack(self) -> None:
        """Messages may come before it, and are answered."""
        raw = self.raw("dcrd1", inbound=True, listener=object())
        raw.send(raw.version(), decred.Ping(5), decred.GetInitState(["tspends"]))
        self.assertEqual(self.commands(raw), ["version", "verack", "pong", "initstate"])
        self.assertEqual(raw.peer.state, State.AWAITING_VERACK)
        raw.send(decred.VerAck())
        self.assertEqual(raw.peer.state, State.READY)

    def test_why(self) -> None:
        """Who is refused hears why."""
        old = networks.named("decred-simnet", "dcrd1")
        for said, told in (
            ([decred.Ping(1)], ("version", 1, "a version message must precede all others")),
            ([0], ("version", 0x11, "protocol version must be 1 or greater")),
            ([8, decred.VerAck(), 8], ("version", 0x12, "duplicate version message")),
            (
                [8, decred.VerAck(), unknown_frame(old, b"foo")],
                ("malformed", 1, "foo: this network has no such command"),
            ),
            ([8, decred.VerAck(), decred.VerAck()], None),
        ):
            raw = self.raw("dcrd1", inbound=True)
            for item in said:
                raw.send(raw.version(protocol_version=item) if isinstance(item, int) else item)
            self.assertTrue(raw.hung_up)
            rejects = [found for found in raw.read() if isinstance(found, decred.Reject)]
            self.assertEqual(
                [(found.cmd, found.code, found.reason) for found in rejects], [told] if told else []
            )

    def test_hears_why(self) -> None:
        """A reject is heard, and ends nothing."""
        raw = self.ready("dcrd1")
        raw.send(decred.Reject("tx", 0x10, "no", HASHES[0]))
        self.assertFalse(raw.hung_up)
        (heard,) = self.heard(raw).heard("on_reject")
        self.assertEqual((heard.code, heard.hash), (0x10, HASHES[0]))

    def test_one_answer_for_all(self) -> None:
        """Any answer to a getdata keeps the peer; a getheaders must be answered in ninety seconds."""
        raw = self.ready("dcrd1")
        raw.peer.send(decred.GetData(vectors(decred.MSG_TX, *HASHES[:2])))
        raw.send(decred.NotFound(vectors(decred.MSG_TX, HASHES[0])))
        self.let_pass(60)
        raw.send(decred.Ping(1))
        self.assertFalse(raw.hung_up)
        raw.peer.send(decred.GetHeaders(0, [], HASHES[0]))
        self.let_pass(89)
        self.assertFalse(raw.hung_up)
        self.let_pass(16)
        self.assertIsInstance(self.why(raw), PeerStalled)


class OwedTests(DecredCase):
    """What is owed, and by when."""

    def test_each_vector(self) -> None:
        """Each thing asked for is owed by itself: of two, one missing and one not mentioned, the peer ends at 45 s."""
        raw = self.ready()
        raw.peer.send(decred.GetData(vectors(decred.MSG_TX, *HASHES[:2])))
        raw.send(decred.NotFound(vectors(decred.MSG_TX, HASHES[0])))
        self.let_pass(29)
        self.assertFalse(raw.hung_up)
        self.let_pass(17)
        self.assertIsInstance(self.why(raw), PeerStalled)

    def test_all_answered(self) -> None:
        """By block, transaction, mix message or notfound: then nothing is owed."""
        block, tx, mix = (
            message("block genesis simnet"),
            message("tx vote full"),
            message("mixkeyxchg 4 seen"),
        )
        asked = [
            *vectors(decred.MSG_BLOCK, block.block_hash),
            *vectors(decred.MSG_TX, tx.tx_hash, HASHES[0]),
            *vectors(decred.MSG_MIX, mix.mix_hash),
        ]
        raw = self.ready()
        waiting = raw.peer.request(decred.GetData(asked))
        raw.send(mix, tx, block, decred.NotFound(vectors(decred.MSG_TX, HASHES[0])))
        found = self.successResultOf(waiting)
        self.assertEqual(found[:2] + found[3:], [block, tx, mix])
        self.assertIsInstance(found[2], NotFound)
        for _ in range(4):
            self.let_pass(30)
            raw.send(decred.Ping(1))
        self.assertFalse(raw.hung_up)

    def test_kinds(self) -> None:
        """What else dcrd insists on ends the peer, what it does not fails alone."""
        for request, ends in (
            (decred.MemPool(), True),
            (decred.GetBlocks(12, [], HASHES[0]), True),
            (decred.GetInitState(["tspends"]), True),
            (decred.GetHeaders(0, [], HASHES[0]), False),
            (decred.GetAddr(), False),
            (decred.GetMiningState(), False),
            (decred.GetCFilterV2(HASHES[0]), False),
            (decred.GetCFiltersV2(HASHES[0], HASHES[1]), False),
            (decred.GetCFilter(HASHES[0], 0), False),
            (decred.GetCFHeaders([], HASHES[0], 0), False),
            (decred.GetCFTypes(), False),
        ):
            raw = self.ready()
            waiting = raw.peer.request(request)
            self.let_pass(46)
            raw.send(decred.Ping(1))
            self.let_pass(55)
            self.failureResultOf(waiting, PeerStalled)
            self.assertEqual(raw.hung_up, ends, request.command)

    def test_answers(self) -> None:
        """Each request fires with its answer."""
        for request, answer in (
            (decred.MemPool(), decred.Inv([])),
            (decred.GetBlocks(12, [], HASHES[0]), decred.Inv([])),
            (decred.GetInitState(["tspends"]), decred.InitState([], [], HASHES[:1])),
            (decred.GetHeaders(0, [], HASHES[0]), decred.Headers([])),
            (decred.GetAddr(), message("addrv2 3 entries")),
            (decred.GetMiningState(), decred.MiningState(1, 5, HASHES[:1], [])),
            (decred.GetCFilterV2(HASHES[0]), message("cfilterv2 data 60 proofs 2")),
            (decred.GetCFiltersV2(HASHES[0], HASHES[1]), message("cfiltersv2 5")),
            (decred.GetCFTypes(), decred.CFTypes([0, 1])),
        ):
            raw = self.ready()
            waiting = raw.peer.request(request)
            raw.send(answer)
            self.assertEqual(self.successResultOf(waiting), answer)

    def test_blocks(self) -> None:
        """Blocks are asked for by their hashes."""
        block = message("block genesis simnet")
        raw = self.ready()
        waiting = raw.peer.request_blocks([block.block_hash, HASHES[0]])
        (asked,) = raw.read()
        self.assertEqual(asked, decred.GetData(vectors(decred.MSG_BLOCK, block.block_hash, HASHES[0])))
        raw.send(block, decred.NotFound(vectors(decred.MSG_BLOCK, HASHES[0])))
        self.assertEqual(self.successResultOf(waiting)[0], block)

    def test_silence(self) -> None:
        """A ping goes out at 107 seconds; without a message the peer ends at 120, however many bytes trickle in."""
        raw = self.ready()
        self.let_pass(106)
        self.assertEqual(raw.read(), [])
        self.let_pass(2)
        self.assertEqual(self.commands(raw), ["ping"])
        raw.send(b"\x16")
        self.let_pass(11.5)
        self.assertFalse(raw.hung_up)
        self.let_pass(1)
        self.assertIsInstance(self.why(raw), PeerIdle)

    def test_keys(self) -> None:
        """Things are known by kind and hash; a kind that nobody knows has a key too."""
        found = behaviour.item_keys(decred.Inv([*vectors(3, HASHES[0]), *vectors(9, HASHES[1])]))
        self.assertEqual(found, [("filtered", HASHES[0]), ("type 9", HASHES[1])])
        self.assertEqual(behaviour.item_keys(decred.VerAck()), ())


class AnswerTests(DecredCase):
    """What a peer answers of itself."""

    def test_pings(self) -> None:
        """Every ping is answered with its nonce."""
        raw = self.ready()
        raw.send(decred.Ping(0), decred.Ping(2**64 - 1))
        self.assertEqual(raw.read(), [decred.Pong(0), decred.Pong(2**64 - 1)])

    def test_initial_state(self) -> None:
        """Who asks for the pools hears that they are empty, else dcrd hangs up; unless the listener answers."""
        raw = self.ready(listener=object())
        raw.send(decred.GetInitState(["headblocks", "headblockvotes", "tspends"]))
        raw.send(decred.GetInitState([]))
        self.assertEqual(raw.read(), [decred.InitState([], [], [])] * 2)

        class Full:
            def on_getinitstate(self, peer: Any, request: Any) -> None:
                peer.send(decred.InitState(HASHES[:1], [], []))

        raw = self.ready(listener=Full())
        raw.send(decred.GetInitState(["headblocks"]))
        self.assertEqual(raw.read(), [decred.InitState(HASHES[:1], [], [])])

    def test_before_there_was_one(self) -> None:
        """The reply is in the answer's own protocol version."""
        raw = self.ready("dcrd1", says={"protocol_version": 7})
        raw.send(SIMNET.codec(8).encode(decred.GetInitState([])))
        self.assertIsInstance(self.why(raw), OversizeCommand)

    def test_slowness(self) -> None:
        """A node that hashes in Python says so once in a process; one with the C file, or a decoder, says nothing."""
        for compiled, lines in ((True, 0), (False, 1)):
            heard: list[Any] = []
            slowness.tell_once.cache_clear()
            self.addCleanup(slowness.tell_once.cache_clear)
            globalLogPublisher.addObserver(heard.append)
            try:
                with patch.object(slowness, "COMPILED", compiled):
                    SIMNET.codec().decode(frame_of(by_label("verack simnet")))
                    self.assertEqual(heard, [])
                    self.ready()
                    self.ready(inbound=True)
            finally:
                globalLogPublisher.removeObserver(heard.append)
            told = [event for event in heard if event["log_level"] is LogLevel.warn]
            self.assertEqual(len(told), lines)
            self.assertTrue(all("BLAKE-256" in event["log_format"] for event in told))


class PairTests(DecredCase):
    """Two peers of ours."""

    def test_every_net(self) -> None:
        """They shake hands, ping each other and hear each other's inventory, on every net and by both manners."""
        for net in NETS:
            for policy in ("dcrd", "dcrd1"):
                pair = Pair(networks.named(f"decred-{net}", policy))
                pair.deliver(7)
                for peer in (pair.outbound, pair.inbound):
                    self.assertEqual(peer.state, State.READY)
                waiting = pair.outbound.ping()
                pair.advance(0.25)
                self.assertLess(self.successResultOf(waiting), 0.3)
                pair.inbound.send(decred.Inv(vectors(decred.MSG_BLOCK, *HASHES)))
                pair.deliver()
                self.assertEqual(pair.outbound_heard.heard("on_inv"), [decred.Inv(vectors(2, *HASHES))])
                for _ in range(30):
                    pair.advance(10)
                self.assertEqual(pair.outbound.state, State.READY)
                pair.cut()

    def test_by_different_manners(self) -> None:
        """Today's peer and one of old have no version in common, and part."""
        pair = Pair(SIMNET, networks.named("decred-simnet", "dcrd1"))
        pair.deliver()
        self.assertIsInstance(pair.outbound.ending, VersionTooOld)

    def test_every_message(self) -> None:
        """Every message of dcrd's goes from one to the other."""
        by_version: dict[int, list[Message]] = {}
        for entry in golden():
            if entry["command"] not in ("version", "verack") and len(entry["payload"]) < 5000:
                found = codec_of({**entry, "pver": 8 if entry["command"] == "reject" else entry["pver"]})
                by_version.setdefault(entry["pver"], []).append(found.decode(frame_of(entry)))
        for pver, said in by_version.items():
            policy = "dcrd" if pver >= 9 else "dcrd1"
            network = networks.named("decred-simnet", policy)
            pair = Pair(network, outbound={"protocol_version": pver}, inbound={"judge": Judge(1000)})
            pair.deliver()
            self.assertEqual(pair.inbound.protocol_version, pver)
            before = len(pair.inbound_heard.events)
            for item in said:
                pair.outbound.send(item, expect=False)
            pair.deliver()
            heard = [event.what for event in pair.inbound_heard.events[before:]]
            self.assertEqual([item.load() for item in heard], said, pver)
            pair.cut()

    def test_import(self) -> None:
        """Naming the network imports no other's code but that of bitcoin which is the same."""
        code = (
            "import sys; from peerproto import networks; networks.named('decred-simnet'); print(*sys.modules)"
        )
        loaded = python("-c", code).stdout.split()
        self.assertIn("peerproto.networks.decred", loaded)
        for name in ("twisted", "blake3", "peerproto.networks.kaspa", "peerproto.networks.soter"):
            self.assertNotIn(name, loaded)
