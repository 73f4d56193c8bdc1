"""What a node does with addresses when its peers speak: it asks those that it calls, listens to all, and answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from peerproto.errors import PeerError
from peerproto.forms.gossip import AddressGossip
from peerproto.network import Network
from peerproto.node.addressbook import AddressBook
from peerproto.node.telling import Teller
from peerproto.peer.ending import ip_and_port
from peerproto.peer.listener import Handler
from peerproto.peer.protocol import PeerProtocol
from peerproto.wire.message import Message

__all__ = ["Gossip"]


class Gossip:
    """One book, and the peers that tell of addresses and ask for them.

    :param now: the wall clock, in seconds since 1970. :param more: called when something was told.
    :ivar handlers: which method hears which kind of message; none on a network that tells of no addresses.
    """

    def __init__(
        self,
        network: Network,
        book: AddressBook,
        now: Callable[[], float] = time.time,
        more: Callable[[], object] = lambda: None,
    ) -> None:
        self._book = book
        self._more = more
        self._gossip: AddressGossip | None = network.gossip
        self.teller = Teller(book, network.gossip.most if network.gossip else 0, now)
        self.handlers: Mapping[type, Handler] = {}
        if network.gossip is not None:
            heard = dict.fromkeys(network.gossip.telling, self.hear)
            self.handlers = {**heard, network.gossip.asking: self.answer}

    def ready(self, peer: PeerProtocol) -> None:
        """Ask a peer that we have called what others it knows."""
        if self._gossip is not None and not peer.inbound:
            self._book.asked(_host(peer))
            peer.send(self._gossip.question())

    def hear(self, peer: PeerProtocol, message: Message) -> None:
        """A peer has told of addresses."""
        if self._gossip is not None:
            self._book.heard(self._gossip.telling[type(message)](message), _host(peer))
            self._more()

    def answer(self, peer: PeerProtocol, message: Message) -> None:
        """A peer has asked for addresses."""
        known = self.teller.answer(peer.id, _host(peer), peer.inbound)
        if self._gossip is not None and known:
            peer.send(self._gossip.tell(known, peer.handshake.noted, peer.protocol_version))

    def lost(self, peer: PeerProtocol, error: PeerError) -> None:
        """A peer has ended: it is remembered why."""
        self.teller.forget(peer.id)
        self._book.over(peer.snapshot(), error)


def _host(peer: PeerProtocol) -> str:
    """The address of a peer; what it is called, if it has none of IP."""
    place = ip_and_port(peer.transport.getPeer()) if peer.transport is not None else None
    return place[0] if place is not None else peer.address
