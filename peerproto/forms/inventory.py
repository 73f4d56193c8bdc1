"""How things are announced."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from peerproto.wire.message import Message


@dataclass(frozen=True)
class InventoryRules:
    """How things are announced to a peer, and how long it is remembered what it knows.

    :ivar announce: the messages that announce some vectors.
    :ivar vectors: the vectors that a whole payload of an announcement has, or the end of one.
    :ivar size: bytes of a vector on the wire.
    :ivar at_once: whether a vector goes in a message of its own as soon as it is to be announced; it does not count as
        known then, and may be announced again.
    :ivar most: how many a message has at most. :ivar known: how many are remembered of a peer.
    :ivar life: for how many seconds, None for ever. :ivar refreshes: whether those that are asked for are kept longest.
    """

    announce: Callable[[Sequence[Any]], list[Message]]
    vectors: Callable[[bytes], Iterable[Any]]
    size: int
    at_once: Callable[[Any], bool]
    most: int = 1000
    known: int = 1000
    life: float | None = None
    refreshes: bool = True
