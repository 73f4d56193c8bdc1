"""Tests of soter's proof of work, with the blocks that a soterd has mined."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from peerproto.networks.soter.cuckoo import EDGES, LENGTH, fault_of
from tests.soter_vectors import mined
from tests.test_soter_peer import block_of

BLOCKS = [block_of(entry) for entry in mined()]


class ProofTests(SynchronousTestCase):
    """Cycles."""

    def test_mined(self) -> None:
        """What the node has mined is right, for its own header alone."""
        for block in BLOCKS:
            self.assertEqual(fault_of(block.block_hash, block.verification.cycle_nonces), "")
        other = fault_of(BLOCKS[1].block_hash, BLOCKS[0].verification.cycle_nonces)
        self.assertEqual(other, "is no cycle of 20 edges")

    def test_changed(self) -> None:
        """Any other edge breaks it."""
        block = BLOCKS[3]
        edges = block.verification.cycle_nonces
        for at in range(LENGTH):
            for step in (-1, 1):
                other = [*edges[:at], edges[at] + step, *edges[at + 1 :]]
                self.assertEqual(fault_of(block.block_hash, other), "is no cycle of 20 edges")

    def test_form(self) -> None:
        """There are twenty edges in ascending order, each one of the graph's."""
        block_hash, edges = BLOCKS[0].block_hash, BLOCKS[0].verification.cycle_nonces
        order = "has edges that do not ascend, or are above 16777216"
        for wrong, fault in (
            ([], "has 0 edges, must have 20"),
            (edges[:-1], "has 19 edges, must have 20"),
            ([*edges, EDGES - 1], "has 21 edges, must have 20"),
            (edges[::-1], order),
            ([edges[0], *edges[:-1]], order),
            ([*edges[:-1], edges[-1] + EDGES], order),
        ):
            self.assertEqual(fault_of(block_hash, wrong), fault)
