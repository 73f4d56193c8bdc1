"""What a node does when its peers speak."""

from __future__ import annotations

from typing import Any

from peerproto.networks.bitcoin import (
    GetHeaders,
    Headers,
    Ping,
    Pong,
    Version,
)
from peerproto.node.node import Node
from peerproto.testing import RawPeer
from peerproto.wire.message import Message
from tests.node_case import NETWORK, NodeCase, bring, mined

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


class SparedTests(NodeCase):
    """Whom nothing is held against."""

    def test_called_by_choice(self) -> None:
        """A node calls whom its operator has named: only those that call it have a score."""
        node = self.node()
        self.assertEqual(self.peer(node).peer.add_score(1000), 0)
        self.assertEqual(self.peer(node, inbound=True).peer.add_score(1), 1)
