"""What networks have in common whose blocks form a graph: how the blocks of one peer are fetched.

A block that was asked for waits until it is judged, in the order of coming; one whose parents are not here waits for
them, and they are asked for. Nothing is kept of a block that was not asked for.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import islice
from typing import Any

from peerproto.chain.graph import Graph, Vertex
from peerproto.wire.message import Message

MOST_BLOCKS = 50
"""How many blocks are asked for at once (kaspad wire, MaxSyncBlockInvPerGetDataMsg)."""

MOST_LOOKED_AT = 250
"""So many blocks that are wanted are looked up in a turn: most of them may be here."""

MOST_ORPHANS = 500
MOST_ORPHAN_BYTES = 8 * 1024 * 1024
"""How many blocks may wait for their parents, and how large may they be together; more are dropped."""


class Fetcher(ABC):
    """Fetches blocks of one peer's graph into ours; a network's follower says what is fetched, and how.

    :param kinds: for what reasons blocks are fetched, the most urgent first.
    :param for_a_child: the one of them that a block is fetched for since another waits for it.
    :param most: how many blocks may be wanted for one reason.
    """

    def __init__(self, graph: Graph, kinds: Sequence[int], for_a_child: int, most: int) -> None:
        self.graph = graph
        self._for_a_child = for_a_child
        self._most = most
        self._wanted: dict[int, dict[bytes, None]] = {kind: {} for kind in kinds}
        self._asked: set[bytes] = set()
        self._came: dict[bytes, Any] = {}
        self._orphans: dict[bytes, tuple[Any, set[bytes]]] = {}
        self._children: dict[bytes, list[bytes]] = {}
        self._orphan_bytes = 0
        self._lost = False

    @abstractmethod
    def parents_of(self, block: Any) -> list[bytes]:
        """The hashes of a block's parents. Raises InvalidBlock for one that breaks a rule without looking at them."""

    @abstractmethod
    def rank_of(self, block: Any, parents: list[Vertex]) -> int:
        """The rank of a block, behind its parents. Raises InvalidBlock for one that breaks a rule."""

    @abstractmethod
    def ask_for(self, kind: int, hashes: list[bytes]) -> Message:
        """The question for blocks that are wanted for a reason."""

    @abstractmethod
    def fetched(self, lost: bool) -> list[Message]:
        """All that was wanted is here: what to say now.

        :param lost: whether there was no room for some that wait for others, so that they must be fetched anew.
        """

    @property
    def left(self) -> int:
        """How many blocks may be missing yet."""
        return len(self._asked) + len(self._came) + sum(map(len, self._wanted.values()))

    @property
    def has_work(self) -> bool:
        """Whether something is to be done without anything more to come."""
        return bool(self._came) or (not self._asked and any(self._wanted.values()))

    def want(self, block_hash: bytes, kind: int) -> None:
        """Fetch a block for a reason, unless it turns out to be here or on its way."""
        wanted = self._wanted[kind]
        if len(wanted) < self._most:
            wanted[block_hash] = None

    def take_block(self, block: Any) -> list[Message]:
        """A block has come."""
        block_hash = block.block_hash
        if block_hash not in self._asked:
            return []
        self._asked.discard(block_hash)
        self._came[block_hash] = block
        return self.next()

    def take_not_found(self, message: Any) -> list[Message]:
        """The peer has not all that it was asked for."""
        self._asked.difference_update(vector.hash for vector in message.inv_list)
        return self.next()

    def next(self) -> list[Message]:
        """Ask for more when all that was asked is here and not too much of it waits to be judged."""
        if self._asked or len(self._came) > MOST_BLOCKS:
            return []
        for kind, wanted in self._wanted.items():
            if wanted:
                return self._ask(kind, wanted)
        if self._came:
            return []
        lost, self._lost = self._lost, False
        self.drop_orphans()
        return self.fetched(lost)

    def _ask(self, kind: int, wanted: dict[bytes, None]) -> list[Message]:
        """Ask for the first of those that are wanted, but for what is known; a few are looked at in a turn."""
        looked_at = list(islice(wanted, MOST_LOOKED_AT))
        hashes: list[bytes] = []
        for block_hash in looked_at:
            if len(hashes) == MOST_BLOCKS:
                break
            del wanted[block_hash]
            if not self._is_known(block_hash):
                hashes.append(block_hash)
        self._asked.update(hashes)
        if hashes:
            return [self.ask_for(kind, hashes)]
        return [] if any(self._wanted.values()) else self.next()

    def _is_known(self, block_hash: bytes) -> bool:
        return block_hash in self._came or block_hash in self._orphans or block_hash in self.graph

    def judge(self) -> list[Message]:
        """Judge the next block that waits, and add it if its parents are here."""
        if self._came:
            block_hash = next(iter(self._came))
            self._judge(block_hash, self._came.pop(block_hash))
        return self.next()

    def _judge(self, block_hash: bytes, block: Any) -> None:
        hashes = self.parents_of(block)
        found = {parent: self.graph.find(parent) for parent in hashes}
        parents = [vertex for vertex in found.values() if vertex is not None]
        if len(parents) < len(found):
            self._keep(block_hash, block, {parent for parent in found if found[parent] is None})
            return
        if block_hash not in self.graph:
            self.graph.add(block_hash, block, self.rank_of(block, parents), parents)
        self._free(block_hash)

    def _keep(self, block_hash: bytes, block: Any, lacking: set[bytes]) -> None:
        """Let a block wait for its parents, if there is room."""
        size = len(block.payload or b"")
        if len(self._orphans) >= MOST_ORPHANS or self._orphan_bytes + size > MOST_ORPHAN_BYTES:
            self._lost = True
            return
        self._orphan_bytes += size
        self._orphans[block_hash] = block, lacking
        for parent in sorted(lacking):
            self._children.setdefault(parent, []).append(block_hash)
            self.want(parent, self._for_a_child)

    def _free(self, block_hash: bytes) -> None:
        """A block is here: those that have waited for nothing but it are judged next."""
        for child in self._children.pop(block_hash, ()):
            waiting, lacking = self._orphans[child]
            lacking.discard(block_hash)
            if not lacking:
                del self._orphans[child]
                self._orphan_bytes -= len(waiting.payload or b"")
                self._came[child] = waiting

    def drop_orphans(self) -> None:
        """Forget the blocks that wait for others: nothing is on its way that they could wait for."""
        self._orphans.clear()
        self._children.clear()
        self._orphan_bytes = 0
