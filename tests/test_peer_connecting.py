"""Tests of the way to a peer: what may be said of where it is, and what stands in the way."""

from __future__ import annotations

from typing import Any
from unittest import mock

from twisted.internet import error
from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP4ClientEndpoint,
    TCP4ServerEndpoint,
    TCP6ClientEndpoint,
    UNIXClientEndpoint,
)
from twisted.internet.interfaces import IHostnameResolver, IListeningPort
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from peerproto import PeerFactory, PeerProtocol, connect, listen
from peerproto.errors import ConnectFailed, LocalError, PeerLost, Reason
from peerproto.peer.connecting import client_endpoint, server_endpoint
from peerproto.testing import CALLED, CALLER, MemoryTransport
from tests.peer_case import regtest


@implementer(IHostnameResolver)
class NoNames:
    """Knows no host."""

    def resolveHostName(self, receiver: Any, hostName: str, *_: Any, **__: Any) -> Any:
        """See IHostnameResolver."""
        receiver.resolutionBegan(mock.Mock())
        receiver.resolutionComplete()


class ConnectingTestCase(SynchronousTestCase):
    """A reactor in memory: it notes what is dialled and where is listened."""

    def setUp(self) -> None:
        self.reactor: Any = MemoryReactorClock()
        self.factory = PeerFactory(regtest())

    def connect(self, where: Any, **options: Any) -> Deferred[PeerProtocol]:
        """Dial."""
        return connect(self.reactor, where, self.factory, **options)

    def refuse(self, cause: Exception) -> None:
        """What was dialled last does not answer."""
        factory = self.reactor.tcpClients[-1][2]
        factory.clientConnectionFailed(None, Failure(cause))


class ConnectTests(ConnectingTestCase):
    """Dialling."""

    def dialled(self) -> tuple[str, int, float]:
        host, port, _, timeout, _ = self.reactor.tcpClients[-1]
        return host, port, timeout

    def test_connected(self) -> None:
        """It fires with the peer as soon as there is a connection; the handshake is the peer's own matter."""
        connecting = self.connect("192.0.2.2:8333")
        self.assertNoResult(connecting)
        peer = self.reactor.tcpClients[0][2].buildProtocol(CALLED)
        peer.makeConnection(MemoryTransport(CALLER, CALLED))
        found = self.successResultOf(connecting)
        self.assertIsInstance(found, PeerProtocol)
        self.assertEqual((found.inbound, list(self.factory.peers.values())), (False, [found]))
        found.connectionLost(Failure(error.ConnectionDone()))
        self.assertEqual(self.factory.peers, {})

    def test_clock(self) -> None:
        """The reactor that dials is the clock of a factory without one."""
        self.connect("192.0.2.2")
        self.assertIs(self.factory.get_clock(), self.reactor)

    def test_addresses(self) -> None:
        """Address and port; without a port it is the network's own."""
        for where, host, port in (
            ("192.0.2.2:8333", "192.0.2.2", 8333),
            ("192.0.2.2", "192.0.2.2", 18444),
            ("[2001:db8::1]:8333", "2001:db8::1", 8333),
            ("[2001:db8::1]", "2001:db8::1", 18444),
            ("2001:db8::1", "2001:db8::1", 18444),
            ("[fe80::1%eth0]:1", "fe80::1%eth0", 1),
            ("example.org:65535", "127.0.0.1", 65535),
            ("example.org", "127.0.0.1", 18444),
            ("tcp:192.0.2.2:8333", "192.0.2.2", 8333),
            ("tcp:host=192.0.2.2:port=8333", "192.0.2.2", 8333),
        ):
            self.connect(where)
            self.assertEqual((where, *self.dialled()[:2]), (where, host, port))

    def test_timeout(self) -> None:
        """An address is dialled for ten seconds, or as long as is asked; an endpoint string has its own time."""
        self.connect("192.0.2.2")
        self.assertEqual(self.dialled()[2], 10)
        self.connect("192.0.2.2", timeout=3)
        self.assertEqual(self.dialled()[2], 3)
        self.connect("tcp:192.0.2.2:8333:timeout=7", timeout=3)
        self.assertEqual(self.dialled()[2], 7)

    def test_endpoint(self) -> None:
        """An endpoint is taken as it is."""
        self.connect(TCP4ClientEndpoint(self.reactor, "192.0.2.7", 1, timeout=5))
        self.assertEqual(self.dialled(), ("192.0.2.7", 1, 5))

    def test_by_hand(self) -> None:
        """A peer that is chosen by hand is spared, and only that one; nothing has come from it by then."""
        scores = []
        for options in ({"manual": True}, {}):
            connecting = self.connect("192.0.2.2:8333", **options)
            peer = self.reactor.tcpClients[-1][2].buildProtocol(CALLED)
            peer.makeConnection(MemoryTransport(CALLER, CALLED))
            found = self.successResultOf(connecting)
            scores.append((found.is_spared, found.add_score(7)))
            found.connectionLost(Failure(error.ConnectionDone()))
        self.assertEqual(scores, [(True, 0), (False, 7)])


