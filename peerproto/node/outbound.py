"""The peers that a node calls of itself: so many, each in another group of the network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from peerproto.errors import PeerError
from peerproto.node.calling import OURS, Caller, Calls
from peerproto.node.connector import STABLE
from peerproto.node.delays import Delays
from peerproto.node.doubles import Doubles
from peerproto.node.places import Book, Place
from peerproto.peer.protocol import PeerProtocol
from peerproto.peer.timers import Timers

TARGET = 8
PACE, EMPTY = 1.0, 10.0
"""Seconds from the end of one to the call of the next; until a book is asked again that had nobody. More or less
a half of it."""

CHOICE = 4
"""The book is asked for so many times what is wanted, since some of what it knows does not suit."""


class Outbound:
    """Keeps a number of peers that the book knows.

    :param met: called with each peer as soon as there is a connection.
    :param taken: the groups that others of our peers are in, and their hosts: there nobody is called.
    :param random: gives numbers from 0 to 1.
    """

    def __init__(
        self,
        clock: IReactorTime,
        book: Book,
        caller: Caller,
        doubles: Doubles,
        *,
        random: Callable[[], float],
        met: Callable[[PeerProtocol], object],
        taken: Callable[[], tuple[Iterable[str], Iterable[str]]],
        target: int = TARGET,
    ) -> None:
        self.target = target
        self._book = book
        self._doubles = doubles
        self._random = random
        self._tell_met = met
        self._taken = taken
        self._delays = Delays(clock.seconds, random)
        self._timers = Timers(clock)
        self._good: dict[Place, None] = {}
        self._first: list[Place] = []
        self._running = False
        self._calls = Calls(caller, book.tried, self._met, self._over)

    @property
    def places(self) -> dict[Place, PeerProtocol | None]:
        """Whom we call or have called, and what has come of it."""
        return self._calls.peers

    @property
    def good(self) -> list[Place]:
        """Where peers are that have been ready for a stable time, the longest first."""
        return list(self._good)

    def begin_with(self, places: Sequence[Place]) -> None:
        """Call these before any others, when calls begin."""
        self._first = list(places)

    def start(self) -> None:
        """Begin to call."""
        self._running = True
        self.look()

    def stop(self) -> Deferred[None]:
        """Call nobody any more, and end those who were called; fires when they have ended."""
        self._running = False
        self._timers.cancel_all()
        return self._calls.stop()

    def look(self) -> None:
        """Call as many as are missing. Asked for of itself, and when the book knows more than before."""
        self._timers.cancel("look")
        missing = self.target - len(self.places) if self._running else 0
        if missing > 0:
            self._call_some(missing)
        if self._running and len(self.places) < self.target:
            self._look_later(EMPTY)

    def _call_some(self, missing: int) -> None:
        others, hosts = map(set, self._taken())
        groups = others.union(map(self._book.group_of, self.places))
        first, self._first = self._first, []
        for place in [*first, *self._book.candidates(CHOICE * missing, frozenset(groups))]:
            group = self._book.group_of(place)
            if missing and group not in groups and self._suits(place, hosts):
                missing -= 1
                groups.add(group)
                self._calls.begin(place)

    def _suits(self, place: Place, hosts: set[str]) -> bool:
        return not (
            place.host in hosts
            or self._book.is_banned(place.host)
            or self._doubles.is_double(str(place))
            or not self._delays.is_due(place)
        )

    def _met(self, place: Place, peer: PeerProtocol) -> None:
        peer.when_ready().addCallbacks(partial(self._ready, place), lambda _: None)
        self._tell_met(peer)

    def _ready(self, place: Place, peer: PeerProtocol) -> None:
        self._timers.later(f"stable {place}", STABLE, partial(self._stable, place, peer))

    def _stable(self, place: Place, peer: PeerProtocol) -> None:
        self._good[place] = None
        self._delays.good(place)
        self._book.connected(place, peer.snapshot(), peer.services or 0)

    def _over(self, place: Place, error: PeerError) -> None:
        self._timers.cancel(f"stable {place}")
        self._delays.ended(place)
        if place not in self._good and error.reason not in OURS:
            self._book.failed(place, error.reason)
        self._good.pop(place, None)
        if self._running:
            self._look_later(PACE)

    def _look_later(self, seconds: float) -> None:
        """Never later than it is to be by now; a shorter wait replaces a longer one."""
        if seconds < EMPTY or not self._timers.is_set("look"):
            self._timers.later("look", seconds * (0.5 + self._random()), self.look)
