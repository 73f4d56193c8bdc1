"""One address of the book: what was told of it, and how it was when we called."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from peerproto.node.places import Place
from peerproto.peer.snapshot import Snapshot

__all__ = ["DAY", "HOUR", "UNKNOWN", "About", "Entry", "about_of"]

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
"""In seconds."""

FIRST_WAIT, LAST_WAIT = 30.0, 600.0
"""Seconds until an address that failed once may be called again, and after many times."""

HORIZON = 30 * DAY
"""What nobody has seen for so long is not there any more."""


class About(NamedTuple):
    """What a peer said of itself when we last spoke.

    `services` by name, `height` of its best block, `version` of its protocol, `latency` in seconds; None: not known.
    """

    services: tuple[str, ...] = ()
    agent: str = ""
    height: int | None = None
    version: int | None = None
    latency: float | None = None


UNKNOWN = About()


def about_of(peer: Snapshot) -> About:
    """What is worth keeping of what is known of a peer."""
    return About(tuple(peer.services), peer.user_agent, peer.last_block, peer.version, peer.ping_least)


@dataclass(eq=False, slots=True)
class Entry:
    """An address. All times are in seconds since 1970, 0 for never.

    :ivar source: the host that told us first. :ivar services: bits, as they are told. :ivar seen: when it was last
        seen by anybody, as they say.
    :ivar tries: calls in all. :ivar fails: calls that failed since the last good one; `counts`: of these, those
        between which others were good, so that it was not our own network that was down; `last_count`: the last one.
    :ivar not_before: it is not called again before that.
    :ivar buckets: those of the new table that it stands in. :ivar is_tried: whether it stands in the other table.
    """

    place: Place
    source: str
    services: int = 0
    seen: float = 0.0
    tries: int = 0
    fails: int = 0
    counts: int = 0
    last_count: float = 0.0
    last_try: float = 0.0
    last_success: float = 0.0
    not_before: float = 0.0
    about: About = UNKNOWN
    buckets: set[int] = field(default_factory=set)
    is_tried: bool = False

    def is_worthless(self, now: float) -> bool:
        """Whether it may give way to any other, and is told to nobody (Bitcoin Core, AddrInfo::IsTerrible)."""
        if 0 <= now - self.last_try < MINUTE:
            return False  # it is being called
        if not now - HORIZON < self.seen <= now + 10 * MINUTE:
            return True
        if not self.last_success:
            return self.counts >= 3
        return self.counts >= 10 and now - self.last_success > 7 * DAY

    def may_be_called(self, now: float) -> bool:
        """Whether it was not called too lately; a clock that was set back does not hold it off for more than a day."""
        return not 0 < self.not_before - now <= DAY

    def may_offer(self, services: int) -> bool:
        """Whether it has all these services, as far as is told; of some addresses nothing is."""
        return not self.services or not services & ~self.services

    def chance(self) -> float:
        """How likely it is to be called when it is drawn, from 0 to 1."""
        return float(0.66 ** min(self.fails, 8))

    def begin(self, now: float) -> None:
        """A call begins."""
        self.tries += 1
        self.last_try = now
        self.not_before = now + FIRST_WAIT

    def fail(self, now: float, last_good: float, wait: float = 0.0) -> None:
        """A call failed.

        :param last_good: when any other was good. :param wait: seconds until it may be called again, at least.
        """
        self.fails += 1
        if self.last_count < last_good:
            self.counts += 1
            self.last_count = now
        self.not_before = now + max(wait, min(FIRST_WAIT * 2.0 ** min(self.fails - 1, 16), LAST_WAIT))

    def succeed(self, now: float, told: About) -> None:
        """A call was good."""
        self.fails = self.counts = 0
        self.seen = self.last_try = self.last_success = now
        self.not_before = now + FIRST_WAIT
        self.about = told

    def cut(self, now: float) -> None:
        """Times of a clock that was ahead: what cannot have been yet was now, and the wait after it begins now."""
        self.not_before -= max(0.0, self.last_try - now)
        self.seen, self.last_try = min(self.seen, now), min(self.last_try, now)
        self.last_success, self.last_count = min(self.last_success, now), min(self.last_count, now)

    def learn(self, other: Entry, is_newer: bool) -> None:
        """Take over what another node knows of the same address: of its calls, those of who called last.

        :param is_newer: whether that one must have called later; else as late is enough.
        """
        self.services |= other.services
        self.seen = max(self.seen, other.seen)
        self.tries = max(self.tries, other.tries)
        if other.last_try > self.last_try or (other.last_try == self.last_try and not is_newer):
            self.fails, self.counts = other.fails, other.counts
            self.last_try, self.last_success = other.last_try, other.last_success
            self.not_before, self.about = other.not_before, other.about
