"""Who goes when all inbound places are taken."""

from __future__ import annotations

from dataclasses import replace
from math import inf

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from peerproto.node.eviction import (
    BY_BLOCKS,
    BY_BLOCKS_ALONE,
    BY_GROUP,
    BY_PING,
    BY_TRANSACTIONS,
    Candidate,
    choose,
)

TIMES = st.integers(0, 50).map(float)
CROWDS = st.lists(
    st.builds(
        Candidate,
        id=st.just(0),
        group=st.integers(0, 6),
        since=TIMES,
        ping=st.sampled_from([0.01, 0.1, 0.2, 1.0, inf]),
        transaction=TIMES,
        block=TIMES,
        relays=st.booleans(),
        is_safe=st.booleans(),
        is_local=st.booleans(),
        is_disfavoured=st.booleans(),
    ),
    max_size=80,
).map(lambda crowd: [replace(one, id=number) for number, one in enumerate(crowd)])

SAFE = BY_GROUP + BY_PING + BY_TRANSACTIONS + BY_BLOCKS_ALONE + BY_BLOCKS


def crowd(count: int, first: int = 0, group: int = 5) -> list[Candidate]:
    """So many that came one after the other and are alike in all else, with ids from `first` on."""
    return [Candidate(id=number, group=group, since=float(number)) for number in range(first, first + count)]


class ChoiceTests(SynchronousTestCase):
    """What the choice keeps to, whoever is there."""

    @given(CROWDS, st.randoms(use_true_random=False))
    @settings(deadline=None, derandomize=True)
    def test_order_does_not_matter(self, some: list[Candidate], random: object) -> None:
        """The same crowd in another order gives the same choice."""
        mixed = list(some)
        random.shuffle(mixed)  # type: ignore[attr-defined]
        self.assertEqual(choose(some), choose(mixed))

    @given(CROWDS)
    @settings(deadline=None, derandomize=True)
    def test_the_best_stay(self, some: list[Candidate]) -> None:
        """Who is safe stays; so does who is strictly among the best by any measure, and who is here longest."""
        chosen = choose(some)
        if chosen is None:
            return
        one, others = some[chosen], [other for other in some if not other.is_safe]
        self.assertEqual(one.id, chosen)
        self.assertFalse(one.is_safe)
        self.assertGreaterEqual(sum(other.ping <= one.ping for other in others), BY_PING + 1)
        self.assertGreaterEqual(
            sum(other.transaction >= one.transaction for other in others), BY_TRANSACTIONS + 1
        )
        self.assertGreaterEqual(sum(other.block >= one.block for other in others), BY_BLOCKS + 1)
        self.assertGreater(sum(other.since <= one.since for other in others), 1)

    @given(CROWDS)
    @settings(deadline=None, derandomize=True)
    def test_few_all_stay(self, some: list[Candidate]) -> None:
        """Of so few that all are the best by some measure nobody goes; of many more somebody does."""
        few = [replace(one, is_safe=False, relays=True) for one in some]
        if (
            len({one.group for one in few}) >= BY_GROUP
            and len(few) <= BY_GROUP + BY_PING + BY_TRANSACTIONS + BY_BLOCKS
        ):
            self.assertIsNone(choose(few))
        if len(few) > SAFE:
            self.assertIsNotNone(choose(few))

    @given(st.integers(1, 300), st.integers(1, 8), st.floats(0.001, 0.5))
    @settings(deadline=None, derandomize=True)
    def test_flood(self, count: int, groups: int, ping: float) -> None:
        """Row 58: a flood from few groups, however quick its answers, drives nobody out who brought blocks, or
        transactions, or has been here long.
        """
        honest = [
            replace(
                one,
                ping=1.0,
                group=100 + one.id,
                block=1000.0 * (one.id < 4),
                transaction=1000.0 * (one.id >= 4),
            )
            for one in crowd(8)
        ]
        flood = [replace(one, group=one.id % groups, ping=ping) for one in crowd(count, first=8)]
        chosen = choose(honest + flood)
        self.assertTrue(chosen is None or chosen >= 8, chosen)


class MeasureTests(SynchronousTestCase):
    """Each measure by itself: the youngest goes of all that are alike, but not if it is the best by something."""

    def setUp(self) -> None:
        self.crowd = [replace(one, ping=5.0 + one.id) for one in crowd(60)]
        self.youngest = self.crowd[-1]

    def chosen(self, **changes: object) -> int | None:
        """Who goes when the youngest is different in this."""
        return choose([*self.crowd[:-1], replace(self.youngest, **changes)])  # type: ignore[arg-type]

    def test_nobody(self) -> None:
        """Of nobody nobody goes."""
        self.assertIsNone(choose([]))

    def test_youngest(self) -> None:
        """Of those of one group it is the youngest."""
        self.assertEqual(self.chosen(), 59)

    def test_safe(self) -> None:
        """Who is safe never goes."""
        self.assertEqual(self.chosen(is_safe=True), 58)

    def test_ping(self) -> None:
        """Who answers quickest stays."""
        self.assertEqual(self.chosen(ping=0.1), 58)

    def test_transactions(self) -> None:
        """Who brought the latest transaction stays."""
        self.assertEqual(self.chosen(transaction=9.0), 58)

    def test_blocks(self) -> None:
        """Who brought the latest block stays."""
        self.assertEqual(self.chosen(block=9.0), 58)

    def test_blocks_alone(self) -> None:
        """Those that take no transactions have places of their own for the blocks that they brought."""
        some = [replace(one, block=1000.0 + one.id) for one in self.crowd[:-1]]
        self.assertEqual(choose([*some, replace(self.youngest, block=1.0, relays=False)]), 54)
        self.assertEqual(choose([*some, replace(self.youngest, block=1.0)]), 59)

    def test_largest_group(self) -> None:
        """Who has a group to himself stays, and the youngest of the largest group goes; by the key four groups stay."""
        self.assertEqual(self.chosen(group=9), 58)

    def test_groups_of_one_size(self) -> None:
        """Of groups of one size it is the one that somebody joined last."""
        pairs = [replace(one, group=one.id // 2) for one in self.crowd]
        self.assertEqual(choose(pairs), 59)

    def test_keyed_groups(self) -> None:
        """Of the four groups that come first by their keys one stays each, though all others are of other groups."""
        some = [replace(one, group=50) for one in self.crowd]
        lowest = replace(self.youngest, group=1, is_disfavoured=True)
        self.assertEqual(choose([*some[:-1], lowest]), 58)

    def test_disfavoured(self) -> None:
        """Something held against a peer makes it go before others that are younger."""
        some = list(self.crowd)
        some[50] = replace(some[50], is_disfavoured=True)
        self.assertEqual(choose(some), 50)

    def test_uptime(self) -> None:
        """Half of those that are the best by nothing stay because they are here longest, whatever they did."""
        some = [replace(one, is_disfavoured=True) for one in self.crowd]
        some[20] = replace(some[20], group=7)
        self.assertEqual(choose(some), 59)
        some = [replace(one, is_disfavoured=one.id == 21) for one in self.crowd]
        self.assertEqual(choose(some), 59)

    def test_local(self) -> None:
        """A part of that half is kept for those from this host, though younger ones of them must go, too."""
        some = [replace(one, is_local=one.id >= 56) for one in self.crowd]
        some = [replace(one, is_disfavoured=one.is_local) for one in some]
        self.assertNotIn(choose(some), {56, 57, 58, 59})
