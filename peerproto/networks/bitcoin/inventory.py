"""How things are announced by inventory vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from struct import Struct
from typing import Any

from peerproto.forms.inventory import InventoryRules
from peerproto.networks.bitcoin.messages import Inv
from peerproto.networks.bitcoin.records import MSG_BLOCK, MSG_WITNESS_BLOCK, InvVect
from peerproto.wire.message import Message

_VECTOR = Struct("<I32s")


def is_block(vector: Any) -> bool:
    """Whether it is a block, which is announced at once (btcd peer/peer.go, QueueInventory)."""
    return vector.type in (MSG_BLOCK, MSG_WITNESS_BLOCK)


def never(vector: Any) -> bool:
    """All wait for the next round."""
    return False


def rules(
    inv: Callable[[list[Any]], Message],
    at_once: Callable[[Any], bool],
    layout: Struct = _VECTOR,
    make: Callable[[Iterable[Any]], Any] = InvVect._make,
    **numbers: Any,
) -> InventoryRules:
    """Those of a network whose inv is a list of vectors.

    :param layout: of a vector on the wire. :param make: a vector of what stands there.
    :param numbers: by the names of `InventoryRules`' fields.
    """

    def announce(vectors: Sequence[Any]) -> list[Message]:
        return [inv(list(vectors))]

    def vectors_of(payload: bytes) -> Iterable[Any]:
        return map(make, layout.iter_unpack(payload[len(payload) % layout.size :]))

    return InventoryRules(announce, vectors_of, layout.size, at_once, **numbers)


INVENTORY = rules(Inv, is_block)
