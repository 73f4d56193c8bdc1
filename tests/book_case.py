"""A book of addresses under a clock, and what it is told."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from random import Random
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from peerproto.forms.gossip import Known
from peerproto.node.addressbook import AddressBook
from peerproto.node.bans import Bans
from peerproto.node.groups import Groups
from peerproto.node.places import Place
from peerproto.peer.snapshot import Snapshot

NOW = 1_700_000_000.0
NETWORK = "bitcoin-mainnet"

_PEER: dict[str, Any] = {
    "announcements_dropped": 0,
    "id": 1,
    "address": "8.8.8.8:8333",
    "local_address": None,
    "inbound": False,
    "connected": True,
    "state": "ready",
    "verack_received": True,
    "protocol_version": 70015,
    "version": 70016,
    "services": ["network"],
    "user_agent": "/them:1/",
    "starting_height": 5,
    "last_block": 7,
    "last_announced_block": None,
    "selected_tip": None,
    "subnetwork": None,
    "relay": True,
    "wants_headers": False,
    "time_offset": 0,
    "connected_at": NOW,
    "connected_for": 60.0,
    "last_sent_at": None,
    "last_received_at": None,
    "silent_for": 0.0,
    "ping_nonce": None,
    "ping_sent_at": None,
    "ping_last": 0.5,
    "ping_least": 0.25,
    "ping_mean": 0.5,
    "open_requests": 0,
    "bytes_received": 0,
    "bytes_sent": 0,
    "bytes_waiting": 0,
    "score": 0,
}


def peer(**given: Any) -> Snapshot:
    """A ready peer."""
    return Snapshot(**{**_PEER, **given})


def known(host: str, port: int = 8333, services: int = 1, age: float = 0.0) -> Known:
    """An address that was seen some seconds ago."""
    return Known(host, port, services, int(NOW - age))


def spread(count: int, first: int = 11) -> list[Known]:
    """Addresses of as many groups."""
    return [known(f"{first + number // 250}.{number % 250}.1.1") for number in range(count)]


def places(told: Iterable[Known]) -> set[Place]:
    return {Place(item.host, item.port) for item in told}


class BookCase(SynchronousTestCase):
    """`self.book` at `self.now`, with chance that is the same each time."""

    def setUp(self) -> None:
        self.now = NOW
        self.book = self.make()

    def make(
        self, *, local: bool = False, allowed: Iterable[str] = (), seed: int = 1, wanted: int = 0
    ) -> AddressBook:
        clock = lambda: self.now  # noqa: E731
        bans, random = Bans(clock, list(allowed)), Random(seed)
        return AddressBook(
            Groups(local=local), bans, now=clock, secret=bytes(32), random=random, wanted=wanted
        )

    def add(self, *hosts: str, source: str = "9.9.9.9", book: AddressBook | None = None) -> list[Place]:
        """Told of by one node; their places."""
        told = [known(host) for host in hosts]
        (self.book if book is None else book).add(told, source)
        return [Place(item.host, item.port) for item in told]

    def good(self, place: Place, book: AddressBook | None = None, **about: Any) -> None:
        """A call that is good."""
        (self.book if book is None else book).tried(place)
        (self.book if book is None else book).connected(place, peer(**about))

    def bad(self, place: Place, reason: str = "connection-refused") -> None:
        """A call that fails."""
        self.book.tried(place)
        self.book.failed(place, reason)


class FolderCase(BookCase):
    """... and a folder for files."""

    def setUp(self) -> None:
        super().setUp()
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.path = os.path.join(self.folder, "book.sqlite")
