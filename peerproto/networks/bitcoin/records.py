"""What stands inside bitcoin's messages: inventory vectors, headers, network addresses."""

from __future__ import annotations

import base64
from itertools import repeat
from struct import Struct
from typing import NamedTuple

from peerproto.errors import LocalError, MalformedMessage
from peerproto.wire.code import new, records_packer
from peerproto.wire.codec import Codec
from peerproto.wire.envelope import sha256d
from peerproto.wire.fields import Hash, int32, ip_address, port, uint32, uint64
from peerproto.wire.ip import ip_text
from peerproto.wire.onion import onion_name
from peerproto.wire.varint import read_varint, write_varint

MSG_TX, MSG_BLOCK, MSG_FILTERED_BLOCK, MSG_CMPCT_BLOCK, MSG_WTX = range(1, 6)
MSG_WITNESS_FLAG = 1 << 30
MSG_WITNESS_TX = MSG_TX | MSG_WITNESS_FLAG
MSG_WITNESS_BLOCK = MSG_BLOCK | MSG_WITNESS_FLAG


class InvVect(NamedTuple):
    """An inventory vector: what kind of thing, and its hash."""

    type: uint32
    hash: Hash


class OutPoint(NamedTuple):
    """An output of a transaction."""

    hash: Hash
    index: uint32  # type: ignore[assignment]  # the field's own name, though tuples have a method of that name


class NetAddress(NamedTuple):
    """An address as `version` has it: without a time. Services are a bit set, the port is host order here."""

    services: uint64
    ip: ip_address
    port: port


class TimedAddress(NamedTuple):
    """An address as `addr` has it; the time (seconds since 1970) is missing below protocol version 31402."""

    timestamp: uint32
    services: uint64
    ip: ip_address
    port: port


class BlockHeader(NamedTuple):
    """The 80 bytes of a block that are hashed."""

    version: int32
    prev_block: Hash
    merkle_root: Hash
    timestamp: uint32
    bits: uint32
    nonce: uint32

    def derived(self) -> dict[str, object]:
        """What is shown beside the fields."""
        return {"block_hash": self.block_hash}

    def pack(self) -> bytes:
        """The 80 bytes."""
        return HEADER.pack(*self)

    @property
    def block_hash(self) -> bytes:
        """The double SHA-256 of the 80 bytes, in wire order."""
        return sha256d(HEADER.pack(*self))


HEADER = Struct("<i32s32sIII")

MOST_ADDRESSES = 1000
_ADDRESS_SIZES = {1: 4, 2: 16, 3: 10, 4: 32, 5: 32, 6: 16}
_SUFFIXES = {3: ".onion", 5: ".b32.i2p"}
_NOT_IPV6 = (bytes(10) + b"\xff\xff", bytes.fromhex("fd87d87eeb43"))  # IPv4-mapped and OnionCat (BIP155)
_TIME = Struct("<I")
_TIME_SERVICES = Struct("<IB")


class NetAddressV2(NamedTuple):
    """An address of BIP155.

    :ivar network_id: 1 IPv4, 2 IPv6, 3 TorV2, 4 TorV3, 5 I2P, 6 CJDNS.
    """

    timestamp: int
    services: int
    network_id: int
    addr_bytes: bytes
    port: int

    @property
    def addr(self) -> str:
        """The address as people write it; the bytes in hex for an unknown kind of network."""
        raw = self.addr_bytes
        if self.network_id == 1:
            return ".".join(map(str, raw))
        if self.network_id in (2, 6):
            return ip_text(raw)
        if self.network_id == 4:
            return onion_name(raw)
        if self.network_id not in _SUFFIXES:
            return raw.hex()
        return base64.b32encode(raw).decode().rstrip("=").lower() + _SUFFIXES[self.network_id]


