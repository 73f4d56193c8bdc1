"""Committed block filters: those of the first version, which nodes have given up, and those of the second."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

from peerproto.networks.decred.messages import MOST_LOCATOR
from peerproto.wire.fields import Count, Hash, ListOf, Plain, VarBytes, uint8, uint32
from peerproto.wire.layout import record
from peerproto.wire.message import Message, message
from peerproto.wire.plain import list_from_plain, whole

MOST_FILTER, MOST_PROOF, MOST_HEADERS, MOST_TYPES, MOST_BATCH = 262_144, 32, 2000, 256, 100


@message("getcfilter", most=33, since=6)
class GetCFilter(Message):
    """Asks for a block's filter of the first version; type 0 is regular, 1 extended."""

    block_hash: Hash
    filter_type: uint8


@message("cfilter", most=32 + 1 + 5 + MOST_FILTER, since=6, lazy=True)
class CFilter(Message):
    """A block's filter of the first version."""

    block_hash: Hash
    filter_type: uint8
    data: Annotated[bytes, VarBytes(MOST_FILTER)]


@message("getcfheaders", most=3 + MOST_LOCATOR * 32 + 32 + 1, since=6, lazy=True)
class GetCFHeaders(Message):
    """Asks for the headers of filters of the first version."""

    block_locator_hashes: Annotated[list[Hash], Count(MOST_LOCATOR)]
    hash_stop: Hash
    filter_type: uint8


@message("cfheaders", most=32 + 1 + 3 + MOST_HEADERS * 32, since=6, lazy=True)
class CFHeaders(Message):
    """Headers of filters of the first version, of blocks up to a stop hash."""

    stop_hash: Hash
    filter_type: uint8
    header_hashes: Annotated[list[Hash], Count(MOST_HEADERS)]


@message("getcftypes", since=6)
class GetCFTypes(Message):
    """Asks which types of filters of the first version there are."""


class _Types(VarBytes):
    """Bytes as a list of numbers."""

    load = "list({})"
    dump = "bytes({})"

    def to_plain(self, value: Any) -> Plain:
        return list(value)

    def from_plain(self, value: Plain) -> Any:
        return list_from_plain(whole(0, 255), value)


@message("cftypes", most=3 + MOST_TYPES, since=6)
class CFTypes(Message):
    """Which types of filters of the first version there are, a byte each."""

    supported_filters: Annotated[list[int], _Types(MOST_TYPES)]


@message("getcfilterv2", most=32, since=7)
class GetCFilterV2(Message):
    """Asks for a block's filter."""

    block_hash: Hash


class BlockFilter(NamedTuple):
    """A block's filter, and the proof that the block's header commits to it (DCP0005)."""

    block_hash: Hash
    data: Annotated[bytes, VarBytes(MOST_FILTER)]
    proof_index: uint32
    proof_hashes: Annotated[list[Hash], Count(MOST_PROOF)]


@message("cfilterv2", most=32 + 5 + MOST_FILTER + 4 + 1 + MOST_PROOF * 32, since=7, lazy=True)
class CFilterV2(Message):
    """A block's filter, and the proof that the block's header commits to it (DCP0005)."""

    block_hash: Hash
    data: Annotated[bytes, VarBytes(MOST_FILTER)]
    proof_index: uint32
    proof_hashes: Annotated[list[Hash], Count(MOST_PROOF)]


@message("getcfsv2", most=64, since=11)
class GetCFiltersV2(Message):
    """Asks for the filters of a run of blocks, both ends included."""

    start_hash: Hash
    end_hash: Hash


@message(
    "cfiltersv2", most=1 + MOST_BATCH * (32 + 5 + MOST_FILTER + 4 + 1 + MOST_PROOF * 32), since=11, lazy=True
)
class CFiltersV2(Message):
    """The filters of a run of blocks."""

    cfilters: Annotated[list[BlockFilter], ListOf(record(BlockFilter), MOST_BATCH)]