class FailureTests(ConnectingTestCase):
    """Row 61: each way to fail has its reason, and one clear line."""

    def why(self, connecting: Deferred[Any]) -> tuple[Reason, str]:
        failed = self.failureResultOf(connecting, ConnectFailed).value
        self.assertNotIn("\n", str(failed))
        return failed.reason, str(failed)

    def test_causes(self) -> None:
        """Refused, too slow, no way."""
        for cause, reason, text in (
            (error.ConnectionRefusedError(), Reason.CONNECTION_REFUSED, "refused: nothing listens there"),
            (error.TimeoutError(), Reason.CONNECT_TIMEOUT, "timed out"),
            (error.TCPTimedOutError(), Reason.CONNECT_TIMEOUT, "timed out"),
            (error.SSLError("bad\ncertificate"), Reason.TLS, "TLS failed: "),
            (error.NoRouteError(113, "No route to host"), Reason.NO_ROUTE, "no way there: "),
            (error.ConnectBindError(99, "odd"), Reason.NO_ROUTE, "no way there: "),
        ):
            connecting = self.connect("192.0.2.2:8333")
            self.refuse(cause)
            found, words = self.why(connecting)
            self.assertIs(found, reason)
            self.assertEqual(words[: len("192.0.2.2:8333: " + text)], "192.0.2.2:8333: " + text)

    def test_no_such_host(self) -> None:
        """A name that nobody knows, and one that is none."""
        self.reactor.nameResolver = NoNames()
        self.assertEqual(
            self.why(self.connect("nowhere.invalid:1")),
            (Reason.DNS, "nowhere.invalid:1: there is no such host"),
        )
        name = "ex..ample"
        self.assertEqual(self.why(self.connect(name)), (Reason.DNS, f"{name}: this is no name of a host"))

    def test_cause_is_kept(self) -> None:
        """What Twisted said is the cause of what we say."""
        connecting = self.connect("192.0.2.2:8333")
        cause = error.ConnectionRefusedError()
        self.refuse(cause)
        self.assertIs(self.failureResultOf(connecting, ConnectFailed).value.__cause__, cause)

    def test_cancelled(self) -> None:
        """Who cancels gets what he has asked for."""
        for where in ("192.0.2.2:8333", "example.org:1"):
            connecting = self.connect(where)
            connecting.cancel()
            self.failureResultOf(connecting, CancelledError, error.ConnectingCancelledError)

    def test_local_error(self) -> None:
        """A mistake of ours that an endpoint finds is told as such."""
        endpoint = mock.Mock(connect=lambda _: fail(LocalError("no proxy is set")))
        self.failureResultOf(self.connect(endpoint), LocalError)

    def test_row_74_tls_after_the_connection(self) -> None:
        """Row 74: TLS fails when there is a connection already: then the peer ends for that reason."""
        connecting = self.connect("192.0.2.2:8333")
        peer = self.reactor.tcpClients[0][2].buildProtocol(CALLED)
        peer.makeConnection(MemoryTransport(CALLER, CALLED))
        found = self.successResultOf(connecting)
        tls_error = type("Error", (Exception,), {"__module__": "OpenSSL.SSL"})
        found.connectionLost(Failure(tls_error([("SSL routines", "", "wrong version number")])))
        lost = self.failureResultOf(found.when_ready(), PeerLost).value
        self.assertIs(lost.reason, Reason.TLS)
        self.assertIn("wrong version number", str(lost))


NONSENSE = (
    *("", " ", ":8333", "host:", "host:0", "host:65536", "host:99999999999", "host:port", "a b:8333"),
    *("host :1", "[192.0.2.2]:8333", "[::1", "[::1]:", "[]:1", "::1:x", "http://host/", "tcp:host", "tcp:"),
    *("tcp:host:port", "nonsense:1:2", "tcp:host:1:2:3:4:5:6", "systemd:x", "\0", "host\n:1", "a\x7f"),
)


