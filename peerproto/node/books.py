"""The book of addresses by where it is kept: nowhere, in a file of one node's, or on a server for many."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, Protocol

from twisted.internet.defer import Deferred

from peerproto.network import Network
from peerproto.node.addressbook import AddressBook
from peerproto.node.bookfile import open_book
from peerproto.node.bookkeeping import BookKeeper
from peerproto.node.groups import Groups
from peerproto.node.pgserver import is_url
from peerproto.node.places import Place
from peerproto.node.sharedbook import SharedBook
from peerproto.node.sharing import LEASE, BookSharer, open_shared

__all__ = ["Keeper", "keep_book"]


class Keeper(Protocol):
    """Who keeps a book from one run to the next.

    :ivar where: the file or the server, for people.
    """

    where: str

    def take_anchors(self) -> list[Place]:
        """Whom to call first; they are told once only."""

    def start(self) -> None:
        """Save now and then."""

    def save(self) -> Deferred[None]:
        """Save what has changed; fires when it is done. What cannot be saved is tried again the next time."""

    def stop(self, anchors: Sequence[Place] = ()) -> Deferred[None]:
        """Save for the last time and let go; fires when that is done.

        :param anchors: whom to call first the next time.
        """

    def abandon(self) -> None:
        """Let go at once, if the node has not begun."""


def keep_book(
    reactor: Any,
    where: str | None,
    network: Network,
    groups: Groups,
    *,
    every: float,
    now: Callable[[], float],
    wanted: int,
    in_use: Callable[[], Collection[Place]],
    more: Callable[[], object],
) -> tuple[AddressBook, Keeper | None]:
    """A book as it was kept, and who keeps it.

    :param where: the path of a file, or a URL of PostgreSQL; None for nowhere.
    :param every: seconds between two times that it is saved, and, if it is shared, read.
    :param wanted: the services that those who are called must offer, a bit set.
    :param in_use: tells whom the node calls, or has called. :param more: called when there is more to call than before.

    Raises LocalError for a URL that is none, StoreError for what cannot be used.
    """
    if where is not None and is_url(where):
        shared = SharedBook(groups, now=now, wanted=wanted, lease=LEASE * every)
        server = open_shared(where, network, shared, every)
        shared.in_use = in_use
        return shared, BookSharer(reactor, server, shared, every=every, now=now, more=more)
    book = AddressBook(groups, now=now, wanted=wanted)
    if where is None:
        return book, None
    return book, BookKeeper(reactor, open_book(where, network, book), book, every=every)
