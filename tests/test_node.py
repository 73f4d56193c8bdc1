"""What a node does when its peers speak."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from peerproto.errors import Reason
from peerproto.network import Network
from peerproto.networks.bitcoin import (
    Addr,
    AddrV2,
    GetAddr,
    GetHeaders,
    Headers,
    Ping,
    Pong,
    SendAddrV2,
    Version,
)
from peerproto.node.node import Node
from peerproto.testing import MemoryTransport, RawPeer
from peerproto.wire.message import Message
from tests.node_case import NETWORK, NOW, NodeCase, bring, mined

RULES = NETWORK.chain
GENESIS = RULES.genesis_hash


def only(raw: RawPeer, kind: type[Message]) -> list[Any]:
    """The messages of one kind that have come since the last reading."""
    return [message for message in raw.read() if type(message) is kind]


class IntroducingTests(NodeCase):
    """What a node says of itself."""

    def version(self, node: Node) -> Version:
        """Its version message."""
        (message,) = self.raw(node).read()
        assert isinstance(message, Version)
        return message

    def test_height(self) -> None:
        """The height is that of the chain at the moment."""
        node = self.node(mined(30))
        self.assertEqual(self.version(node).last_block, 30)
        node.chain.add(mined(40))
        self.assertEqual(self.version(node).last_block, 40)

    def test_transactions(self) -> None:
        """It wants no transactions announced: it would not look at them. Who uses it may say otherwise."""
        self.assertTrue(self.version(self.node()).disable_relay_tx)
        self.assertFalse(self.version(self.node(relay=True)).disable_relay_tx)

    def test_options(self) -> None:
        """Options go to the factory."""
        version = self.version(self.node(user_agent="/other:1/", services=5, height=77))
        self.assertEqual((version.user_agent, version.services, version.last_block), ("/other:1/", 5, 77))


class ServingTests(NodeCase):
    """What else is answered."""

    def test_headers_while_syncing(self) -> None:
        """While the chain grows its headers are served as far as they are checked."""
        node = self.node()
        raw, other = self.peer(node, height=350), self.peer(node, inbound=True)
        other.read()
        for height in (120, 350):
            raw.send(bring(mined(height)[node.chain.height :]))
            other.send(GetHeaders(70016, [GENESIS], bytes(32)))
            self.clock.advance(0)
            (answer,) = only(other, Headers)
            self.assertEqual(NETWORK.headers.brought(answer), mined(height))

    def test_ping(self) -> None:
        """A ping is answered."""
        raw = self.peer(self.node(), inbound=True)
        raw.read()
        raw.send(Ping(7))
        self.assertEqual(raw.read(), [Pong(7)])


class AddressTests(NodeCase):
    """Addresses for those who ask."""

    def ask(self, raw: RawPeer) -> list[Message]:
        """What a getaddr is answered with."""
        raw.read()
        raw.send(GetAddr())
        return raw.read()

    def test_whom_we_have_called(self) -> None:
        """A peer that called us is told whom we have called and know, and nobody else."""
        node = self.node()
        self.peer(node, host="8.8.8.8", services=1033)
        self.raw(node, host="9.9.9.9")
        self.peer(node, inbound=True, host="8.8.4.4")
        (answer,) = self.ask(self.peer(node, inbound=True, host="1.1.1.1"))
        assert isinstance(answer, Addr)
        (told,) = answer.addr_list
        self.assertEqual((told.ip, told.port, told.services, told.timestamp), ("8.8.8.8", 8333, 1033, NOW))

    def test_addrv2(self) -> None:
        """Who has said so gets the newer message; addresses of either kind of IP are told."""
        node = self.node()
        self.peer(node, host="8.8.8.8")
        self.peer(node, host="2001:4860:4860::8888")
        raw = self.raw(node, inbound=True, host="1.1.1.1")
        raw.send(raw.version(), SendAddrV2(), NETWORK.verack())
        raw.codec = NETWORK.codec(witness=True)
        (answer,) = self.ask(raw)
        assert isinstance(answer, AddrV2)
        self.assertEqual([item.network_id for item in answer.addr_list], [1, 2])

    def test_once(self) -> None:
        """Each peer is answered once."""
        node = self.node()
        self.peer(node, host="8.8.8.8")
        first = self.peer(node, inbound=True, host="1.1.1.1")
        self.assertEqual([len(self.ask(first)) for _ in range(3)], [1, 0, 0])
        self.assertEqual(len(self.ask(self.peer(node, inbound=True, host="1.1.1.1"))), 1)
        first.close()
        self.assertEqual(len(node._told), 1)

    def test_nothing_to_tell(self) -> None:
        """Who knows nobody says nothing, and may be asked again."""
        node = self.node()
        raw = self.peer(node, inbound=True, host="1.1.1.1")
        self.assertEqual(self.ask(raw), [])
        self.peer(node, host="8.8.8.8")
        self.assertEqual(len(self.ask(raw)), 1)

    def test_outbound(self) -> None:
        """A peer that we have called is told nothing: it could find out where we are known."""
        node = self.node()
        self.peer(node, host="8.8.8.8")
        self.assertEqual(self.ask(self.peer(node, host="9.9.9.9")), [])

    def test_private(self) -> None:
        """Addresses of private networks are told only on private networks."""
        node = self.node()
        self.peer(node, host="127.0.0.1")
        self.assertEqual(self.ask(self.peer(node, inbound=True, host="1.1.1.1")), [])
        self.assertEqual(len(self.ask(self.peer(node, inbound=True, host="10.0.0.7"))), 1)

    def test_no_address_of_ip(self) -> None:
        """A peer that is not reached by IP has no address that could be told."""
        node = self.node()
        elsewhere = self.peer(node)
        self.patch(elsewhere.transport, "getPeer", object)
        self.assertEqual(self.ask(self.peer(node, inbound=True)), [])

    def test_network_without_addresses(self) -> None:
        """Where addresses are not told at all a getaddr is not answered."""
        silent: Network = replace(NETWORK, gossip=None)
        node = self.node(network=silent)
        self.peer(node, host="8.8.8.8")
        raw = self.peer(node, inbound=True)
        self.assertEqual(self.ask(raw), [])
        node.tell_addresses(raw.peer, GetAddr())
        self.assertEqual(raw.read(), [])


class SparedTests(NodeCase):
    """Whom nothing is held against."""

    def test_called_by_choice(self) -> None:
        """A node calls whom its operator has named: only those that call it have a score."""
        node = self.node()
        self.assertEqual(self.peer(node).peer.add_score(1000), 0)
        self.assertEqual(self.peer(node, inbound=True).peer.add_score(1), 1)


class OurselvesTests(NodeCase):
    """A node that calls itself."""

    def test_both_ends(self) -> None:
        """Only the called end sees the nonce; it tells the calling end, which would call again otherwise."""
        node = self.node()
        bystander = self.peer(node, inbound=True)
        out, back = self.raw(node), self.raw(node, inbound=True)
        self.carry(out.transport, back)
        self.assertTrue(back.hung_up)
        self.assertFalse(out.hung_up)
        back.close()
        assert out.peer.ending is not None
        self.assertEqual(out.peer.ending.reason, Reason.SELF)
        self.assertIsNone(bystander.peer.ending)

    def test_another_end(self) -> None:
        """If the calling end is of another node of the process there is nobody to tell."""
        node, other = self.node(), self.node()
        node.factory.nonces = other.factory.nonces
        out, back = self.raw(other), self.raw(node, inbound=True)
        self.carry(out.transport, back)
        back.close()
        self.assertIsNone(out.peer.ending)

    def carry(self, transport: MemoryTransport, to: RawPeer) -> None:
        """Bring what was written to a peer."""
        to.peer.dataReceived(transport.take())