def read_addresses_v2(buf: bytes, at: int, codec: Codec) -> tuple[list[NetAddressV2], int]:
    """The list of `addrv2`, without those that the codec's policy leaves out (btcd wire/netaddressv2.go)."""
    count, at = read_varint(buf, at)
    if count > MOST_ADDRESSES:
        raise MalformedMessage(f"{count} entries announced, at most {MOST_ADDRESSES} allowed", offset=at)
    found, kept = [], codec.policy.address_ids
    for _ in range(count):
        timestamp, services = _TIME_SERVICES.unpack_from(buf, at)
        at += 5
        if services > 252:
            services, at = read_varint(buf, at - 1)
        network_id, size = buf[at], buf[at + 1]
        at += 2
        if size > 252:
            size, at = read_varint(buf, at - 1)
        fault = size != _ADDRESS_SIZES.get(network_id) and _size_fault(network_id, size)
        if fault:
            raise MalformedMessage(fault, offset=at)
        end = at + size
        if end + 2 > len(buf):
            raise IndexError
        address = buf[at:end]
        at = end + 2
        if network_id in kept and not (network_id == 2 and address.startswith(_NOT_IPV6)):
            port = buf[end] << 8 | buf[end + 1]
            found.append(new(NetAddressV2, (timestamp, services, network_id, address, port)))
    return found, at


def address_fault(address: NetAddressV2) -> str:
    """What is wrong with the length of an address for its network id; empty if nothing is."""
    return _size_fault(address.network_id, len(address.addr_bytes))


def _size_fault(network_id: int, size: int) -> str:
    wanted = _ADDRESS_SIZES.get(network_id)
    if size == wanted or (wanted is None and size <= 512):
        return ""
    return f"address of {size} bytes for network id {network_id}, {wanted or 'at most 512'} allowed"


def write_addresses_v2(addresses: list[NetAddressV2], codec: Codec) -> bytes:
    """The inverse of `read_addresses_v2`. Raises LocalError for what no peer would take."""
    if len(addresses) > MOST_ADDRESSES:
        raise LocalError(f"addr_list: {len(addresses)} entries, at most {MOST_ADDRESSES} allowed")
    parts = [write_varint(len(addresses))]
    for timestamp, services, network_id, address, port_number in addresses:
        size = len(address)
        fault = size != _ADDRESS_SIZES.get(network_id) and _size_fault(network_id, size)
        if fault:
            raise LocalError(f"addr_list: {fault}")
        parts += (_TIME.pack(timestamp), write_varint(services), bytes((network_id,)))
        parts += (write_varint(size), address, port_number.to_bytes(2))
    return b"".join(parts)


def read_headers(buf: bytes, at: int, codec: Codec) -> tuple[list[BlockHeader], int]:
    """Headers as `headers` has them: behind each stands a count of transactions, which must be zero."""
    at, end = _headers_end(buf, at)
    if buf[at + 80 : end : 81].strip(b"\0"):
        first = next(index for index in range(at + 80, end, 81) if buf[index])
        raise MalformedMessage(f"a header announces {buf[first]} transactions, 0 allowed", offset=first)
    return list(map(new, repeat(BlockHeader), _HEADER_AND_COUNT.iter_unpack(buf[at:end]))), end


def skim_headers(buf: bytes, at: int, codec: Codec) -> int:
    """Where the headers end, by their count alone."""
    return _headers_end(buf, at)[1]


def _headers_end(buf: bytes, at: int) -> tuple[int, int]:
    count, at = read_varint(buf, at)
    if count > 2000:
        raise MalformedMessage(f"{count} entries announced, at most 2000 allowed", offset=at)
    end = at + count * 81
    if end > len(buf):
        raise IndexError
    return at, end


_HEADER_AND_COUNT = Struct("<i32s32sIIIx")


def write_headers(headers: list[BlockHeader], codec: Codec) -> bytes:
    """The inverse of `read_headers`. Raises ValueError for a hash that has not 32 bytes."""
    return write_varint(len(headers)) + _pack_headers(headers)


_pack_headers = records_packer(_HEADER_AND_COUNT, 6, [(1, 32), (2, 32)])
