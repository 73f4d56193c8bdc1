"""Tests of seeds that are asked by DNS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHostnameResolver, IResolutionReceiver
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from peerproto.forms.gossip import Known
from peerproto.forms.seeds import DnsSeed, Seeds
from peerproto.node.dnsseeds import TIMEOUT, DnsSeeds, _Receiver
from peerproto.node.entries import DAY
from peerproto.node.seeding import MOST, SeedFailed
from tests.book_case import NOW


@implementer(IHostnameResolver)
class Resolver:
    """Knows some names, as Twisted's own resolver would tell of them, and waits when it is told to.

    :ivar asked: the names. :ivar open: who waits.
    """

    def __init__(self, **known: Sequence[str]) -> None:
        self.known = {name.replace("_", "."): hosts for name, hosts in known.items()}
        self.asked: list[str] = []
        self.waits = False
        self.open: list[Any] = []

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[Any]] | None = None,
        transportSemantics: str = "TCP",
    ) -> Any:
        """See IHostnameResolver."""
        self.asked.append(hostName)
        self.open.append((resolutionReceiver, hostName, addressTypes))
        if not self.waits:
            self.answer()

    def answer(self) -> None:
        """Tell who waits."""
        for receiver, name, kinds in self.open:
            receiver.resolutionBegan(None)
            for host in self.known.get(name, ()):
                kind = IPv6Address if ":" in host else IPv4Address
                if kind in kinds:
                    receiver.addressResolved(kind("TCP", host, 0))
            receiver.resolutionComplete()
        self.open.clear()


class DnsSeedsTests(SynchronousTestCase):
    """Names and what they lead to."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.resolver = Resolver(
            x9_seed_org=["8.8.8.8", "2a01::1", "8.8.8.8"], seed_org=["7.7.7.7"], plain_org=["6.6.6.6"]
        )
        self.seeds = DnsSeeds(
            self.resolver, self.clock, Seeds(), services=9, port=8333, now=lambda: NOW, random=lambda: 0.25
        )

    def ask(self, *seed: Any) -> Deferred[list[Known]]:
        return self.seeds.ask(DnsSeed(*seed))

    def test_filtering(self) -> None:
        """A seed that filters is asked for our services, by IPv4 and IPv6; each address counts once."""
        found = self.successResultOf(self.ask("seed.org", True))
        seen = int(NOW - 4 * DAY)
        self.assertEqual(found, [Known("8.8.8.8", 8333, 9, seen), Known("2a01::1", 8333, 9, seen)])
        self.assertEqual(self.resolver.asked, ["x9.seed.org"])

    def test_not_filtering(self) -> None:
        """Of the nodes of a seed that does not filter it is not known what they offer; it may have its own port."""
        (found,) = self.successResultOf(self.ask("plain.org", False, 9333))
        self.assertEqual((found.host, found.port, found.services), ("6.6.6.6", 9333, 0))
        self.assertEqual(self.resolver.asked, ["plain.org"])

    def test_not_filtering_after_all(self) -> None:
        """A seed that has no name for our services is asked for any nodes."""
        del self.resolver.known["x9.seed.org"]
        (found,) = self.successResultOf(self.ask("seed.org", True))
        self.assertEqual((found.host, found.services), ("7.7.7.7", 0))
        self.assertEqual(self.resolver.asked, ["x9.seed.org", "seed.org"])

    def test_nobody(self) -> None:
        """A name that there is not is said."""
        for seed in (("none.org", False), ("none.org", True)):
            error = self.failureResultOf(self.ask(*seed), SeedFailed).value
            self.assertIn("none.org has no addresses", str(error))

    def test_too_many(self) -> None:
        """Of a name that has thousands of addresses so many count."""
        self.resolver.known["plain.org"] = [f"8.8.{n // 250}.{n % 250}" for n in range(5000)]
        self.assertEqual(len(self.successResultOf(self.ask("plain.org"))), MOST)

    def test_slow(self) -> None:
        """Who does not answer in time has failed; what comes after that is not heard."""
        self.resolver.waits = True
        asking = self.ask("plain.org")
        self.clock.advance(TIMEOUT - 0.1)
        self.assertNoResult(asking)
        self.clock.advance(0.1)
        self.assertIn("not looked up in 30 seconds", str(self.failureResultOf(asking, SeedFailed).value))
        self.resolver.answer()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_cancelled(self) -> None:
        """It may be cancelled."""
        self.resolver.waits = True
        asking = self.ask("plain.org")
        asking.cancel()
        self.failureResultOf(asking)
        self.resolver.answer()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_interfaces(self) -> None:
        """What Twisted calls is what it says to be."""
        self.assertTrue(verifyObject(IResolutionReceiver, _Receiver()))
