"""Blocks of a graph for the peers that ask."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

from peerproto.node.answering import Server
from peerproto.node.graphstore import GraphStore
from peerproto.node.trouble import Trouble


class GraphServer(Server):
    """Answers questions of blocks from the graph, in the way of its network.

    :param trouble: what a store that fails is told to.
    """

    def __init__(self, clock: IReactorTime, graph: GraphStore, trouble: Trouble) -> None:
        super().__init__(clock, lambda peer: peer.network.graph.serve(graph), trouble)
