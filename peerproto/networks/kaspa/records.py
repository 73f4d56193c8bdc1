"""What stands inside Kaspa's messages: headers with many parents, outpoints, addresses, inventory types."""

from __future__ import annotations

from struct import Struct
from typing import Annotated, NamedTuple

from peerproto.wire.code import all_exact, too_many
from peerproto.wire.codec import Codec
from peerproto.wire.envelope import sha256d
from peerproto.wire.fields import Count, Custom, Hash, int32, int64, ip_address, port, uint32, uint64
from peerproto.wire.message import Message
from peerproto.wire.plain import Plain, record_from_plain, record_to_plain
from peerproto.wire.tables import kinds_of

MSG_TX, MSG_BLOCK, MSG_FILTERED_BLOCK, MSG_SYNC_BLOCK, MSG_MISSING_ANCESTOR = range(1, 6)

MOST_PARENTS = 255
_HEAD = Struct("<iB")
_TAIL = Struct("<32s32s32sqIQ")


class OutPoint(NamedTuple):
    """An output of a transaction, which is named by its id."""

    tx_id: Hash
    index: uint32  # type: ignore[assignment]  # the field's own name, though tuples have a method of that name


class TimedAddress(NamedTuple):
    """An address as `addr` has it: the time (seconds since 1970) in eight bytes."""

    timestamp: int64
    services: uint64
    ip: ip_address
    port: port


class BlockHeader(NamedTuple):
    """The part of a block that is hashed: 121 bytes and 32 for each parent. The first block has no parents."""

    version: int32
    parent_hashes: Annotated[list[Hash], Count(MOST_PARENTS)]
    hash_merkle_root: Hash
    accepted_id_merkle_root: Hash
    utxo_commitment: Hash
    timestamp: int64
    bits: uint32
    nonce: uint64

    def pack(self) -> bytes:
        """The bytes. Raises LocalError for too many parents, ValueError or struct.error for what does not fit."""
        version, parents, *rest = self
        if len(parents) > MOST_PARENTS:
            raise too_many("parent_hashes", len(parents), MOST_PARENTS, "entries")
        all_exact((*parents, *self[2:5]), 32)
        return _HEAD.pack(version, len(parents)) + b"".join(parents) + _TAIL.pack(*rest)

    @property
    def block_hash(self) -> bytes:
        """The double SHA-256 of the bytes, parents and all; in wire order."""
        return sha256d(self.pack())


def header_end(buf: bytes, at: int) -> int:
    """Where the header at `at` ends, by its number of parents. Raises IndexError if bytes are missing."""
    end = at + _HEAD.size + 32 * buf[at + 4] + _TAIL.size
    if end > len(buf):
        raise IndexError
    return end


def read_header(buf: bytes, at: int, codec: Codec | None) -> tuple[BlockHeader, int]:
    """A header, and the offset behind it (kaspad wire/blockheader.go). Raises IndexError if bytes are missing."""
    end = header_end(buf, at)
    version, _ = _HEAD.unpack_from(buf, at)
    behind = end - _TAIL.size
    parents = [buf[start : start + 32] for start in range(at + _HEAD.size, behind, 32)]
    return BlockHeader(version, parents, *_TAIL.unpack_from(buf, behind)), end


_kinds = kinds_of(BlockHeader)

Header = Annotated[
    BlockHeader,
    Custom(
        read_header,
        lambda header, codec: header.pack(),
        lambda buf, at, codec: header_end(buf, at),
        plain=lambda header: record_to_plain(_kinds, header),
        unplain=lambda plain: BlockHeader(**record_from_plain(_kinds, plain)),
    ),
]
"""A header inside a message; the number of its parents is one byte."""


class WithHeader(Message):
    """A message that begins with a header: its block's hash is known without reading it."""

    __slots__ = ()

    header: Header

    def derived(self) -> dict[str, object]:
        """What follows from the fields and is shown among them; never written to the wire."""
        return {"block_hash": self.block_hash}

    @property
    def block_hash(self) -> bytes:
        """The double SHA-256 of the header, in wire order."""
        raw = self.payload
        if raw is None or self.is_untouched() is None:
            return self.header.block_hash
        return sha256d(raw[: header_end(raw, 0)])


class ShowsAbsent(Message):
    """A message that shows what is not there as null; others leave it out."""

    __slots__ = ()

    def to_fields(self) -> dict[str, Plain]:
        """The fields as JSON: bytes as hex in wire order, then what derives from them."""
        return {**dict.fromkeys(self.layout.kinds), **super().to_fields()}
