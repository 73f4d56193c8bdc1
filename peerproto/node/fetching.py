"""Asks peers for what is wanted, each thing of one peer at a time, by the table of `peerproto.node.wanted`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

from twisted.internet.interfaces import IReactorTime

from peerproto.forms.conversation import Key
from peerproto.network import Network
from peerproto.node.wanted import Wanted
from peerproto.peer.protocol import PeerProtocol
from peerproto.peer.timers import Timers
from peerproto.wire.message import Message

__all__ = ["Fetching"]

Words = Callable[[Collection[bytes], bool], Message]
"""A question for things by their hashes, and whether with witnesses."""


class Fetching:
    """Asks, and passes a question on when its time is over or the peer has not what it has announced.

    Things are named by the network's keys: `("block", hash)`, `("tx", hash)`, the hash in wire order. What is asked in
    one turn of the reactor of one peer goes as one message. What comes is told by whoever hears it.

    :param wanted: the table, with its limits.
    """

    def __init__(self, clock: IReactorTime, network: Network, wanted: Wanted | None = None) -> None:
        self.wanted = Wanted() if wanted is None else wanted
        self._words = words_of(network)
        self._most = network.phrases.most_items
        self._peers: dict[int, PeerProtocol] = {}
        self._timers = Timers(clock)

    def can_ask(self, key: Key) -> bool:
        """Whether the network has words to ask for such a thing."""
        return key[0] in self._words

    def announced(self, peer: PeerProtocol, keys: Iterable[Key]) -> None:
        """A peer has these things; those that cannot be asked for are passed over."""
        now = self._timers.seconds()
        new = [self.wanted.note(peer.id, key, now, inbound=peer.inbound) for key in keys if self.can_ask(key)]
        if any(new):
            self._peers[peer.id] = peer
            self._soon()

    def came(self, key: Key) -> None:
        """A thing is here, or not wanted any more."""
        if key in self.wanted:
            self.wanted.drop(key)
            self._soon()

    def lacks(self, peer: PeerProtocol, keys: Iterable[Key]) -> None:
        """A peer has said that it has not these things."""
        for key in keys:
            self.wanted.lacks(peer.id, key)
        self._soon()

    def forget(self, peer: PeerProtocol) -> None:
        """A peer has ended."""
        if self._peers.pop(peer.id, None) is not None:
            self.wanted.forget(peer.id)
            self._soon()

    def stop(self) -> None:
        """Ask no more."""
        for number in list(self._peers):
            self.wanted.forget(number)
        self._peers.clear()
        self._timers.cancel_all()

    def _soon(self) -> None:
        if len(self.wanted):
            self._timers.later("ask", 0, self._ask)
        else:
            self._timers.cancel("ask")

    def _ask(self) -> None:
        now = self._timers.seconds()
        for number, keys in self.wanted.choose(now).items():
            peer = self._peers[number]
            for message in self._questions(peer, keys):
                peer.send(message)
        until = self.wanted.until()
        if until is not None and len(self.wanted):
            self._timers.later("ask", until - now, self._ask)

    def _questions(self, peer: PeerProtocol, keys: Collection[Any]) -> Iterator[Message]:
        for kind, words in self._words.items():
            hashes = [item for what, item in keys if what == kind]
            for at in range(0, len(hashes), self._most):
                yield words(hashes[at : at + self._most], peer.codec.witness)


def words_of(network: Network) -> dict[str, Words]:
    """The words by which a network's things are asked for, by the kind in their keys."""
    words: dict[str, Words] = {"block": network.request_blocks, **network.phrases.more_items}
    if network.phrases.transactions is not None:
        words["tx"] = network.phrases.transactions
    return words
