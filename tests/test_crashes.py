"""Tests of what ends whole nodes of the references: here it ends one peer at most, with its typed error.

Each frame is one that a reference was seen to die of, or a legal one that it cannot bear. What has `panic` or
`crash` in the vectors is found by that; the others stand here by hand.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.errors import MalformedMessage, Oversize, PeerError, VersionExpected
from peerproto.network import Network
from peerproto.networks import kaspa, neo
from peerproto.networks.neo.transactions import CONTRACT, Attribute
from peerproto.peer.handshake import State
from peerproto.peer.protocol import PeerProtocol
from peerproto.testing import RawPeer, Recorder, memory_factory
from peerproto.wire.envelope import sha256d
from peerproto.wire.message import Message
from tests import kaspa_vectors, neo_vectors, soter_vectors

LITTLE = 256 * 1024
"""What a frame may take that only claims to be long, in bytes."""


def look(peer: PeerProtocol, message: Message) -> None:
    """Look at all that is in a message."""
    message.to_fields()


class CrashCase(SynchronousTestCase):
    """A node with two peers, one of them hostile; what is logged as a bug fails the test."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)

    def connect(self, network: Network) -> tuple[RawPeer, RawPeer, Recorder]:
        """A hostile peer that has not said anything yet, a ready one, and the listener of both."""
        looks: dict[str, Callable[..., object]] = {f"on_{kind.command}": look for kind in network.messages}
        heard = Recorder(looks)
        factory = memory_factory(network, heard, clock=self.clock, now=lambda: 1_600_000_000.0, services=4)
        hostile, other = RawPeer(factory, inbound=True), RawPeer(factory, inbound=True)
        other.handshake()
        self.addCleanup(hostile.close)
        self.addCleanup(other.close)
        return hostile, other, heard

    def assert_unharmed(self, other: RawPeer) -> None:
        """The node goes on: its other peer is answered."""
        network = other.peer.network
        other.send(network.make_ping(5, other.peer.factory))
        self.assertIn(network.pong, map(type, other.read()))
        self.assertIs(other.peer.state, State.READY)

    def ends_one(self, network: Network, frame: bytes, *, early: bool = False) -> PeerError:
        """Why the frame ends the peer that has sent it, before the handshake or after; the other is unharmed."""
        hostile, other, _ = self.connect(network)
        if not early:
            hostile.handshake()
        tracemalloc.start()
        try:
            hostile.send(frame)
            self.assertLess(tracemalloc.get_traced_memory()[1], 2 * len(frame) + LITTLE)
        finally:
            tracemalloc.stop()
        self.assertTrue(hostile.hung_up, frame[:40])
        assert hostile.peer.ending is not None
        self.assert_unharmed(other)
        return hostile.peer.ending

    def passes(self, message: Message, network: Network) -> Message:
        """A legal message comes through to the listener, every field looked at; nobody is harmed."""
        hostile, other, heard = self.connect(network)
        hostile.handshake()
        hostile.send(message)
        (found,) = heard.heard(f"on_{message.command}")
        assert isinstance(found, Message)
        self.assertEqual(found, message)
        self.assertFalse(hostile.hung_up)
        self.assert_unharmed(other)
        return found


class SoterTests(CrashCase):
    """soterd 4.2.0."""

    def test_vectors(self) -> None:
        """A count of `addrcache` that overflows the sum of its lists ends one peer."""
        (entry,) = (entry for entry in soter_vectors.bad() if entry["outcome"] == "panic")
        network = soter_vectors.network_of(entry)
        error = self.ends_one(network, soter_vectors.frame_of(entry))
        self.assertIs(type(error), MalformedMessage)
        self.assertRegex(str(error), "^addrcache: 18446744073709551613 entries")


