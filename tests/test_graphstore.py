"""Tests of a graph on disk."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile

from peerproto import networks
from peerproto.chain.graph import Vertex
from peerproto.errors import LocalError, StoreError
from peerproto.networks.bitcoin.records import OutPoint
from peerproto.networks.soter import Block, Parent, ParentSubHeader, Tx, TxIn, TxOut, VerificationSubHeader
from peerproto.networks.soter.records import BlockHeader
from peerproto.node.graphstore import GraphStore
from tests.graph_case import NETWORKS, GraphCase

KASPA, SOTER = NETWORKS


class StoreCase(GraphCase):
    """Each test has a file of its own."""

    def setUp(self) -> None:
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.path = os.path.join(self.folder, "blocks.sqlite")


class GraphStoreTests(StoreCase):
    """What is in it."""

    def test_fresh(self) -> None:
        """A fresh one has the first block, without its body."""
        for network in NETWORKS:
            graph = self.empty(network)
            first = Vertex(0, network.genesis, 0, ())
            self.assertEqual((graph.selected, graph.genesis, len(graph)), (first, network.genesis, 1))
            self.assertEqual((graph.tip, graph.height, graph.path), (network.genesis, 0, ":memory:"))
            self.assertEqual((graph.find(network.genesis), graph.vertex(0)), (first, first))
            self.assertIsNone(graph.block(first))
            self.assertEqual((graph.above(0, 9), graph.since(0, 9)), ([], [first]))

    def test_blocks(self) -> None:
        """What is added is found by hash, number and rank, also when the file is opened again."""
        for network in NETWORKS:
            path = f"{self.path}-{network.name}"
            graph = self.grown(network, 80, path)
            vertices = [graph.vertex(row) for row in range(len(graph))]
            blocks = [graph.block(vertex) for vertex in vertices]
            selected = graph.selected
            for _ in range(2):
                self.assertEqual([graph.vertex(row) for row in range(len(graph))], vertices)
                self.assertEqual([graph.find(vertex.block_hash) for vertex in vertices], vertices)
                self.assertEqual([graph.block(vertex) for vertex in vertices], blocks)
                self.assertEqual(graph.selected, selected)
                self.assertTrue(all(vertex.block_hash in graph for vertex in vertices))
                self.assertEqual((bytes(32) in graph, None in graph), (False, False))
                graph.close()
                graph = self.empty(network, path)

    def test_ranges(self) -> None:
        """Blocks are listed by rank, and from a number on the newest."""
        graph = self.grown(SOTER, 40)
        vertices = [graph.vertex(row) for row in range(len(graph))]
        by_rank = sorted(vertices, key=lambda vertex: (vertex.rank, vertex.row))
        for rank in (-1, 0, 5, graph.height):
            found = [vertex for vertex in by_rank if vertex.rank > rank]
            self.assertEqual((graph.above(rank, 99), graph.above(rank, 4)), (found, found[:4]))
        self.assertEqual((graph.since(30, 99), graph.since(30, 3)), (vertices[30:], vertices[-3:]))

    def test_hashes_that_begin_alike(self) -> None:
        """Two hashes whose first eight bytes are the same are told apart."""
        graph = self.grown(KASPA, 3)
        vertex = graph.vertex(1)
        alike = vertex.block_hash[:8] + bytes(24)
        self.assertIsNone(graph.find(alike))
        block = graph.block(vertex)
        assert block is not None
        added = graph.add(alike, block, 1, [graph.vertex(0)])
        self.assertEqual((graph.find(alike), graph.find(vertex.block_hash)), (added, vertex))

    def test_witnesses(self) -> None:
        """A block is kept with its witnesses, and can be had without."""
        spends = TxIn(OutPoint(bytes(32), 1), b"", 0, [b"proof"])
        header = BlockHeader(1, bytes(32), bytes(32), 0, 0, 0)
        parents = ParentSubHeader(0, [Parent(bytes(32))])
        tx = Tx(1, [spends], [TxOut(5, b"")], 0)
        block = Block(header, parents, VerificationSubHeader(0, []), [tx])
        graph = self.empty(SOTER)
        vertex = graph.add(b"x" * 32, block, 1, [graph.selected])
        for witness, proof in ((True, [b"proof"]), (False, [])):
            found = graph.block(vertex)
            assert found is not None
            codec = SOTER.codec(witness=witness)
            again = Block.read(found.write(codec), codec)
            self.assertEqual(again.transactions[0].tx_in[0].witness or [], proof)

    def test_bytes_behind(self) -> None:
        """What stands behind a block in its message, which nobody reads, is not kept."""
        graph = self.grown(KASPA, 1)
        block = graph.block(graph.vertex(1))
        assert block is not None
        codec = KASPA.codec()
        longer = type(block).read(block.write(codec) + b"more", codec)
        vertex = graph.add(b"x" * 32, longer, 1, [graph.vertex(0)])
        kept = graph.block(vertex)
        self.assertEqual(kept and kept.payload, block.payload)


class RefusalTests(StoreCase):
    """Files that cannot be used."""

    def refused(self, fault: str, network: str = "kaspa-simnet") -> None:
        """It is refused with one line, and left as it was."""
        with open(self.path, "rb") as file:
            before = file.read()
        error = self.assertRaises(StoreError, GraphStore, self.path, networks.named(network))
        self.assertRegex(str(error), f"^{self.path}: {fault}")
        with open(self.path, "rb") as file:
            self.assertEqual(file.read(), before)
        self.assertEqual(os.listdir(self.folder), ["blocks.sqlite"])

    def made(self) -> None:
        """A file with some blocks."""
        self.grown(KASPA, 100, self.path).close()

    def test_network(self) -> None:
        """Another network's, and another net's."""
        self.made()
        for network in ("soter-simnet", "kaspa-devnet"):
            self.refused("a block store of network kaspa-simnet, genesis .*, not of network", network)

    def test_foreign(self) -> None:
        """One that is no store, a store of headers for one."""
        with open(self.path, "wb") as file:
            file.write(b"hello")
        self.refused("not a SQLite file")
        os.unlink(self.path)
        db = sqlite3.connect(self.path)
        db.execute("PRAGMA application_id = 1886413939")
        db.execute("CREATE TABLE meta (name TEXT)")
        db.close()
        self.refused("another program's SQLite file")

    def test_cut(self) -> None:
        """One that is cut short."""
        self.made()
        os.truncate(self.path, os.path.getsize(self.path) - 4096)
        self.refused("cut short")

    def test_in_use(self) -> None:
        """One that is open already."""
        graph = self.empty(KASPA, self.path)
        error = self.assertRaises(StoreError, GraphStore, self.path, KASPA)
        self.assertIn("is in use", str(error))
        graph.close()

    def test_network_without_graph(self) -> None:
        """A network that has no graph makes no file."""
        error = self.assertRaises(LocalError, GraphStore, self.path, networks.named("bitcoin-regtest"))
        self.assertEqual(str(error), "bitcoin-regtest has no graph of blocks to follow")
        self.assertEqual(os.listdir(self.folder), [])

    def damaged(self, statement: str) -> GraphStore:
        """A store in whose file somebody has changed something."""
        self.made()
        with sqlite3.connect(self.path) as db:
            db.execute(statement)
        db.close()
        return self.empty(KASPA, self.path)

    def test_without_blocks(self) -> None:
        """One without any block, or without the tables."""
        for statement in ("DELETE FROM blocks", "DROP TABLE blocks"):
            error = self.assertRaises(StoreError, self.damaged, statement)
            self.assertRegex(str(error), f"^{self.path}: (damaged: it has no first block|no such table)")
            os.unlink(self.path)

    def test_damaged_inside(self) -> None:
        """A block that cannot be read, or is not there, is found when it is looked for."""
        graph = self.damaged("UPDATE blocks SET raw = x'01' WHERE row = 5")
        error = self.assertRaises(StoreError, graph.block, graph.vertex(5))
        self.assertRegex(str(error), f"^{self.path}: damaged: block [0-9a-f]{{64}} ")
        error = self.assertRaises(StoreError, graph.vertex, 1000)
        self.assertEqual(str(error), f"{self.path}: damaged: it has no block 1000")

    def test_closed(self) -> None:
        """After the end nothing works, and a second end does nothing."""
        graph = self.grown(KASPA, 3)
        graph.close()
        graph.close()
        self.assertRaises(StoreError, graph.find, bytes(32))
        self.assertRaises(StoreError, self.add, KASPA, graph)
        self.assertEqual(len(graph), 4)
