"""Tests of NEO's peers: what they send and hear, whom they end, and for how long they wait."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.errors import (
    DuplicateVerack,
    DuplicateVersion,
    HandshakeTimeout,
    PeerError,
    PeerIdle,
    PeerLost,
    PeerStalled,
    SelfConnection,
    UnexpectedMessage,
    VersionExpected,
)
from peerproto.forms.gossip import Known
from peerproto.networks.neo import (
    INV_BLOCK,
    INV_TX,
    Addr,
    GetAddr,
    GetData,
    GetHeaders,
    Headers,
    Inv,
    Ping,
    Pong,
    Tx,
    VerAck,
    Version,
)
from peerproto.peer.factory import Nonces
from peerproto.peer.handshake import State
from peerproto.testing import Pair, RawPeer, Recorder, memory_factory
from peerproto.wire.message import Message
from tests.neo_vectors import bad, by_label, frame_of

PRIVNET = networks.named("neo-privnet")


def message_of(label: str) -> Any:
    """The message of a golden frame, whatever its net."""
    frame = frame_of(by_label(label))
    return PRIVNET.codec().decode(PRIVNET.envelope.wrap(frame[4:16], frame[24:]))


class NeoCase(SynchronousTestCase):
    """Peers of a private net."""

    def setUp(self) -> None:
        """Time stands still."""
        self.clock = Clock()

    def made(self, *, inbound: bool = False, **options: Any) -> RawPeer:
        """The other side of a new peer."""
        options = {"clock": self.clock, "now": lambda: 1_600_000_000.0, **options}
        return RawPeer(memory_factory(PRIVNET, Recorder(), **options), inbound=inbound)

    def open(self, **options: Any) -> RawPeer:
        """The same, with the handshake done."""
        raw = self.made(**options)
        raw.handshake()
        return raw

    def commands(self, raw: RawPeer) -> list[str]:
        """The commands of what the peer has written since the last look."""
        return [message.command for message in raw.read()]

    def ended(self, raw: RawPeer, kind: type[PeerError]) -> None:
        """The peer has hung up for that reason and said nothing."""
        self.assertTrue(raw.hung_up)
        self.assertIsInstance(raw.peer.ending, kind)
        self.assertEqual(self.commands(raw), [])

    def let_pass(self, seconds: int) -> None:
        """Time passes in steps."""
        self.clock.pump([1.0] * seconds)


class HandshakeTests(NeoCase):
    """The way to an open peer."""

    def test_both_speak(self) -> None:
        """Both sides say version at once, and verack on hearing version; nothing stands between."""
        for inbound in (False, True):
            raw = self.made(inbound=inbound, height=7)
            (version,) = raw.read()
            assert isinstance(version, Version)
            self.assertEqual((version.version, version.start_height, version.port), (0, 7, 0))
            raw.send(raw.version(height=9))
            self.assertEqual(self.commands(raw), ["verack"])
            raw.send(VerAck())
            self.assertEqual((raw.peer.state, self.commands(raw)), (State.READY, []))
            assert raw.peer.theirs is not None
            self.assertEqual(raw.peer.theirs.height, 9)

    def test_port(self) -> None:
        """The version says where we can be called."""
        raw = self.made(port=20333)
        (version,) = raw.read()
        self.assertEqual(PRIVNET.read_version(version).port, 20333)

    def test_order(self) -> None:
        """Anything else in its course ends the peer."""
        ping = Ping(1, 2, 3)
        theirs = self.made().version()
        cases: list[tuple[list[Message], type[PeerError]]] = [
            ([ping], VersionExpected),
            ([VerAck()], VersionExpected),
            ([theirs, ping], UnexpectedMessage),
            ([theirs, theirs], DuplicateVersion),
            ([theirs, VerAck(), VerAck()], DuplicateVerack),
            ([theirs, VerAck(), theirs], DuplicateVersion),
        ]
        for said, kind in cases:
            raw = self.made()
            for message in said:
                raw.read()
                raw.send(message)
            self.ended(raw, kind)

    def test_self(self) -> None:
        """Our own nonce of 32 bits ends the peer."""
        raw = self.made(nonces=Nonces())
        (version,) = raw.read()
        assert isinstance(version, Version)
        self.assertLess(version.nonce, 1 << 32)
        raw.send(version)
        self.ended(raw, SelfConnection)

    def test_overdue(self) -> None:
        """The handshake has 30 seconds."""
        raw = self.made()
        raw.read()
        self.let_pass(31)
        self.ended(raw, HandshakeTimeout)


class BehaviourTests(NeoCase):
    """An open peer."""

    def test_ping(self) -> None:
        """A ping is answered with its nonce; only who has pinged is pinged, once a minute."""
        raw = self.open(height=5)
        self.let_pass(61)
        self.assertEqual(self.commands(raw), [])
        raw.send(Ping(1, 2, 0xFFFFFFFF))
        self.assertEqual(raw.read(), [Pong(5, 1_600_000_000, 0xFFFFFFFF)])
        self.let_pass(60)
        (ping,) = raw.read()
        assert isinstance(ping, Ping)
        raw.send(Pong(1, 2, ping.nonce))
        self.assertIsNotNone(raw.peer.pings.last)

    def test_idle(self) -> None:
        """A silent peer is ended after 300 seconds."""
        raw = self.open()
        self.let_pass(302)
        self.ended(raw, PeerIdle)

    def test_stalls(self) -> None:
        """What is asked must be answered within 120 seconds; it is looked for every 30."""
        for ask in (GetHeaders([bytes(32)], bytes(32)), GetData(INV_TX, [bytes(32)]), GetAddr()):
            raw = self.open()
            raw.peer.send(ask)
            raw.read()
            self.let_pass(117)
            self.assertFalse(raw.hung_up)
            self.let_pass(35)
            self.ended(raw, PeerStalled)

    def test_passed_over(self) -> None:
        """Unknown commands and transactions over 102,400 bytes are passed over, whatever is in a command's bytes."""
        for entry in bad():
            if entry["expect"] == "skip":
                raw = self.open()
                frame = frame_of(entry)
                raw.send(PRIVNET.envelope.wrap(frame[4:16], frame[24:]), Ping(1, 2, 3))
                self.assertEqual(self.commands(raw), ["pong"], entry["label"])

    def test_gossip(self) -> None:
        """Addresses are told."""
        assert PRIVNET.gossip is not None
        told = PRIVNET.gossip.tell([Known("192.0.2.1", 20333, 1, 9)], (), 0)
        self.assertEqual(PRIVNET.codec().decode(PRIVNET.codec().encode(told)), told)
        self.assertIsInstance(told, Addr)

    def test_kinds(self) -> None:
        """Whatever can be asked for by its hash is known when it comes."""
        for label, kind in (
            ("tx/miner", "tx"),
            ("block/three", "block"),
            ("merkleblock/one", "block"),
            ("consensus/data-300", "consensus"),
            ("stateroot/signed", "stateroot"),
        ):
            message = message_of(label)
            shown = bytes.fromhex(message.to_fields()["hash"])
            self.assertEqual(list(PRIVNET.item_keys(message)), [(kind, shown)])
        self.assertEqual(PRIVNET.item_keys(VerAck()), ())


