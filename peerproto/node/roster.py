"""The peers that a node has at the moment, and one ordered stream of who comes and who goes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from peerproto.errors import PeerError
from peerproto.peer.logs import Logger
from peerproto.peer.protocol import PeerProtocol


class PeerAdded(NamedTuple):
    """The peer is ready."""

    peer: PeerProtocol


class PeerGone(NamedTuple):
    """A peer that was added has ended, and why."""

    peer: PeerProtocol
    error: PeerError


Change = PeerAdded | PeerGone
Subscriber = Callable[[Change], object]


class Roster:
    """Peers that are ready, by id, in the order of their coming.

    Every subscriber hears of every change in the same order: of each peer once that it is added, then once that it is
    gone, and after that nothing. What a subscriber does that changes the roster is told when all have heard the first.
    A peer that ends before it is ready is not heard of.
    """

    _log = Logger()

    def __init__(self) -> None:
        self.peers: dict[int, PeerProtocol] = {}
        self._told: dict[int, PeerProtocol] = {}
        self._subscribers: list[Subscriber] = []
        self._to_do: deque[Callable[[], None]] = deque()
        self._busy = False

    def watch(self, peer: PeerProtocol) -> None:
        """Tell of this peer, if it ever is ready."""
        peer.when_ready().addCallbacks(self._add, lambda _: None)

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Have a function called with each change; it first hears of the peers that are there.

        An exception that it raises is logged, and hurts nobody. Returns what ends the subscription.
        """
        self._do(lambda: self._join(subscriber))
        return lambda: self._leave(subscriber)

    def _add(self, peer: PeerProtocol) -> None:
        self.peers[peer.id] = peer
        self._do(lambda: self._tell(PeerAdded(peer)))
        peer.when_disconnected().addCallback(lambda error: self._lose(peer, error))

    def _lose(self, peer: PeerProtocol, error: PeerError) -> None:
        del self.peers[peer.id]
        self._do(lambda: self._tell(PeerGone(peer, error)))

    def _join(self, subscriber: Subscriber) -> None:
        self._subscribers.append(subscriber)
        for peer in self._told.values():
            self._call(subscriber, PeerAdded(peer))

    def _leave(self, subscriber: Subscriber) -> None:
        """At once: who has left hears nothing more, not even of the change that is being told."""
        self._subscribers = [other for other in self._subscribers if other is not subscriber]

    def _tell(self, change: Change) -> None:
        if isinstance(change, PeerAdded):
            self._told[change.peer.id] = change.peer
        else:
            del self._told[change.peer.id]
        for subscriber in list(self._subscribers):
            if any(other is subscriber for other in self._subscribers):
                self._call(subscriber, change)

    def _call(self, subscriber: Subscriber, change: Change) -> None:
        try:
            subscriber(change)
        except Exception:
            self._log.failure("a subscriber failed when it was told of {peer}", peer=str(change.peer))

    def _do(self, work: Callable[[], None]) -> None:
        """One thing after the other, whoever asks for it in the midst of another."""
        self._to_do.append(work)
        if self._busy:
            return
        self._busy = True
        try:
            while self._to_do:
                self._to_do.popleft()()
        finally:
            self._busy = False
