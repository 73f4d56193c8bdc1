"""Which of the newest blocks of a chain are here, and which are missing, as the chain grows and changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from peerproto.forms.blocks import Held
from peerproto.node.headerchain import HeaderChain

__all__ = ["AHEAD", "LAG", "ROOM", "BlockGaps", "Spot"]

AHEAD = 128
"""So many blocks that are missing are looked for at a time, the lowest."""

LAG = 3
"""Who has all but so many of the newest blocks has them all: they are on their way."""

ROOM = 288
"""Who keeps every block says so while so many more fit: peers that were told so will ask for old ones."""


class Spot(NamedTuple):
    """A place on the main chain, and the hash of the block that stands there (wire order)."""

    height: int
    block_hash: bytes


class BlockGaps:
    """Goes up the main chain, from the oldest block that is to be kept. Who holds one of these tells what is here.

    :param store: an `IBlockStore`; only how many it keeps is asked here.
    :param given_up: called with the hash of a block that is not missing any more, though it has not come.
    :ivar missing: the heights of blocks that are not here, by their hashes. :ivar keeping: of those that have come, and
        are being written.
    :ivar was_complete: whether there was a time when none was missing, and one was here.
    """

    def __init__(self, chain: HeaderChain, store: Any, given_up: Callable[[bytes], object]) -> None:
        self.missing: dict[bytes, int] = {}
        self.keeping: dict[bytes, int] = {}
        self.was_complete = False
        self._chain = chain
        self._store = store
        self._given_up = given_up
        self._next = 1
        self._below = chain.rules.genesis_hash
        self._tip: bytes | None = None

    # What is here.

    @property
    def held(self) -> Held:
        """Which blocks are here; the last few may be on their way."""
        first, height = self._first(), self._chain.height
        if self._here() < max(height - LAG, 1):
            return Held(0, whole=False)
        return Held(height + 1 - first, whole=first == 1 and self._store.most >= height + ROOM)

    @property
    def standing(self) -> tuple[int, int]:
        """How many blocks are here, without a gap from the oldest on, and how many there are to be."""
        before = self._first() - 1
        return max(self._here() - before, 0), self._chain.height - before

    @property
    def promised(self) -> int:
        """How high others may be told of the chain: who has heard of a header from one who has blocks asks for the
        block, and waits long for it. Before they were all here for the first time none is offered: all of it then.
        """
        return self._here() if self.was_complete or self.held.newest else self._chain.height

    def is_complete(self) -> bool:
        """Whether all are here, as far as they were looked up."""
        if self.missing or self.keeping:
            return False
        self.was_complete = self.was_complete or self._next > 1
        return True

    # What is to be looked up.

    def next_one(self) -> Spot | None:
        """What is to be looked up next; None if that is all, or too many are missing."""
        self._mind_the_chain()
        if self._next > self._chain.height or len(self.missing) >= AHEAD:
            return None
        return Spot(self._next, self._hash_at(self._next))

    def looked_up(self, spot: Spot, is_here: bool) -> bool:
        """This was found out. Whether it is missing now; by now the chain may be another one, and it counts no more."""
        height, block_hash = spot
        if height != self._next or self._chain.height_of(block_hash) != height:
            return False
        self._next, self._below = height + 1, block_hash
        if is_here or block_hash in self.keeping:
            return False
        self.missing[block_hash] = height
        return True

    def came(self, block_hash: bytes) -> int:
        """A missing block is being written; its height."""
        height = self.keeping[block_hash] = self.missing.pop(block_hash)
        return height

    def kept(self, block_hash: bytes) -> None:
        """It is written. If the chain has left it, it may have taken another's place: that is looked up again."""
        height = self.keeping.pop(block_hash)
        if self._chain.height_of(block_hash) != height:
            self._mind_the_chain()
            self._go_to(max(min(self._next, height), self._first()))

    def _here(self) -> int:
        """The height up to which no block is missing."""
        return min([*self.missing.values(), *self.keeping.values()], default=self._next) - 1

    def _first(self) -> int:
        """The height of the oldest block that is kept."""
        most: int = self._store.most
        return max(1, self._chain.height + 1 - most)

    def _hash_at(self, height: int) -> bytes:
        return self._chain.rules.block_hash(self._chain.header_at(height))

    def _go_to(self, height: int) -> None:
        self._next, self._below = height, self._hash_at(height - 1)

    def _mind_the_chain(self) -> None:
        """If it has moved: old blocks are not missing any more, nor those of a branch that was left."""
        chain, tip = self._chain, self._chain.tip
        if tip == self._tip:
            return
        self._tip = tip
        self._go_back()
        first = self._first()
        if self._next < first:
            self._go_to(first)
        for block_hash, height in list(self.missing.items()):
            if height < first or chain.height_of(block_hash) != height:
                del self.missing[block_hash]
                self._given_up(block_hash)

    def _go_back(self) -> None:
        """To where the main chain leaves the branch that was looked through."""
        chain = self._chain
        while chain.height_of(self._below) is None:
            (header,) = chain.after([], self._below)
            self._next, self._below = self._next - 1, chain.rules.read(header).prev_block
