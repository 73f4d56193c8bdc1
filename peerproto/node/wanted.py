"""What is wanted, who has it, and who is asked for it: one peer at a time for each thing.

As Bitcoin Core does it for transactions (txrequest.h): who announces a thing is noted as a source of it. One source is
asked; the others wait. If the one that was asked says that it has it not, goes, or lets its time pass, the next is
asked, and nobody twice. Peers that we have called come first: who wants to withhold a thing from us can easily call us
a thousand times. Among equals chance decides, not who was first. When nobody is left the thing is forgotten; whoever
announces it then is its first source.
"""

from __future__ import annotations

import random as chance
from collections import Counter
from collections.abc import Callable, Hashable
from heapq import heapify, heappop, heappush
from itertools import count
from typing import NamedTuple

__all__ = ["MOST", "MOST_ASKED", "MOST_OF_PEER", "PATIENCE", "YIELDING", "Wanted"]

PATIENCE = 60.0
"""Seconds in which who is asked must bring a thing (Core's GETDATA_TX_INTERVAL)."""

YIELDING = 2.0
"""Seconds that those wait who have called us: one whom we have called may come first (NONPREF_PEER_TX_DELAY)."""

MOST_OF_PEER = 5000
"""So many announcements of a peer are noted (MAX_PEER_TX_ANNOUNCEMENTS)."""

MOST = 100_000
"""So many announcements of all peers together: some 30 MB."""

MOST_ASKED = 100
"""So many things a peer may owe at a time (MAX_PEER_TX_REQUEST_IN_FLIGHT)."""

SPARE = 1000
"""So many times may be kept of things that nobody wants any more."""


class Source(NamedTuple):
    """Who has a thing; the least is asked first.

    :ivar is_inbound: whether it has called us. :ivar rank: by chance. :ivar since: from when on it may be asked.
    """

    is_inbound: bool
    rank: float
    since: float


class Hunt:
    """One thing that is wanted.

    :ivar sources: who may yet be asked, by number. :ivar tried: who was asked in vain.
    :ivar asked: who is asked now, or None; `deadline` is its, in seconds.
    """

    __slots__ = ("asked", "deadline", "sources", "tried")

    def __init__(self) -> None:
        self.sources: dict[int, Source] = {}
        self.tried: set[int] = set()
        self.asked: int | None = None
        self.deadline = 0.0


