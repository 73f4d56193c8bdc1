"""The part of a network's form that says what is held against a peer: bloom filters that nobody offers, and points."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from peerproto.errors import Reason
from peerproto.wire.message import Message


class Points(NamedTuple):
    """What is added to a score: `persistent` stays, `transient` is half as much a minute later."""

    persistent: int = 0
    transient: int = 0


@dataclass(frozen=True)
class BloomRule:
    """Which messages are only for those who offer bloom filters (BIP37, BIP111).

    :ivar service: the service bits by which that is offered.
    :ivar asking: the kinds that may come only if we offer it.
    :ivar bringing: the kinds that may come only from a peer that offers it.
    :ivar since: the protocol version that knows these bits: from there on a peer that does otherwise is ended, before
        it the message is passed over.
    """

    service: int
    asking: frozenset[type[Message]]
    bringing: frozenset[type[Message]]
    since: int = 0

    def unoffered(self, ours: int, theirs: int) -> frozenset[type[Message]]:
        """The kinds that may not come, given our services and theirs."""
        none: frozenset[type[Message]] = frozenset()
        return (none if ours & self.service else self.asking) | (
            none if theirs & self.service else self.bringing
        )


@dataclass(frozen=True)
class ScoreTable:
    """What is held against a peer, and how much of it.

    :ivar offences: points by the reason for which a peer is ended, and by the names of offences that only a node can
        find out.
    :ivar costs: points of a message that costs us something.
    :ivar unasked: points of each thing that is named as missing and was not asked for, by what kind of thing it is.
    """

    offences: Mapping[str, Points] = field(default_factory=dict)
    costs: Mapping[type[Message], Callable[[Any], Points]] = field(default_factory=dict)
    unasked: Mapping[str, Points] = field(default_factory=dict)


AT_ONCE = Points(1_000_000)
"""So much that no threshold is higher."""

MALFORMED = (
    Reason.MALFORMED,
    Reason.WRONG_NETWORK,
    Reason.OVERSIZE,
    Reason.BAD_CHECKSUM,
    Reason.UNKNOWN_COMMAND,
)
"""The reasons of a frame that cannot be read."""
