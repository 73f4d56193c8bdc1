"""Messages that are only for those who offer bloom filters: who sends them otherwise is ended, or not heard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peerproto.errors import Unoffered
from peerproto.network import Network
from peerproto.wire.message import Message

if TYPE_CHECKING:
    from peerproto.peer.protocol import PeerProtocol

NONE: frozenset[type[Message]] = frozenset()


def watched(network: Network, services: int) -> frozenset[type[Message]]:
    """The kinds that a node with these services must look at: there may be a peer from which they may not come."""
    return network.bloom.unoffered(services, 0) if network.bloom else NONE


def judge_offer(peer: PeerProtocol, message: Message) -> None:
    """A message of such a kind. Raises Unoffered if it may not come from this peer."""
    if type(message) in _unoffered(peer):
        raise Unoffered(f"{message.command}, though nobody has offered bloom filters")


def passed_over(peer: PeerProtocol) -> frozenset[type[Message]]:
    """The kinds that are not heard from this peer: its protocol version knows no bit by which they can be offered."""
    rule = peer.network.bloom
    return NONE if rule is None or peer.protocol_version >= rule.since else _unoffered(peer)


def _unoffered(peer: PeerProtocol) -> frozenset[type[Message]]:
    rule, theirs = peer.network.bloom, peer.theirs
    assert rule is not None and theirs is not None
    return rule.unoffered(peer.factory.offered_services(), theirs.services)
