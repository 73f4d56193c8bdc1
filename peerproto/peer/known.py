"""What a peer is known to know: the vectors that it has announced, or that were announced to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from peerproto.forms.inventory import InventoryRules


class KnownInventory:
    """Vectors by value, those of longest ago forgotten first: at most so many, and each for its life, if it has one.

    Kept are 64-bit fingerprints with a secret of this process (Python's salted hash), and announcements as they came
    until somebody asks: most peers are never asked, and are to cost nothing.

    :param now: the time in seconds.
    """

    __slots__ = ("_known", "_most_unread", "_now", "_rules", "_unread", "_unread_bytes")

    def __init__(self, rules: InventoryRules, now: Callable[[], float]) -> None:
        self._rules = rules
        self._now = now
        self._known: dict[int, float | None] = {}
        self._unread: list[bytes] = []
        self._unread_bytes = 0
        self._most_unread = 2 * rules.known * rules.size

    def add(self, vector: Any) -> None:
        """The peer knows this. Its life begins anew."""
        self._read()
        life = self._rules.life
        self._put(hash(vector), None if life is None else self._now() + life)

    def received(self, payload: bytes) -> None:
        """The peer has announced what stands in this payload."""
        self._unread.append(payload)
        self._unread_bytes += len(payload)
        if self._unread_bytes > self._most_unread:
            self._drop_unread()

    def __contains__(self, vector: Any) -> bool:
        self._read()
        key = hash(vector)
        if key not in self._known:
            return False
        ends = self._known[key]
        if ends is not None and ends <= self._now():
            del self._known[key]
            return False
        if self._rules.refreshes:
            self._put(key, ends)
        return True

    def __len__(self) -> int:
        """How many are remembered, those included whose life is over."""
        self._read()
        return len(self._known)

    def _drop_unread(self) -> None:
        """Keep no more than can be known: the end of what came last."""
        left, kept = self._rules.known * self._rules.size, []
        while left > 0 and self._unread:
            kept.append(self._unread.pop()[-left:])
            left -= len(kept[-1])
        self._unread = kept[::-1]
        self._unread_bytes = sum(map(len, kept))

    def _put(self, key: int, ends: float | None) -> None:
        self._known.pop(key, None)
        self._known[key] = ends
        if len(self._known) > self._rules.known:
            del self._known[next(iter(self._known))]

    def _read(self) -> None:
        """What came unread counts from now: a life may last longer so, never shorter."""
        if not self._unread:
            return
        life = self._rules.life
        ends = None if life is None else self._now() + life
        while self._unread:
            for vector in self._rules.vectors(self._unread.pop(0)):
                self._put(hash(vector), ends)
        self._unread_bytes = 0
