"""Connections that have ended: with whom, for how long, and why."""

from __future__ import annotations

from typing import NamedTuple

from peerproto.errors import PeerError
from peerproto.peer.snapshot import Snapshot

__all__ = ["MOST_KEPT", "PER_HOST", "Ended", "ended"]

PER_HOST, MOST_KEPT = 20, 20_000
"""How many are kept of one host, and of all."""


class Ended(NamedTuple):
    """A connection that is over; times in seconds since 1970. `reason` is one of the closed list, `text` says more.

    All of it but the times and the reason comes from the network: escape it before you show it.
    """

    host: str
    port: int
    inbound: bool
    began: float
    ended: float
    reason: str
    text: str
    agent: str


def ended(peer: Snapshot, error: PeerError, now: float) -> Ended:
    """What is worth keeping of a peer that has ended now, in seconds since 1970."""
    host, _, port = peer.address.rpartition(":")
    number = int(port) if port.isascii() and port.isdigit() else 0
    where = host.strip("[]") if number else peer.address
    return Ended(
        where, number, peer.inbound, peer.connected_at, now, error.reason, str(error), peer.user_agent
    )
