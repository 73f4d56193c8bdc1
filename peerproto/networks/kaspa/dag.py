"""What is judged of a block of Kaspa's graph, and how one is made where its work is easy.

Of the rules of kaspad's consensus these are kept: a block has the work that its bits ask, its transactions and their
payloads are those that its header and they themselves name, its parents are known, and its blue score is above theirs
and at most the number of all blocks. Believed are the bits, the blue score as the block's coinbase transaction states
it, and everything inside transactions: scripts, amounts, signatures.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from peerproto.chain.graph import Graph, Vertex, selected_of
from peerproto.chain.merkle import merkle_root
from peerproto.chain.rules import ChainRules, display, target_of
from peerproto.errors import InvalidBlock, InvalidHeaders, LocalError
from peerproto.networks.kaspa.blocks import Block, Tx
from peerproto.networks.kaspa.records import BlockHeader
from peerproto.networks.kaspa.subnetworks import COINBASE, NATIVE
from peerproto.wire.envelope import sha256d

EASY = 1 << 240
"""The hardest target for which work is looked for here: it takes some ten thousand hashes."""


def check(block: Block, pow_limit: int | None) -> None:
    """Raises InvalidBlock for one that cannot be right, wherever it stands.

    :param pow_limit: the easiest target; None for blocks that need not have any work.
    """
    hashes = [tx.tx_hash for tx in block.transactions]
    if merkle_root(hashes) != block.header.hash_merkle_root:
        raise InvalidBlock(f"block {display(block.block_hash)} has other transactions than its header names")
    for tx in block.transactions:
        if tx.subnetwork_id != NATIVE and sha256d(tx.subnetwork_payload or b"") != tx.payload_hash:
            raise InvalidBlock(
                f"block {display(block.block_hash)} has a payload that is not its transaction's"
            )
    if pow_limit is not None and int.from_bytes(block.block_hash, "little") > _target(block, pow_limit):
        raise InvalidBlock(f"block {display(block.block_hash)} has not the work that its bits ask")


def _target(block: Block, pow_limit: int) -> int:
    try:
        return min(target_of(block.header.bits), pow_limit)
    except InvalidHeaders as error:
        raise InvalidBlock(f"block {display(block.block_hash)}: {error}") from None


def rank(graph: Graph, block: Block, parents: Sequence[Vertex]) -> int:
    """The blue score of a block behind its parents. Raises InvalidBlock for one that cannot be."""
    score = stated_blue_score(block)
    if not parents or not max(parent.rank for parent in parents) < score <= len(graph):
        raise InvalidBlock(f"block {display(block.block_hash)} cannot have the blue score {score}")
    return score


def stated_blue_score(block: Block) -> int:
    """What a block's coinbase transaction says. Raises InvalidBlock if there is none that says it."""
    coinbase = block.transactions[0] if block.transactions else None
    payload = coinbase.subnetwork_payload if coinbase and coinbase.subnetwork_id == COINBASE else None
    if payload is None or len(payload) < 8:
        raise InvalidBlock(f"block {display(block.block_hash)} states no blue score")
    return int.from_bytes(payload[:8], "little")


def grow(rules: ChainRules, graph: Graph, parents: Sequence[Vertex], number: int) -> Vertex:
    """Add a block of our own behind some parents, with its work; another number makes another one.

    Its blue score is right if its parents have the same ones, and none of them counts as red. Raises LocalError where
    its work would take more than a moment.
    """
    if rules.pow_limit < EASY:
        raise LocalError(f"{rules.name}: target {rules.pow_limit:064x} is too hard to mine for here")
    score = selected_of(parents).rank + len(parents)
    payload = struct.pack("<QBQ", score, 0, number)
    coinbase = Tx(1, [], [], 0, COINBASE, 0, sha256d(payload), payload)
    first = rules.read(rules.genesis)
    hashes = [parent.block_hash for parent in parents]
    header = BlockHeader(
        0x10000000, hashes, coinbase.tx_hash, bytes(32), bytes(32), first.timestamp + score, first.bits, 0
    )
    while int.from_bytes(header.block_hash, "little") > rules.pow_limit:
        header = header._replace(nonce=header.nonce + 1)
    return graph.add(header.block_hash, Block(header, [coinbase]), score, parents)
