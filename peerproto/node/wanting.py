"""What the user of a manager wants, fetched from whichever peer has announced it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from peerproto.errors import LocalError
from peerproto.forms.conversation import Key
from peerproto.network import Network
from peerproto.node.fetching import Fetching
from peerproto.node.roster import Change, PeerAdded, Roster
from peerproto.node.wanted import Wanted
from peerproto.peer.protocol import PeerProtocol
from peerproto.wire.message import Message

__all__ = ["Wanting"]


class Wanting:
    """Waits for things that peers announce, and asks one of those that have, then the next.

    :param wanted: the table of who has what.
    """

    def __init__(
        self, clock: IReactorTime, network: Network, roster: Roster, wanted: Wanted | None = None
    ) -> None:
        self._network = network
        self._roster = roster
        self._fetching = Fetching(clock, network, wanted)
        self._waiters: dict[Key, tuple[Any, list[Deferred[Message]]]] = {}
        items = network.expects[type(network.request_blocks([], False))].answers
        self._listener = SimpleNamespace(
            **{f"on_{kind.command}": self._came for kind in items},
            **{f"on_{network.announcing.command}": self._announced},
        )
        self._leave = roster.subscribe(self._changed)

    def want(self, vector: Any) -> Deferred[Message]:
        """The message that brings a thing, as soon as a peer that has announced it, or will, has brought it.

        Cancelling gives it up. Raises LocalError for what cannot be asked for.
        """
        (message,) = self._network.inventory.announce([vector])
        (key,) = self._network.item_keys(message)
        if not self._fetching.can_ask(key):
            raise LocalError(f"{self._network.name} has no words to ask for a {key[0]}")
        waiter: Deferred[Message] = Deferred(lambda waiter: self._give_up(key, waiter))
        _, waiters = self._waiters.setdefault(key, (vector, []))
        waiters.append(waiter)
        for peer in self._roster.peers.values():
            if peer.is_known_inventory(vector):
                self._fetching.announced(peer, [key])
        return waiter

    def stop(self) -> None:
        """Ask no more; who waits is cancelled."""
        self._leave()
        self._fetching.stop()
        for _, waiters in list(self._waiters.values()):
            for waiter in list(waiters):
                waiter.cancel()

    def _give_up(self, key: Key, waiter: Deferred[Message]) -> None:
        _, waiters = self._waiters[key]
        waiters.remove(waiter)
        if not waiters:
            del self._waiters[key]
            self._fetching.came(key)

    def _changed(self, change: Change) -> None:
        if not isinstance(change, PeerAdded):
            self._fetching.forget(change.peer)
            return
        change.peer.add_listener(self._listener)
        for key, (vector, _) in self._waiters.items():
            if change.peer.is_known_inventory(vector):
                self._fetching.announced(change.peer, [key])

    def _announced(self, peer: PeerProtocol, message: Message) -> None:
        wanted = [key for key in self._network.item_keys(message) if key in self._waiters]
        self._fetching.announced(peer, wanted)

    def _came(self, peer: PeerProtocol, message: Message) -> None:
        keys = self._network.item_keys(message)
        if isinstance(message, self._network.not_found):
            self._fetching.lacks(peer, keys)
            return
        for key in keys:
            _, waiters = self._waiters.pop(key, (None, []))
            self._fetching.came(key)
            for waiter in waiters:
                waiter.callback(message)
