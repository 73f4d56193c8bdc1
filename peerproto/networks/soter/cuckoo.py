"""Soter's proof of work: a cycle of twenty edges in a graph that the header's hash spans (Cuckoo Cycle, John Tromp).

There are 2**24 edges on two rows of nodes; edge n joins the nodes that SipHash-2-4 gives for 2n and for 2n + 1, keyed
with the first 16 bytes of the header's double SHA-256. A proof names the edges of a cycle, in ascending order. There is
no target beside that: one proof is worth as much as another. (soterd mining/cuckoo, the solver that it runs by
default.)
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from itertools import pairwise

EDGES = 1 << 24
LENGTH = 20

_WORD = (1 << 64) - 1
_KEYS = struct.Struct("<QQ")
_PERSONAL = struct.unpack(">4Q", b"somepseudorandomlygeneratedbytes")

State = tuple[int, int, int, int]


def fault_of(block_hash: bytes, edges: Sequence[int]) -> str:
    """What is wrong with a proof for a header of this hash (wire order); empty if nothing is."""
    if len(edges) != LENGTH:
        return f"has {len(edges)} edges, must have {LENGTH}"
    if any(after <= before for before, after in pairwise(edges)) or edges[-1] >= EDGES:
        return f"has edges that do not ascend, or are above {EDGES}"
    state = _state(block_hash)
    ends = [[_siphash(state, 2 * edge + row) % EDGES for edge in edges] for row in (0, 1)]
    steps = sum(1 for _ in _walk(ends))
    return "" if steps == LENGTH else f"is no cycle of {LENGTH} edges"


def _walk(ends: list[list[int]]) -> Iterator[int]:
    """The edges from the first one on, each joined to the one before, at the two rows of nodes in turn, until the first
    is there again; no further than where an edge joins none, or more than one.
    """
    at = row = 0
    while True:
        joined = [other for other, end in enumerate(ends[row]) if end == ends[row][at] and other != at]
        if len(joined) != 1:
            return
        yield at
        (at,), row = joined, 1 - row
        if at == 0:
            return


def _state(key: bytes) -> State:
    low, high = _KEYS.unpack_from(key)
    first, second, third, fourth = _PERSONAL
    return low ^ first, high ^ second, low ^ third, high ^ fourth


def _siphash(state: State, number: int) -> int:
    """SipHash-2-4 of one word, without the word of the length that a message would end in."""
    a, b, c, d = state
    d ^= number
    a, b, c, d = _rounds(a, b, c, d, 2)
    return _mixed(_rounds(a ^ number, b, c ^ 0xFF, d, 4))


def _mixed(state: State) -> int:
    a, b, c, d = state
    return a ^ b ^ c ^ d


def _rounds(a: int, b: int, c: int, d: int, count: int) -> State:
    for _ in range(count):
        a, c = (a + b) & _WORD, (c + d) & _WORD
        b, d = (b << 13 & _WORD | b >> 51) ^ a, (d << 16 & _WORD | d >> 48) ^ c
        a = a << 32 & _WORD | a >> 32
        c, a = (c + b) & _WORD, (a + d) & _WORD
        b, d = (b << 17 & _WORD | b >> 47) ^ c, (d << 21 & _WORD | d >> 43) ^ a
        c = c << 32 & _WORD | c >> 32
    return a, b, c, d
