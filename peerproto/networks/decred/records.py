"""What stands inside Decred's messages: headers, network addresses, points in transactions."""

from __future__ import annotations

from struct import Struct
from typing import Annotated, Any, NamedTuple

from peerproto.wire.blake256 import blake256
from peerproto.wire.fields import (
    Fixed,
    FixedRecord,
    Hash,
    Plain,
    int32,
    int64,
    port,
    uint8,
    uint16,
    uint32,
    uint64,
)
from peerproto.wire.plain import fit_ip, whole

MSG_TX, MSG_BLOCK, MSG_FILTERED_BLOCK, MSG_MIX = range(1, 5)

TREE_REGULAR, TREE_STAKE, TREE_UNKNOWN = 0, 1, -1


class OutPoint(NamedTuple):
    """An output of a transaction; the tree is 0 for the regular one, 1 for stake, -1 for unknown."""

    hash: Hash
    index: uint32  # type: ignore[assignment]  # the field's own name, though tuples have a method of that name
    tree: Annotated[int, Fixed("b", fit=whole(-128, 127))]


class NetAddress(NamedTuple):
    """An address as `version` has it: without a time. Services are a bit set, the port is host order here.

    The IP is None in a version that ended before it; such an address is written as zeros.
    """

    services: uint64
    ip: Annotated[
        str | None,
        Fixed("16s", "ip_text({})", "ip_bytes('::' if {0} is None else {0})", zero="None", fit=fit_ip),
    ]
    port: port


class AbsentAddress(FixedRecord):
    """The kind of an address that may be missing: without an IP then, in JSON too."""

    def __init__(self) -> None:
        super().__init__(NetAddress)

    def from_plain(self, value: Plain) -> Any:
        if isinstance(value, dict) and value.get("ip") is None:
            return super().from_plain({**value, "ip": "::"})._replace(ip=None)
        return super().from_plain(value)


class BlockHeader(NamedTuple):
    """The 180 bytes of a block that are hashed. The time is in seconds since 1970, `sbits` are atoms."""

    version: int32
    prev_block: Hash
    merkle_root: Hash
    stake_root: Hash
    vote_bits: uint16
    final_state: Annotated[bytes, Fixed("6s")]
    voters: uint16
    fresh_stake: uint8
    revocations: uint8
    pool_size: uint32
    bits: uint32
    sbits: int64
    height: uint32
    size: uint32
    timestamp: uint32
    nonce: uint32
    extra_data: Hash
    stake_version: uint32

    def pack(self) -> bytes:
        """The 180 bytes."""
        return HEADER.pack(*self)

    @property
    def block_hash(self) -> bytes:
        """BLAKE-256 of the 180 bytes, in wire order."""
        return blake256(HEADER.pack(*self))


HEADER = Struct("<i32s32s32sH6sHBBIIqIIII32sI")
