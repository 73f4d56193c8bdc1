"""What is judged of a block of Soter's graph, and how one is made, without work.

Of the rules of soterd's consensus these are kept: the header's proof of work is a cycle (see `cuckoo`), its
transactions and its parents are those that it names, and the parents are known. Its height is one more than its
highest parent's. Believed are the bits, times, the metadata of parents, and everything inside transactions: scripts,
amounts, signatures, witnesses.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from peerproto.chain.graph import Graph, Vertex
from peerproto.chain.merkle import merkle_root
from peerproto.chain.rules import ChainRules, display
from peerproto.errors import InvalidBlock
from peerproto.networks.bitcoin.records import OutPoint
from peerproto.networks.soter import cuckoo
from peerproto.networks.soter.blocks import Block, Tx
from peerproto.networks.soter.records import (
    BlockHeader,
    Parent,
    ParentSubHeader,
    VerificationSubHeader,
    hash_of_parents,
)
from peerproto.networks.soter.transactions import TxIn, TxOut


def check(block: Block, *, proven: bool) -> None:
    """Raises InvalidBlock for one that cannot be right, wherever it stands.

    :param proven: whether it must have its work.
    """
    fault = _fault_of(block, proven)
    if fault:
        raise InvalidBlock(f"block {display(block.block_hash)} {fault}")


def _fault_of(block: Block, proven: bool) -> str:
    if not block.parents.parents or not block.has_its_parents:
        return "has other parents than its header names"
    if merkle_root([tx.tx_hash for tx in block.transactions]) != block.header.merkle_root:
        return "has other transactions than its header names"
    fault = cuckoo.fault_of(block.block_hash, block.verification.cycle_nonces) if proven else ""
    return f"has a proof of work that {fault}" if fault else ""


def height_behind(parents: Sequence[Vertex]) -> int:
    """The height of a block behind these parents."""
    return 1 + max(parent.rank for parent in parents)


def grow(rules: ChainRules, graph: Graph, parents: Sequence[Vertex], number: int) -> Vertex:
    """Add a block of our own behind some parents, without work, which takes minutes; another number makes another."""
    height, first = height_behind(parents), rules.read(rules.genesis)
    script = struct.pack("<BIBI", 4, height, 4, number & 0xFFFF_FFFF)
    start = OutPoint(bytes(32), 0xFFFF_FFFF)
    coinbase = Tx(1, [TxIn(start, script, 0xFFFF_FFFF, [])], [TxOut(50, b"\x51")], 0)
    hashes = [parent.block_hash for parent in parents]
    prev_block, time = hash_of_parents(hashes), first.timestamp + height
    block = Block(
        BlockHeader(0x20000000, prev_block, coinbase.tx_hash, time, first.bits, number & 0xFFFF_FFFF),
        ParentSubHeader(0, [Parent(item) for item in hashes]),
        VerificationSubHeader(0, []),
        [coinbase],
    )
    return graph.add(block.block_hash, block, height, parents)
