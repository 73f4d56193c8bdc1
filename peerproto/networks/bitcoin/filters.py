"""Bloom filters (BIP37) and compact block filters (BIP157)."""

from __future__ import annotations

from struct import Struct
from typing import Annotated

from peerproto.errors import LocalError, MalformedMessage
from peerproto.networks.bitcoin.records import BlockHeader
from peerproto.wire.codec import Codec
from peerproto.wire.fields import Count, Custom, Hash, VarBytes, uint8, uint32
from peerproto.wire.message import Message, message
from peerproto.wire.plain import whole

MOST_HASH_FUNCS = 50
_UINT32 = Struct("<I")


def _read_hash_funcs(buf: bytes, at: int, codec: Codec) -> tuple[int, int]:
    (count,) = _UINT32.unpack_from(buf, at)
    if count > MOST_HASH_FUNCS:
        raise MalformedMessage(f"{count} hash functions, at most {MOST_HASH_FUNCS} allowed", offset=at)
    return count, at + 4


def _write_hash_funcs(count: int, codec: Codec) -> bytes:
    if count > MOST_HASH_FUNCS:
        raise LocalError(f"hash_funcs: {count}, at most {MOST_HASH_FUNCS} allowed")
    return _UINT32.pack(count)


HashFuncs = Annotated[int, Custom(_read_hash_funcs, _write_hash_funcs, unplain=whole(0, MOST_HASH_FUNCS))]
"""How many hash functions a bloom filter has."""


@message("merkleblock", most=4_000_000, since=70001, lazy=True)
class MerkleBlock(Message):
    """A block cut down to what a bloom filter matches (BIP37)."""

    header: BlockHeader
    transactions: uint32
    hashes: Annotated[list[Hash], Count(400_001)]
    flags: Annotated[bytes, VarBytes(50_000)]

    def extra(self) -> dict[str, object]:
        return {"block_hash": self.block_hash}

    @property
    def block_hash(self) -> bytes:
        """The double SHA-256 of the header, in wire order."""
        return self.header.block_hash


@message("filterload", most=36_012, since=70001)
class FilterLoad(Message):
    """Sets a bloom filter (BIP37)."""

    filter: Annotated[bytes, VarBytes(36_000)]
    hash_funcs: HashFuncs
    tweak: uint32
    flags: uint8


@message("filteradd", most=523, since=70001)
class FilterAdd(Message):
    """Adds an element to the bloom filter (BIP37)."""

    data: Annotated[bytes, VarBytes(520)]


@message("filterclear", since=70001)
class FilterClear(Message):
    """Takes the bloom filter away (BIP37)."""


@message("getcfilters", most=37)
class GetCFilters(Message):
    """Asks for compact filters (BIP157)."""

    filter_type: uint8
    start_height: uint32
    stop_hash: Hash


@message("getcfheaders", most=37)
class GetCFHeaders(Message):
    """Asks for compact filter hashes (BIP157)."""

    filter_type: uint8
    start_height: uint32
    stop_hash: Hash


@message("getcfcheckpt", most=33)
class GetCFCheckpt(Message):
    """Asks for every thousandth compact filter header (BIP157)."""

    filter_type: uint8
    stop_hash: Hash


@message("cfilter", most=33 + 5 + 262_144, lazy=True)
class CFilter(Message):
    """The compact filter of one block (BIP157)."""

    filter_type: uint8
    block_hash: Hash
    data: Annotated[bytes, VarBytes(262_144)]


def is_last(asked: GetCFilters, brought: CFilter) -> bool:
    """Whether no filter of those asked comes behind this one: each block's has a message of its own."""
    return brought.block_hash == asked.stop_hash


@message("cfheaders", most=1 + 64 + 9 + 64_000, lazy=True)
class CFHeaders(Message):
    """Compact filter hashes of linked blocks (BIP157)."""

    filter_type: uint8
    stop_hash: Hash
    prev_filter_header: Hash
    filter_hashes: Annotated[list[Hash], Count(2000)]


@message("cfcheckpt", most=1 + 32 + 5 + 3_200_000, lazy=True)
class CFCheckpt(Message):
    """Every thousandth compact filter header (BIP157)."""

    filter_type: uint8
    stop_hash: Hash
    filter_headers: Annotated[list[Hash], Count(100_000)]
