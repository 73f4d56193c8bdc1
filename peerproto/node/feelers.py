"""Calls that only find out whether somebody is there: they shake hands, note it in the book, and leave."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from functools import partial

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from peerproto.errors import PeerError, PeerLost, Reason
from peerproto.node.brake import Brake
from peerproto.node.calling import OURS, Caller, Calls
from peerproto.node.places import Book, Place
from peerproto.peer.factory import PeerFactory
from peerproto.peer.protocol import PeerProtocol
from peerproto.peer.timers import Timers

EVERY = 120.0
"""Seconds from one feeler to the next (Bitcoin Core net.h, FEELER_INTERVAL), more or less a half."""


class Feelers:
    """One after the other, for as long as they are not stopped; none while the brake is on.

    :param choose: tells the next place to test, None for nowhere. :param random: gives numbers from 0 to 1.
    """

    def __init__(
        self,
        clock: IReactorTime,
        book: Book,
        caller: Caller,
        brake: Brake,
        *,
        random: Callable[[], float],
        choose: Callable[[], Place | None],
        every: float = EVERY,
    ) -> None:
        self._book = book
        self._brake = brake
        self._random = random
        self._choose = choose
        self._every = every
        self._timers = Timers(clock)
        self._felt: set[Place] = set()
        self._calls = Calls(caller, book.tried, self._met, self._over)

    @property
    def places(self) -> dict[Place, PeerProtocol | None]:
        """Where one is under way."""
        return self._calls.peers

    def start(self) -> None:
        """The first one goes out after a while."""
        self._timers.later("feel", self._every * (0.5 + self._random()), self._feel)

    def stop(self) -> Deferred[None]:
        """Send out no more; fires when the one that is under way has ended."""
        self._timers.cancel_all()
        return self._calls.stop()

    def _feel(self) -> None:
        self.start()
        if self.places or self._brake.is_on:
            return
        place = self._choose()
        if place is not None:
            self._calls.begin(place)

    def _met(self, place: Place, peer: PeerProtocol) -> None:
        peer.when_ready().addCallbacks(partial(self._ready, place), lambda _: None)

    def _ready(self, place: Place, peer: PeerProtocol) -> None:
        self._felt.add(place)
        self._book.connected(place, peer.snapshot(), peer.services or 0)
        peer.disconnect(PeerLost("that was all that was to be found out", Reason.LOCAL_CLOSE))

    def _over(self, place: Place, error: PeerError) -> None:
        if place not in self._felt and error.reason not in OURS:
            self._book.failed(place, error.reason)
        self._felt.discard(place)


def without_listener(factory: PeerFactory) -> PeerFactory:
    """A factory whose peers say of us what those of another do, and of which nobody hears."""
    quiet = copy(factory)
    quiet.listener = None
    quiet.guests = []
    quiet.peers, quiet.handlers, quiet.early_handlers = {}, {}, {}
    quiet.on_ready = quiet.on_lost = quiet.on_read = quiet.on_write = None
    quiet.manual = False
    return quiet
