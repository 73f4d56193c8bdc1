"""How addresses are told: by `addr` up to protocol version 11, by `addrv2` from 12 on."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import ip_address

from peerproto.forms.gossip import AddressGossip, Known, told_in
from peerproto.networks.bitcoin.records import TimedAddress
from peerproto.networks.decred.addresses import IPV4, IPV6, MOST, TOR_V3, NetAddressV2
from peerproto.networks.decred.messages import Addr, AddrV2, GetAddr
from peerproto.wire.message import Message
from peerproto.wire.onion import onion_key


def _tell(known: list[Known], noted: Collection[type[Message]], pver: int) -> Addr | AddrV2:
    if AddrV2.exists_at(pver):
        return AddrV2([_address_v2(item) for item in known])
    return Addr([TimedAddress(item.timestamp, item.services, item.host, item.port) for item in known])


def _address_v2(item: Known) -> NetAddressV2:
    if item.host.endswith(".onion"):
        return NetAddressV2(item.timestamp, item.services, TOR_V3, onion_key(item.host), item.port)
    address = ip_address(item.host)
    kind = IPV4 if address.version == 4 else IPV6
    return NetAddressV2(item.timestamp, item.services, kind, address.packed, item.port)


def _told(message: AddrV2) -> list[Known]:
    return [Known(item.host, item.port, item.services, item.timestamp) for item in message.addr_list]


GOSSIP = AddressGossip(GetAddr, MOST, _tell, {Addr: told_in, AddrV2: _told})
