"""Tests of what can be asked of a peer at any time."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import UNIXAddress
from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.forms.gossip import Known
from peerproto.networks.bitcoin import SendHeaders
from peerproto.peer.handshake import State
from peerproto.peer.protocol import PeerProtocol
from peerproto.testing import MemoryTransport, Pair, memory_factory
from tests.peer_case import HASHES, PeerTestCase, regtest


class BeforeTests(PeerTestCase):
    """A peer of which nothing is known yet."""

    def test_no_connection(self) -> None:
        """Without a connection there is nobody to say anything of."""
        peer = memory_factory(regtest()).build(inbound=False)
        self.assertEqual((peer.connected, peer.local_addr, peer.na), (False, None, None))
        self.assertEqual((peer.version_known, peer.verack_received, peer.wants_headers), (False,) * 3)
        self.assertEqual(str(peer), "nowhere (outbound)")

    def test_no_version(self) -> None:
        """Before the version is here its words are missing."""
        peer = self.raw().peer
        said = (peer.theirs, peer.version, peer.services, peer.user_agent, peer.starting_height)
        self.assertEqual(said, (None, None, None, "", None))
        self.assertEqual((peer.last_block, peer.selected_tip, peer.subnetwork), (None, None, None))
        self.assertEqual((peer.time_offset, peer.protocol_version), (None, 70016))
        self.assertEqual((peer.connected, peer.version_known), (True, False))
        self.assertEqual(peer.na, Known("192.0.2.2", 8333, 0, 1_600_000_000))


class StandingTests(PeerTestCase):
    """A peer in business."""

    def test_handshake(self) -> None:
        """The version is known before the verack is here."""
        raw = self.raw()
        raw.send(raw.version(protocol_version=70015, user_agent="/x/", height=9, services=5))
        peer = raw.peer
        self.assertEqual((peer.version_known, peer.verack_received), (True, False))
        raw.send(peer.network.verack())
        self.assertEqual((peer.verack_received, peer.state), (True, State.READY))
        self.assertEqual((peer.user_agent, peer.starting_height, peer.services), ("/x/", 9, 5))
        said: Any = peer.version
        self.assertEqual((peer.protocol_version, said.protocol_version), (70015, 70015))

    def test_negotiated_beside_advertised(self) -> None:
        """What the peer announces is kept beside what both speak."""
        peer = self.ready(protocol_version=70002).peer
        said: Any = peer.version
        self.assertEqual((peer.protocol_version, said.protocol_version), (70002, 70016))

    def test_addresses(self) -> None:
        """Both ends of the connection, and how the peer can be told to others."""
        raw = self.ready(inbound=True, says={"services": 1})
        peer = raw.peer
        self.assertEqual((peer.local_addr, peer.inbound), ("192.0.2.2:8333", True))
        self.assertEqual(peer.na, Known("192.0.2.1", 50001, 1, 1_600_000_000))
        self.assertEqual(str(peer), "192.0.2.1:50001 (inbound)")

    def test_no_address_of_ip(self) -> None:
        """What is no address of IP cannot be told to others."""
        peer = memory_factory(regtest(), clock=self.clock).build(inbound=False)
        peer.makeConnection(MemoryTransport(UNIXAddress("/a"), UNIXAddress("/b")))  # type: ignore[no-untyped-call]
        self.assertIsNone(peer.na)
        self.assertIn("/a", str(peer.local_addr))
        peer.watch.stop()

    def test_not_connected_any_more(self) -> None:
        """As soon as the end is decided the peer counts as not connected; what was said is still known."""
        raw = self.ready()
        raw.peer.disconnect()
        self.assertEqual((raw.peer.connected, raw.peer.local_addr), (False, None))
        raw.close()
        self.assertEqual((raw.peer.connected, raw.peer.state), (False, State.CLOSED))
        self.assertEqual((raw.peer.version_known, raw.peer.verack_received), (True, True))

    def test_time_connected(self) -> None:
        """When the connection was made, by the wall clock, whatever that says later of itself."""
        raw = self.ready(now=lambda: 500.0 + self.clock.seconds())
        self.clock.advance(7)
        self.assertAlmostEqual(raw.peer.time_connected, 1500.3)

    def test_time_offset(self) -> None:
        """Their clock less ours."""
        self.assertEqual(self.ready(says={"timestamp": 1_600_000_011}).peer.time_offset, 11)


class HeightTests(PeerTestCase):
    """The best block of a peer (reference row: `UpdateLastBlockHeight` only ever raises it)."""

    def test_only_rises(self) -> None:
        """From the height of the version upwards."""
        peer = self.ready(says={"height": 10}).peer
        seen = [peer.last_block]
        for height in (9, 12, 11, 12, 13):
            peer.update_last_block_height(height)
            seen.append(peer.last_block)
        self.assertEqual(seen, [10, 10, 12, 12, 12, 13])
        self.assertEqual(peer.starting_height, 10)

    def test_before_the_version(self) -> None:
        """What is learnt before the version counts, too."""
        raw = self.raw()
        raw.peer.update_last_block_height(5)
        self.assertEqual(raw.peer.last_block, 5)
        raw.handshake(height=3)
        self.assertEqual(raw.peer.last_block, 5)

    def test_last_announced_block(self) -> None:
        """It is what the user says it is, also nothing again."""
        peer = self.ready().peer
        self.assertIsNone(peer.last_announced_block)
        peer.update_last_announced_block(HASHES[0])
        self.assertEqual(peer.last_announced_block, HASHES[0])
        peer.update_last_announced_block(None)
        self.assertIsNone(peer.last_announced_block)

    def test_each_peer_its_own(self) -> None:
        """What is noted of one peer is not of another."""
        one, other = self.ready().peer, self.ready().peer
        one.update_last_block_height(99)
        one.update_last_announced_block(HASHES[0])
        one.update_selected_tip(HASHES[1])
        seen = (other.last_block, other.last_announced_block, other.selected_tip)
        self.assertEqual(seen, (0, None, None))


class WantsHeadersTests(SynchronousTestCase):
    """Who has asked for headers in place of inventories."""

    def test_asked(self) -> None:
        """On every network that has the request, once it is here and not before."""
        seen = []
        for name in networks.names():
            network = networks.named(name)
            kinds = {kind.command: kind for kind in network.messages}
            if "sendheaders" in kinds:
                pair = Pair(network)
                pair.deliver()
                asked = kinds["sendheaders"] in network.order.greeting
                self.assertEqual(pair.inbound.wants_headers, asked, name)
                pair.outbound.send(kinds["sendheaders"]())
                pair.deliver()
                self.assertTrue(pair.inbound.wants_headers, name)
                pair.cut()
                seen.append(name.partition("-")[0])
        self.assertEqual(set(seen), {"bitcoin", "litecoin", "decred", "soter"})

    def test_not_asked(self) -> None:
        """An older peer asks nothing."""
        pair = Pair(regtest(), outbound={"protocol_version": 70011})
        pair.deliver()
        self.assertFalse(pair.inbound.wants_headers)
        pair.cut()

    def test_passed_over_frames(self) -> None:
        """What was not understood asks nothing."""
        pair = Pair(regtest(), outbound={"protocol_version": 70011})
        pair.deliver()
        pair.inbound.dataReceived(regtest().envelope.wrap(b"xyz".ljust(12, b"\0"), b""))
        self.assertFalse(pair.inbound.wants_headers)
        pair.inbound.dataReceived(pair.outbound.network.codec(70016).encode(SendHeaders()))
        pair.cut()


class KaspaTests(SynchronousTestCase):
    """What only peers of Kaspa tell."""

    def pair(self) -> tuple[Pair, PeerProtocol]:
        """Two peers."""
        pair = Pair(networks.named("kaspa-simnet"))
        pair.deliver()
        self.addCleanup(pair.cut)
        return pair, pair.inbound

    def test_selected_tip(self) -> None:
        """The one of the version, until the user learns of another."""
        _, peer = self.pair()
        version: Any = peer.version
        self.assertEqual(peer.selected_tip, version.selected_tip_hash)
        peer.update_selected_tip(HASHES[1])
        self.assertEqual((peer.selected_tip, peer.snapshot().selected_tip), (HASHES[1], "02" * 32))

    def test_subnetwork(self) -> None:
        """A full node has none; a partial one tells which."""
        pair, peer = self.pair()
        self.assertIsNone(peer.subnetwork)
        version: Any = peer.version
        version.subnetwork_id = bytes(range(20))
        self.assertEqual(pair.inbound.network.read_version(version).subnetwork, bytes(range(20)))