class Wanted:
    """The table of it. Pure: it is told the time in seconds, and peers are numbers.

    :param patience: seconds for each peer that is asked. :param yielding: seconds that those wait who have called us.
    :param most_of_peer: how many announcements of a peer are noted. :param most: of all peers.
    :param most_asked: how many things a peer may owe at a time. :param random: gives numbers from 0 to 1.
    """

    def __init__(
        self,
        *,
        patience: float = PATIENCE,
        yielding: float = YIELDING,
        most_of_peer: int = MOST_OF_PEER,
        most: int = MOST,
        most_asked: int = MOST_ASKED,
        random: Callable[[], float] = chance.random,
    ) -> None:
        self._patience = patience
        self._yielding = yielding
        self._most_of_peer = most_of_peer
        self._most = most
        self._most_asked = most_asked
        self._random = random
        self._hunts: dict[Hashable, Hunt] = {}
        self._of_peer: dict[int, dict[Hashable, None]] = {}
        self._total = 0
        self._owed: Counter[int] = Counter()
        self._open: dict[Hashable, None] = {}
        self._due: list[tuple[float, int, Hashable]] = []
        self._numbers = count()

    def __len__(self) -> int:
        """How many things are wanted."""
        return len(self._hunts)

    def __contains__(self, thing: Hashable) -> bool:
        """Whether a thing is wanted."""
        return thing in self._hunts

    @property
    def announcements(self) -> int:
        """How many are noted."""
        return self._total

    def owed(self, peer: int) -> int:
        """How many things a peer is asked for now."""
        return self._owed[peer]

    def asked(self, thing: Hashable) -> int | None:
        """Who is asked for a thing now."""
        hunt = self._hunts.get(thing)
        return None if hunt is None else hunt.asked

    def note(self, peer: int, thing: Hashable, now: float, *, inbound: bool) -> bool:
        """A peer has a thing; false if that was known, or is one too many."""
        known = self._of_peer.setdefault(peer, {})
        if thing in known or len(known) >= self._most_of_peer or self._total >= self._most:
            self._forget_if_idle(peer)
            return False
        known[thing] = None
        self._total += 1
        since = now + self._yielding if inbound else now
        hunt = self._hunts.setdefault(thing, Hunt())
        hunt.sources[peer] = Source(inbound, self._random(), since)
        if since > now:
            self._look_at(thing, since)
        elif hunt.asked is None:
            self._open[thing] = None
        return True

    def choose(self, now: float) -> dict[int, list[Hashable]]:
        """Who is to be asked for what, now; they count as asked."""
        self._pass_on_overdue(now)
        chosen: dict[int, list[Hashable]] = {}
        for thing in list(self._open):
            hunt = self._hunts[thing]
            able = [
                (source, peer)
                for peer, source in hunt.sources.items()
                if source.since <= now and self._owed[peer] < self._most_asked
            ]
            if able:
                peer = min(able)[1]
                chosen.setdefault(peer, []).append(thing)
                self._ask(peer, thing, hunt, now)
        return chosen

    def until(self) -> float | None:
        """When `choose` is to be called at the latest; None if nothing is under way. It may then be too early."""
        return self._due[0][0] if self._due else None

    def lacks(self, peer: int, thing: Hashable) -> None:
        """A peer has not what it has announced."""
        hunt = self._hunts.get(thing)
        if hunt is None or (hunt.asked != peer and peer not in hunt.sources):
            return
        hunt.sources.pop(peer, None)
        hunt.tried.add(peer)
        if hunt.asked == peer:
            self._release(thing, hunt)
        self._drop_if_hopeless(thing, hunt)

    def drop(self, thing: Hashable) -> None:
        """A thing is here, or nobody wants it any more."""
        hunt = self._hunts.pop(thing, None)
        if hunt is None:
            return
        self._open.pop(thing, None)
        if hunt.asked is not None:
            self._owe_less(hunt.asked)
        for peer in {*hunt.sources, *hunt.tried, *(() if hunt.asked is None else (hunt.asked,))}:
            del self._of_peer[peer][thing]
            self._total -= 1
            self._forget_if_idle(peer)

    def forget(self, peer: int) -> None:
        """A peer has gone."""
        for thing in self._of_peer.pop(peer, {}):
            self._total -= 1
            hunt = self._hunts[thing]
            hunt.sources.pop(peer, None)
            hunt.tried.discard(peer)
            if hunt.asked == peer:
                self._release(thing, hunt)
            self._drop_if_hopeless(thing, hunt)
        self._owed.pop(peer, None)

    def _pass_on_overdue(self, now: float) -> None:
        while self._due and self._due[0][0] <= now:
            thing = heappop(self._due)[2]
            hunt = self._hunts.get(thing)
            if hunt is None:
                continue
            if hunt.asked is None:
                self._open[thing] = None
            elif hunt.deadline <= now:
                self.lacks(hunt.asked, thing)

    def _ask(self, peer: int, thing: Hashable, hunt: Hunt, now: float) -> None:
        del hunt.sources[peer], self._open[thing]
        hunt.asked, hunt.deadline = peer, now + self._patience
        self._owed[peer] += 1
        self._look_at(thing, hunt.deadline)

    def _release(self, thing: Hashable, hunt: Hunt) -> None:
        assert hunt.asked is not None
        self._owe_less(hunt.asked)
        hunt.asked = None
        self._open[thing] = None

    def _owe_less(self, peer: int) -> None:
        self._owed[peer] -= 1
        if not self._owed[peer]:
            del self._owed[peer]

    def _drop_if_hopeless(self, thing: Hashable, hunt: Hunt) -> None:
        if hunt.asked is None and not hunt.sources:
            self.drop(thing)

    def _forget_if_idle(self, peer: int) -> None:
        if not self._of_peer.get(peer, True):
            del self._of_peer[peer]

    def _look_at(self, thing: Hashable, when: float) -> None:
        heappush(self._due, (when, next(self._numbers), thing))
        if len(self._due) > 3 * self._total + SPARE:
            self._clean_up()

    def _clean_up(self) -> None:
        """Forget the times of things that nobody wants any more; it would be done when they are over."""
        moments: list[tuple[float, Hashable]] = []
        for thing, hunt in self._hunts.items():
            if hunt.asked is not None:
                moments.append((hunt.deadline, thing))
            moments += [(source.since, thing) for source in hunt.sources.values() if source.is_inbound]
        self._due = [(when, next(self._numbers), thing) for when, thing in moments]
        heapify(self._due)
