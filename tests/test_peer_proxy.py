"""Tests of the way through a proxy: nobody but the proxy learns a name, and it is told to nobody that there is one."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet import error
from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.interfaces import IAddress, IHostnameResolver, ITransport
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from peerproto import PeerFactory, PeerProtocol, connect, networks
from peerproto.errors import ConnectFailed, LocalError, PeerLost, Reason
from peerproto.network import Network
from peerproto.peer.connecting import client_endpoint
from peerproto.peer.proxy import Detour, Place, ProxyEndpoint
from peerproto.peer.socks import Proxy
from peerproto.testing import MemoryTransport, memory_factory
from peerproto.wire.reader import Reader
from tests.everywhere import WAYS
from tests.peer_case import regtest

HERE, PROXY = IPv4Address("TCP", "203.0.113.5", 40000), IPv4Address("TCP", "127.0.0.1", 9050)
WHERE = "socks5://127.0.0.1:9050"
ONION = f"{'a' * 56}.onion"
LET_IN = b"\5\0"
CONNECTED = b"\5\0\0\1" + bytes(6)


@implementer(IHostnameResolver)
class NoResolver:
    """Fails the test if it is asked."""

    def resolveHostName(self, *_: Any, **__: Any) -> Any:
        """See IHostnameResolver."""
        raise AssertionError("a name is looked up here")


class ProxyTestCase(SynchronousTestCase):
    """A proxy that is played by hand."""

    def setUp(self) -> None:
        self.reactor: Any = MemoryReactorClock()
        self.reactor.nameResolver = NoResolver()

    def connect(self, where: Any, network: Network | None = None, **options: Any) -> Deferred[PeerProtocol]:
        """Dial through it."""
        self.factory = memory_factory(network or regtest(), clock=self.reactor)
        return connect(self.reactor, where, self.factory, **{"proxy": WHERE, **options})

    def answer(self) -> Any:
        """The proxy takes the call; gives what talks to it."""
        negotiator = self.reactor.tcpClients[-1][2].buildProtocol(PROXY)
        self.transport = MemoryTransport(HERE, PROXY)
        negotiator.makeConnection(self.transport)
        return negotiator

    def peer(self, where: str, network: Network | None = None, behind: bytes = b"") -> PeerProtocol:
        """One that is connected."""
        connecting = self.connect(where, network)
        negotiator = self.answer()
        negotiator.dataReceived(LET_IN)
        self.transport.take()
        negotiator.dataReceived(CONNECTED + behind)
        self.negotiator = negotiator
        return self.successResultOf(connecting)

    def why(self, connecting: Deferred[Any]) -> str:
        """Why it has failed: for the proxy, in one line."""
        failed = self.failureResultOf(connecting, ConnectFailed).value
        self.assertEqual((failed.reason, str(failed).count("\n")), (Reason.PROXY, 0))
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        return str(failed)


class WayTests(ProxyTestCase):
    """A connection that comes about."""

    def test_asked(self) -> None:
        """The proxy is called and asked for the peer, by name if that was given; nothing is looked up."""
        for where, target in (
            (f"{ONION}:8333", b"\3\x3e" + ONION.encode() + b"\x20\x8d"),
            ("seed.example.org", b"\3\x10seed.example.org\x48\x0c"),
            ("192.0.2.7:8333", b"\1\xc0\0\2\7\x20\x8d"),
            ("[2001:db8::1]:8333", b"\4" + bytes.fromhex("20010db8000000000000000000000001") + b"\x20\x8d"),
        ):
            connecting = self.connect(where)
            self.assertEqual(self.reactor.tcpClients[-1][:2], ("127.0.0.1", 9050))
            negotiator = self.answer()
            negotiator.dataReceived(LET_IN)
            self.assertEqual(self.transport.take(), b"\5\1\0\5\1\0" + target)
            negotiator.connectionLost(Failure(error.ConnectionDone()))
            self.failureResultOf(connecting, ConnectFailed)

    def test_peer(self) -> None:
        """It fires with a peer that is where it was asked for, and talks through the proxy's connection."""
        peer = self.peer(f"{ONION}:8333")
        self.assertEqual((peer.address, peer.inbound, peer.na), (f"{ONION}:8333", False, None))
        (version,) = Reader(peer.network.codec()).feed(self.transport.take())
        self.assertEqual(version.command, "version")
        self.assertEqual(peer.local_addr, "203.0.113.5:40000")
        self.negotiator.connectionLost(Failure(error.ConnectionDone()))
        self.assertIsInstance(self.successResultOf(peer.when_disconnected()), PeerLost)
        self.assertEqual((self.factory.peers, self.reactor.getDelayedCalls()), ({}, []))

    def test_what_follows(self) -> None:
        """What the peer says is heard, also what came with the proxy's answer, in whatever pieces."""
        network = networks.named("neo-privnet")
        other = memory_factory(network)
        frame = network.codec().encode(network.make_version(other.introduce(None)))
        peer = self.peer("192.0.2.7:1", network, behind=frame)
        self.assertTrue(peer.version_known)
        self.negotiator.dataReceived(network.codec().encode(network.verack()))
        self.assertTrue(peer.verack_received)
        self.negotiator.connectionLost(Failure(error.ConnectionDone()))

    def test_in_pieces(self) -> None:
        """The proxy's answers may come byte by byte."""
        connecting = self.connect("192.0.2.7:1")
        negotiator = self.answer()
        for byte in LET_IN + CONNECTED:
            self.assertNoResult(connecting)
            negotiator.dataReceived(bytes((byte,)))
        peer = self.successResultOf(connecting)
        negotiator.connectionLost(Failure(error.ConnectionDone()))
        self.successResultOf(peer.when_disconnected())

    def test_factory_has_the_proxy(self) -> None:
        """A factory may have one for all that are called; it may be a Proxy, and have a name that is looked up."""
        self.factory = PeerFactory(regtest(), clock=self.reactor, proxy=Proxy("::1", 1, b"me", b"pass"))
        connect(self.reactor, "example.org", self.factory)
        self.assertEqual(self.reactor.tcpClients[-1][:2], ("::1", 1))
        self.reactor.nameResolver = MemoryReactorClock().nameResolver
        connect(self.reactor, "example.org", self.factory, proxy="socks5://localhost:7")
        self.assertEqual(self.reactor.tcpClients[-1][:2], ("127.0.0.1", 7))

    def test_transport(self) -> None:
        """What a peer has for a transport is the proxy's connection, but for who is there."""
        place, end = Place("example.org", 1), MemoryTransport(HERE, PROXY)
        transport = Detour(end, place)
        verifyObject(ITransport, transport)
        verifyObject(IAddress, place)
        transport.write(b"a")
        transport.loseConnection()
        self.assertEqual((end.take(), end.closing), (b"a", True))
        self.assertEqual((transport.getPeer(), transport.getHost()), (place, HERE))


