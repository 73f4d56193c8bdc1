"""What is known of a peer at one moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from peerproto.peer.handshake import describe
from peerproto.peer.statistics import by_command

if TYPE_CHECKING:
    from peerproto.peer.protocol import PeerProtocol


@dataclass(frozen=True)
class OpenRequest:
    """Something that somebody waits for: what it is, and the seconds until it fails."""

    name: str
    seconds_left: float


@dataclass(frozen=True)
class Snapshot:
    """What is known of a peer at one moment, as plain data; `dataclasses.asdict` makes JSON of it.

    Durations are in seconds; what ends in `_at` is in seconds since 1970, None for what has not happened. `silent_for`
    counts back from now without the time that our own code took, and `last_received_at` likewise: it is when we were
    done with the last message. `time_offset` is their clock less ours. Latencies are None before the first pong;
    `ping_nonce` is that of the newest ping, None once it is answered. `user_agent` is as received: escape it before you
    show it. Hashes are as people write them. What is not known is None.

    :ivar version: the protocol version that the peer announces; `protocol_version` is what both speak.
    :ivar services: by name. :ivar last_block: the height of the best block that it is known to have.
    :ivar bytes_waiting: for the peer to take them. :ivar announcements_dropped: since too many waited.
    :ivar received: messages and bytes by command, and the seconds that listeners took if the factory measures them.
    """

    id: int
    address: str
    local_address: str | None
    inbound: bool
    connected: bool
    state: str
    verack_received: bool
    protocol_version: int
    version: int | None
    services: list[str]
    user_agent: str
    starting_height: int | None
    last_block: int | None
    last_announced_block: str | None
    selected_tip: str | None
    subnetwork: str | None
    relay: bool
    wants_headers: bool
    time_offset: int | None
    connected_at: float
    connected_for: float
    last_sent_at: float | None
    last_received_at: float | None
    silent_for: float
    ping_nonce: int | None
    ping_sent_at: float | None
    ping_last: float | None
    ping_least: float | None
    ping_mean: float | None
    open_requests: int
    bytes_received: int
    bytes_sent: int
    bytes_waiting: int
    announcements_dropped: int
    score: int
    requests: list[OpenRequest] = field(default_factory=list)
    received: dict[str, dict[str, Any]] = field(default_factory=dict)
    sent: dict[str, dict[str, Any]] = field(default_factory=dict)


def take_snapshot(peer: PeerProtocol) -> Snapshot:
    """What is known of a peer now."""
    theirs = peer.theirs
    return Snapshot(
        id=peer.id,
        address=peer.address,
        local_address=peer.local_addr,
        inbound=peer.inbound,
        connected=peer.connected,
        state=describe(peer.state),
        verack_received=peer.verack_received,
        protocol_version=peer.protocol_version,
        version=theirs.protocol_version if theirs else None,
        services=peer.network.service_names(theirs.services) if theirs else [],
        user_agent=peer.user_agent,
        starting_height=peer.starting_height,
        last_block=peer.last_block,
        last_announced_block=_as_text(peer.last_announced_block),
        selected_tip=_as_text(peer.selected_tip),
        subnetwork=_as_text(peer.subnetwork),
        relay=theirs.relay if theirs else True,
        wants_headers=peer.wants_headers,
        score=peer.score,
        time_offset=peer.time_offset,
        **_times(peer),
        **_pings(peer),
        **_counts(peer),
    )


def _times(peer: PeerProtocol) -> dict[str, Any]:
    counts = peer.statistics
    now, silent_for = peer.clock.seconds(), peer.watch.now() - counts.last_received
    sent = peer.outbox.flow.last_given
    return {
        "connected_at": peer.time_connected,
        "connected_for": now - counts.connected_at,
        "last_sent_at": None if sent is None else peer.wall_time(sent),
        "last_received_at": peer.wall_time(now - silent_for) if counts.received else None,
        "silent_for": silent_for,
    }


def _pings(peer: PeerProtocol) -> dict[str, Any]:
    pings = peer.pings
    return {
        "ping_nonce": pings.nonce,
        "ping_sent_at": None if pings.last_sent is None else peer.wall_time(pings.last_sent),
        "ping_last": pings.last,
        "ping_least": pings.least,
        "ping_mean": pings.mean,
    }


def _counts(peer: PeerProtocol) -> dict[str, Any]:
    counts, now, timed = peer.statistics, peer.watch.now(), peer.factory.time_handlers
    asks = peer.pending.open()
    return {
        "open_requests": len(asks),
        "requests": [OpenRequest(ask.name, max(ask.deadline - now, 0.0)) for ask in asks],
        "bytes_received": counts.bytes_received,
        "bytes_sent": counts.bytes_sent,
        "bytes_waiting": peer.outbox.flow.waiting,
        "announcements_dropped": peer.inventory.dropped,
        "received": by_command(counts.received, timed=timed),
        "sent": by_command(counts.sent, timed=timed),
    }


def _as_text(value: bytes | None) -> str | None:
    return None if value is None else value[::-1].hex()
