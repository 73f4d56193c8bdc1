"""Tests of why connections end, in our own words."""

from __future__ import annotations

from typing import Any

from twisted.internet import error
from twisted.internet.address import HostnameAddress, IPv4Address, IPv6Address, UNIXAddress
from twisted.logger import formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import (
    DuplicateVersion,
    MalformedMessage,
    PeerStalled,
    Reason,
    UnexpectedMessage,
    VersionExpected,
    VersionTooOld,
)
from peerproto.peer.ending import ip_and_port, is_told, where_is, why_lost, why_not_connected
from peerproto.peer.factory import PeerFactory
from peerproto.peer.handshake import State
from peerproto.testing import RawPeer, memory_factory
from tests.peer_case import PeerTestCase, regtest

TLSError = type("Error", (Exception,), {"__module__": "OpenSSL.SSL"})
"""The error of a package that need not be there."""


class LostTests(SynchronousTestCase):
    """A connection that we did not end."""

    def check(
        self,
        cause: Exception,
        reason: Reason,
        text: str,
        *,
        state: State = State.READY,
        waiting: int = 0,
        inbound: bool = True,
    ) -> None:
        why = why_lost(Failure(cause), state, waiting, inbound=inbound)
        self.assertEqual((why.reason, str(why)), (reason, text))

    def test_closed(self) -> None:
        """The peer closed in good order."""
        self.check(error.ConnectionDone(), Reason.CLOSED_BY_PEER, "closed by the peer")

    def test_closed_in_a_message(self) -> None:
        """Row 52: it closed in the middle of a message."""
        text = "closed by the peer in the middle of a message"
        self.check(error.ConnectionDone(), Reason.EOF_IN_MESSAGE, text, waiting=1)

    def test_reset(self) -> None:
        """The connection broke, in a message or not."""
        for waiting in (0, 10):
            for cause in (error.ConnectionLost(), error.ConnectionAborted()):
                self.check(cause, Reason.RESET, Failure(cause).getErrorMessage(), waiting=waiting)

    def test_during_the_handshake(self) -> None:
        """The words say if the handshake was not done."""
        self.check(
            error.ConnectionDone(),
            Reason.CLOSED_BY_PEER,
            "closed by the peer while awaiting verack",
            state=State.AWAITING_VERACK,
        )
        self.check(
            error.ConnectionDone(),
            Reason.EOF_IN_MESSAGE,
            "closed by the peer in the middle of a message while awaiting version",
            state=State.AWAITING_VERSION,
            waiting=7,
        )

    def test_before_its_first_word(self) -> None:
        """If we have called, it is told what is mostly behind it."""
        for cause, reason in (
            (error.ConnectionDone(), Reason.CLOSED_BY_PEER),
            (error.ConnectionLost(), Reason.RESET),
        ):
            why = why_lost(Failure(cause), State.AWAITING_VERSION, 0, inbound=False)
            self.assertIs(why.reason, reason)
            self.assertRegex(
                str(why), " while awaiting version; a node that speaks another network or version does that$"
            )

    def test_row_74_tls(self) -> None:
        """Row 74: TLS failed, which Twisted tells as the end of a connection that had begun."""
        self.check(TLSError("no shared\ncipher"), Reason.TLS, "TLS failed: no shared cipher")
        told = [("SSL routines", "", "certificate verify failed"), ("SSL routines", "", "bad certificate")]
        self.check(TLSError(told), Reason.TLS, "TLS failed: certificate verify failed, bad certificate")
        why = why_lost(Failure(error.SSLError("old")), State.AWAITING_VERSION, 0, inbound=False)
        self.assertIs(why.reason, Reason.TLS)
        self.assertRegex(str(why), "^TLS failed: .*old.* while awaiting version$")