class LeakTests(ProxyTestCase):
    """What a version tells, on every network."""

    def told(self, where: str, name: str) -> tuple[bytes, Any]:
        """The version's bytes and the version that is sent to a peer."""
        network = WAYS[name]
        peer = self.peer(where, network)
        sent = self.transport.take()
        (version,) = Reader(network.codec()).feed(sent)
        self.negotiator.connectionLost(Failure(error.ConnectionDone()))
        self.successResultOf(peer.when_disconnected())
        return sent, cast(Any, version)

    def test_address_that_was_asked_for(self) -> None:
        """Of its own address the peer is told the one that was asked for; that is none of ours and not the proxy's."""
        for name in WAYS:
            sent, version = self.told("192.0.2.7:8333", name)
            if hasattr(version, "addr_you"):
                self.assertEqual((version.addr_you.ip, version.addr_you.port), ("192.0.2.7", 8333), name)
            self.check(sent, version, name)

    def test_name_that_was_asked_for(self) -> None:
        """A name is not known as an address: the peer is told none, and port 0."""
        for name in WAYS:
            for where in (f"{ONION}:8333", "node.example:8333"):
                sent, version = self.told(where, name)
                if hasattr(version, "addr_you"):
                    self.assertEqual((version.addr_you.ip, version.addr_you.port), ("::", 0), name)
                self.check(sent, version, name)
                self.assertNotIn(where.partition(":")[0].encode(), sent)

    def check(self, sent: bytes, version: Any, name: str) -> None:
        """Neither the proxy's address nor ours is anywhere."""
        for host in (PROXY.host, HERE.host):
            self.assertNotIn(bytes(map(int, host.split("."))), sent, name)
            self.assertNotIn(host.encode(), sent, name)
        if hasattr(version, "addr_me"):
            self.assertEqual((version.addr_me.ip, version.addr_me.port), ("::", 0), name)


