"""Soter's messages as tables, where they are not bitcoin's; those of addresses stand in `addresses`.

Names of fields and limits are soterd's (wire/msg*.go). Hashes are in wire order, times in seconds since 1970.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from peerproto.networks.bitcoin.messages import (
    MOST_INV,
    MOST_STRING,
    FeeFilter,
    MemPool,
    Pong,
    SendHeaders,
    VerAck,
)
from peerproto.networks.bitcoin.records import NetAddress, read_headers, skim_headers, write_headers
from peerproto.networks.soter.records import BlockHeader, InvVect, bare_header
from peerproto.wire.fields import (
    Count,
    Custom,
    Fixed,
    FixedRecord,
    Hash,
    If,
    Kind,
    ListOf,
    Plain,
    Since,
    Tail,
    VarText,
    int32,
    int64,
    kind_of,
    negated,
    uint8,
    uint32,
    uint64,
)
from peerproto.wire.message import Message, message

if TYPE_CHECKING:
    from peerproto.wire.reading import ReadCode
    from peerproto.wire.writing import WriteCode

__all__ = [
    "FeeFilter",
    "GetBlocks",
    "GetData",
    "GetHeaders",
    "Headers",
    "Inv",
    "MemPool",
    "NotFound",
    "Ping",
    "Pong",
    "Reject",
    "SendHeaders",
    "VerAck",
    "Version",
]

_NOWHERE = NetAddress(0, "::", 0)
_address = FixedRecord(NetAddress)
_THROUGH_ADDR_YOU = 46


class _AddrMe(Tail):
    """An address that JSON shows as null where it was not there."""

    def from_plain(self, value: Plain) -> Any:
        return _NOWHERE if value is None else super().from_plain(value)


def _version_limit(pver: int) -> int:
    """The reference's cap, which forgets the genesis hash: whole, it leaves 240 bytes to the user agent."""
    return 358 if pver >= 31402 else 350


@message("version", most=_version_limit)
class Version(Message):
    """Introduces a peer. All behind `addr_you` may be missing; no relay byte means relay on."""

    protocol_version: int32
    services: uint64
    timestamp: int64
    addr_you: Annotated[NetAddress, _address]
    addr_me: Annotated[NetAddress, _AddrMe(_address)]
    nonce: Annotated[int, Tail(Fixed("Q"))]
    user_agent: Annotated[str, Tail(VarText(256))]
    genesis_hash: Annotated[bytes, Tail(Fixed("32s"))]
    last_block: Annotated[int, Tail(Fixed("i"))]
    disable_relay_tx: Annotated[bool, Tail(kind_of(negated), since=70001)]

    def derived(self) -> dict[str, object]:
        cut = self.payload is not None and len(self.payload) <= _THROUGH_ADDR_YOU
        return {"addr_me": None} if cut else {}


@dataclass
class _Absent(Kind):
    """Nothing on the wire, and a value all the same, which an expression makes."""

    value: str

    def read(self, code: ReadCode, target: str) -> None:
        code.line(f"{target} = {self.value}")

    def write(self, code: WriteCode, value: str) -> None:
        """Nothing."""


@message("ping", most=lambda pver: 8 if pver > 60000 else 0)
class Ping(Message):
    """Asks for a pong (BIP31); without a nonce (it reads as 0), and without an answer, up to version 60000."""

    nonce: Annotated[int, Since(60001, Fixed("Q"), below=_Absent("0"))] = 0


MOST_INV_BYTES = 9 + MOST_INV * 36
"""Reckoned with bitcoin's vectors: of the 40 bytes of one here, 45,000 fit."""


@message("inv", most=MOST_INV_BYTES, lazy=True)
class Inv(Message):
    """Announces things that the sender has."""

    inv_list: Annotated[list[InvVect], Count(MOST_INV)]


@message("getdata", most=MOST_INV_BYTES, lazy=True)
class GetData(Message):
    """Asks for things by their inventory vectors; heights are not looked at."""

    inv_list: Annotated[list[InvVect], Count(MOST_INV)]


@message("notfound", most=MOST_INV_BYTES, lazy=True)
class NotFound(Message):
    """Says which of the things asked the sender does not have."""

    inv_list: Annotated[list[InvVect], Count(MOST_INV)]


@message("getblocks", most=4 + 9 + 4 + 32)
class GetBlocks(Message):
    """Asks for an inv of all blocks higher than a height, lowest first, up to a block (zero: to the top).

    Without a height only the stop block is asked for (zero: the last one at the top).
    """

    protocol_version: uint32
    block_locator_height: Annotated[list[int32], Count(1)]
    hash_stop: Hash


@message("getheaders", most=4 + 9 + 4 + 32)
class GetHeaders(Message):
    """Asks for headers, as `getblocks` does for an inv."""

    protocol_version: uint32
    block_locator_height: Annotated[list[int32], Count(1)]
    hash_stop: Hash


_header_list = ListOf(bare_header, 2000)
_headers = Custom(
    read_headers,
    write_headers,
    skim=skim_headers,
    plain=_header_list.to_plain,
    unplain=_header_list.from_plain,
)


@message("headers", most=9 + 2000 * 81, lazy=True)
class Headers(Message):
    """Headers by their height, lowest first. They cannot be linked: what they name are sets of parents."""

    headers: Annotated[list[BlockHeader], _headers]

    def derived(self) -> dict[str, object]:
        return {"block_hashes": [header.block_hash.hex() for header in self.headers]}


class _IfOrZero(If):
    """A hash that reads as zeros where it is not there."""

    def read(self, code: ReadCode, target: str) -> None:
        super().read(code, target)
        code.line(f"if {target} is None: {target} = bytes(32)")


@message("reject", most=lambda pver: MOST_STRING if pver >= 70002 else 0, since=70002)
class Reject(Message):
    """Says why a message was refused (BIP61); with a hash on the wire if it was a tx or a block."""

    cmd: Annotated[str, VarText(MOST_STRING)]
    code: uint8
    reason: Annotated[str, VarText(MOST_STRING)]
    hash: Annotated[bytes, _IfOrZero("self.cmd in ('tx', 'block')", Fixed("32s"))] = bytes(32)