class NotConnectedTests(SynchronousTestCase):
    """A connection that never was."""

    def test_causes(self) -> None:
        """Each cause has its reason, and words of one line."""
        for cause, reason, text in (
            (error.ConnectionRefusedError(), Reason.CONNECTION_REFUSED, "refused: nothing listens there"),
            (error.TimeoutError(), Reason.CONNECT_TIMEOUT, "timed out"),
            (error.TCPTimedOutError(), Reason.CONNECT_TIMEOUT, "timed out"),
            (error.DNSLookupError(), Reason.DNS, "there is no such host"),
            (error.UnknownHostError(), Reason.DNS, "there is no such host"),
            (ValueError("invalid hostname"), Reason.DNS, "this is no name of a host"),
            (TLSError("no\n shared cipher"), Reason.TLS, "TLS failed: no shared cipher"),
            (OSError("strange\nthings"), Reason.NO_ROUTE, "no way there: strange things"),
        ):
            why = why_not_connected(Failure(cause))
            self.assertEqual((why.reason, str(why)), (reason, text))

    def test_no_route(self) -> None:
        """What the system calls no route is one, with its own words."""
        why = why_not_connected(Failure(error.NoRouteError(101, "Network is unreachable")))
        self.assertIs(why.reason, Reason.NO_ROUTE)
        self.assertRegex(str(why), "^no way there: .*unreachable")
        self.assertNotIn("\n", str(why))


class ToldTests(SynchronousTestCase):
    """Who is told why."""

    def test_when_open(self) -> None:
        """A ready peer is told whatever its network has words for; before, only a wrong beginning."""
        always = (VersionExpected("ping", "ping"), VersionTooOld("1"))
        ready_only = (MalformedMessage("x"), DuplicateVersion("x"), UnexpectedMessage("x"), PeerStalled("x"))
        for why in (*always, *ready_only):
            self.assertTrue(is_told(why, True))
            self.assertEqual(is_told(why, False), why in always)


class AddressTests(SynchronousTestCase):
    """Addresses as text, and as a version has them."""

    def test_text(self) -> None:
        """Host and port, an IPv6 host in brackets; other kinds as they show themselves."""
        for address, text, pair in (
            (IPv4Address("TCP", "192.0.2.1", 8333), "192.0.2.1:8333", ("192.0.2.1", 8333)),
            (IPv6Address("TCP", "2001:db8::1", 8333), "[2001:db8::1]:8333", ("2001:db8::1", 8333)),
            (HostnameAddress(b"example.org", 8333), str(HostnameAddress(b"example.org", 8333)), None),
            (UNIXAddress("/tmp/x"), str(UNIXAddress("/tmp/x")), None),
            (None, "None", None),
        ):
            self.assertEqual((where_is(address), ip_and_port(address)), (text, pair))

    def test_a_name(self) -> None:
        """A host that is no address of IP (behind a proxy) is shown, but stands in no version."""
        address = IPv4Address("TCP", "abcdef.onion", 8333)
        self.assertEqual((where_is(address), ip_and_port(address)), ("abcdef.onion:8333", None))


class LogTests(PeerTestCase):
    """R32: what repeats does not fill the log."""

    def setUp(self) -> None:
        super().setUp()
        self.lines: list[str] = []
        globalLogPublisher.addObserver(self.note)
        self.addCleanup(globalLogPublisher.removeObserver, self.note)

    def note(self, event: Any) -> None:
        """Keep the lines on ends."""
        line = formatEvent(event)
        if " ended: " in line:
            self.lines.append(line)

    def drop(self, factory: PeerFactory, times: int, *, ours: bool = False) -> None:
        """Connections from one host that end, each from another port."""
        for _ in range(times):
            raw = RawPeer(factory, inbound=True)
            if ours:
                raw.peer.disconnect()
            raw.close()

    def test_a_host_that_comes_again(self) -> None:
        """Four lines at once, then one a minute that tells how many there were."""
        factory = memory_factory(regtest(), clock=self.clock)
        self.drop(factory, 7)
        self.clock.advance(60)
        self.drop(factory, 2)
        self.assertEqual(len(self.lines), 5)
        self.assertNotIn("not logged", "".join(self.lines[:4]))
        self.assertRegex(self.lines[4], r"closed-by-peer: .* \(3 more like this were not logged\)$")

    def test_our_own_ends(self) -> None:
        """What we end ourselves is always told, and counts for nothing."""
        factory = memory_factory(regtest(), clock=self.clock)
        self.drop(factory, 6, ours=True)
        self.drop(factory, 1)
        self.assertEqual(len(self.lines), 7)
