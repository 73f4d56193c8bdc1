"""Who goes when all inbound places are taken and another calls: a pure choice, after Bitcoin Core's node/eviction.cpp.

Who wants all places for himself must beat the others by every measure at once: those that are best by any one of them
stay. By some of the measures he cannot know how he does, or cannot pretend.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from math import inf
from typing import Any

BY_GROUP = 4
BY_PING = 8
BY_TRANSACTIONS = 4
BY_BLOCKS_ALONE = 8
BY_BLOCKS = 4
"""So many stay by each measure; `BY_BLOCKS_ALONE` of those that want no transactions and so can bring none."""


@dataclass(frozen=True)
class Candidate:
    """One inbound peer, as far as it matters here. Times are on any one clock, in seconds; 0 is never.

    :ivar group: its network group under a secret key, so that nobody knows which groups come out on top.
    :ivar ping: the least latency; infinite before the first pong.
    :ivar transaction: when it last brought a transaction that was new. :ivar block: the same for a block.
    :ivar since: when it came. :ivar relays: whether it wants transactions.
    :ivar is_safe: whether it may never be chosen. :ivar is_local: whether it comes from a net where all share few
        addresses and long ways (this host, an onion), and would lose by the other measures.
    :ivar is_disfavoured: whether it is to be chosen before all others.
    """

    id: int
    group: int
    since: float
    ping: float = inf
    transaction: float = 0.0
    block: float = 0.0
    relays: bool = True
    is_safe: bool = False
    is_local: bool = False
    is_disfavoured: bool = False


Measure = Callable[[Candidate], Any]


def choose(candidates: Iterable[Candidate]) -> int | None:
    """The id of the one that goes; None if nobody does: then it is the newcomer who is refused.

    The order in which the candidates are given does not matter.
    """
    left = sorted((one for one in candidates if not one.is_safe), key=lambda one: one.id)
    left = _without(left, _of_each_group(left)[:BY_GROUP])
    left = _without(left, _best(left, BY_PING, lambda one: (one.ping, one.since)))
    left = _without(left, _best(left, BY_TRANSACTIONS, lambda one: (-one.transaction, one.since)))
    alone = [one for one in left if not one.relays and one.block]
    left = _without(left, _best(alone, BY_BLOCKS_ALONE, lambda one: (-one.block, one.since)))
    left = _without(left, _best(left, BY_BLOCKS, lambda one: (-one.block, one.since)))
    left = _without(left, _longest_here(left))
    left = [one for one in left if one.is_disfavoured] or left
    return _youngest_of_largest_group(left)


def _best(candidates: Iterable[Candidate], count: int, measure: Measure) -> list[Candidate]:
    """So many of those whose measure is the lowest."""
    return sorted(candidates, key=measure)[:count]


def _without(candidates: Iterable[Candidate], others: Collection[Candidate]) -> list[Candidate]:
    gone = {other.id for other in others}
    return [one for one in candidates if one.id not in gone]


def _of_each_group(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Of each group who is here longest; the groups in the order of their keys."""
    oldest: dict[int, Candidate] = {}
    for one in sorted(candidates, key=_age):
        oldest.setdefault(one.group, one)
    return [oldest[group] for group in sorted(oldest)]


def _longest_here(candidates: Collection[Candidate]) -> list[Candidate]:
    """Half of them: those that are here longest; up to half of that half are kept for local ones."""
    half = len(candidates) // 2
    local = _best((one for one in candidates if one.is_local), half // 2, _age)
    return local + _best(_without(candidates, local), half - len(local), _age)


def _youngest_of_largest_group(candidates: Iterable[Candidate]) -> int | None:
    """Who came last of the group that has most; of groups of one size, of that which somebody joined last."""
    groups: defaultdict[int, list[Candidate]] = defaultdict(list)
    for one in candidates:
        groups[one.group].append(one)
    if not groups:
        return None
    largest = max(groups.values(), key=lambda group: (len(group), max(map(_age, group))))
    return max(largest, key=_age).id


def _age(one: Candidate) -> tuple[float, int]:
    """What is less for who came earlier."""
    return one.since, one.id
