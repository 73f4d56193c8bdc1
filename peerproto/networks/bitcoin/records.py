"""What stands inside bitcoin's messages: inventory vectors, headers, network addresses."""

from __future__ import annotations

import base64
from hashlib import sha3_256
from struct import Struct
from typing import NamedTuple

from peerproto.errors import MalformedMessage
from peerproto.wire.codec import Codec
from peerproto.wire.envelope import sha256d
from peerproto.wire.fields import Hash, int32, ip_address, port, uint32, uint64
from peerproto.wire.ip import ip_text
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

_ADDRESS_SIZES = {1: 4, 2: 16, 3: 10, 4: 32, 5: 32, 6: 16}
_NOT_IPV6 = (bytes(10) + b"\xff\xff", bytes.fromhex("fd87d87eeb43"))  # IPv4-mapped and OnionCat (BIP155)
_TIME = Struct("<I")


class NetAddressV2(NamedTuple):
    """An address of BIP155.

    :ivar network_id: 1 IPv4, 2 IPv6, 3 TorV2, 4 TorV3, 5 I2P, 6 CJDNS.
    """

    timestamp: int
    services: int
    network_id: int
    addr_bytes: bytes
    port: int

    def derived(self) -> dict[str, object]:
        """What is shown beside the fields."""
        return {"addr": self.addr}

    @property
    def addr(self) -> str:
        """The address as people write it."""
        raw = self.addr_bytes
        if self.network_id == 1:
            return ".".join(map(str, raw))
        if self.network_id in (2, 6):
            return ip_text(raw)
        if self.network_id == 4:
            check = sha3_256(b".onion checksum" + raw + b"\x03").digest()[:2]
            raw += check + b"\x03"
        suffix = ".b32.i2p" if self.network_id == 5 else ".onion"
        return base64.b32encode(raw).decode().rstrip("=").lower() + suffix


def read_addresses_v2(buf: bytes, at: int, codec: Codec) -> tuple[list[NetAddressV2], int]:
    """The list of `addrv2`, without those that the codec's policy leaves out (btcd wire/netaddressv2.go)."""
    count, at = read_varint(buf, at)
    if count > 1000:
        raise MalformedMessage(f"{count} entries announced, at most 1000 allowed", offset=at)
    found = []
    for _ in range(count):
        (timestamp,) = _TIME.unpack_from(buf, at)
        services, at = read_varint(buf, at + 4)
        network_id = buf[at]
        size, at = read_varint(buf, at + 1)
        check_address_size(network_id, size, at)
        if at + size + 2 > len(buf):
            raise IndexError
        address = buf[at : at + size]
        at += size + 2
        if network_id in codec.policy.address_ids and not (network_id == 2 and address.startswith(_NOT_IPV6)):
            port = int.from_bytes(buf[at - 2 : at])
            found.append(NetAddressV2(timestamp, services, network_id, address, port))
    return found, at


def check_address_size(network_id: int, size: int, at: int = 0) -> None:
    """Whether an address of this network id may have this many bytes. Raises MalformedMessage."""
    wanted = _ADDRESS_SIZES.get(network_id)
    if size != wanted if wanted else size > 512:
        allowed = f"{wanted}" if wanted else "at most 512"
        raise MalformedMessage(f"address of {size} bytes for network id {network_id}, {allowed} allowed", offset=at)


def write_addresses_v2(addresses: list[NetAddressV2], codec: Codec) -> bytes:
    """The inverse of `read_addresses_v2`."""
    parts = [write_varint(len(addresses))]
    for item in addresses:
        parts.append(_TIME.pack(item.timestamp) + write_varint(item.services) + bytes((item.network_id,)))
        parts.append(write_varint(len(item.addr_bytes)) + item.addr_bytes + item.port.to_bytes(2))
    return b"".join(parts)


def read_headers(buf: bytes, at: int, codec: Codec) -> tuple[list[BlockHeader], int]:
    """Headers as `headers` has them: behind each stands a count of transactions, which must be zero."""
    at, end = _headers_end(buf, at)
    if buf[at + 80 : end : 81].strip(b"\0"):
        first = next(index for index in range(at + 80, end, 81) if buf[index])
        raise MalformedMessage(f"a header announces {buf[first]} transactions, 0 allowed", offset=first)
    return list(map(BlockHeader._make, _HEADER_AND_COUNT.iter_unpack(buf[at:end]))), end


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
    """The inverse of `read_headers`."""
    return write_varint(len(headers)) + b"".join([_HEADER_AND_COUNT.pack(*header) for header in headers])
