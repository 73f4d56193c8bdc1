"""The addresses that a node knows: those it was told of, and those that were good when it called.

One who tells of many addresses must not fill the book, and one who waits for us to restart must not be all that we
find in it: `peerproto.node.shelves` sees to that. Nothing here waits or writes: `peerproto.node.bookfile` keeps it.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from math import ceil
from random import Random, SystemRandom

from peerproto.errors import PeerError, Reason
from peerproto.forms.gossip import Known
from peerproto.node.bans import Bans
from peerproto.node.buckets import Table
from peerproto.node.entries import DAY, HOUR, Entry, about_of
from peerproto.node.groups import Groups
from peerproto.node.history import MOST_KEPT, Ended, ended
from peerproto.node.places import Place
from peerproto.node.shelves import Shelves
from peerproto.node.tokenbucket import Allowances
from peerproto.peer.snapshot import Snapshot

__all__ = ["BURST", "RATE", "AddressBook"]

RATE, BURST = 0.1, 1000
"""Addresses that one host may tell us: a second, and at once; as many again each time that we have asked it."""

PENALTY = 2 * HOUR
"""So much older we take an address to be than who told us of it says, unless it told us of itself."""

SELDOM = frozenset({Reason.DUPLICATE, Reason.WRONG_NETWORK, Reason.OBSOLETE, Reason.SERVICES})
"""Who fails for one of these will do so tomorrow."""

DRAWS = 500
"""After so many draws that did not fit there is nobody to call."""


class AddressBook:
    """A `peerproto.node.places.Book`.

    :param groups: what counts as routable, and as one group. :param bans: whom it neither stores nor gives out.
    :param now: the wall clock, in seconds since 1970. :param secret: 32 bytes; None for new ones.
    :param wanted: the bit set of services without which an address is of no use.
    :ivar counts: what became of the addresses that were told: `stored`, `known`, `crowded-out`, `unroutable`,
        `no-port`, `own`, `banned`, `limited`.
    :ivar shelves: where they stand. :ivar ended: connections that are over and not written down.
    """

    def __init__(
        self,
        groups: Groups,
        bans: Bans | None = None,
        *,
        now: Callable[[], float] = time.time,
        secret: bytes | None = None,
        random: Random | None = None,
        wanted: int = 0,
    ) -> None:
        self.groups = groups
        self.bans = Bans(now) if bans is None else bans
        self.counts: Counter[str] = Counter()
        self.ended: deque[Ended] = deque(maxlen=MOST_KEPT)
        self._now = now
        self._random = random or SystemRandom()
        self._own: set[Place] = set()
        self._allowances = Allowances(RATE, BURST)
        self._last_good = 0.0
        self._wanted = wanted
        self.use_secret(secret or self._random.randbytes(32))

    def use_secret(self, secret: bytes) -> None:
        """Begin an empty book that goes by this secret, 32 bytes."""
        self.shelves = Shelves(self.groups, self._now, secret)

    def __len__(self) -> int:
        """How many addresses there are."""
        return len(self.shelves)

    def __iter__(self) -> Iterator[Entry]:
        """All of them."""
        return iter(self.shelves)

    def get(self, place: Place) -> Entry | None:
        """What is known of a place, however its address is written."""
        return self.shelves.get(self._place(*place))

    # What we are told.

    def asked(self, source: str) -> None:
        """We have asked the node at this host for addresses."""
        self._allowances.of(source, self._now()).grant(BURST)

    def heard(self, known: Sequence[Known], source: str) -> int:
        """A node told us of these; how many are new. Of what is more than it may tell only the number is noted."""
        now = self._now()
        allowed = self._allowances.of(source, now).take(len(known), now)
        self.counts["limited"] += len(known) - allowed
        return self.add(known[:allowed], source)

    def add(self, known: Iterable[Known], source: str) -> int:
        """Store what we were told, as far as it is worth it; how many are new.

        :param source: the host of who told us, or any word for a list of our own.
        """
        outcomes = Counter(self._add(item, source) for item in known)
        self.counts.update(outcomes)
        return outcomes["stored"]

    def own(self, place: Place) -> None:
        """This is ourselves: never to be stored or called."""
        self._own.add(self._place(*place))
        entry = self.get(place)
        if entry is not None:
            self.shelves.remove(entry)

    def restore(self, entry: Entry, is_tried: bool, buckets: Iterable[int]) -> bool:
        """Put in what was written down; whether it is in the book now."""
        host, port = entry.place
        if self.groups.host(host) != host or not 0 < port < 65536 or entry.place in self._own:
            return False
        if self.get(entry.place) is not None:
            return False
        entry.cut(self._now())
        self._last_good = max(self._last_good, entry.last_success)
        return self.shelves.restore(entry, is_tried, buckets)

    def _add(self, known: Known, source: str) -> str:
        """Store one; what became of it, as it is counted."""
        place = self._place(known.host, known.port)
        fault = self._fault(place)
        if fault:
            return fault
        seen, entry = self._seen(known, place.host == source), self.get(place)
        if entry is None:
            stands = self.shelves.stand(Entry(place, source, known.services, seen), source)
            return "stored" if stands else "crowded-out"
        if known.services & ~entry.services or seen > entry.seen + HOUR:
            entry.services |= known.services
            entry.seen = max(entry.seen, seen)
            self.shelves.changed.add(place)
        self.shelves.again(entry, source, self._random)
        return "known"

    def _place(self, host: str, port: int) -> Place:
        """A place as it is always written; without a host if it is not routable."""
        return Place(self.groups.host(host) or "", port)

    def _fault(self, place: Place) -> str:
        """Why a place is not stored, as it is counted; empty if it may be."""
        if not place.host:
            return "unroutable"
        if not 0 < place.port < 65536:
            return "no-port"
        if place in self._own:
            return "own"
        return "banned" if self.is_banned(place.host) else ""

    def _seen(self, known: Known, by_itself: bool) -> float:
        """When it was last seen, as far as that can be believed."""
        now, told = self._now(), float(known.timestamp)
        if not 1e8 < told <= now + 600:
            told = now - 5 * DAY
        return told if by_itself else told - PENALTY

    # Whom we call.

    def candidates(self, count: int, avoid: Collection[str]) -> list[Place]:
        """Places to call next, at most so many, no two in a group, none in a group of `avoid`, none called lately.

        Those of which it is not known what they offer come last; those that do not offer what is wanted never.
        """
        self.shelves.settle()
        found: dict[str, Place] = {}
        spare: dict[str, Place] = {}
        for table in self._draws(self.shelves.new, self.shelves.tried):
            if len(found) >= count:
                break
            entry = self._drawn(table)
            if entry is not None and (group := self.group_of(entry.place)) not in avoid:
                offers = entry.services or not self._wanted
                (found if offers else spare).setdefault(group, entry.place)
        return [*found.values(), *(spare[group] for group in spare if group not in found)][:count]

    def feeler(self) -> Place | None:
        """A place to look at and leave: one whose place among the tried another wants, or a new one."""
        self.shelves.settle()
        now = self._now()
        wanted = (entry.place for entry in self.shelves.in_the_way() if entry.may_be_called(now))
        drawn = (entry.place for entry in map(self._drawn, self._draws(self.shelves.new)) if entry)
        return next(wanted, None) or next(drawn, None)

    def _draws(self, *tables: Table) -> Iterator[Table]:
        """From which table to draw, for each draw; those with something in them are equally likely."""
        filled = [table for table in tables if table.used]
        for _ in range(DRAWS if filled else 0):
            yield self._random.choice(filled)

    def _drawn(self, table: Table) -> Entry | None:
        entry = table.draw(self._random)
        fits = entry.may_be_called(self._now()) and entry.may_offer(self._wanted)
        if not fits or self._random.random() >= entry.chance() or self.is_banned(entry.place.host):
            return None
        return entry

    def group_of(self, place: Place) -> str:
        """The network group of a place."""
        return self.groups.group_of(*place)

    def tried(self, place: Place) -> None:
        """A call begins."""
        entry = self.get(place)
        if entry is not None:
            entry.begin(self._now())
            self.shelves.changed.add(entry.place)

    def failed(self, place: Place, reason: str) -> None:
        """A call failed; who turned out to be ourselves is not called again, some others not for a day."""
        if reason == Reason.SELF:
            self.own(place)
        entry, now = self.get(place), self._now()
        self._last_good = min(self._last_good, now)  # after a clock was set back each failure would count
        if entry is not None:
            entry.fail(now, self._last_good, DAY if reason in SELDOM else 0.0)
            self.shelves.changed.add(entry.place)

    def connected(self, place: Place, about: Snapshot, services: int = 0) -> None:
        """A call was good: the place moves to the tried ones, or waits until who stands there was called again.

        :param services: its bits, where they are known.
        """
        entry = self._entry(place)
        if entry is not None:
            self._last_good = now = self._now()
            entry.succeed(now, about_of(about))
            entry.services |= services
            self.shelves.changed.add(entry.place)
            self.shelves.promote(entry)

    def _entry(self, place: Place) -> Entry | None:
        """That of a place, a new one if need be; None if there may be none."""
        place = self._place(*place)
        entry = self.shelves.get(place)
        if entry is None and not self._fault(place):
            entry = Entry(place, place.host, seen=self._now())
            return entry if self.shelves.stand(entry, place.host) else None
        return entry

    # Whom we do not talk to, whom we tell others of, and what was.

    def is_banned(self, host: str) -> bool:
        """Whether a host is banned now."""
        return self.bans.of(host) is not None

    def ban(self, what: str, until: float, reason: str, by: str) -> None:
        """Ban an address or network until a time in seconds since 1970. Raises LocalError for what is neither."""
        self.bans.ban(what, until, reason, by)

    def over(self, peer: Snapshot, error: PeerError) -> None:
        """A connection has ended, called by us or by them: to be remembered."""
        self.ended.append(ended(peer, error, self._now()))

    def sample(self, share: float, most: int, fits: Callable[[str], bool]) -> list[Known]:
        """Some addresses to tell others of, drawn at random: a share of all that are worth it, at most so many.

        :param fits: whether a host may be told.
        """
        now = self._now()
        worth = [
            entry
            for entry in self.shelves
            if not entry.is_worthless(now) and fits(entry.place.host) and not self.is_banned(entry.place.host)
        ]
        drawn = self._random.sample(worth, min(ceil(len(worth) * share), most))
        return [Known(*entry.place, entry.services, int(entry.seen)) for entry in drawn]
