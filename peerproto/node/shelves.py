"""Which addresses stand in the book, and which give way to which.

Each stands in one slot of a few buckets (see `peerproto.node.buckets`): the new ones in those of who told us of them,
the tried ones, which were good when we called, in one of their own group. Who stands among the tried gives way only
when it was called again and failed, so that nobody can push our good peers out by being good once (Bitcoin Core,
addrman.cpp: test before evict).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from random import Random

from peerproto.node.buckets import MOST_PLACES, NEW, Keyed, Table
from peerproto.node.entries import HOUR, Entry
from peerproto.node.groups import Groups
from peerproto.node.places import Place

__all__ = ["Shelves"]

WAITING, WINDOW, GOOD_FOR = 10, 2400.0, 4 * HOUR
"""How many wait for a place among the tried, for how long at most, and how long who has the place counts as good, both
in seconds."""


class Shelves:
    """Two tables of addresses.

    :param now: the wall clock, in seconds since 1970. :param secret: 32 bytes.
    :ivar changed: the places of which not all is written down.
    """

    def __init__(self, groups: Groups, now: Callable[[], float], secret: bytes) -> None:
        self.changed: set[Place] = set()
        self._groups = groups
        self._now = now
        self._entries: dict[Place, Entry] = {}
        self.keyed = Keyed(secret)
        self.new = Table("new", self.keyed)
        self.tried = Table("tried", self.keyed)
        self._waiting: set[Place] = set()

    def __len__(self) -> int:
        """How many addresses there are."""
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        """All of them."""
        return iter(list(self._entries.values()))

    def get(self, place: Place) -> Entry | None:
        """What is known of a place."""
        return self._entries.get(place)

    def stand(self, entry: Entry, source: str) -> bool:
        """Stand in the bucket of who told us too, if nobody better stands there; whether it stands anywhere."""
        bucket = self._new_bucket(entry.place, source)
        holder = self.new.holder(bucket, entry.place)
        if holder is not entry and len(entry.buckets) < MOST_PLACES and self._yields(holder, entry, bucket):
            self._put(entry, bucket)
        return bool(entry.buckets)

    def again(self, entry: Entry, source: str, random: Random) -> None:
        """Somebody told us of it again: each place more of an address is half as likely as the one before."""
        if not entry.is_tried and random.random() < 0.5 ** len(entry.buckets):
            self.stand(entry, source)

    def remove(self, entry: Entry) -> None:
        """Forget it."""
        if entry.is_tried:
            self.tried.drop(self._tried_bucket(entry.place), entry)
            del self._entries[entry.place]
        for bucket in list(entry.buckets):
            self._leave(entry, bucket)
        self.changed.add(entry.place)

    def promote(self, entry: Entry) -> None:
        """It was good: to the tried, or to those who wait for who stands there to be called again."""
        if entry.is_tried:
            return
        if self._rival(entry) is None:
            self._move_up(entry)
        elif len(self._waiting) < WAITING:
            self._waiting.add(entry.place)

    def settle(self) -> None:
        """Decide for those who wait, as far as it can be."""
        for place in list(self._waiting):
            entry = self._entries.get(place)
            verdict = "out" if entry is None or entry.is_tried else self._verdict(entry)
            if verdict:
                self._waiting.discard(place)
            if verdict == "in" and entry is not None:
                self._move_up(entry)

    def in_the_way(self) -> list[Entry]:
        """The tried ones whose places others wait for: to be called again."""
        waiting = [self._entries[place] for place in self._waiting if place in self._entries]
        return [rival for entry in waiting if (rival := self._rival(entry)) not in (None, entry)]

    def restore(self, entry: Entry, is_tried: bool, buckets: Iterable[int]) -> bool:
        """Put in what was written down, where it stood as far as that is free; whether it stands anywhere now."""
        if is_tried and self._rival(entry) is None:
            self._move_up(entry)
        else:
            self._put_back(entry, buckets)
        self.changed.discard(entry.place)
        return entry.place in self._entries

    def stand_at(self, entry: Entry, is_tried: bool, buckets: Iterable[int]) -> None:
        """Stand just there, whoever stands there now: it is said by who knows better. Nowhere: as before."""
        wanted = {bucket for bucket in buckets if 0 <= bucket < NEW}
        if is_tried and not entry.is_tried:
            self._move_up(entry)
        elif wanted and not is_tried:
            self._stand_in(entry, wanted)

    def slots_of(self, entry: Entry) -> list[tuple[bool, int, int]]:
        """Where it stands: whether among the tried, in which bucket, in which slot of it."""
        if entry.is_tried:
            bucket = self._tried_bucket(entry.place)
            return [(True, bucket, self.keyed.slot("tried", bucket, entry.place))]
        return [(False, bucket, self.keyed.slot("new", bucket, entry.place)) for bucket in entry.buckets]

    def _stand_in(self, entry: Entry, wanted: set[int]) -> None:
        """Among the new, in these buckets and no other."""
        if entry.is_tried:
            self.tried.drop(self._tried_bucket(entry.place), entry)
            entry.is_tried = False
        for bucket in wanted - entry.buckets:
            holder = self.new.holder(bucket, entry.place)
            if holder is not None:
                self._leave(holder, bucket)
            self._put(entry, bucket)
        for bucket in entry.buckets - wanted:
            self._leave(entry, bucket)

    def _put_back(self, entry: Entry, buckets: Iterable[int]) -> None:
        for bucket in buckets:
            if 0 <= bucket < NEW and self.new.holder(bucket, entry.place) is None:
                self._put(entry, bucket)
        if not entry.buckets:
            self.stand(entry, entry.source)

    def _new_bucket(self, place: Place, source: str) -> int:
        return self.keyed.new_bucket(self._groups.group_of(*place), self._groups.group_of(source))

    def _tried_bucket(self, place: Place) -> int:
        return self.keyed.tried_bucket(place, self._groups.group_of(*place))

    def _yields(self, holder: Entry | None, entry: Entry, bucket: int) -> bool:
        """Whether who holds a slot gives way, which it then has done."""
        if holder is None:
            return True
        is_spare = len(holder.buckets) > 1 and not entry.buckets
        if is_spare or holder.is_worthless(self._now()):
            self._leave(holder, bucket)
            return True
        return False

    def _put(self, entry: Entry, bucket: int) -> None:
        """Stand in a free slot among the new."""
        self.new.put(bucket, entry)
        entry.buckets.add(bucket)
        self._entries[entry.place] = entry
        self.changed.add(entry.place)

    def _leave(self, entry: Entry, bucket: int) -> None:
        """Give way in one bucket; who stands nowhere else is forgotten."""
        self.new.drop(bucket, entry)
        entry.buckets.discard(bucket)
        self.changed.add(entry.place)
        if not entry.buckets:
            del self._entries[entry.place]

    def _rival(self, entry: Entry) -> Entry | None:
        """Who stands where this one would among the tried."""
        return self.tried.holder(self._tried_bucket(entry.place), entry.place)

    def _move_up(self, entry: Entry) -> None:
        """To the tried; who stands there goes back to the new ones."""
        rival, bucket = self._rival(entry), self._tried_bucket(entry.place)
        for old in list(entry.buckets):
            self._leave(entry, old)
        if rival is not None:
            self._move_down(rival, bucket)
        self.tried.put(bucket, entry)
        entry.is_tried = True
        self._entries[entry.place] = entry
        self.changed.add(entry.place)

    def _move_down(self, entry: Entry, bucket: int) -> None:
        """From a bucket of the tried; whoever stands among the new where it comes from gives way."""
        self.tried.drop(bucket, entry)
        entry.is_tried = False
        bucket = self._new_bucket(entry.place, entry.source)
        holder = self.new.holder(bucket, entry.place)
        if holder is not None:
            self._leave(holder, bucket)
        self._put(entry, bucket)

    def _verdict(self, entry: Entry) -> str:
        """Whether who waits comes `in`, stays `out`, or goes on to wait (empty)."""
        rival, now = self._rival(entry), self._now()
        if rival is None:
            return "in"
        if 0 <= now - rival.last_success < GOOD_FOR:
            return "out"
        has_failed = 0 <= now - rival.last_try < GOOD_FOR and rival.fails > 0
        return "in" if has_failed or now - entry.last_success > WINDOW else ""
