"""Bitcoin's messages as tables.

Names of fields and limits are btcd's (wire/msg*.go). Transactions and blocks are in `blocks`, filters in
`filters`, what btcd does not know in `foreign`. Hashes are in wire order, times in seconds since 1970.
"""

from __future__ import annotations

from typing import Annotated

from peerproto.networks.bitcoin.records import (
    BlockHeader,
    InvVect,
    NetAddress,
    NetAddressV2,
    TimedAddress,
    address_fault,
    read_addresses_v2,
    read_headers,
    skim_headers,
    write_addresses_v2,
    write_headers,
)
from peerproto.wire.fields import (
    Count,
    Custom,
    Fixed,
    FixedRecord,
    Hash,
    If,
    ListOf,
    Since,
    Tail,
    VarBytes,
    Varint,
    VarText,
    int32,
    int64,
    kind_of,
    negated,
    port,
    uint8,
    uint32,
    uint64,
)
from peerproto.wire.message import Message, message
from peerproto.wire.plain import Misfit, Plain, list_from_plain, record_from_plain, shown
from peerproto.wire.varint import read_varint

MOST_STRING = 33_554_432
MOST_INV = 50_000

_address = FixedRecord(NetAddress)


@message("version", most=lambda pver: 358 if pver >= 31402 else 350)
class Version(Message):
    """Introduces a peer. All behind `addr_you` may be missing; no relay byte means relay on."""

    protocol_version: int32
    services: uint64
    timestamp: int64
    addr_you: Annotated[NetAddress, _address]
    addr_me: Annotated[NetAddress, Tail(_address)]
    nonce: Annotated[int, Tail(Fixed("Q"))]
    user_agent: Annotated[str, Tail(VarText(256))]
    last_block: Annotated[int, Tail(Fixed("i"))]
    disable_relay_tx: Annotated[bool, Tail(kind_of(negated), since=70001)]


@message("verack")
class VerAck(Message):
    """Acknowledges a version."""


@message("sendaddrv2", since=70016)
class SendAddrV2(Message):
    """Asks for `addrv2` in place of `addr` (BIP155); before verack only."""


@message("sendheaders", since=70012)
class SendHeaders(Message):
    """Asks for new blocks to be announced by their headers (BIP130)."""


def _nonce_limit(pver: int) -> int:
    return 8 if pver > 60000 else 0


@message("ping", most=_nonce_limit)
class Ping(Message):
    """Asks for a pong (BIP31); without a nonce, and without an answer, up to version 60000."""

    nonce: Annotated[int | None, Since(60001, Fixed("Q"))] = None


@message("pong", most=_nonce_limit, since=60001)
class Pong(Message):
    """Answers a ping with its nonce."""

    nonce: uint64


@message("getaddr")
class GetAddr(Message):
    """Asks for addresses."""


def _addr_limit(pver: int) -> int:
    if pver < 209:
        return 9 + 26
    return 9 + 1000 * (30 if pver >= 31402 else 26)


_timed = ListOf(FixedRecord(TimedAddress), 1000)
_untimed = ListOf(FixedRecord(TimedAddress, without=("timestamp",)), 1000)


@message("addr", most=_addr_limit, lazy=True)
class Addr(Message):
    """Addresses of other nodes."""

    addr_list: Annotated[list[TimedAddress], Since(31402, _timed, below=_untimed)]


def _plain_address(item: NetAddressV2) -> Plain:
    return shown({**item._asdict(), "addr": item.addr})


_in_address = {
    "timestamp": kind_of(uint32),
    "services": Varint(),
    "network_id": kind_of(uint8),
    "addr_bytes": VarBytes(512),
    "port": kind_of(port),
}


def _address_of(plain: Plain) -> NetAddressV2:
    address = NetAddressV2(**record_from_plain(_in_address, plain))
    fault = address_fault(address)
    if fault:
        raise Misfit(fault, ".addr_bytes")
    return address


_addresses_v2 = Custom(
    read_addresses_v2,
    write_addresses_v2,
    plain=lambda value: [_plain_address(item) for item in value],
    unplain=lambda value: list_from_plain(_address_of, value),
)


@message("addrv2", most=3 + 1000 * 531, since=70016, lazy=True)
class AddrV2(Message):
    """Addresses of other nodes, of any kind of network (BIP155)."""

    addr_list: Annotated[list[NetAddressV2], _addresses_v2]


@message("inv", most=9 + MOST_INV * 36, lazy=True)
class Inv(Message):
    """Announces things that the sender has."""

    inv_list: Annotated[list[InvVect], Count(MOST_INV)]


@message("getdata", most=9 + MOST_INV * 36, lazy=True)
class GetData(Message):
    """Asks for things by their inventory vectors."""

    inv_list: Annotated[list[InvVect], Count(MOST_INV)]


@message("notfound", most=9 + MOST_INV * 36, lazy=True)
class NotFound(Message):
    """Says which of the things asked the sender does not have."""

    inv_list: Annotated[list[InvVect], Count(MOST_INV)]


@message("getblocks", most=4 + 9 + 500 * 32 + 32, lazy=True)
class GetBlocks(Message):
    """Asks for an inv of the blocks behind the newest locator hash that the peer knows."""

    protocol_version: uint32
    block_locator_hashes: Annotated[list[Hash], Count(500)]
    hash_stop: Hash


@message("getheaders", most=4 + 9 + 500 * 32 + 32, lazy=True)
class GetHeaders(Message):
    """Asks for the headers behind the newest locator hash that the peer knows; a zero stop: all that fit."""

    protocol_version: uint32
    block_locator_hashes: Annotated[list[Hash], Count(500)]
    hash_stop: Hash


_header_list = ListOf(FixedRecord(BlockHeader), 2000)
_headers = Custom(
    read_headers,
    write_headers,
    skim=skim_headers,
    plain=_header_list.to_plain,
    unplain=_header_list.from_plain,
)


@message("headers", most=9 + 2000 * 81, lazy=True)
class Headers(Message):
    """Headers of linked blocks, oldest first."""

    headers: Annotated[list[BlockHeader], _headers]

    def serialized(self) -> list[bytes]:
        """The 80 bytes of each header; no objects are made of them if nobody has. Raises MalformedMessage."""
        raw = self.payload
        if raw is None or self.is_untouched() is None:
            return [header.pack() for header in self.headers]
        count, at = read_varint(raw, 0)
        end = at + count * 81
        if raw[at + 80 : end : 81].strip(b"\0"):
            self.load()
        return [raw[start : start + 80] for start in range(at, end, 81)]


@message("mempool", since=60002)
class MemPool(Message):
    """Asks for an inv of the memory pool (BIP35)."""


@message("feefilter", most=8, since=70013)
class FeeFilter(Message):
    """Asks not to announce transactions below a fee, in the smallest unit per 1000 bytes (BIP133)."""

    min_fee: int64


@message("reject", most=lambda pver: 4_000_000 if pver >= 70002 else 0, since=70002)
class Reject(Message):
    """Says why a message was refused (BIP61); with a hash if it was a tx or a block."""

    cmd: Annotated[str, VarText(MOST_STRING)]
    code: uint8
    reason: Annotated[str, VarText(MOST_STRING)]
    hash: Annotated[bytes | None, If("self.cmd in ('tx', 'block')", Fixed("32s"))] = None
