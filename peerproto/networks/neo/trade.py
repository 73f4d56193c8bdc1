"""How blocks are asked for and brought. What of a block can be checked beside its header, reading it checks."""

from __future__ import annotations

from collections.abc import Sequence

from peerproto.forms.blocks import BlockTrade, Held, Thing
from peerproto.networks.neo.blocks import Block
from peerproto.networks.neo.inventory import InvVect
from peerproto.networks.neo.messages import INV_BLOCK, GetBlocks, GetData

NODE_NETWORK = 1 << 0


def things(message: GetData) -> list[Thing]:
    """What a getdata asks for: things of one type."""
    kind = message.type
    return [Thing(InvVect(kind, item), item if kind == INV_BLOCK else None) for item in message.hashes]


def silent(missing: Sequence[Thing]) -> None:
    """The C# node leaves out what it has not, without a word."""


def offered(held: Held) -> int:
    """The services of a node with these blocks: there is a bit only for who has all."""
    return NODE_NETWORK if held.whole else 0


def offers(services: int, above: int) -> bool:
    """Whether a node of these services has a block under so many others."""
    return bool(services & NODE_NETWORK)


def fault(block: Block, height: int) -> str:
    """Nothing, if it can be read: its transactions must have the root that it names."""
    block.load()
    return ""


def _vector(block_hash: bytes) -> InvVect:
    return InvVect(INV_BLOCK, block_hash)


TRADE = BlockTrade(Block, GetData, things, GetBlocks, _vector, silent, fault, offered, offers, prompts=False)
