"""Tests of which blocks are missing, whatever the chain does."""

from __future__ import annotations

from itertools import count
from types import SimpleNamespace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from peerproto.node.blockgaps import BlockGaps
from peerproto.node.headerchain import HeaderChain
from peerproto.node.headerstore import HeaderStore
from peerproto.node.mining import mine
from tests.node_case import NETWORK, NOW

MOST = 6
RULES = NETWORK.chain

STEPS = st.one_of(
    st.tuples(st.just("grow"), st.integers(1, 4)),
    st.tuples(st.just("branch"), st.integers(1, 9)),
    st.tuples(st.just("back"), st.integers(0, 4)),
    st.tuples(st.just("come"), st.integers(0, 9)),
    st.tuples(st.just("write"), st.just(0)),
    st.tuples(st.just("look"), st.integers(1, 3)),
    st.tuples(st.just("late"), st.integers(0, 9)),
)


class World:
    """A chain, a store that keeps few blocks and takes its time, and what is thought of them."""

    def __init__(self) -> None:
        self._salts = map(b"%d".__mod__, count())
        self._headers = HeaderStore(":memory:", RULES)
        self.chain = HeaderChain(self._headers, RULES, lambda: NOW)
        store: Any = SimpleNamespace(most=MOST)
        self.gaps = BlockGaps(self.chain, store, lambda block_hash: None)
        self.stored: dict[int, bytes] = {}
        self._writing: list[bytes] = []
        self._tips = [(0, RULES.genesis)]

    def close(self) -> None:
        """Done with it."""
        self._headers.close()

    def step(self, what: str, number: int) -> None:
        """One of `STEPS`."""
        getattr(self, what)(number)

    def grow(self, number: int) -> None:
        """The chain grows at its tip."""
        self._mine(self.chain.height, self.chain.header_at(self.chain.height), number)

    def branch(self, below: int) -> None:
        """A branch that leaves it so far below takes over."""
        height = max(self.chain.height - below, 0)
        self._mine(height, self.chain.header_at(height), self.chain.height + 1 - height)

    def back(self, number: int) -> None:
        """A branch that was left grows and takes over again."""
        height, header = self._tips[-1 - number % len(self._tips)]
        self._mine(height, header, self.chain.height + 1 - height)

    def _mine(self, height: int, header: bytes, number: int) -> None:
        self._tips.append((self.chain.height, self.chain.header_at(self.chain.height)))
        self.chain.add(list(mine(RULES, number, start=header, height=height, salt=next(self._salts))))

    def come(self, number: int) -> None:
        """One that is missing comes."""
        if self.gaps.missing:
            block_hash = list(self.gaps.missing)[number % len(self.gaps.missing)]
            self.gaps.came(block_hash)
            self._writing.append(block_hash)

    def write(self, _: int) -> None:
        """The oldest that has come is written, in the way of a block store."""
        if self._writing:
            block_hash, best = self._writing.pop(0), self.chain.height
            self.stored[self.gaps.keeping[block_hash]] = block_hash
            self.stored = {at: found for at, found in self.stored.items() if best - MOST < at <= best}
            self.gaps.kept(block_hash)

    def late(self, number: int) -> None:
        """One comes, and while it is written the chain goes over to another branch, which is looked at then, or not."""
        self.look(MOST)
        self.come(number)
        (self.back if number < 5 else self.branch)(number)
        self.look(MOST * (number % 2))
        self.write(0)

    def look(self, number: int) -> None:
        """A few are looked up."""
        for _ in range(number):
            spot = self.gaps.next_one()
            if spot is not None:
                self.gaps.looked_up(spot, spot.block_hash in self.stored.values())

    def check(self) -> None:
        """When all are looked up, missing are those of the newest that are neither here nor about to be."""
        self.look(MOST + 1)
        assert self.gaps.next_one() is None
        height = self.chain.height
        newest = range(max(1, height + 1 - MOST), height + 1)
        wanted = {at: RULES.block_hash(self.chain.header_at(at)) for at in newest}
        lacking = {found: at for at, found in wanted.items() if self.stored.get(at) != found}
        keeping = {found: at for found, at in self.gaps.keeping.items() if wanted.get(at) == found}
        assert self.gaps.missing == {found: at for found, at in lacking.items() if found not in keeping}
        here, total = self.gaps.standing
        assert total == len(newest)
        assert all(self.stored.get(at) == wanted[at] for at in list(newest)[:here])


class GapsTests(SynchronousTestCase):
    """Any order of things."""

    @settings(max_examples=500)
    @given(st.lists(STEPS, min_size=5, max_size=30))
    def test_any_order(self, steps: list[tuple[str, int]]) -> None:
        """Whenever all are looked up, what is missing is what is not here."""
        world = World()
        try:
            for step in steps:
                world.step(*step)
            world.check()
        finally:
            world.close()