class WhereTests(ConnectingTestCase):
    """Strings that say where a peer is, and strings that do not."""

    def test_kinds(self) -> None:
        """What becomes of each."""
        for where, kind in (
            ("192.0.2.2:8333", TCP4ClientEndpoint),
            ("::1", TCP6ClientEndpoint),
            ("[::1]:8333", TCP6ClientEndpoint),
            ("localhost", HostnameEndpoint),
            ("é.example:8333", HostnameEndpoint),
            ("unix:/run/peer", UNIXClientEndpoint),
        ):
            self.assertIsInstance(client_endpoint(self.reactor, where, 8333, 10), kind)

    def test_nonsense(self) -> None:
        """Nonsense is the caller's mistake: the text names it, and nothing is dialled."""
        for where in NONSENSE:
            with self.assertRaises(LocalError) as caught:
                self.connect(where)
            self.assertIn(repr(where), str(caught.exception))
        self.assertEqual(self.reactor.tcpClients, [])

    def test_tls_without_its_packages(self) -> None:
        """Twisted stumbles over names that are not there if its TLS packages are missing: we say what to do."""
        for stumble in (NameError("name 'optionsForClientTLS' is not defined"), ImportError("no OpenSSL")):
            with (
                mock.patch("peerproto.peer.connecting.clientFromString", side_effect=stumble),
                mock.patch("peerproto.peer.connecting.serverFromString", side_effect=stumble),
            ):
                with self.assertRaisesRegex(
                    LocalError, "'tls:host:443' .*: TLS needs more packages: pip install"
                ):
                    client_endpoint(self.reactor, "tls:host:443", 8333, 10)
                with self.assertRaisesRegex(LocalError, "'tls:443' .*: TLS needs more packages: pip install"):
                    server_endpoint(self.reactor, "tls:443")


class ListenTests(ConnectingTestCase):
    """Waiting to be called."""

    def test_systemd_without_a_socket(self) -> None:
        """The endpoint is right; systemd, or who else starts us, has given nothing."""
        for which in ("index=0", "name=p2p"):
            where = f"systemd:domain=INET:{which}"
            with self.assertRaisesRegex(
                LocalError, f"'{where}': systemd has given this process no such socket"
            ):
                server_endpoint(self.reactor, where)

    def test_listen(self) -> None:
        """It fires with the port; who calls there becomes an inbound peer."""
        port = self.successResultOf(listen(self.reactor, "tcp:19444:interface=127.0.0.1", self.factory))
        self.assertTrue(IListeningPort.providedBy(port))
        number, factory, _, interface = self.reactor.tcpServers[0]
        self.assertEqual((number, interface), (19444, "127.0.0.1"))
        peer = factory.buildProtocol(IPv4Address("TCP", "192.0.2.1", 1))
        self.assertTrue(peer.inbound)
        self.assertIs(self.factory.get_clock(), self.reactor)

    def test_endpoint(self) -> None:
        """An endpoint is taken as it is."""
        self.successResultOf(listen(self.reactor, TCP4ServerEndpoint(self.reactor, 7), self.factory))
        self.assertEqual(self.reactor.tcpServers[0][0], 7)

    def test_nonsense(self) -> None:
        """Nonsense is the caller's mistake, and named."""
        for where in (
            "",
            "19444",
            "tcp",
            "tcp:x",
            "nonsense:1",
            "systemd:x",
            "unix:/x:mode=9",
            "tcp:1:2:3:4:5:6",
        ):
            with self.assertRaises(LocalError) as caught:
                listen(self.reactor, where, self.factory)
            self.assertIn(repr(where), str(caught.exception))

    def test_taken(self) -> None:
        """A port that cannot be had is the caller's mistake too, and named."""
        for cause, words in (
            (error.CannotListenError("127.0.0.1", 19444, OSError("in use")), "19444"),
            (OverflowError("port must be 0-65535."), "0-65535"),
        ):
            endpoint = mock.Mock(listen=lambda _, cause=cause: fail(cause))
            words_of = str(
                self.failureResultOf(listen(self.reactor, endpoint, self.factory), LocalError).value
            )
            self.assertIn("cannot listen on ", words_of)
            self.assertIn(words, words_of)

    def test_bugs_are_not_hidden(self) -> None:
        """Anything else that goes wrong is told as it is."""
        endpoint = mock.Mock(listen=lambda _: fail(ZeroDivisionError()))
        self.failureResultOf(listen(self.reactor, endpoint, self.factory), ZeroDivisionError)