class FailureTests(ProxyTestCase):
    """A connection that does not come about."""

    def test_row_72_no_proxy(self) -> None:
        """Row 72: nobody is where the proxy should be; nothing else is called."""
        for called, (cause, words) in enumerate(
            (
                (error.ConnectionRefusedError(), "refused: nothing listens there"),
                (error.TCPTimedOutError(), "timed out"),
            ),
            start=1,
        ):
            connecting = self.connect("example.org:1")
            self.reactor.tcpClients[-1][2].clientConnectionFailed(None, Failure(cause))
            self.assertEqual(
                self.why(connecting), f"example.org:1: the proxy 127.0.0.1:9050 is not there: {words}"
            )
            self.assertEqual(len(self.reactor.tcpClients), called)

    def test_refusals(self) -> None:
        """What the proxy says is told, and its connection cut."""
        for answers, words in (
            (b"\5\xff", "it asks for a user and a password"),
            (b"\5\0\5\5\0\1" + bytes(6), "refused: nothing listens there"),
            (b"HTTP/1.1 400 Bad Request", "it does not speak SOCKS5"),
        ):
            connecting = self.connect("example.org:1")
            negotiator = self.answer()
            negotiator.dataReceived(answers)
            self.assertEqual(self.why(connecting), f"example.org:1: by the proxy 127.0.0.1:9050: {words}")
            self.assertTrue(self.transport.aborted)
            negotiator.dataReceived(b"late")
            negotiator.connectionLost(Failure(error.ConnectionDone()))

    def test_hangs_up(self) -> None:
        """It hangs up in the middle."""
        connecting = self.connect("example.org:1")
        self.answer().connectionLost(Failure(error.ConnectionDone()))
        self.assertIn("it hung up before there was a connection", self.why(connecting))

    def test_row_72_slow_proxy(self) -> None:
        """Row 72, slow: all of it has a minute, or as long as is asked; then the proxy's connection is cut."""
        for options, seconds in (({}, 60), ({"timeout": 3.0}, 3)):
            connecting = self.connect("example.org:1", **options)
            self.answer()
            self.reactor.advance(seconds - 0.1)
            self.assertNoResult(connecting)
            self.reactor.advance(0.2)
            self.assertIn(
                f"by the proxy 127.0.0.1:9050: no connection in {seconds} seconds", self.why(connecting)
            )
            self.assertTrue(self.transport.aborted)

    def test_cancelled(self) -> None:
        """Who cancels gets what he has asked for, before the proxy has answered and while it talks."""
        connecting = self.connect("example.org:1")
        connecting.cancel()
        self.failureResultOf(connecting, CancelledError, error.ConnectingCancelledError)
        connecting = self.connect("example.org:1")
        negotiator = self.answer()
        connecting.cancel()
        self.failureResultOf(connecting, CancelledError)
        self.assertTrue(self.transport.aborted)
        negotiator.connectionLost(Failure(error.ConnectionAborted()))
        self.assertEqual(self.reactor.getDelayedCalls(), [])


class MistakeTests(ProxyTestCase):
    """What cannot be called through a proxy."""

    def test_places(self) -> None:
        """An endpoint would go past the proxy: it is refused, and so is what is no place."""
        for where in ("tcp:example.org:1", "unix:/x", "example.org:0", "a b", "[::1", f"{'a' * 256}:1"):
            self.assertRaises(LocalError, self.connect, where)
        endpoint = TCP4ClientEndpoint(self.reactor, "192.0.2.1", 1)
        self.assertIn("nothing else is called", str(self.assertRaises(LocalError, self.connect, endpoint)))
        self.assertEqual(self.reactor.tcpClients, [])

    def test_proxies(self) -> None:
        """What is no proxy is told where it is given."""
        self.assertRaises(LocalError, self.connect, "example.org", proxy="socks4://x")
        self.assertRaises(LocalError, PeerFactory, regtest(), proxy="nonsense")

    def test_endpoint(self) -> None:
        """It is an endpoint, for whoever puts it into another one."""
        found = client_endpoint(self.reactor, "example.org:1", 2, None, WHERE)
        self.assertIsInstance(found, ProxyEndpoint)
        self.assertEqual(found.place, Place("example.org", 1))
