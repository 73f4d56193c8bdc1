"""What both sides say of themselves, whatever the spelling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Introduction:
    """What a version message says of a peer, whatever the network's own spelling.

    :ivar timestamp: seconds since 1970. :ivar height: of its best block. :ivar services: a bit set.
    :ivar nonce: random; our own coming back means that we talk to ourselves.
    :ivar other: host and port of the other side as this side sees it. :ivar port: where this side can be called; 0 if
        nowhere, or if the network's versions do not say it.
    :ivar tip: the hash of its best block, in wire order; None for the first one, or if versions do not say it.
    :ivar subnetwork: the part of the network that this side follows; None for all of it.
    """

    protocol_version: int
    services: int
    timestamp: int
    nonce: int
    user_agent: str
    height: int
    relay: bool = True
    other: tuple[str, int] | None = None
    port: int = 0
    tip: bytes | None = None
    subnetwork: bytes | None = None


class Ourselves(Protocol):
    """What we can say of ourselves at any time."""

    def best_height(self) -> int:
        """The height of our best block."""

    def now(self) -> float:
        """The wall clock, in seconds since 1970."""
