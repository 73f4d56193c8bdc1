"""How blocks are synced on a graph that has no chain of headers. Pure: told what has come, it says what to send.

::

    we                                                     a peer with more blocks
      getlocator: its tip, the first block      ------->
                                                <-------   locator: blocks on the way down
      ... again between one that we know and the one above it, until nothing is left between
      getblockinvs: the one that we know, its tip ----->
                                                <-------   inv of all between, as blocks to sync
      getdata: fifty of them                    ------->
                                                <-------   block, block ...
      ... until all are here
      getseltip                                 ------->
                                                <-------   selectedtip: if it is unknown, from the beginning
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum, auto
from itertools import islice
from typing import Any

from peerproto.errors import PeerLost, Reason
from peerproto.networks.bitcoin.records import InvVect
from peerproto.networks.kaspa.blocks import Block
from peerproto.networks.kaspa.dag import Dag
from peerproto.networks.kaspa.messages import (
    MOST_INV,
    BlockLocator,
    GetBlockInvs,
    GetBlockLocator,
    GetData,
    GetSelectedTip,
    Inv,
    NotFound,
    Reject,
    SelectedTip,
)
from peerproto.networks.kaspa.records import MSG_BLOCK, MSG_MISSING_ANCESTOR, MSG_SYNC_BLOCK
from peerproto.wire.message import Message

MOST_BLOCKS = 50
"""How many blocks are asked for in one getdata (kaspad wire, MaxSyncBlockInvPerGetDataMsg)."""

MOST_LOCATORS = 64
"""How many locators it may take to find a block that both know: each halves what lies between."""

MOST_ORPHANS = 500
"""How many blocks may wait for their parents; more are dropped, and come again when the tip is asked next."""

REJECT_INVALID = 0x10
_BLOCKS = (MSG_SYNC_BLOCK, MSG_MISSING_ANCESTOR, MSG_BLOCK)


class _Stage(Enum):
    """What is waited for: new blocks, a locator, the inventory, its blocks, the tip."""

    FOLLOWING = auto()
    LOCATING = auto()
    LISTING = auto()
    FETCHING = auto()
    CHECKING = auto()


class Follower:
    """Follows the graph of one peer into a graph of ours: each method says what to send next."""

    def __init__(self, dag: Dag) -> None:
        self.dag = dag
        self._stage = _Stage.FOLLOWING
        self._tip = dag.genesis
        self._size = self._locators = 0
        self._wanted: dict[int, dict[bytes, None]] = {kind: {} for kind in _BLOCKS}
        self._asked: set[bytes] = set()
        self._orphans: dict[bytes, Block] = {}
        self._takes: dict[type[Message], Callable[[Any], list[Message]]] = {
            BlockLocator: self._take_locator,
            Inv: self._take_inv,
            Block: self._take_block,
            NotFound: self._take_not_found,
            SelectedTip: self._take_tip,
        }

    @property
    def is_synced(self) -> bool:
        """Whether all blocks are here that the peer has told of."""
        return self._stage is _Stage.FOLLOWING and not self._asked and not any(self._wanted.values())

    def begin(self, tip: bytes) -> list[Message]:
        """The peer's selected tip is this, by its version or later."""
        if tip in self.dag:
            self._stage = _Stage.FOLLOWING
            return []
        self._stage, self._tip, self._size, self._locators = _Stage.LOCATING, tip, len(self.dag), 0
        self._orphans.clear()
        return [GetBlockLocator(tip, self.dag.genesis)]

    def received(self, message: Message) -> list[Message]:
        """What has come; what concerns no sync, or comes out of turn, is passed over.

        Raises InvalidHeaders for a block that cannot be right, PeerLost for a peer that leads us nowhere.
        """
        take = self._takes.get(type(message))
        return take(message) if take else []

    def _take_locator(self, message: BlockLocator) -> list[Message]:
        hashes = message.block_locator_hashes
        if self._stage is not _Stage.LOCATING or not hashes:
            return []
        if hashes[0] in self.dag:
            self._stage = _Stage.LISTING
            return [GetBlockInvs(hashes[0], self._tip)]
        self._locators += 1
        if self._locators > MOST_LOCATORS:
            raise PeerLost(f"{MOST_LOCATORS} locators came no nearer to a known block", Reason.MISBEHAVING)
        known = next((at for at, item in enumerate(hashes) if item in self.dag), len(hashes))
        low = hashes[known] if known < len(hashes) else self.dag.genesis
        return [GetBlockLocator(hashes[known - 1], low)]

    def _take_inv(self, message: Inv) -> list[Message]:
        """The inventory that was asked, or new blocks; what is new while we are behind comes with the tip."""
        kind = MSG_SYNC_BLOCK if self._stage is _Stage.LISTING else MSG_BLOCK
        found = [vector.hash for vector in message.inv_list if vector.type == kind]
        if self._stage is _Stage.LISTING and (found or not message.inv_list):
            self._stage = _Stage.FETCHING
        elif self._stage is not _Stage.FOLLOWING:
            return []
        for block_hash in found:
            self._want(block_hash, kind)
        return self._next()

    def _want(self, block_hash: bytes, kind: int) -> None:
        known = block_hash in self.dag or block_hash in self._orphans or block_hash in self._asked
        if not known and len(self._wanted[kind]) < MOST_INV:
            self._wanted[kind][block_hash] = None

    def _take_block(self, block: Block) -> list[Message]:
        block_hash = block.block_hash
        if block_hash not in self._asked:
            return []
        self._asked.discard(block_hash)
        if len(self._orphans) < MOST_ORPHANS:
            self._orphans[block_hash] = block
        for parent in self.dag.missing_parents(block):
            self._want(parent, MSG_MISSING_ANCESTOR)
        self._adopt()
        return self._next()

    def _adopt(self) -> None:
        """Add all blocks whose parents have come."""
        while ready := [item for item, block in self._orphans.items() if not self.dag.missing_parents(block)]:
            for block_hash in ready:
                self.dag.add(self._orphans.pop(block_hash))

    def _take_not_found(self, message: NotFound) -> list[Message]:
        self._asked.difference_update(vector.hash for vector in message.inv_list)
        return self._next()

    def _next(self) -> list[Message]:
        """Ask for more when all that was asked is here; at the end of a sync, for the tip."""
        if self._asked:
            return []
        for kind, wanted in self._wanted.items():
            if wanted:
                return [self._ask(kind, list(islice(wanted, MOST_BLOCKS)))]
        if self._stage is not _Stage.FETCHING:
            return []
        self._stage = _Stage.CHECKING
        return [GetSelectedTip()]

    def _ask(self, kind: int, hashes: list[bytes]) -> GetData:
        self._asked.update(hashes)
        for wanted in self._wanted.values():
            for block_hash in hashes:
                wanted.pop(block_hash, None)
        return GetData([InvVect(kind, block_hash) for block_hash in hashes])

    def _take_tip(self, message: SelectedTip) -> list[Message]:
        if self._stage is not _Stage.CHECKING:
            return []
        tip = message.selected_tip_hash
        if tip not in self.dag and len(self.dag) == self._size:
            raise PeerLost("the peer tells of blocks that it does not bring", Reason.MISBEHAVING)
        return self.begin(tip)


