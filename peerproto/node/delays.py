"""When each place may be called again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from peerproto.node.backoff import Backoff
from peerproto.node.places import Place

MOST = 1000


class Delays:
    """A back-off for each place that was called lately, at most `most` of them; the longest untouched is forgotten.

    :param now: tells the time, in seconds. :param random: gives numbers from 0 to 1.
    """

    def __init__(self, now: Callable[[], float], random: Callable[[], float], *, most: int = MOST) -> None:
        self._now = now
        self._random = random
        self._most = most
        self._places: OrderedDict[Place, tuple[Backoff, float]] = OrderedDict()

    def ended(self, place: Place) -> None:
        """A call has come to nothing, or its peer has ended: the next must wait, longer each time."""
        backoff, _ = self._places.pop(place, (Backoff(self._random), 0.0))
        self._places[place] = backoff, self._now() + backoff.next()
        if len(self._places) > self._most:
            self._places.popitem(last=False)

    def good(self, place: Place) -> None:
        """The peer there has been ready for a stable time: its next wait is the first again."""
        self._places.pop(place, None)

    def is_due(self, place: Place) -> bool:
        """Whether it may be called now."""
        return place not in self._places or self._places[place][1] <= self._now()
