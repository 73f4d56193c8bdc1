"""Seeds that are asked by DNS: the addresses of their names are those of nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as TooLate
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IReactorTime,
    IResolutionReceiver,
)
from zope.interface import implementer

from peerproto.forms.gossip import Known
from peerproto.forms.seeds import DnsSeed, Seeds
from peerproto.node.seeding import MOST, SeedFailed, seen_lately

__all__ = ["TIMEOUT", "DnsSeeds", "look_up"]

TIMEOUT = 30.0
"""Seconds that one name may take."""


@implementer(IResolutionReceiver)
class _Receiver:
    """Gathers what a name resolves to."""

    def __init__(self) -> None:
        self.done: Deferred[list[str]] = Deferred()
        self._hosts: dict[str, None] = {}

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        """See IResolutionReceiver."""

    def addressResolved(self, address: IAddress) -> None:
        """See IResolutionReceiver."""
        found: Any = address
        if len(self._hosts) < MOST:
            self._hosts[found.host] = None

    def resolutionComplete(self) -> None:
        """See IResolutionReceiver."""
        self.done.callback(list(self._hosts))


def look_up(resolver: IHostnameResolver, clock: IReactorTime, name: str) -> Deferred[list[str]]:
    """The addresses of a name, A and AAAA, at most `MOST`; none if there is no such name.

    Fails with TimeoutError after `TIMEOUT`. May be cancelled; what the resolver says after that is not heard.
    """
    receiver = _Receiver()
    resolver.resolveHostName(receiver, name, addressTypes=[IPv4Address, IPv6Address])
    return receiver.done.addTimeout(TIMEOUT, clock)


class DnsSeeds:
    """Asks the seeds of one network.

    :param resolver: such as a reactor's `nameResolver`. :param services: the bit set that nodes shall offer.
    :param port: where the nodes of the network listen. :param now: the wall clock, in seconds since 1970.
    :param random: gives numbers from 0 to 1.
    """

    def __init__(
        self,
        resolver: IHostnameResolver,
        clock: IReactorTime,
        seeds: Seeds,
        *,
        services: int,
        port: int,
        now: Callable[[], float],
        random: Callable[[], float],
    ) -> None:
        self._resolver = resolver
        self._clock = clock
        self._seeds = seeds
        self._services = services
        self._port = port
        self._now = now
        self._random = random

    def ask(self, seed: DnsSeed) -> Deferred[list[Known]]:
        """The addresses of a seed.

        A seed that filters is asked for our services; if it has no names for them, for any nodes, of which it is
        not known then what they offer. Fails with SeedFailed.
        """
        return Deferred.fromCoroutine(self._ask(seed))

    async def _ask(self, seed: DnsSeed) -> list[Known]:
        name, services = seed.host, 0
        if seed.filters:
            name, services = self._seeds.label(self._services) + seed.host, self._services
        hosts = await self._look_up(name)
        if not hosts and seed.filters:
            hosts, services = await self._look_up(seed.host), 0
        if not hosts:
            raise SeedFailed(f"{name} has no addresses, or cannot be looked up")
        port, now = seed.port or self._port, self._now()
        return [Known(host, port, services, seen_lately(now, self._random)) for host in hosts]

    async def _look_up(self, name: str) -> list[str]:
        try:
            return await look_up(self._resolver, self._clock, name)
        except TooLate:
            raise SeedFailed(f"{name} was not looked up in {TIMEOUT:g} seconds") from None
