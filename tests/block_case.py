"""What the tests of kept blocks share: blocks to fill a chain with, and nodes that keep the newest of them."""

from __future__ import annotations

import struct
from functools import cache
from typing import Any

from peerproto.chain.merkle import merkle_root
from peerproto.network import Network
from peerproto.networks.bitcoin import Block, BlockHeader, OutPoint, Tx, TxIn, TxOut
from peerproto.networks.bitcoin.records import HEADER
from peerproto.networks.bitcoin.trade import COMMITMENT
from peerproto.networks.bitcoin.transactions import write_tx
from peerproto.node.blockfollower import BlockFollower
from peerproto.node.blockstore import BlockStore
from peerproto.node.mining import mine
from peerproto.node.node import Node
from peerproto.testing import RawPeer
from peerproto.wire.envelope import sha256d
from peerproto.wire.message import Message
from tests.node_case import NETWORK, NodeCase

FULL = 1 | 1 << 3
"""The services of a node that has all blocks, with their witnesses."""

RESERVED = bytes(32)


def spend(number: int) -> Tx:
    """A transaction with a witness, one for each number."""
    paid = TxIn(OutPoint(sha256d(b"%d" % number), 0), b"", 0xFFFFFFFF, [b"signature", b"key"])
    return Tx(2, [paid], [TxOut(number, b"\x51")], 0)


def coinbase(height: int, salt: bytes = b"", others: list[Tx] | None = None) -> Tx:
    """The first transaction of a block, which commits to the witnesses of the others, if there are some."""
    script = struct.pack("<I", height) + salt
    outputs = [TxOut(50, b"\x51")]
    witness = []
    if others is not None:
        root = merkle_root([bytes(32), *(sha256d(write_tx(tx, witness=True)) for tx in others)]) or b""
        outputs.append(TxOut(0, COMMITMENT + sha256d(root + RESERVED)))
        witness = [RESERVED]
    return Tx(1, [TxIn(OutPoint(bytes(32), 0xFFFFFFFF), script, 0, witness)], outputs, 0)


def transactions(height: int, salt: bytes = b"") -> list[Tx]:
    """Those of a block: every second one has witnesses."""
    if height % 2:
        return [coinbase(height, salt)]
    others = [spend(height), spend(height + 1)]
    return [coinbase(height, salt, others), *others]


@cache
def grown(count: int, salt: bytes = b"", after: int = 0) -> list[Block]:
    """So many blocks, after genesis or after a height of the chain without salt; other salt, other blocks."""
    start = grown(after)[-1].header.pack() if after else None

    def root(height: int) -> bytes:
        found = merkle_root([tx.txid for tx in transactions(height, salt)])
        assert found is not None
        return found

    headers = mine(NETWORK.chain, count, start=start, height=after, root=root)
    return [
        Block(BlockHeader._make(HEADER.unpack(header)), transactions(height, salt))
        for height, header in enumerate(headers, after + 1)
    ]


def headers_of(blocks: list[Block]) -> list[bytes]:
    """Serialized."""
    return [block.header.pack() for block in blocks]


def bringing(blocks: list[Block]) -> Message:
    """The message that brings their headers."""
    return NETWORK.headers.bring(headers_of(blocks))


def payload(block: Block, *, witness: bool = True) -> bytes:
    """As it goes over the wire."""
    return block.write(NETWORK.codec(witness=witness))


class BlockCase(NodeCase):
    """Nodes that keep blocks."""

    def block_store(self, most: int = 1000, network: Network = NETWORK) -> BlockStore:
        """One in memory."""
        store = BlockStore(":memory:", network, most)
        self.addCleanup(store.close)
        return store

    def keeping(
        self, blocks: list[Block] | None = None, store: Any = None, *, filled: bool = False, **options: Any
    ) -> Node:
        """A node with these headers and a store of blocks, into which they are put, too, if it is to be filled."""
        store = self.block_store() if store is None else store
        if filled:
            for height, block in enumerate(blocks or [], 1):
                store.keep(block.block_hash, height, payload(block), len(blocks or []))
        headers = None if blocks is None else headers_of(blocks)
        return self.node(headers, blocks=store, **options)

    def full(self, node: Node, **says: Any) -> RawPeer:
        """A peer that has all blocks, whose first words are read."""
        raw = self.peer(node, **{"services": FULL, **says})
        raw.read()
        return raw

    def following(self, node: Node) -> BlockFollower:
        """What follows the blocks."""
        blocks: Any = node._parts.blocks  # type: ignore[union-attr]
        found: BlockFollower = blocks.follower
        return found