class KaspaTests(CrashCase):
    """kaspad 0.5.0."""

    network = networks.named("kaspa-simnet")

    def test_vectors(self) -> None:
        """A transaction whose payload claims to be endless ends one peer."""
        (entry,) = (entry for entry in kaspa_vectors.bad() if entry["error_kind"] == "panic")
        error = self.ends_one(kaspa_vectors.network_of(entry), kaspa_vectors.frame_of(entry))
        self.assertIs(type(error), MalformedMessage)

    def test_first_is_no_version(self) -> None:
        """Whatever comes before the version ends one peer."""
        codec = self.network.codec()
        for message in (kaspa.Ping(1), kaspa.VerAck(), kaspa.GetAddr(), kaspa.GetSelectedTip()):
            error = self.ends_one(self.network, codec.encode(message), early=True)
            self.assertIs(type(error), VersionExpected)

    def test_empty_filter(self) -> None:
        """A filter without bytes is a message like another, whatever its hash functions."""
        for functions in (0, 1, 50):
            self.passes(kaspa.FilterLoad(b"", functions, 0, 0), self.network)


class NeoTests(CrashCase):
    """neo-go of 2019 and 0.78.4."""

    network = networks.named("neo-privnet")

    def framed(self, command: str, payload: bytes) -> bytes:
        """A payload in its frame."""
        return self.network.envelope.wrap(self.network.envelope.command(command), payload)

    def test_vectors(self) -> None:
        """Endless counts and lengths, and what is empty or ends too soon, end one peer."""
        deadly = [
            entry
            for entry in neo_vectors.bad()
            if {"panic", "crash"} & {verdict["verdict"] for verdict in entry["verdicts"].values()}
        ]
        self.assertEqual(len(deadly), 8)
        for entry in deadly:
            error = self.ends_one(neo_vectors.network_of(entry), neo_vectors.frame_of(entry))
            self.assertIsInstance(error, MalformedMessage, entry["label"])

    def test_longest_length(self) -> None:
        """A header that announces four gigabytes is enough to end a peer, before the handshake too."""
        header = self.network.magic + b"version\0\0\0\0\0" + b"\xff" * 4 + bytes(4)
        for early in (True, False):
            self.assertIs(type(self.ends_one(self.network, header, early=early)), Oversize)

    def test_nothing(self) -> None:
        """No command that has fields is harmful without any."""
        for kind in self.network.messages:
            if kind.layout.kinds:
                error = self.ends_one(self.network, self.framed(kind.command, b""))
                self.assertIsInstance(error, MalformedMessage, kind.command)

    def test_block_cut_at_a_transaction(self) -> None:
        """A block that lacks its last transactions ends one peer."""
        entry = neo_vectors.by_label("block/three")
        found = neo_vectors.codec_of(entry).decode(neo_vectors.frame_of(entry))
        assert isinstance(found, neo.Block)
        codec = self.network.codec()
        for tx in reversed(found.txs):
            payload = codec.encode(found)[24:]
            cut = payload[: payload.rindex(codec.encode(tx)[24:])]
            error = self.ends_one(self.network, self.framed("block", cut))
            self.assertRegex(str(error), "^block: ends")

    def test_keys_among_attributes(self) -> None:
        """A transaction with keys among its attributes is legal, and has a hash."""
        key = bytes(range(32))
        attributes = [Attribute(2, b"\2" + key), Attribute(3, b"\3" + key)]
        message = neo.Tx(CONTRACT, 0, attributes, [], [], [])
        found = self.passes(message, self.network)
        assert isinstance(found, neo.Tx)
        unsigned = b"\x80\0\2\2" + key + b"\3" + key + b"\0\0"
        self.assertEqual(found.tx_hash, sha256d(unsigned))

    def test_long_urls(self) -> None:
        """The length of an address in the web is one byte, up to 255."""
        for size in (252, 253, 254, 255):
            message = neo.Tx(CONTRACT, 0, [Attribute(0x81, b"u" * size)], [], [], [])
            self.passes(message, self.network)

    def test_long_user_agents(self) -> None:
        """A user agent of more than 252 bytes is read like another."""
        for size in (252, 253, 1024):
            hostile, other, heard = self.connect(self.network)
            hostile.handshake(user_agent="x" * size)
            self.assertIs(hostile.peer.state, State.READY)
            self.assertEqual(hostile.peer.snapshot().user_agent, "x" * size)
            self.assertEqual(heard.names.count("on_ready"), 2)
            self.assert_unharmed(other)
