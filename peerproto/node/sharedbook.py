"""The book of one node of many that share theirs: it holds all that they know, and calls what it has leased.

In memory it is an `AddressBook` like any other, ordered by the same secret as those of all others. Which addresses are
worth a call it draws from there; what was drawn is leased on the server (`peerproto.node.sharing`), and only that is
given out. While the server is away it is a book like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from peerproto.errors import LocalError
from peerproto.node.addressbook import AddressBook
from peerproto.node.bans import Ban
from peerproto.node.bookfile import Changes, gather, take_back
from peerproto.node.bookrows import NONSENSE, buckets_of, entry_of
from peerproto.node.buckets import Table
from peerproto.node.entries import Entry
from peerproto.node.groups import Groups
from peerproto.node.pgbook import Answer, News
from peerproto.node.pgslots import Stand
from peerproto.node.places import Place

__all__ = ["AHEAD", "SharedBook"]

AHEAD, MOST_AHEAD = 1, 512
"""Places that are leased before they are wanted; and at most, when they are. What one node has ahead no other has."""

MOST_TOLD = 2000
"""Addresses that are told at once: a server takes some tenths of a second for them, and all others wait."""


class SharedBook(AddressBook):
    """A `peerproto.node.places.Book`.

    :param lease: seconds that a lease lasts; what was not called for so long is left to others.
    :param options: those of `AddressBook`.
    :ivar leased: the places that are ours to call, and since when. :ivar taken: those that are another node's.
    :ivar is_alone: whether the server is away. :ivar in_use: tells whom we are calling, or have called.
    :ivar has_more: whether not all of what has changed was told the last time.
    :ivar short: called when there are fewer places than were asked for.
    """

    def __init__(self, groups: Groups, *, lease: float, **options: Any) -> None:
        super().__init__(groups, **options)
        self.leased: dict[Place, float] = {}
        self.taken: frozenset[Place] = frozenset()
        self.is_alone = self.has_more = False
        self.in_use: Callable[[], Collection[Place]] = tuple
        self.short: Callable[[], object] = lambda: None
        self._lease = lease
        self._asked = self._renewed = 0.0
        self._ahead = 0
        self._asked_for, self._avoided = 0, frozenset[str]()

    # Whom we call.

    def candidates(self, count: int, avoid: Collection[str]) -> list[Place]:
        """Of what is leased, places to call next: at most so many, no two in a group, none in a group of `avoid`."""
        if self.is_alone:
            return super().candidates(count, avoid)
        self._ahead = AHEAD
        self._asked_for, self._avoided = count, frozenset(avoid)
        found: dict[str, Place] = {}
        for place in self._callable():
            if (group := self.group_of(place)) not in avoid and len(found) < count:
                found.setdefault(group, place)
        if len(found) < count:
            self.short()
        return list(found.values())

    def feeler(self) -> Place | None:
        """A place of those that are leased to look at and leave: one in the way of another, else rather a new one."""
        if self.is_alone:
            return super().feeler()
        self.shelves.settle()
        in_the_way = self._in_the_way()
        found = sorted(self._callable(), key=lambda place: (place not in in_the_way, self._is_tried(place)))
        return found[0] if found else None

    def to_lease(self) -> list[Place]:
        """What to lease now, so that there is enough ahead, and one of those that are to be called again if need be."""
        ready = self._callable()
        missing, self._asked_for = self._most_ahead() - len(ready), 0
        wanted = self._in_the_way()[: self._ahead]
        if missing > 0:
            groups = set(map(self.group_of, [*ready, *self.in_use()]))
            wanted += super().candidates(missing, groups | self._avoided)
        return [place for place in dict.fromkeys(wanted) if place not in self.leased]

    def _in_the_way(self) -> list[Place]:
        """Who stands among the tried where another would, and is to be called again for that."""
        now = self._now()
        return [entry.place for entry in self.shelves.in_the_way() if entry.may_be_called(now)]

    def lease(self, places: Iterable[Place]) -> None:
        """These are ours now."""
        self.leased.update(dict.fromkeys(places, self._now()))

    def _callable(self) -> list[Place]:
        """What is leased and may be called now, in the order in which it was leased; nothing if we were asleep."""
        if not self._is_fresh():
            return []
        now, used = self._now(), set(self.in_use())
        free = [entry for place in self.leased if place not in used and (entry := self.get(place))]
        good = [entry for entry in free if entry.may_be_called(now) and entry.may_offer(self._wanted)]
        return [entry.place for entry in good if not self.is_banned(entry.place.host)]

    def _is_tried(self, place: Place) -> bool:
        entry = self.get(place)
        return entry is not None and entry.is_tried

    def _drawn(self, table: Table) -> Entry | None:
        entry = super()._drawn(table)
        is_taken = entry is not None and entry.place in self.taken and self._is_fresh()
        return None if is_taken else entry

    def _is_fresh(self) -> bool:
        """Whether the leases of which the server has told last, ours and those of others, may still last."""
        return 0 <= self._now() - self._renewed < self._lease

    # What we tell others, and they us.

    def news(self, *, keep: bool = True) -> News:
        """What has changed since the last time, and which leases we want to keep; it then counts as told.

        :param keep: False at the end, when all are given up.
        """
        self._asked = self._now()
        changes, kept = self._some(gather(self)), self._kept() if keep else []
        self.leased = {place: since for place, since in self.leased.items() if place in kept}
        places = [Place(*row[:2]) for row in changes.rows]
        stands = {place: self._stands(place) for place in places}
        gone = [place for place in changes.gone if place not in self._own]  # others may well call us
        return News(changes._replace(gone=gone), stands, kept)

    def _some(self, changes: Changes) -> Changes:
        """As much of it as others need not wait for too long, what was called first; the rest is for the next time."""
        rows = sorted(changes.rows, key=lambda row: row[8], reverse=True)
        self.has_more = len(rows) > MOST_TOLD
        self.shelves.changed.update(Place(*row[:2]) for row in rows[MOST_TOLD:])
        return changes._replace(rows=rows[:MOST_TOLD])

    def take_back(self, news: News) -> None:
        """That was not told after all."""
        take_back(self, news.changes)

    def take_in(self, answer: Answer) -> int:
        """Know what others know, but for the rows of addresses, of which there may be many: see `learn`.

        :return: how many bans were left out because they make no sense.
        """
        self.is_alone = False
        self._renewed = self._asked
        self.taken = answer.taken
        self.leased = {place: since for place, since in self.leased.items() if place in answer.leased}
        for place in answer.refused:
            self._give_way(place)
        return [*map(self._learn_ban, answer.bans)].count(False)

    def learn(self, rows: Iterable[tuple[Any, ...]]) -> int:
        """Know these rows of an answer; how many were left out because they make no sense."""
        return [*map(self._learn, rows)].count(False)

    def _kept(self) -> list[Place]:
        """What is in use, and what waits to be called, if not for too long."""
        now = self._now()
        ready = [place for place in self._callable() if now - self.leased[place] < self._lease]
        return sorted({*ready[: self._most_ahead()], *self.in_use()})

    def _most_ahead(self) -> int:
        """How many places to have that are not in use: few if none were asked for since the last round, and none for
        who never asks.
        """
        return min(max(self._ahead, self._asked_for), MOST_AHEAD)

    def _stands(self, place: Place) -> Sequence[Stand]:
        entry = self.get(place)
        return [] if entry is None else [Stand(*slot) for slot in self.shelves.slots_of(entry)]

    def _learn(self, row: tuple[Any, ...]) -> bool:
        """What another node, or we ourselves, have written of one address; whether it makes sense."""
        try:
            entry, stands = entry_of(row), buckets_of(row)
        except NONSENSE:
            return False
        ours, is_changed = self.get(entry.place), entry.place in self.shelves.changed
        entry.cut(self._now())
        if ours is not None:
            ours.cut(self._now())
            ours.learn(entry, is_changed)
        elif is_changed or not self._may_stand(entry.place):
            return True  # we have just forgotten it, or it is nothing to us
        self._last_good = max(self._last_good, entry.last_success)
        if not is_changed:
            self.shelves.stand_at(ours or entry, *stands)
            self.shelves.changed.discard(entry.place)
        return True

    def _may_stand(self, place: Place) -> bool:
        return self._place(*place) == place and 0 < place.port < 65536 and place not in self._own

    def _give_way(self, place: Place) -> None:
        """There was no room for it among what others know."""
        entry = self.get(place)
        if entry is not None and place not in self.shelves.changed:
            self.shelves.remove(entry)
            self.shelves.changed.discard(place)

    def _learn_ban(self, ban: Ban) -> bool:
        try:
            self._follow(ban)
        except (LocalError, *NONSENSE):
            return False
        return True

    def _follow(self, ban: Ban) -> None:
        if ban.what in self.bans.changed or self.bans.get(ban.what) == ban:
            return
        if ban.until > self._now():
            self.bans.ban(*ban)
        else:
            self.bans.unban(ban.what)
        self.bans.changed.discard(ban.what)
