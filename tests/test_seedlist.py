"""Tests of which seeds are asked, and by which way."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from treq.testing import RequestTraversalAgent
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.errors import LocalError
from peerproto.forms.seeds import DnsSeed, Seeds, filtering
from peerproto.node.seeding import Source
from peerproto.node.seedlist import seeds_of, sources_of
from peerproto.testing import memory_factory
from tests.test_dnsseeds import Resolver
from tests.test_httpseeds import Seeder, line
from tests.test_peer_proxy import NoResolver

MAINNET = networks.named("bitcoin-mainnet")
DECRED = networks.named("decred-mainnet")


class NamedTests(SynchronousTestCase):
    """What the user may name."""

    def test_network(self) -> None:
        """Who names none asks those of the network; who names an empty list nobody."""
        self.assertIs(seeds_of(MAINNET, None), MAINNET.seeds)
        self.assertEqual(seeds_of(MAINNET, []), replace(MAINNET.seeds, dns=()))
        self.assertEqual(seeds_of(DECRED, []), Seeds())

    def test_named(self) -> None:
        """Names and addresses, with a port or without, for DNS or HTTPS."""
        found = seeds_of(
            DECRED, ["a.org", "b.org:7", "https://c.org", "https://[::1]:8443", "8.8.8.8:1", "[::1]:2", "::1"]
        )
        dns = [("a.org", 0), ("b.org", 7), ("8.8.8.8", 1), ("::1", 2), ("::1", 0)]
        self.assertEqual(found.dns, tuple(DnsSeed(host, port=port) for host, port in dns))
        self.assertEqual(found.https, ("c.org", "[::1]:8443"))

    def test_nonsense(self) -> None:
        """What is none is said, with the option and what is allowed."""
        for nonsense in (
            "",
            "a b",
            "a.org:0",
            "a.org:65536",
            "http://a.org",
            "https://a.org/x",
            "https://",
            "[a]:1",
        ):
            with self.assertRaises(LocalError) as caught:
                seeds_of(MAINNET, ["a.org", nonsense])
            start = f"--seed: {nonsense!r} is no HOST[:PORT] and no https://HOST[:PORT]"
            self.assertTrue(str(caught.exception).startswith(start))


class SourceTests(SynchronousTestCase):
    """What asks them."""

    def setUp(self) -> None:
        self.reactor: Any = MemoryReactorClock()
        self.reactor.nameResolver = NoResolver()

    def sources(
        self, seeds: Seeds, network: Any = MAINNET, agent: Any = None, **options: Any
    ) -> list[Source]:
        factory = memory_factory(network, clock=self.reactor, **options)
        return sources_of(self.reactor, factory, seeds, now=lambda: 1e9, random=lambda: 0.5, agent=agent)

    def test_dns(self) -> None:
        """Names are looked up, for what the network's nodes want or what this node wants."""
        resolver = self.reactor.nameResolver = Resolver(x9_a_org=["8.8.8.8"], x41_a_org=["7.7.7.7"])
        seeds = replace(MAINNET.seeds, dns=filtering("a.org"))
        for wanted, host in ((0, "8.8.8.8"), (0x41, "7.7.7.7")):
            (source,) = self.sources(seeds, services_wanted=wanted)
            (known,) = self.successResultOf(source.ask())
            self.assertEqual((source.name, known.host, known.port), ("a.org", host, 8333))
        self.assertEqual(resolver.asked, ["x9.a.org", "x41.a.org"])

    def test_proxy(self) -> None:
        """With a proxy nothing is looked up: seeds are called through it, at the network's port or their own."""
        proxy = "socks5://127.0.0.1:9050"
        seeds = Seeds((DnsSeed("a.org", True), DnsSeed("b.org", port=7), DnsSeed("::1")))
        for source in self.sources(seeds, proxy=proxy):
            source.ask()
        self.assertEqual([call[:2] for call in self.reactor.tcpClients], [("127.0.0.1", 9050)] * 3)
        self.assertEqual(
            [source.name for source in self.sources(seeds, proxy=proxy)], ["a.org", "b.org:7", "::1"]
        )
        self.assertEqual(self.sources(seeds, replace(MAINNET, gossip=None), proxy=proxy), [])

    def test_https(self) -> None:
        """Seeders are asked by HTTPS; they need nobody who looks names up, where there is a proxy for that."""
        seeder = Seeder(lambda request: line(pver=99))
        agent = RequestTraversalAgent(seeder)
        (source,) = self.sources(Seeds(https=("a.org",)), DECRED, agent)
        (known,) = self.successResultOf(source.ask())
        self.assertEqual((source.name, known.host), ("https://a.org", "8.8.8.8"))
        (source,) = self.sources(Seeds(https=("a.org",)), DECRED, proxy="socks5://127.0.0.1:9050")
        source.ask()
        self.assertEqual([call[:2] for call in self.reactor.tcpClients], [("127.0.0.1", 9050)])

    def test_packages_missing(self) -> None:
        """Without the packages for HTTPS that is said once, in words that help, and the other seeds are asked."""
        missing = patch.dict(sys.modules, {"treq": None, "treq.client": None})
        with capturedLogs() as logs, missing:
            sources = self.sources(Seeds((DnsSeed("a.org"),), ("b.org", "c.org")), DECRED)
        self.assertEqual([source.name for source in sources], ["a.org"])
        (event,) = logs
        said = event["log_format"].format(**event)
        self.assertTrue(
            said.startswith("2 seeds are asked by HTTPS, which needs more packages: pip install "), said
        )
        self.assertIn("'peerproto[seeds]'", said)
        with capturedLogs() as logs:
            self.sources(MAINNET.seeds)
        self.assertEqual(list(logs), [])
