"""Nodes' parts in a shared book, for tests: each has a book in memory and a connection to the server."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from random import Random
from typing import Any

from twisted.internet.defer import execute
from twisted.internet.task import Clock

from peerproto import networks
from peerproto.errors import PeerLost, Reason
from peerproto.network import Network
from peerproto.node.groups import Groups
from peerproto.node.pgbook import PgBook
from peerproto.node.places import Place
from peerproto.node.sharedbook import SharedBook
from peerproto.node.sharing import BookSharer, open_shared
from tests.book_case import peer

from .postgres import ask

NETWORK = networks.named("bitcoin-mainnet")
NOW = 1_700_000_000.0
RESET = PeerLost("reset by the peer", Reason.RESET)


class Member:
    """One node's part: its book in memory, and the server."""

    def __init__(
        self, url: str, *, lease: float = 60.0, network: Network = NETWORK, secret: bytes | None = None
    ) -> None:
        self.now = NOW
        secret = secret or sha256(network.name.encode()).digest()  # the same slots in every run
        self.book = SharedBook(Groups(), lease=lease, now=lambda: self.now, secret=secret, random=Random(1))
        self.book.candidates(0, ())  # who never asks leases nothing
        self.server: PgBook = open_shared(url, network, self.book, lease / 3)

    def round(self) -> int:
        """Tell and hear; how many rows made no sense."""
        answer = self.server.exchange(self.book.news())
        return self.book.take_in(answer) + self.book.learn(answer.rows)

    def lease(self) -> list[Place]:
        """Lease what is to be leased now."""
        found = self.server.take(self.book.to_lease(), self.now)
        self.book.lease(found)
        return found

    def shown(self) -> dict[Place, Any]:
        """All addresses, what is known of them and where they stand."""
        return {
            e.place: [
                *(e.source, e.services, e.seen, e.tries, e.fails, e.last_try, e.last_success, e.about),
                *(e.is_tried, sorted(e.buckets)),
            ]
            for e in self.book
        }

    def good(self, place: Place) -> None:
        """A call that is good."""
        self.book.tried(place)
        self.book.connected(place, peer(address=str(place)))


Make = Callable[..., Member]


class Rounds:
    """Who makes the rounds of a node, under a clock; the server is asked while everybody waits."""

    def __init__(self, member: Member, more: Callable[[], object] = lambda: None) -> None:
        self.clock = Clock()
        self.sharer = BookSharer(
            self.clock,
            member.server,
            member.book,
            every=60,
            now=lambda: member.now,
            more=more,
            in_thread=execute,
        )

    def advance(self, seconds: float) -> None:
        """Let time go by, with some turns of the reactor at the end."""
        self.clock.pump([seconds, *[0] * 9])


def count(url: str, table: str, where: str = "true") -> int:
    """How many rows of a table there are."""
    ((found,),) = ask(url, f"SELECT count(*) FROM peerproto_{table} WHERE {where}")
    return int(found)


Make = Callable[..., Member]
"""Makes one, with the arguments of `Member` but for the URL."""
