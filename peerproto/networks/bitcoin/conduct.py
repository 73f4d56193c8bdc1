"""What is held against a peer (btcd's server.go, Bitcoin Core's net_processing.cpp), and who may speak of filters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from peerproto.errors import Reason
from peerproto.forms.conduct import BloomRule, Points, ScoreTable
from peerproto.networks.bitcoin import filters, messages
from peerproto.wire.message import Message

NODE_BLOOM = 1 << 2
BIP111 = 70011
"""The first protocol version that knows the service bit of bloom filters."""

ASKING = frozenset({filters.FilterLoad, filters.FilterAdd, filters.FilterClear, messages.MemPool})

_BTCD_BLOOM = BloomRule(NODE_BLOOM, ASKING, frozenset({filters.MerkleBlock}), BIP111)
_CORE_BLOOM = BloomRule(NODE_BLOOM, ASKING, frozenset({filters.MerkleBlock}))
"""Core asks for no version."""

BLOOM = {"btcd": _BTCD_BLOOM, "core": _CORE_BLOOM}


def cost_of_getdata(most: int) -> Callable[[Any], Points]:
    """Nearly the threshold for as many vectors as a message may have, and forgotten again."""
    return lambda message: Points(transient=len(message.inv_list) * 99 // most)


def costs(
    get_data: type[Message], mem_pool: type[Message]
) -> Mapping[type[Message], Callable[[Any], Points]]:
    """What questions cost in btcd, and in those that come from it."""
    return {get_data: cost_of_getdata(50_000), mem_pool: lambda _: Points(transient=33)}


MISSING = {"block": Points(persistent=20), "tx": Points(transient=10)}
"""What is said to be missing; btcd counts it even if it was asked for, but such an answer is no offence."""

SCORING = {
    "btcd": ScoreTable({Reason.MISBEHAVING: Points(100)}, costs(messages.GetData, messages.MemPool), MISSING),
    "core": ScoreTable({Reason.MISBEHAVING: Points(100)}),
}
"""Core has no scores any more: one offence is enough."""
