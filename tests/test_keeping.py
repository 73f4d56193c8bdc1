"""What a node keeps, by its network's form."""

from __future__ import annotations

import os
from dataclasses import replace
from tempfile import TemporaryDirectory

from peerproto import networks
from peerproto.chain.rules import display
from peerproto.errors import LocalError
from peerproto.node.graphstore import GraphStore
from peerproto.node.headerchain import HeaderChain
from peerproto.node.headerstore import HeaderStore
from peerproto.node.keeping import (
    chain_in,
    count_of,
    kept_in_memory,
    open_store,
    standing,
    what_is_kept,
)
from tests.graph_node_case import KASPA, SOTER, GraphNodeCase
from tests.node_case import NETWORK, NOW, mined

NEITHER = replace(NETWORK, name="other-net", header_sync=None)


class OpenTests(GraphNodeCase):
    """Files."""

    def setUp(self) -> None:
        super().setUp()
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "kept.sqlite")

    def test_every_network(self) -> None:
        """Each network has one or the other; which, its form says."""
        for name in networks.names():
            network = networks.named(name)
            graph = network.graph_sync is not None
            self.assertNotEqual(graph, network.header_sync is not None, name)
            self.assertEqual(what_is_kept(network), "blocks" if graph else "headers")

    def test_open(self) -> None:
        """The file is of that kind, and so is what is in it."""
        for network, store_kind, chain_kind in (
            (NETWORK, HeaderStore, HeaderChain),
            (KASPA, GraphStore, GraphStore),
        ):
            store = open_store(f"{self.path}-{network.name}", network)
            self.addCleanup(store.close)
            self.assertIsInstance(store, store_kind)
            self.assertIsInstance(chain_in(store, network, lambda: NOW), chain_kind)

    def test_neither(self) -> None:
        """For a network that has neither no file is made."""
        for call in (lambda: open_store(self.path, NEITHER), lambda: what_is_kept(NEITHER)):
            error = self.assertRaises(LocalError, call)
            self.assertEqual(str(error), "other-net has no chain of headers to sync")
        self.assertFalse(os.path.exists(self.path))

    def test_in_memory(self) -> None:
        """One in memory is gone afterwards."""
        for network in (NETWORK, SOTER):
            with kept_in_memory(network, NOW) as chain:
                self.assertEqual((chain.height, chain.tip, count_of(chain)), (0, network.genesis, 0))
            self.assertRaises(LocalError, self.look, chain)

    def look(self, chain: object) -> None:
        """Ask a chain or a graph for something."""
        assert isinstance(chain, HeaderChain | GraphStore)
        if isinstance(chain, GraphStore):
            chain.find(bytes(32))
        else:
            chain.contains(bytes(32))


class StandingTests(GraphNodeCase):
    """Where it stands."""

    def test_headers(self) -> None:
        """A chain has a height."""
        chain = self.chain(mined(20))
        self.assertEqual(standing(chain), {"height": 20, "tip": display(chain.tip)})
        self.assertEqual(count_of(chain), 20)

    def test_blocks(self) -> None:
        """A graph has blocks, of which the first does not count, and the rank of the best."""
        graph = self.grown(SOTER, 20)
        blocks = len(graph) - 1
        self.assertEqual(standing(graph), {"blocks": blocks, "rank": graph.height, "tip": display(graph.tip)})
        self.assertEqual(count_of(graph), blocks)
        self.assertLess(graph.height, blocks)


class PartsTests(GraphNodeCase):
    """What a node says and hears."""

    def test_introduction(self) -> None:
        """A version tells height and tip, as they are at the moment."""
        node = self.keeping(KASPA, 5)
        for _ in range(2):
            said = node.factory.introduce(None)
            self.assertEqual((said.height, said.tip), (node.chain.height, node.chain.tip))
            self.add(KASPA, node.chain)

    def test_handlers(self) -> None:
        """What the form names is heard, by who follows or who serves."""
        for network in (KASPA, SOTER):
            node, sync = self.keeping(network), network.graph
            self.assertEqual(sync.taking & sync.asking, frozenset())
            for kinds, hears in ((sync.taking, node.follower.take), (sync.asking, node.server.take_question)):
                for kind in kinds:
                    self.assertEqual(node.factory.handlers[kind], hears)

    def test_totals(self) -> None:
        """How much there is to be: what a peer has said, or what is known to be missing; and who owes an answer."""
        headers, blocks = self.node(mined(20)), self.keeping(KASPA, 5)
        ahead, behind = self.peer(headers, height=90), self.peer(headers, height=3)
        self.assertEqual([headers.total(raw.peer) for raw in (ahead, behind)], [90, 20])
        self.assertEqual([headers.owes(raw.peer) for raw in (ahead, behind)], [True, False])
        self.assertEqual(headers.total(self.raw(headers).peer), 20)
        raw = self.peer(blocks, tip=blocks.chain.tip)
        self.assertEqual((blocks.total(raw.peer), blocks.owes(raw.peer)), (len(blocks.chain) - 1, True))
        self.assertEqual((headers.so_far(), blocks.so_far()), (20, len(blocks.chain) - 1))
