"""Tests of what is judged of a block of soter's graph."""

from __future__ import annotations

from typing import Any

from peerproto import networks
from peerproto.errors import InvalidBlock
from peerproto.networks.soter import Block, Parent, ParentSubHeader, VerificationSubHeader
from peerproto.networks.soter.dag import check, grow, height_behind
from tests.graph_case import GraphCase
from tests.soter_vectors import mined
from tests.test_soter_peer import block_of

SIMNET = networks.named("soter-simnet")


def changed(block: Block, **changes: Any) -> Block:
    """The block with something else in it."""
    parts = {name: getattr(block, name) for name in ("header", "parents", "verification", "transactions")}
    return Block(**{**parts, **changes})


class CheckTests(GraphCase):
    """What a block says for itself."""

    def setUp(self) -> None:
        self.block = block_of(mined()[3])

    def refused(self, block: Block, fault: str, *, proven: bool = True) -> None:
        """It cannot be right."""
        self.assertRaisesRegex(InvalidBlock, f"^block [0-9a-f]{{64}} {fault}$", check, block, proven=proven)

    def test_mined(self) -> None:
        """What a soterd has mined is right, and its heights are ours."""
        heights = {SIMNET.genesis: 0}
        for entry in mined():
            block = block_of(entry)
            check(block, proven=True)
            heights[block.block_hash] = 1 + max(heights[parent.hash] for parent in block.parents.parents)
            self.assertEqual(heights[block.block_hash], entry["height"])

    def test_parents(self) -> None:
        """The parents are those that the header names, one at least; their order and data do not matter."""
        first, *others = self.block.parents.parents
        self.assertTrue(others)
        fault = "has other parents than its header names"
        for parents in ([], [first], [first, Parent(bytes(32))]):
            self.refused(changed(self.block, parents=ParentSubHeader(0, parents)), fault, proven=False)
        header = self.block.header._replace(prev_block=bytes(32))
        self.refused(changed(self.block, header=header, parents=ParentSubHeader(0, [])), fault)
        turned = [*others, first._replace(data=b"\1" * 32)]
        check(changed(self.block, parents=ParentSubHeader(7, turned)), proven=True)

    def test_transactions(self) -> None:
        """So are the transactions."""
        other = block_of(mined()[0]).transactions
        for transactions in ([], other, [*self.block.transactions] * 2):
            self.refused(
                changed(self.block, transactions=transactions), "has other transactions than its header names"
            )

    def test_work(self) -> None:
        """It has its proof of work, if that is asked."""
        block = changed(self.block, verification=VerificationSubHeader(0, [5]))
        self.refused(block, "has a proof of work that has 1 edges, must have 20")
        check(block, proven=False)


class GrowTests(GraphCase):
    """Blocks of our own."""

    def test_right(self) -> None:
        """They are right but for their work, on every net; another number makes another one."""
        for net in ("mainnet", "testnet", "regtest", "simnet"):
            network = networks.named(f"soter-{net}")
            graph = self.grown(network, 20)
            for row in range(1, len(graph)):
                vertex = graph.vertex(row)
                block = graph.block(vertex)
                assert isinstance(block, Block)
                check(block, proven=False)
                self.assertEqual(
                    vertex.rank, height_behind([graph.vertex(parent) for parent in vertex.parents])
                )
                self.assertRaises(InvalidBlock, check, block, proven=True)
        tips = {grow(network.chain, graph, [graph.vertex(0)], number) for number in (-1, 7)}
        self.assertEqual(len(tips), 2)
