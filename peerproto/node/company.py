"""The company that a node keeps: who is called and who is let in, the book of addresses, and what is told of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, succeed

from peerproto.node.addressbook import AddressBook
from peerproto.node.bookfile import BookFile, open_book
from peerproto.node.bookkeeping import BookKeeper
from peerproto.node.connector import PeerConnector
from peerproto.node.gossip import Gossip
from peerproto.node.groups import Groups, is_local_net
from peerproto.node.manager import PeerManager
from peerproto.node.peersfile import fill, read_peers, shipped_peers
from peerproto.node.roster import Change, PeerAdded
from peerproto.node.slots import Limits
from peerproto.peer.factory import PeerFactory
from peerproto.wire.message import Message

__all__ = ["Company"]


class Company:
    """A manager of peers with a book, for one node.

    Without `outbound` nobody is called but those who are named, and nobody is asked for addresses; what is told of
    them is kept all the same.

    :param factory: of the node's peers.
    :param connect: whom to keep connected. :param outbound: how many others to look for and call.
    :param book: the path of a file that keeps the addresses; None to forget them at the end.
    :param peers_file: what an empty book begins with; None for what comes with the network.
    :param allow_local: whether addresses of private networks and loopback may be called, as on local nets.
    :param limits: for those who call us; None for the usual ones.
    :param now: the wall clock, in seconds since 1970.

    Raises LocalError for a file of peers that cannot be read or says nonsense, StoreError for a book that is in use.
    """

    def __init__(
        self,
        reactor: Any,
        factory: PeerFactory,
        *,
        connect: Sequence[Any] = (),
        outbound: int = 0,
        book: str | None = None,
        peers_file: str | None = None,
        allow_local: bool = False,
        limits: Limits | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        network = factory.network
        listed = shipped_peers(network) if peers_file is None else read_peers(peers_file, network)
        self.book = AddressBook(Groups(local=allow_local or is_local_net(network.name)), now=now)
        self._file: BookFile | None = None if book is None else open_book(book, network, self.book)
        self._keeper = None if self._file is None else BookKeeper(reactor, self._file, self.book)
        fill(self.book, listed, now())
        self._looks = outbound > 0
        self.gossip = Gossip(network, self.book, now)
        self.manager = PeerManager(
            reactor, factory, self.book, manual=connect, target=outbound, feelers=self._looks, limits=limits
        )
        self.manager.subscribe(self._heard)
        for kind in network.gossip.telling if network.gossip is not None else ():
            factory.handlers[kind] = self._take_addresses
        if network.gossip is not None and self._looks:
            factory.handlers[network.gossip.asking] = self.gossip.answer

    @property
    def connectors(self) -> list[PeerConnector]:
        """One for each peer that is kept connected."""
        return self.manager.connectors

    def start(self) -> None:
        """Begin to call, and to write the book down."""
        self.manager.start()
        if self._keeper is not None:
            self._keeper.start()

    def stop(self) -> Deferred[None]:
        """Call nobody any more, and end all peers; fires when they have ended."""
        return self.manager.stop()

    def close(self) -> Deferred[None]:
        """Write the book down for the last time; fires when that is done."""
        return succeed(None) if self._keeper is None else self._keeper.stop()

    def abandon(self) -> None:
        """Let go of the book's file, if the node has not begun."""
        if self._file is not None:
            self._file.close()

    def _take_addresses(self, peer: Any, message: Message) -> None:
        self.gossip.hear(peer, message)
        self.manager.look()

    def _heard(self, change: Change) -> None:
        if not isinstance(change, PeerAdded):
            self.gossip.lost(change.peer, change.error)
        elif self._looks:
            self.gossip.ready(change.peer)
