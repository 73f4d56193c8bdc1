"""Which seeds a node asks, and by which way: the network's, or those that its user names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from twisted.web.iweb import IAgent

from peerproto.errors import LocalError
from peerproto.forms.seeds import DnsSeed, Seeds
from peerproto.network import Network
from peerproto.node.addressfetch import AddressFetch
from peerproto.node.dnsseeds import DnsSeeds
from peerproto.node.seeding import Source
from peerproto.peer.connecting import host_and_port
from peerproto.peer.factory import PeerFactory
from peerproto.peer.logs import Logger

__all__ = ["seeds_of", "sources_of"]

HTTPS = "https://"

_log = Logger()


def seeds_of(network: Network, named: Iterable[str] | None) -> Seeds:
    """The network's own seeds; those that are named, if they are: `HOST[:PORT]` for DNS, `https://HOST[:PORT]`.

    Raises LocalError for what is neither.
    """
    if named is None:
        return network.seeds
    dns, https = [], []
    for text in named:
        host, port = _place(text)
        if text.startswith(HTTPS):
            https.append(text.removeprefix(HTTPS))
        else:
            dns.append(DnsSeed(host, port=port))
    return replace(network.seeds, dns=tuple(dns), https=tuple(https))


def _place(text: str) -> tuple[str, int]:
    """Host and port; port 0 where none is said."""
    try:
        place = host_and_port(text.removeprefix(HTTPS), 1)
        said = host_and_port(text.removeprefix(HTTPS), 2)
    except ValueError as error:
        raise LocalError(f"--seed: {text!r} is no HOST[:PORT] and no {HTTPS}HOST[:PORT]: {error}") from None
    if place is None or said is None:
        raise LocalError(f"--seed: {text!r} is no HOST[:PORT] and no {HTTPS}HOST[:PORT]")
    return place if place == said else (place[0], 0)


def sources_of(
    reactor: Any,
    factory: PeerFactory,
    seeds: Seeds,
    *,
    now: Callable[[], float],
    random: Callable[[], float],
    agent: IAgent | None = None,
) -> list[Source]:
    """What asks them. With a proxy no name is looked up here: the seeds are called through it, as peers are.

    :param reactor: its `nameResolver` looks names up. :param factory: says what we want, and which proxy there is.
    :param agent: makes requests by HTTPS; None for one that the system's certificates suit.
    """
    services = factory.services_wanted or seeds.services
    ages: dict[str, Any] = {"services": services, "now": now, "random": random}
    return [*_by_name(reactor, factory, seeds, ages), *_by_https(reactor, factory, seeds.https, agent, ages)]


def _by_name(reactor: Any, factory: PeerFactory, seeds: Seeds, ages: dict[str, Any]) -> list[Source]:
    network = factory.network
    if not seeds.dns:
        return []
    if factory.proxy is None:
        dns = DnsSeeds(reactor.nameResolver, reactor, seeds, port=network.port, **ages)
        return [Source(str(seed), partial(dns.ask, seed)) for seed in seeds.dns]
    if network.gossip is None:
        return []  # who is called there could not be asked
    fetch = AddressFetch(reactor, factory, network.gossip)
    return [
        Source(str(seed), partial(fetch.ask, _where(seed.host, seed.port or network.port)))
        for seed in seeds.dns
    ]


def _where(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _by_https(
    reactor: Any, factory: PeerFactory, hosts: Sequence[str], agent: IAgent | None, ages: dict[str, Any]
) -> list[Source]:
    if not hosts:
        return []
    try:
        # Only here, since they need more packages, and Twisted's own part of it takes long to load.
        from peerproto.node.httpseeds import HttpSeeds
        from peerproto.node.webline import web_agent

        web = HttpSeeds(
            agent or web_agent(reactor, factory.proxy),
            reactor,
            least_version=factory.least_protocol_version,
            **ages,
        )
    except ImportError as error:
        _log.warn(
            "{count} seeds are asked by HTTPS, which needs more packages: pip install 'peerproto[seeds]' ({error})",
            count=len(hosts),
            error=str(error),
        )
        return []
    return [Source(HTTPS + host, partial(web.ask, host)) for host in hosts]
