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

    Times are in seconds. `connected_for` and `silent_for` count back from now, the latter without the time that our
    own code took; `time_offset` is their clock less ours. Latencies are None before the first pong. `user_agent` is
    as received: escape it before you show it.
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


def take_snapshot(peer: PeerProtocol) -> Snapshot:
    """What is known of a peer now."""
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
        time_offset=peer.handshake.time_offset,
        connected_for=peer.clock.seconds() - counts.connected_at,
        silent_for=peer.watch.now() - counts.last_received,
        ping_last=pings.last,
        ping_least=pings.least,
        ping_mean=pings.mean,
        open_requests=len(peer.pending),
        bytes_received=counts.bytes_received,
        bytes_sent=counts.bytes_sent,
        received=by_command(counts.received),
        sent=by_command(counts.sent),
    )
