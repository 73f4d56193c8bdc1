"""Where an address stands in the book: in which buckets, and in which slot of each, by a secret key.

As in Bitcoin Core (addrman.cpp): one source reaches few buckets of the new addresses, and one group few of the tried
ones; who does not know the key cannot work out which, and cannot choose whom to displace.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from random import Random

from peerproto.node.entries import Entry
from peerproto.node.places import Place

__all__ = ["MOST_PLACES", "NEW", "SLOTS", "TRIED", "Keyed", "Table"]

NEW, TRIED, SLOTS = 1024, 256, 64
"""Buckets of each table, and slots of each bucket."""

PER_SOURCE, PER_GROUP, MOST_PLACES = 64, 8, 8
"""New buckets that a source's group reaches, tried ones that a group reaches, new ones that one address stands in."""


class Keyed:
    """Numbers by a secret. :param secret: 32 random bytes, the same for the whole life of a book."""

    def __init__(self, secret: bytes) -> None:
        self.secret = secret

    def number(self, *parts: object) -> int:
        """64 bits of these parts."""
        text = "\0".join(map(str, parts)).encode()
        return int.from_bytes(blake2b(text, digest_size=8, key=self.secret).digest(), "big")

    def new_bucket(self, group: str, source_group: str) -> int:
        """The bucket of an address of a group, as told by one of another."""
        choice = self.number("new", group, source_group) % PER_SOURCE
        return self.number("new bucket", source_group, choice) % NEW

    def tried_bucket(self, place: Place, group: str) -> int:
        """The bucket of an address that was good."""
        choice = self.number("tried", place) % PER_GROUP
        return self.number("tried bucket", group, choice) % TRIED

    def slot(self, table: str, bucket: int, place: Place) -> int:
        """The one slot of a bucket that an address may stand in."""
        return self.number("slot", table, bucket, place) % SLOTS


class Table:
    """Buckets with one address at most in each slot.

    :param name: that tells it from another of the same key.
    """

    def __init__(self, name: str, keyed: Keyed) -> None:
        self._name = name
        self._keyed = keyed
        self._buckets: dict[int, dict[int, Entry]] = {}
        self._used: list[int] = []
        self._last: tuple[int, Place | None, int] = 0, None, 0

    def __len__(self) -> int:
        """How many slots are taken."""
        return sum(map(len, self._buckets.values()))

    @property
    def used(self) -> Sequence[int]:
        """The buckets in which there is something."""
        if len(self._used) != len(self._buckets):
            self._used = list(self._buckets)
        return self._used

    def _slot(self, bucket: int, place: Place) -> int:
        """Who asks for a slot often takes it then: the last one is remembered."""
        if self._last[:2] != (bucket, place):
            self._last = bucket, place, self._keyed.slot(self._name, bucket, place)
        return self._last[2]

    def holder(self, bucket: int, place: Place) -> Entry | None:
        """What stands in the slot of an address."""
        return self._buckets.get(bucket, {}).get(self._slot(bucket, place))

    def put(self, bucket: int, entry: Entry) -> None:
        """Stand in its slot, which is free."""
        if bucket not in self._buckets:
            self._buckets[bucket] = {}
            self._used = []
        self._buckets[bucket][self._slot(bucket, entry.place)] = entry

    def drop(self, bucket: int, entry: Entry) -> None:
        """Leave its slot."""
        slots = self._buckets[bucket]
        del slots[self._slot(bucket, entry.place)]
        if not slots:
            del self._buckets[bucket]
            self._used = []

    def draw(self, random: Random) -> Entry:
        """One of a random bucket, so that a full bucket weighs no more than another; there must be one."""
        return random.choice(list(self._buckets[random.choice(self.used)].values()))
