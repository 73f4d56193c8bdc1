"""What the tests of graphs share: graphs of our own making on each network that has one, and a talk about them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.chain.graph import Vertex
from peerproto.forms.introduction import Introduction
from peerproto.network import Network
from peerproto.node.graphstore import GraphStore
from peerproto.node.growing import grow
from peerproto.wire.message import Message

NETWORKS = [networks.named("kaspa-simnet"), networks.named("soter-simnet")]
"""One of each family; on both a block costs nothing."""


def said(network: Network, tip: bytes | None = None, **changes: Any) -> Introduction:
    """What somebody says of himself."""
    fields = {"services": 1, "timestamp": 0, "nonce": 7, "user_agent": "/x:1/", "height": 0, "tip": tip}
    return Introduction(**{"protocol_version": network.protocol_version, **fields, **changes})


def walked(walk: Iterator[None]) -> tuple[Any, int]:
    """What a walk over a graph has found, and how often it has paused."""
    pauses = 0
    while True:
        try:
            next(walk)
        except StopIteration as end:
            return end.value, pauses
        pauses += 1


def hashes_of(graph: GraphStore) -> set[bytes]:
    """The hashes of all blocks."""
    return {vertex.block_hash for vertex in (graph.vertex(row) for row in range(len(graph)))}


def copied(network: Network, block: Message) -> Any:
    """A block as it would come from a peer."""
    codec = network.codec(witness=True)
    return network.graph.bringing.read(block.write(codec), codec)


def talk(
    network: Network, follower: Any, served: GraphStore, messages: Iterable[Message], *, judge: bool = True
) -> list[Any]:
    """Let a follower and a graph talk until nobody has anything to say; what the follower said."""
    asked, left, answers = [], list(messages), network.graph.serve(served)
    while left or (judge and follower.has_work):
        if not left:
            left += follower.judge()
            continue
        asked.append(left.pop(0))
        for answer in answers(asked[-1]):
            if answer is not None:
                block = isinstance(answer.message, network.graph.bringing)
                left += follower.received(copied(network, answer.message) if block else answer.message)
    return asked


def settled(follower: Any, messages: Iterable[Message] = ()) -> list[Any]:
    """What a follower says until all that has come is judged."""
    found = list(messages)
    while follower.has_work:
        found += follower.judge()
    return found


class GraphCase(SynchronousTestCase):
    """Makes graphs."""

    def empty(self, network: Network, path: str = ":memory:") -> GraphStore:
        """A graph without any block."""
        graph = GraphStore(path, network)
        self.addCleanup(graph.close)
        return graph

    def grown(self, network: Network, amount: int, path: str = ":memory:") -> GraphStore:
        """A graph of so many blocks, or a few more, with forks and merges."""
        graph = self.empty(network, path)
        list(grow(network, graph, amount))
        return graph

    def add(self, network: Network, graph: GraphStore, *parents: Vertex, number: int = 0) -> Vertex:
        """One more block, behind the tip if no parents are given."""
        self._numbers = getattr(self, "_numbers", 1_000_000) + 1
        return network.graph.grow(graph, parents or [graph.selected], number or self._numbers)

    def behind(self, network: Network, graph: GraphStore, served: GraphStore, **changes: Any) -> Any:
        """A follower of whoever serves a graph."""
        theirs = said(network, served.tip, **changes)
        return network.graph.follow(graph, theirs, network.graph.grows_work)
