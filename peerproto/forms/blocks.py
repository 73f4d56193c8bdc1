"""How blocks are asked for, brought and announced, on a network whose nodes follow one chain of headers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from peerproto.wire.message import Message


class Held(NamedTuple):
    """Which blocks a node has.

    :ivar newest: how many of the newest, without a gap. :ivar whole: whether these are all, and will be for a while.
    """

    newest: int
    whole: bool


class Thing(NamedTuple):
    """One thing that was asked for.

    :ivar vector: as it stands in the question. :ivar block: the hash of the block (wire order); None for anything else.
    :ivar witness: whether the transactions go with their witnesses; None where that makes no difference.
    """

    vector: Any
    block: bytes | None
    witness: bool | None = None


@dataclass(frozen=True)
class BlockTrade:
    """How nodes get blocks from each other.

    Hashes are in wire order.

    :ivar bringing: the kind of message that brings a block; such a message has a `block_hash`.
    :ivar asking: the kind that asks for things. :ivar things: what it asks for.
    :ivar listing: the kind that asks for an inventory of the blocks behind a locator; it is read as the question for
        headers is. :ivar most_listed: how many an inventory names.
    :ivar vector: the inventory vector by which a block is announced.
    :ivar missing: the message that names things which are not here; None for none, and where nodes are silent.
    :ivar fault: what is wrong with a block whose header is known to be good, given its height; empty if nothing is.
        It may raise MalformedMessage, since the block is read now.
    :ivar offered: the service bits that say what a node has.
    :ivar offers: whether who offers these services has a block with so many others above it.
    :ivar prompts: whether who has had the last of a full inventory is told of our tip, so that it asks for the next.
    """

    bringing: type[Message]
    asking: type[Message]
    things: Callable[[Any], Sequence[Thing]]
    listing: type[Message]
    vector: Callable[[bytes], Any]
    missing: Callable[[Sequence[Thing]], Message | None]
    fault: Callable[[Any, int], str]
    offered: Callable[[Held], int]
    offers: Callable[[int, int], bool]
    most_listed: int = 500
    prompts: bool = True
