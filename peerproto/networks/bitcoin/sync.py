"""How headers and addresses are asked for and brought."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import ip_address

from peerproto.forms.gossip import AddressGossip, Known, told_in
from peerproto.forms.sync import HeaderSync
from peerproto.networks.bitcoin.messages import Addr, AddrV2, GetAddr, GetHeaders, Headers, SendAddrV2
from peerproto.networks.bitcoin.records import HEADER, BlockHeader, NetAddressV2, TimedAddress
from peerproto.wire.message import Message
from peerproto.wire.onion import onion_key


def _ask(pver: int, locator: list[bytes]) -> GetHeaders:
    return GetHeaders(pver, locator, bytes(32))


def _asked(message: GetHeaders) -> tuple[list[bytes], bytes]:
    return message.block_locator_hashes, message.hash_stop


def _bring(headers: list[bytes]) -> Headers:
    return Headers([BlockHeader._make(HEADER.unpack(header)) for header in headers])


def _brought(message: Headers) -> list[bytes]:
    return message.serialized()


HEADER_SYNC = HeaderSync(GetHeaders, Headers, 2000, _ask, _asked, _bring, _brought)


def _tell(known: list[Known], noted: Collection[type[Message]], pver: int) -> Addr | AddrV2:
    if SendAddrV2 not in noted:
        return Addr([TimedAddress(item.timestamp, item.services, item.host, item.port) for item in known])
    return AddrV2([_address_v2(item) for item in known])


def _address_v2(item: Known) -> NetAddressV2:
    if item.host.endswith(".onion"):
        return NetAddressV2(item.timestamp, item.services, 4, onion_key(item.host), item.port)
    address = ip_address(item.host)
    network_id = 1 if address.version == 4 else 2
    return NetAddressV2(item.timestamp, item.services, network_id, address.packed, item.port)


def _told(message: AddrV2) -> list[Known]:
    return [Known(item.addr, item.port, item.services, item.timestamp) for item in message.addr_list]


GOSSIP = AddressGossip(GetAddr, 1000, _tell, {Addr: told_in, AddrV2: _told})
