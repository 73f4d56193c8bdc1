"""Where an address is: whether it can be called from here, and which others are likely in the same hands.

The rules are those of Bitcoin Core (netaddress.cpp): who holds one address of a group holds the rest of it cheaply,
so a node calls at most one of each.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import NamedTuple

from peerproto.wire.ip import Known

__all__ = ["LOCAL_NETS", "Groups", "is_local_net", "is_public"]

LOCAL_NETS = frozenset({"regtest", "simnet", "regnet", "devnet", "privnet"})
"""The nets, by what stands behind the network in their names, whose nodes are at home on one machine."""

_WORLD = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_WIDE = IPv6Network("2001:470::/32")  # one provider gives so much away that /32 would be too coarse

_MIXED = frozenset({0, 10, 100, 127, 169, 172, 192, 198, 203, *range(224, 256)})
"""First bytes of IPv4 of which not all is public; of all others it is, and that is found out much faster."""

IP = IPv4Address | IPv6Address


def is_local_net(name: str) -> bool:
    """Whether the nodes of a network of this name, NETWORK-NET, are at home on one machine."""
    return not LOCAL_NETS.isdisjoint(name.split("-")[1:2])


class _Judged(NamedTuple):
    """`host`: as it is always written; None for no address. `group`: None if it is a group by itself."""

    host: str | None
    group: str | None
    is_local: bool


class Groups:
    """Routability and groups of addresses.

    :param local: whether addresses that lead nowhere from elsewhere, as loopback, count as routable; each of them is
        then a group by itself.
    """

    def __init__(self, *, local: bool = False) -> None:
        self.local = local

    def host(self, text: str) -> str | None:
        """An address that can be called, as it is always written (IPv4 in IPv6 as IPv4); None for any other text."""
        found = _judged[text]
        return found.host if found.group is not None or (self.local and found.is_local) else None

    def group_of(self, host: str, port: int | None = None) -> str:
        """The group of an address, as text that is the same for all of it.

        :param port: of a local address, where that belongs to it: many nodes may be on one.

        What is no address is a group by itself.
        """
        return _judged[host].group or (host if port is None else f"{host}:{port}")


def is_public(host: str) -> bool:
    """Whether an address leads to the same place from everywhere."""
    return _judged[host].group is not None


def _judge(text: str) -> _Judged:
    found = _read(text)
    if found is None:
        return _Judged(None, None, False)
    is_public = _is_public(found)
    return _Judged(str(found), _group(found) if is_public else None, is_public or _is_local(found))


def _read(text: str) -> IP | None:
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _inner(address: IPv6Address) -> IPv4Address | None:
    """The address of IPv4 by whose route one of IPv6 is reached: 6to4, Teredo, NAT64."""
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None


def _is_public(address: IP) -> bool:
    if isinstance(address, IPv4Address):
        return address.packed[0] not in _MIXED or (address.is_global and not address.is_multicast)
    inner = _inner(address)
    return _is_public(inner) if inner is not None else address in _WORLD and address.is_global


def _is_local(address: IP) -> bool:
    """Whether somebody here can have it, though it leads nowhere from elsewhere."""
    return not (address.is_multicast or address.is_unspecified or int(address) == 0xFFFFFFFF)


def _group(address: IP) -> str:
    if isinstance(address, IPv6Address):
        inner = _inner(address)
        if inner is None:
            length = 36 if address in _WIDE else 32
            return str(IPv6Network((address, length), strict=False))
        address = inner
    high, low = address.packed[:2]
    return f"{high}.{low}.0.0/16"


_judged = Known(_judge, 16384)
