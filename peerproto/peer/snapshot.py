"""What is known of a peer at one moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from peerproto.peer.handshake import describe
from peerproto.peer.statistics import by_command

if TYPE_CHECKING:
    from peerproto.peer.protocol import PeerProtocol


@dataclass(frozen=True)
class Snapshot:
    """What is known of a peer at one moment, as plain data; `dataclasses.asdict` makes JSON of it.

    Times are in seconds, `connected_for` and `silent_for` counted back from now, `time_offset` is their clock
    less ours. Latencies are None before the first pong. `user_agent` is as received: escape it before you show it.
    """

    id: int
    address: str
    inbound: bool
    state: str
    protocol_version: int
    version: int | None
    services: list[str]
    user_agent: str
    starting_height: int | None
    relay: bool
    time_offset: int | None
    connected_for: float
    silent_for: float
    ping_last: float | None
    ping_least: float | None
    ping_mean: float | None
    open_requests: int
    bytes_received: int
    bytes_sent: int
    received: dict[str, dict[str, int]] = field(default_factory=dict)
    sent: dict[str, dict[str, int]] = field(default_factory=dict)


def take_snapshot(peer: PeerProtocol, now: float) -> Snapshot:
    """What is known of `peer` at `now`, in seconds on its clock."""
    counts, pings, theirs = peer.statistics, peer.pings, peer.theirs
    return Snapshot(
        id=peer.id,
        address=peer.address,
        inbound=peer.inbound,
        state=describe(peer.state),
        protocol_version=peer.protocol_version,
        version=theirs.protocol_version if theirs else None,
        services=peer.network.service_names(theirs.services) if theirs else [],
        user_agent=theirs.user_agent if theirs else "",
        starting_height=theirs.height if theirs else None,
        relay=theirs.relay if theirs else True,
        time_offset=theirs.timestamp - peer.handshake.ours.timestamp if theirs else None,
        connected_for=now - counts.connected_at,
        silent_for=now - counts.last_received,
        ping_last=pings.last,
        ping_least=pings.least,
        ping_mean=pings.mean,
        open_requests=len(peer.pending),
        bytes_received=counts.bytes_received,
        bytes_sent=counts.bytes_sent,
        received=by_command(counts.received),
        sent=by_command(counts.sent),
    )
