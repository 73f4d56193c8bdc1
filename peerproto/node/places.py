"""What the rooms of a node know in common of the places where other nodes are, and of the book that keeps them."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple, Protocol

from peerproto.peer.snapshot import Snapshot


class Place(NamedTuple):
    """Where a node listens: an address of IP as text, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Book(Protocol):
    """What the manager of peers needs of a book of addresses."""

    def candidates(self, count: int, avoid: Collection[str]) -> list[Place]:
        """At most so many places to call next; none in a group of `avoid`, nor one that was tried too lately."""

    def group_of(self, place: Place) -> str:
        """The network group that a place belongs to, as text."""

    def tried(self, place: Place) -> None:
        """A call of a place begins."""

    def connected(self, place: Place, about: Snapshot, services: int = 0) -> None:
        """A place was good: it has been ready for a stable time, or has shaken hands with who only tested it.

        :param services: a bit set, what it offers.
        """

    def failed(self, place: Place, reason: str) -> None:
        """A call of a place came to nothing, or to nothing good; the reason is one of the closed list."""

    def is_banned(self, host: str) -> bool:
        """Whether nobody at this address is to be talked to."""

    def ban(self, what: str, until: float, reason: str, by: str) -> None:
        """Talk to nobody there.

        :param what: an address, or a range of them (CIDR). :param until: in seconds since 1970.
        :param by: who says so, for people.
        """
