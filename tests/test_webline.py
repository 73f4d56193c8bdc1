"""Tests of the way to a web server that is not trusted; `tests/interop/test_seeds.py` goes it, with real TLS."""

from __future__ import annotations

from typing import Any

from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.trial.unittest import SynchronousTestCase

from peerproto.node.webline import MOST_BYTES, _Limited, _Lines, web_agent
from peerproto.peer.socks import proxy_at, target_of
from peerproto.testing import MemoryTransport
from tests.test_peer_proxy import HERE, LET_IN, PROXY, NoResolver


class Heard(Protocol):
    """Counts what comes."""

    size = 0

    def dataReceived(self, data: bytes) -> None:
        """See IProtocol."""
        self.size += len(data)


class LineTests(SynchronousTestCase):
    """A connection."""

    def setUp(self) -> None:
        lines = _Lines(Factory.forProtocol(Heard))  # type: ignore[no-untyped-call]
        self.line = lines.buildProtocol(None)
        self.transport = StringTransport()
        self.line.makeConnection(self.transport)

    def test_most(self) -> None:
        """So much is let through; what makes it more is not, and cuts it."""
        self.line.dataReceived(b"x" * MOST_BYTES)
        self.assertFalse(self.transport.disconnected)
        self.line.dataReceived(b"x")
        self.assertTrue(self.transport.disconnected)
        self.assertEqual(self.line.wrappedProtocol.size, MOST_BYTES)

    def test_end(self) -> None:
        """Who ends it waits for nobody."""
        self.line.wrappedProtocol.transport.loseConnection()
        self.assertTrue(self.transport.disconnected)


class AgentTests(SynchronousTestCase):
    """Whom it calls."""

    def setUp(self) -> None:
        self.reactor: Any = MemoryReactorClock()
        self.reactor.nameResolver = NoResolver()

    def test_straight(self) -> None:
        """An address is called as it is."""
        for place, host in ((b"8.8.8.8:8443", "8.8.8.8"), (b"[2a01::1]:8443", "2a01::1")):
            web_agent(self.reactor).request(b"GET", b"https://" + place + b"/")
            self.assertEqual(self.reactor.tcpClients[-1][:2], (host, 8443))

    def test_by_proxy(self) -> None:
        """With a proxy it alone hears the name."""
        web_agent(self.reactor, proxy_at("socks5://127.0.0.1:9050")).request(b"GET", b"https://a.org/")
        ((host, port, factory, *_),) = self.reactor.tcpClients
        self.assertEqual((host, port), ("127.0.0.1", 9050))
        negotiator = factory.buildProtocol(PROXY)
        transport = MemoryTransport(HERE, PROXY)
        negotiator.makeConnection(transport)
        negotiator.dataReceived(LET_IN)
        self.assertTrue(transport.take().endswith(target_of("a.org", 443)))

    def test_what_the_user_gets(self) -> None:
        """Who connects gets the protocol that he has asked for, and not what is around it."""
        connecting = _Limited(TCP4ClientEndpoint(self.reactor, "8.8.8.8", 1)).connect(
            Factory.forProtocol(Heard)
        )
        ((_, _, factory, *_),) = self.reactor.tcpClients
        factory.buildProtocol(None).makeConnection(StringTransport())
        self.assertIsInstance(self.successResultOf(connecting), Heard)