def answers(dag: Dag, message: Message) -> Iterator[Message]:
    """What a node with this graph answers to questions of blocks; nothing to other messages."""
    match message:
        case GetSelectedTip():
            yield SelectedTip(dag.selected_tip)
        case GetBlockLocator(high_hash=high, low_hash=low):
            known = high in dag and low in dag
            yield BlockLocator(dag.locator(high, low)) if known else _reject(message)
        case GetBlockInvs(low_hash=low, high_hash=high):
            known = low in dag and high in dag and dag.blue_score(low) < dag.blue_score(high)
            yield _inventory(dag.between(low, high)) if known else _reject(message)
        case GetData(inv_list=vectors):
            yield from _things(dag, vectors)


def _reject(message: Message) -> Reject:
    return Reject(
        message.command, REJECT_INVALID, "these are not two blocks of mine, the low one below the high one"
    )


def _inventory(hashes: list[bytes]) -> Inv:
    return Inv([InvVect(MSG_SYNC_BLOCK, item) for item in hashes[:MOST_INV]])


def _things(dag: Dag, vectors: list[InvVect]) -> Iterator[Message]:
    """Each block once, and then what is missing."""
    missing = []
    for vector in dict.fromkeys(vectors):
        block = dag.block(vector.hash) if vector.type in _BLOCKS else None
        if block is None:
            missing.append(vector)
        else:
            yield block
    if missing:
        yield NotFound(missing)
