"""How blocks are asked for and brought, and what of a block can be checked beside its header."""

from __future__ import annotations

from collections.abc import Sequence

from peerproto.chain.merkle import merkle_root
from peerproto.forms.blocks import BlockTrade, Held, Thing
from peerproto.networks.bitcoin.records import InvVect
from peerproto.networks.decred.blocks import Block, Tx
from peerproto.networks.decred.messages import GetBlocks, GetData, NotFound
from peerproto.networks.decred.records import MSG_BLOCK, MSG_MIX, MSG_TX
from peerproto.wire.blake256 import blake256

NODE_NETWORK = 1 << 0
_KNOWN = (MSG_TX, MSG_BLOCK, MSG_MIX)


def things(message: GetData) -> list[Thing]:
    """What a getdata asks for; dcrd passes over types that it does not know."""
    return [
        Thing(vector, vector.hash if vector.type == MSG_BLOCK else None)
        for vector in message.inv_list
        if vector.type in _KNOWN
    ]


def missing(things: Sequence[Thing]) -> NotFound:
    """All that is not here is named."""
    return NotFound([thing.vector for thing in things])


def offered(held: Held) -> int:
    """The services of a node with these blocks: there is a bit only for who has all."""
    return NODE_NETWORK if held.whole else 0


def offers(services: int, above: int) -> bool:
    """Whether a node of these services has a block under so many others."""
    return bool(services & NODE_NETWORK)


def fault(block: Block, height: int) -> str:
    """What is wrong with the transactions of a block.

    Its header names the root of each tree, or, from DCP0005 on, that of both together (dcrd
    blockchain/standalone/merkle.go, CalcCombinedTxTreeMerkleRoot). No header tells which of the two holds: both do.
    """
    regular, stake = _root(block.transactions), _root(block.stransactions)
    if regular is not None and stake is not None:
        header = block.header
        apart = header.merkle_root == regular and header.stake_root == stake
        if apart or header.merkle_root == blake256(regular + stake):
            return ""
    return "has other transactions than its header names"


def _root(txs: Sequence[Tx]) -> bytes | None:
    """Zeros for no transactions; None for such as stand there twice."""
    return merkle_root([tx.tx_hash_full for tx in txs], blake256) if txs else bytes(32)


def _vector(block_hash: bytes) -> InvVect:
    return InvVect(MSG_BLOCK, block_hash)


TRADE = BlockTrade(Block, GetData, things, GetBlocks, _vector, missing, fault, offered, offers)
