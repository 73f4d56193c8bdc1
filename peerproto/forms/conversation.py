"""What may be said when, what is owed for it, and how long all that may take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from peerproto.errors import PeerError
from peerproto.wire.message import Message

Key = tuple[str, bytes]
"""What kind of thing, and its hash: how a requested thing and the message that brings it are matched."""


@dataclass(frozen=True)
class Order:
    """What may come when in a handshake.

    :ivar negotiation: what is sent between version and verack, where the protocol version has it.
    :ivar greeting: what is sent first after the handshake, likewise.
    :ivar between: what the other side may send between version and verack; it is noted and delivered.
    :ivar ignores_early: whether anything else before the handshake is over is passed over, or ends the peer.
    :ivar keeps: so many other messages between version and verack are kept, and handled when the peer is ready;
        `keeps_until`: up to this protocol version.
    :ivar late: what may not come after the handshake, to the error that ends the peer, or None to pass it over.
    :ivar judged: what a ready peer's messages are judged by: a function that raises the PeerError that ends it.
    :ivar both_speak: whether both sides send their version at once, or the called one after it has heard.
    :ivar announces_common: whether the side that is called announces the protocol version that both speak, not its
        own highest.
    :ivar one_per_nonce: whether a second peer from the same host with the same nonce is ended.
    :ivar gate: whether a peer is open for business only when their verack is here, or as soon as both versions are
        exchanged and our verack is under way.
    """

    negotiation: tuple[type[Message], ...] = ()
    greeting: tuple[type[Message], ...] = ()
    between: frozenset[type[Message]] = frozenset()
    ignores_early: bool = False
    keeps: int = 0
    keeps_until: int = 0
    late: Mapping[type[Message], type[PeerError] | None] = field(default_factory=dict)
    judged: Mapping[type[Message], Callable[[Any], None]] = field(default_factory=dict)
    both_speak: bool = False
    announces_common: bool = False
    one_per_nonce: bool = False
    gate: bool = True


def _fits(message: Any) -> bool:
    """Any message of that kind is an answer."""
    return True


@dataclass(frozen=True)
class Expectation:
    """What the protocol owes as an answer to a request.

    :ivar answers: any of these is the answer.
    :ivar last: if several messages answer together, tells the last of them, given the request and an answer.
    :ivar most: how many these are at most; who brings more without the last one is ended.
    :ivar fits: tells an answer from a message that came unasked. :ivar seconds: until the request fails alone.
    :ivar each: whether it is owed for each vector of the request, not once.
    :ivar ends_peer: whether the peer is ended when none of `answers` comes in that time.
    :ivar grouped: whether any one of them then answers for all vectors, or each vector for itself.
    """

    answers: tuple[type[Message], ...]
    seconds: float = 30.0
    each: bool = False
    ends_peer: bool = True
    grouped: bool = True
    fits: Callable[[Any], bool] = _fits
    last: Callable[[Any, Any], bool] | None = None
    most: int = 1000


@dataclass(frozen=True)
class Backlog:
    """How many things may be asked for and not be given yet, where a network's nodes go on reading while they look
    for what a peer has asked for. Nodes of other networks answer one question after the other, and read no more of a
    peer until that is done.

    :ivar asking: the kind of message that asks. :ivar count: for how many things one of them does.
    :ivar messages: so many of a peer may wait while one is answered; one more ends the peer.
    :ivar items: so many things may be asked for in all of these together, likewise.
    :ivar ours: so many things may be under way to us from one peer.
    """

    asking: type[Message]
    count: Callable[[Any], int]
    messages: int
    items: int
    ours: int


@dataclass(frozen=True)
class Timing:
    """All in seconds.

    :ivar handshake: for the whole of it, veracks included. :ivar idle: without a complete message.
    :ivar ping: between pings. :ivar ping_if_pinged: whether only a peer that has pinged is pinged.
    :ivar trickle: between two rounds of announcements, the least and the most; 0 for none, at once.
    :ivar stall_tick: how often is looked for what is overdue; 0 for never, then it ends no peer.
    :ivar write: for a peer to take what it is sent, beside a second for each 256 KiB.
    :ivar grace: how long a closing connection may take to send what it still has.
    """

    handshake: float = 30.0
    idle: float = 300.0
    ping: float = 120.0
    ping_if_pinged: bool = False
    trickle: tuple[float, float] = (10.0, 10.0)
    stall_tick: float = 15.0
    write: float = 20.0
    grace: float = 5.0
