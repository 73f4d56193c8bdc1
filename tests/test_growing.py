"""Chains and graphs of our own making."""

from __future__ import annotations

from peerproto import networks
from peerproto.node.growing import SLICE, fault_of, grow, nets_that_grow
from tests.graph_case import NETWORKS, GraphCase
from tests.node_case import NETWORK, NodeCase, mined


class GraphTests(GraphCase):
    """Graphs."""

    def test_forks_and_merges(self) -> None:
        """There are blocks beside each other, and blocks with several parents; the last one has all before it."""
        for network in NETWORKS:
            graph = self.empty(network)
            counts = list(grow(network, graph, 100))
            self.assertEqual((counts, counts[-1]), (sorted(counts), len(graph) - 1))
            self.assertIn(counts[-1], range(100, 110))
            vertices = [graph.vertex(row) for row in range(len(graph))]
            ranks = [vertex.rank for vertex in vertices]
            self.assertLess(len(set(ranks)), len(ranks))
            self.assertEqual(max(len(vertex.parents) for vertex in vertices), 3)
            parents = {row for vertex in vertices for row in vertex.parents}
            self.assertEqual(parents | {graph.selected.row}, set(range(len(graph))))
            self.assertEqual(graph.selected, vertices[-1])

    def test_same_again(self) -> None:
        """The same arguments make the same graph."""
        for network in NETWORKS:
            self.assertEqual(self.grown(network, 30).tip, self.grown(network, 30).tip)


class ChainTests(NodeCase):
    """Chains of headers."""

    def test_headers(self) -> None:
        """They are added a few at a time."""
        chain = self.chain()
        self.assertEqual(list(grow(NETWORK, chain, 2 * SLICE + 10)), [SLICE, 2 * SLICE, 2 * SLICE + 10])
        self.assertEqual(chain.tip, NETWORK.chain.block_hash(mined(50)[-1]))


class FaultTests(NodeCase):
    """Where nothing can be made."""

    def test_every_network(self) -> None:
        """Each family has a net on which something can be made; on others it is said why not."""
        for family, nets in (
            ("bitcoin", ["regtest", "simnet"]),
            ("litecoin", ["regtest"]),
            ("decred", ["simnet"]),
            ("soter", ["mainnet", "testnet", "regtest", "simnet"]),
            ("kaspa", ["mainnet", "simnet"]),
        ):
            wanted = [f"{family}-{net}" for net in nets]
            found = nets_that_grow(family)
            self.assertEqual([name for name in wanted if name not in found], [])
            for name in networks.names():
                if name.startswith(f"{family}-"):
                    self.assertEqual(fault_of(networks.named(name)) == "", name in found)
