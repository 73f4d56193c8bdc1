"""What a graph of blocks is, whoever keeps it, and the walks over it that one must take to answer for it.

A block has any number of parents and a *rank* above theirs (what that is the network says: a blue score, a height).
Hashes are 32 bytes in wire order; as numbers they are little endian. A walk can be long: each is a generator that
pauses by yielding None, so that its caller can do something else meanwhile, and returns what it has found.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from heapq import heappop, heappush
from typing import NamedTuple, Protocol

from peerproto.wire.message import Message

__all__ = ["STEPS", "Graph", "Vertex", "between", "down_to", "now_and_then", "order_of", "selected_of"]

STEPS = 64
"""After so many blocks a walk pauses."""


class Vertex(NamedTuple):
    """A block's place: its number (parents have lower ones), its hash, its rank, and the numbers of its parents, the
    selected one first.
    """

    row: int
    block_hash: bytes
    rank: int
    parents: tuple[int, ...]

    @property
    def place(self) -> tuple[int, int]:
        """Where it stands in a list: behind its parents."""
        return self.rank, int.from_bytes(self.block_hash, "little")


class Graph(Protocol):
    """The blocks of one network. Every method may raise StoreError."""

    @property
    def genesis(self) -> bytes:
        """The hash of the first block, of which there is no body."""

    @property
    def selected(self) -> Vertex:
        """The tip that ranks highest; of equal ones, that with the lowest hash."""

    def __len__(self) -> int:
        """How many blocks there are, the first one among them."""

    def __contains__(self, block_hash: object) -> bool:
        """Whether a block is here."""

    def find(self, block_hash: bytes) -> Vertex | None:
        """A block's place, if it is here."""

    def vertex(self, row: int) -> Vertex:
        """The block of a number."""

    def above(self, rank: int, most: int) -> list[Vertex]:
        """The blocks of higher ranks, lowest first, at most so many."""

    def block(self, vertex: Vertex) -> Message | None:
        """The message that brings a block; None for the first one."""

    def add(self, block_hash: bytes, block: Message, rank: int, parents: Iterable[Vertex]) -> Vertex:
        """Add a block that is not here."""


def order_of(vertex: Vertex) -> tuple[int, int]:
    """A key by which the best block comes last: by rank, of equal ones that with the lowest hash (kaspad blockdag)."""
    rank, number = vertex.place
    return rank, -number


def selected_of(vertices: Iterable[Vertex]) -> Vertex:
    """The best one."""
    return max(vertices, key=order_of)


def now_and_then(count: int) -> Iterable[None]:
    """A pause at each `STEPS`-th step of a walk."""
    return (None,) if count % STEPS == 0 else ()


def down_to(graph: Graph, vertex: Vertex, most: int) -> Generator[None, None, Vertex]:
    """The first block on the way from one down its selected parents whose rank is not above `most`."""
    steps = 0
    while vertex.rank > most and vertex.parents:
        vertex = graph.vertex(vertex.parents[0])
        steps += 1
        yield from now_and_then(steps)
    return vertex


def between(graph: Graph, low: Vertex, high: Vertex, most: int) -> Generator[None, None, list[bytes]]:
    """The blocks in the past of a high one and not in that of a low one, both included if they are related.

    Parents come before children; of more than `most` the lowest. The walk goes down by rank, from both at once: a
    block is reached when all above it are dealt with, and nothing of it is kept then but its hash.
    """
    walk = _Descent()
    walk.reach(high, wanted=True)
    for row in low.parents:
        walk.reach(graph.vertex(row), wanted=False)
    found: deque[bytes] = deque(maxlen=most)
    steps = 0
    while walk.wanted:
        vertex, wanted = walk.next()
        if wanted:
            found.appendleft(vertex.block_hash)
        for row in vertex.parents:
            walk.reach(graph.vertex(row), wanted=wanted)
        steps += 1
        yield from now_and_then(steps)
    return list(found)


class _Descent:
    """The blocks that a walk has reached and not visited, highest first; `wanted` of them are wanted.

    What is reached once from a block that is not wanted is not wanted.
    """

    def __init__(self) -> None:
        self.wanted = 0
        self._heap: list[tuple[int, int, Vertex]] = []
        self._is_wanted: dict[int, bool] = {}

    def reach(self, vertex: Vertex, *, wanted: bool) -> None:
        """One more; perhaps it is reached already."""
        before = self._is_wanted.get(vertex.row)
        if before is None:
            rank, number = vertex.place
            heappush(self._heap, (-rank, -number, vertex))
        now = wanted and before is not False
        self.wanted += now - bool(before)
        self._is_wanted[vertex.row] = now

    def next(self) -> tuple[Vertex, bool]:
        """The highest one, and whether it is wanted."""
        vertex = heappop(self._heap)[2]
        wanted = self._is_wanted.pop(vertex.row)
        self.wanted -= wanted
        return vertex, wanted
