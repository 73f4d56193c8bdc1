"""What stands inside soter's messages: vectors with heights, headers, and the sub-headers of the graph.

Sources: soterd wire/invvect.go, wire/msgblock.go, wire/blockheader.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct
from typing import Any, NamedTuple

from peerproto.networks.bitcoin.records import (
    MSG_BLOCK,
    MSG_FILTERED_BLOCK,
    MSG_TX,
    MSG_WITNESS_BLOCK,
    MSG_WITNESS_FLAG,
    MSG_WITNESS_TX,
    BlockHeader,
)
from peerproto.wire.code import exact
from peerproto.wire.codec import Codec
from peerproto.wire.envelope import sha256d
from peerproto.wire.fields import Custom, FixedRecord, Hash, ListOf, Plain, int32, kind_of, uint32
from peerproto.wire.plain import record_from_plain, record_to_plain

__all__ = [
    "MORE_BLOCKS",
    "MSG_BLOCK",
    "MSG_FILTERED_BLOCK",
    "MSG_TX",
    "MSG_WITNESS_BLOCK",
    "MSG_WITNESS_FLAG",
    "MSG_WITNESS_TX",
    "NO_HEIGHT",
    "BlockHeader",
    "InvVect",
    "Parent",
    "ParentSubHeader",
    "VerificationSubHeader",
    "bare_header",
    "hash_of_parents",
    "parents_kind",
    "verification_kind",
]

NO_HEIGHT = -1
"""The height in the vector of a transaction, or of a block whose height is not known."""


class InvVect(NamedTuple):
    """An inventory vector: what kind of thing, its hash, and a block's height in the graph."""

    type: uint32
    hash: Hash
    height: int32 = NO_HEIGHT


MORE_BLOCKS = InvVect(MSG_BLOCK, bytes(32), NO_HEIGHT)
"""Alone in an inv: whoever sends it has more blocks than the last answer to a getblocks could name."""


class _BareHeader(FixedRecord):
    """A header that is shown without its hash, which stands beside it here."""

    def to_plain(self, value: BlockHeader) -> Plain:
        return {name: kind.to_plain(getattr(value, name)) for name, kind in self.kinds.items()}


bare_header = _BareHeader(BlockHeader)


class Parent(NamedTuple):
    """A parent of a block; `data` is its metadata, 32 bytes that are zero so far."""

    hash: Hash
    data: Hash = bytes(32)


class ParentSubHeader(NamedTuple):
    """The parents of a block. The block's hash does not cover it (see `hash_of_parents`).

    :ivar stated: the count on the wire where it was a negative one, which means none; it is not written.
    """

    version: int
    parents: list[Parent]
    stated: int | None = None

    @property
    def size(self) -> int:
        """The count as it stood on the wire."""
        return len(self.parents) if self.stated is None else self.stated


class VerificationSubHeader(NamedTuple):
    """The proof of work: the nonces of a cycle in the graph that the header's hash spans; `stated` as above."""

    version: int
    cycle_nonces: list[int]
    stated: int | None = None

    @property
    def size(self) -> int:
        """The count as it stood on the wire."""
        return len(self.cycle_nonces) if self.stated is None else self.stated


def hash_of_parents(hashes: Iterable[bytes]) -> bytes:
    """What `prev_block` of a block with these parents is: it names the set of them, not one block.

    The double SHA-256 of their hashes, put together in the order in which they are displayed.
    """
    in_order = sorted(hashes, key=lambda item: item[::-1])
    return sha256d(b"".join(in_order))


_VERSION_AND_SIZE = Struct("<ii")
_PARENT = Struct("<32s32s")
_NONCE = Struct("<I")


def _skim_parents(buf: bytes, at: int, codec: Codec) -> int:
    return _end(buf, at, _PARENT.size)


def _skim_verification(buf: bytes, at: int, codec: Codec) -> int:
    return _end(buf, at, _NONCE.size)


def _end(buf: bytes, at: int, each: int) -> int:
    """Where a sub-header ends. Its count has no cap but the payload, and a negative one counts as none."""
    _, size = _VERSION_AND_SIZE.unpack_from(buf, at)
    at += 8 + each * max(size, 0)
    if at > len(buf):
        raise IndexError
    return at


def _read_parents(buf: bytes, at: int, codec: Codec) -> tuple[ParentSubHeader, int]:
    version, size = _VERSION_AND_SIZE.unpack_from(buf, at)
    end = _skim_parents(buf, at, codec)
    parents = list(map(Parent._make, _PARENT.iter_unpack(buf[at + 8 : end])))
    return ParentSubHeader(version, parents, size if size < 0 else None), end


def _read_verification(buf: bytes, at: int, codec: Codec) -> tuple[VerificationSubHeader, int]:
    version, size = _VERSION_AND_SIZE.unpack_from(buf, at)
    end = _skim_verification(buf, at, codec)
    nonces = [nonce for (nonce,) in _NONCE.iter_unpack(buf[at + 8 : end])]
    return VerificationSubHeader(version, nonces, size if size < 0 else None), end


def _write_parents(value: ParentSubHeader, codec: Codec) -> bytes:
    parts = [_PARENT.pack(exact(hash_, 32), exact(data, 32)) for hash_, data in value.parents]
    return _VERSION_AND_SIZE.pack(value.version, len(parts)) + b"".join(parts)


def _write_verification(value: VerificationSubHeader, codec: Codec) -> bytes:
    nonces = value.cycle_nonces
    return _VERSION_AND_SIZE.pack(value.version, len(nonces)) + b"".join(map(_NONCE.pack, nonces))


def _sub_header(record: type, reader: Any, writer: Any, skim: Any, **items: ListOf) -> Custom:
    """The kind of a sub-header; in JSON `size` is the count on the wire, and may be left out."""
    kinds = {"version": kind_of(int32), "size": kind_of(int32), **items}
    (listed,) = items

    def unplain(given: Plain) -> Any:
        found = record_from_plain(kinds, given, optional=("size",))
        size = found["size"]
        return record(found["version"], found[listed], size if size is not None and size < 0 else None)

    def plain(value: Any) -> Plain:
        return record_to_plain(kinds, value)

    return Custom(reader, writer, skim=skim, plain=plain, unplain=unplain)


_MOST = 4_000_000  # a block is never longer, in bytes; JSON alone looks at this

parents_kind = _sub_header(
    ParentSubHeader,
    _read_parents,
    _write_parents,
    _skim_parents,
    parents=ListOf(FixedRecord(Parent), _MOST),
)
verification_kind = _sub_header(
    VerificationSubHeader,
    _read_verification,
    _write_verification,
    _skim_verification,
    cycle_nonces=ListOf(kind_of(uint32), _MOST),
)
