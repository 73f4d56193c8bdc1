"""Where the nodes of a network are asked for by who knows none of them yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["DnsSeed", "Seeds", "by_services", "filtering", "plain"]


class DnsSeed(NamedTuple):
    """A name whose addresses are those of nodes.

    :ivar filters: whether it has names below it for nodes with some services (see `Seeds`).
    :ivar port: where those nodes listen; 0 for where the network's do.
    """

    host: str
    filters: bool = False
    port: int = 0

    def __str__(self) -> str:
        return f"{self.host}:{self.port}" if self.port else self.host


def filtering(*hosts: str) -> tuple[DnsSeed, ...]:
    """Seeds that are asked for services."""
    return tuple(DnsSeed(host, True) for host in hosts)


def plain(*hosts: str) -> tuple[DnsSeed, ...]:
    """Seeds that tell of whatever nodes there are."""
    return tuple(map(DnsSeed, hosts))


def by_services(services: int) -> str:
    """The bit set in hex, as `x9.` (Bitcoin Core, net.cpp ThreadDNSAddressSeed)."""
    return f"x{services:x}."


@dataclass(frozen=True)
class Seeds:
    """Whom a network's nodes ask.

    :ivar dns: names to look up. :ivar https: hosts that answer `/api/addrs` (dcrd, addrmgr/seed.go).
    :ivar services: the bit set that seeds are asked for by who wants no others.
    :ivar label: what is put before the name of a seed that filters, of a bit set.
    """

    dns: tuple[DnsSeed, ...] = ()
    https: tuple[str, ...] = ()
    services: int = 1
    label: Callable[[int], str] = by_services
