"""What a node's pools hold: asked for by a miner's node, or one that has just started."""

from __future__ import annotations

from typing import Annotated

from peerproto.networks.decred.kinds import AsciiText
from peerproto.networks.decred.messages import between
from peerproto.wire.fields import Count, Hash, ListOf, uint32
from peerproto.wire.message import Message, message

MOST_BLOCKS, MOST_VOTES, MOST_TSPENDS, MOST_TYPES = 8, 40, 7, 32


@message("getminings")
class GetMiningState(Message):
    """Asks for `miningstate`; from protocol version 8 on nodes hang up on it."""


@message("miningstate", most=4 + 4 + 1 + MOST_BLOCKS * 32 + 1 + MOST_VOTES * 32)
class MiningState(Message):
    """The blocks at the tip of the chain, at a height, and votes on them. The version is 1."""

    version: uint32
    height: uint32
    block_hashes: Annotated[list[Hash], Count(MOST_BLOCKS)]
    vote_hashes: Annotated[list[Hash], Count(MOST_VOTES)]


@message("getinitstate", most=between(1 + MOST_TYPES * 33, since=8), since=8)
class GetInitState(Message):
    """Asks for `initstate`. Known types are headblocks, headblockvotes and tspends.

    It must be answered: dcrd hangs up after 45 seconds without.
    """

    types: Annotated[list[str], ListOf(AsciiText(32), MOST_TYPES)]


@message("initstate", most=between(3 + (MOST_BLOCKS + MOST_VOTES + MOST_TSPENDS) * 32, since=8), since=8)
class InitState(Message):
    """The blocks at the tip of the chain, votes on them, and treasury spends; of what was not asked nothing."""

    block_hashes: Annotated[list[Hash], Count(MOST_BLOCKS)]
    vote_hashes: Annotated[list[Hash], Count(MOST_VOTES)]
    tspend_hashes: Annotated[list[Hash], Count(MOST_TSPENDS)]