class RequestTests(NeoCase):
    """Headers, blocks and transactions by their hashes."""

    def test_headers(self) -> None:
        """One start hash, the newest, and no stop; fires with the headers."""
        raw = self.open()
        waiting = raw.peer.request_headers([b"\1" * 32, b"\2" * 32])
        self.assertEqual(raw.read(), [GetHeaders([b"\1" * 32], bytes(32))])
        raw.send(Headers([]))
        self.assertEqual(self.successResultOf(waiting), Headers([]))

    def test_items(self) -> None:
        """Blocks and transactions come in the order of asking; what does not come fails alone."""
        for name, label, hash_name in (
            ("request_blocks", "block/three", "block_hash"),
            ("request_transactions", "tx/miner", "tx_hash"),
        ):
            raw, thing = self.open(), message_of(label)
            waiting = getattr(raw.peer, name)([bytes(32), getattr(thing, hash_name)])
            self.assertEqual(self.commands(raw), ["getdata"])
            raw.send(thing)
            self.let_pass(121)
            missing, found = self.successResultOf(waiting)
            self.assertIsInstance(missing, PeerStalled)
            self.assertEqual(found, thing)

    def test_split(self) -> None:
        """No getdata asks for more than 500: the rest is asked for when those are here."""
        raw = self.open()
        things = [Tx(0, 0, [], [], [], [], nonce=number) for number in range(501)]
        waiting = raw.peer.request_transactions([thing.tx_hash for thing in things])
        for part in (things[:500], things[500:]):
            (asked,) = raw.read()
            self.assertEqual(asked, GetData(INV_TX, [thing.tx_hash for thing in part]))
            raw.send(*part)
        self.assertEqual(self.successResultOf(waiting), things)

    def test_ended(self) -> None:
        """When the peer ends, all fail together."""
        raw = self.open()
        waiting = raw.peer.request_blocks([number.to_bytes(32) for number in range(1001)])
        raw.close()
        self.failureResultOf(waiting, PeerLost)


class PairTests(NeoCase):
    """Two peers in memory."""

    def test_conversation(self) -> None:
        """They shake hands, ping, announce, ask and answer, at any chunking."""
        block = message_of("block/three")
        said = {"on_getdata": lambda peer, asked: peer.send(block)}
        for chunk in (None, 7):
            pair = Pair(PRIVNET, inbound={"listener": Recorder(said)}, outbound={"nonces": Nonces()})
            pair.deliver(chunk)
            self.assertEqual((pair.outbound.state, pair.inbound.state), (State.READY, State.READY))
            waiting = pair.outbound.ping()
            pair.deliver(chunk)
            self.assertEqual(self.successResultOf(waiting), 0.0)
            pair.inbound.send(Inv(INV_BLOCK, [block.block_hash]))
            pair.deliver(chunk)
            self.assertEqual(pair.outbound_heard.heard("on_inv"), [Inv(INV_BLOCK, [block.block_hash])])
            asked = pair.outbound.request_blocks([block.block_hash])
            pair.deliver(chunk)
            self.assertEqual(self.successResultOf(asked), [block])
            pair.cut()
