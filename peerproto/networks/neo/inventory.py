"""How things are announced: at once, those of one type in a message."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from peerproto.forms.inventory import InventoryRules
from peerproto.networks.neo.messages import MOST_HASHES, Inv
from peerproto.wire.message import Message


class InvVect(NamedTuple):
    """A thing that can be announced: its type, and its hash in wire order. On the wire a type stands once for many."""

    type: int
    hash: bytes


def announce(vectors: Sequence[InvVect]) -> list[Message]:
    """An inv for each row of vectors of one type."""
    rows = groupby(vectors, attrgetter("type"))
    return [Inv(kind, [vector.hash for vector in row]) for kind, row in rows]


def vectors_of(payload: bytes) -> Iterator[InvVect]:
    """The vectors of an inv's payload, which stand at its end."""
    for at in range(len(payload) % 32, len(payload), 32):
        yield InvVect(payload[0], payload[at : at + 32])


INVENTORY = InventoryRules(announce, vectors_of, 32, lambda vector: False, most=MOST_HASHES)
