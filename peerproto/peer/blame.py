"""What peers are blamed for by what they send."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from peerproto.errors import PeerError
from peerproto.forms.conduct import Points
from peerproto.wire.message import Message

if TYPE_CHECKING:
    from peerproto.peer.protocol import PeerProtocol

Duty = Callable[["PeerProtocol", Any], None]


def with_cost(cost: Callable[[Any], Points], duty: Duty | None) -> Duty:
    """The duty for a message that costs us something: that is held against the peer before anything else is done.

    It raises Discredited if that was too much.
    """

    def count(peer: PeerProtocol, message: Message) -> None:
        points = cost(message)
        if points.persistent or points.transient:
            _hold_against(peer, points, str(message.command))
        if duty is not None:
            duty(peer, message)

    return count


def blame_missing(peer: PeerProtocol, message: Message) -> None:
    """What is missing and was not asked for is held against the peer. Raises Discredited if that was too much."""
    table, pending, kind = peer.network.scoring.unasked, peer.pending, type(message)
    keys = peer.network.item_keys(message)
    unasked = Counter(key[0] for key in keys if key[0] in table and not pending.owes(kind, key))
    for thing, count in unasked.items():
        points = table[thing]
        total = Points(points.persistent * count, points.transient * count)
        _hold_against(peer, total, f"notfound of {count} {thing} that nobody asked for")


def _hold_against(peer: PeerProtocol, points: Points, why: str) -> None:
    peer.add_score(points.persistent, points.transient, why)
    ending: PeerError | None = peer.ending
    if ending is not None:
        raise ending
