"""What the tests of nodes that keep a graph share: nodes on a clock, and peers that serve a graph of their own."""

from __future__ import annotations

from typing import Any

from peerproto.chain.graph import Vertex
from peerproto.network import Network
from peerproto.node.graphstore import GraphStore
from peerproto.node.node import Node
from peerproto.testing import RawPeer
from peerproto.wire.message import Message
from tests.graph_case import NETWORKS, GraphCase
from tests.node_case import NodeCase

KASPA, SOTER = NETWORKS


def announcement(network: Network, *vertices: Vertex) -> Message:
    """What tells of blocks."""
    kind: Any = network.announcing
    message: Message = kind([network.graph.vector(vertex) for vertex in vertices])
    return message


class Serving:
    """The other side of a peer, which has a graph and answers from it when it is told to.

    :ivar heard: the commands that it has heard.
    """

    def __init__(self, raw: RawPeer, graph: GraphStore, unread: list[Message]) -> None:
        self.raw = raw
        self.network = network = raw.peer.network
        self.graph = graph
        self.heard: list[str] = []
        self._unread = unread
        self._answers = network.graph.serve(graph)

    def answer(self, limit: int = 10_000) -> int:
        """Answer what has come, so many messages; how many there were."""
        said = 0
        for message in self.read():
            if type(message) in self.network.graph.asking:
                for answer in self._answers(message):
                    if answer is not None and said < limit:
                        self.raw.send(answer.message)
                        said += 1
        return said

    def read(self) -> list[Message]:
        """What has come and is not answered."""
        found, self._unread = [*self._unread, *self.raw.read()], []
        self.heard += [message.command for message in found]
        return found

    def asked(self) -> list[str]:
        """The commands of what it was asked since the last look, and has not answered."""
        return [message.command for message in self.read() if type(message) in self.network.graph.asking]

    def announce(self, *vertices: Vertex) -> None:
        """Tell of blocks."""
        self.raw.send(announcement(self.network, *vertices))


class GraphNodeCase(NodeCase, GraphCase):
    """Makes nodes that keep a graph, and peers of theirs."""

    def keeping(self, network: Network, amount: int = 0, **options: Any) -> Node:
        """A node with so many blocks; of soter's graph those need not have any work."""
        graph = self.grown(network, amount) if amount else self.empty(network)
        follower = {"proven": network.graph.grows_work}
        return self.node(chain=graph, network=network, follower=follower, **options)

    def serving(
        self, node: Node, graph: GraphStore, *, inbound: bool = False, tip: bytes | None = None
    ) -> Serving:
        """A peer that has a graph, and has shaken hands; what it was asked by then it has not heard yet."""
        raw = self.raw(node, inbound=inbound)
        return Serving(raw, graph, raw.handshake(tip=tip or graph.tip, height=graph.height))

    def settle(self, *peers: Serving) -> None:
        """Let all answer, and time go on, until nobody has anything to say."""
        moving = True
        while moving:
            self.clock.advance(0)
            moving = sum(peer.answer() for peer in peers) > 0
