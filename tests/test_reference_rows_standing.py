"""The references' own tests of what two peers know of each other after the handshake, row by row."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.peer.handshake import State
from peerproto.peer.protocol import PeerProtocol
from peerproto.testing import Pair

NOW = 1_600_000_000.0


class ConnectionCase(SynchronousTestCase):
    """Two peers that are connected, and every question that can be asked of them."""

    def pair(self, name: str, agent: str, called: int, services: int, calling: int | None = None) -> Pair:
        """The inbound one speaks at most `called` and offers nothing, the outbound one `calling` and some services."""
        clock = Clock()
        common: dict[str, Any] = {"user_agent": agent, "now": lambda: NOW + clock.seconds()}
        pair = Pair(
            networks.named(name),
            outbound={**common, "services": services, "protocol_version": calling},
            inbound={**common, "protocol_version": called},
            clock=clock,
        )
        pair.clock.advance(1)
        pair.deliver()
        self.addCleanup(pair.cut)
        return pair

    def check(self, peer: PeerProtocol, agent: str, spoken: int, services: int, size: int) -> None:
        """All that the row names."""
        self.assertTrue(peer.connected and peer.version_known and peer.verack_received)
        self.assertEqual((peer.state, peer.user_agent, peer.services), (State.READY, agent, services))
        self.assertEqual(peer.protocol_version, spoken)
        self.assertIn(peer.time_offset, (0, -1))
        self.assertFalse(peer.wants_headers)
        seen = peer.snapshot()
        self.assertEqual((seen.id, seen.address, seen.inbound), (peer.id, peer.address, peer.inbound))
        self.assertEqual((seen.bytes_sent, seen.bytes_received), (size, size))
        for direction in (seen.sent, seen.received):
            self.assertEqual(direction["version"]["bytes"], size - 24)
            self.assertEqual(
                {name: row["messages"] for name, row in direction.items()}, {"version": 1, "verack": 1}
            )
        self.assertEqual((seen.ping_nonce, seen.ping_sent_at, seen.ping_last), (None, None, None))
        self.assertEqual((seen.last_sent_at, seen.last_received_at), (NOW + 1, NOW + 1))
        self.assertEqual((seen.connected_at, peer.time_connected), (NOW, NOW))
        self.assertEqual((seen.last_block, seen.time_offset), (peer.last_block, peer.time_offset))
        self.assertEqual(
            (seen.version, seen.user_agent), (peer.theirs and peer.theirs.protocol_version, agent)
        )


class PeerConnectionTests(ConnectionCase):
    """TestPeerConnection."""

    def test_bitcoin(self) -> None:
        """btcd: 70002 on both sides, 167 bytes each way, witnesses only to who has announced them."""
        agent = "/btcwire:0.5.0/peer:1.0(comment)/"
        pair = self.pair("bitcoin-regtest", agent, 70002, 9)
        self.check(pair.outbound, agent, 70002, 0, 167)
        self.check(pair.inbound, agent, 70002, 9, 167)
        self.assertEqual((pair.outbound.codec.witness, pair.inbound.codec.witness), (False, True))
        self.assertEqual((pair.inbound.starting_height, pair.inbound.last_block), (0, 0))
        self.assertEqual((pair.inbound.snapshot().version, pair.outbound.snapshot().version), (70016, 70002))

    def test_soter(self) -> None:
        """soterd: 70002 on both sides, 203 bytes each way."""
        agent = "/soterwire:0.6.0/peer:1.0.0(comment)/"
        pair = self.pair("soter-simnet", agent, 70002, 9)
        self.check(pair.outbound, agent, 70002, 0, 203)
        self.check(pair.inbound, agent, 70002, 9, 203)
        self.assertEqual((pair.inbound.starting_height, pair.inbound.last_block), (0, 0))

    def test_kaspa(self) -> None:
        """kaspad: versions 1 and 2 speak 1, 195 bytes each way."""
        agent = "/kaspad:0.5.0/peer:1.0(comment)/"
        pair = self.pair("kaspa-simnet", agent, 1, 1, calling=2)
        self.check(pair.outbound, agent, 1, 0, 195)
        self.check(pair.inbound, agent, 1, 1, 195)
        self.assertEqual(pair.inbound.selected_tip, pair.inbound.network.genesis)


class LastBlockTests(ConnectionCase):
    """TestUpdateLastBlockHeight, and the two updates of TestOutboundPeer, on every network."""

    def test_height(self) -> None:
        """It begins at the height of the version, does not go back, goes forward."""
        for name in networks.names():
            pair = Pair(networks.named(name), outbound={"height": 100})
            pair.deliver()
            peer = pair.inbound
            start = peer.starting_height or 0
            seen = []
            for height in (start - 1, start + 1):
                peer.update_last_block_height(height)
                seen.append(peer.last_block)
            self.assertEqual(seen, [start, start + 1], name)
            self.assertEqual(start, 0 if name.startswith("kaspa") else 100)
            peer.update_last_announced_block(bytes(range(32)))
            self.assertEqual(peer.last_announced_block, bytes(range(32)))
            pair.cut()
