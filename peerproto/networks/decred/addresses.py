"""The addresses of `addrv2` (dcrd wire/netaddressv2.go): IPv4, IPv6 and Tor's third version."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from peerproto.errors import LocalError, MalformedMessage
from peerproto.networks.decred.kinds import LATEST, TIME, time64
from peerproto.wire.codec import Codec
from peerproto.wire.fields import Custom, Plain, VarBytes, kind_of, uint8, uint16, uint64
from peerproto.wire.ip import ip_text
from peerproto.wire.onion import onion_name
from peerproto.wire.plain import Misfit, list_from_plain, record_from_plain, record_to_plain
from peerproto.wire.varint import read_varint, write_varint

IPV4, IPV6, TOR_V3 = 1, 2, 3
MOST = 1000

_SIZES = {IPV4: 4, IPV6: 16, TOR_V3: 32}
_HEAD = Struct("<QQB")
_PORT = Struct("<H")


class NetAddressV2(NamedTuple):
    """An address of any kind of network.

    :ivar timestamp: when it was last seen, in seconds since 1970. :ivar services: a bit set.
    :ivar type: 1 IPv4, 2 IPv6, 3 Tor. :ivar encoded_addr: 4 bytes, 16, or a public key of 32.
    """

    timestamp: int
    services: int
    type: int
    encoded_addr: bytes
    port: int

    @property
    def host(self) -> str:
        """The address as people write it."""
        raw = self.encoded_addr
        if self.type == IPV4:
            return ".".join(map(str, raw))
        if self.type == IPV6:
            return ip_text(raw)
        return onion_name(raw)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def read_addresses(buf: bytes, at: int, codec: Codec) -> tuple[list[NetAddressV2], int]:
    """The list of `addrv2`. Raises MalformedMessage for none, too many, an unknown type or a time out of bounds."""
    count, at = read_varint(buf, at)
    if not 1 <= count <= MOST:
        raise MalformedMessage(f"{count} entries announced, 1 to {MOST} allowed", offset=at)
    found = []
    for _ in range(count):
        timestamp, services, kind = _HEAD.unpack_from(buf, at)
        size = _SIZES.get(kind)
        if size is None:
            raise MalformedMessage(f"address of type {kind}, 1 to 3 are known", offset=at + 16)
        end = at + 17 + size
        (port,) = _PORT.unpack_from(buf, end)
        found.append(NetAddressV2(TIME.read_one(timestamp), services, kind, buf[at + 17 : end], port))
        at = end + 2
    return found, at


def write_addresses(addresses: list[NetAddressV2], codec: Codec) -> bytes:
    """The inverse of `read_addresses`. Raises LocalError for what no peer would take."""
    if not 1 <= len(addresses) <= MOST:
        raise LocalError(f"addr_list: {len(addresses)} entries, 1 to {MOST} allowed")
    parts = [write_varint(len(addresses))]
    for item in addresses:
        fault = _fault(item)
        if fault:
            raise LocalError(f"addr_list: {fault}")
        parts.append(_HEAD.pack(item.timestamp, item.services, item.type))
        parts.append(item.encoded_addr + _PORT.pack(item.port))
    return b"".join(parts)


def _fault(item: NetAddressV2) -> str:
    """What no peer would take of an address; empty if nothing."""
    if item.timestamp > LATEST:
        return f"time {item.timestamp}, at most {LATEST} allowed"
    size = _SIZES.get(item.type)
    if size is None:
        return f"address of type {item.type}, 1 to 3 are known"
    if len(item.encoded_addr) != size:
        return f"address of {len(item.encoded_addr)} bytes, type {item.type} has {size}"
    return ""


_KINDS = {
    "timestamp": kind_of(time64),
    "services": kind_of(uint64),
    "type": kind_of(uint8),
    "encoded_addr": VarBytes(32),
    "port": kind_of(uint16),
}


def _from_plain(plain: Plain) -> NetAddressV2:
    address = NetAddressV2(**record_from_plain(_KINDS, plain))
    fault = _fault(address)
    if fault:
        raise Misfit(fault)
    return address


address_list = Custom(
    read_addresses,
    write_addresses,
    plain=lambda value: [record_to_plain(_KINDS, item) for item in value],
    unplain=lambda value: list_from_plain(_from_plain, value),
)
"""The kind of the whole list."""
