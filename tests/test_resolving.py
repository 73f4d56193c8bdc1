"""Tests of names that are looked up in threads."""

from __future__ import annotations

import signal
import socket
from collections.abc import Sequence
from queue import Queue
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IHostnameResolver, IHostResolution
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from peerproto.node.dnsseeds import _Receiver
from peerproto.node.resolving import ThreadResolver, use_threads_for_names
from tests.node_process import Running

FOUR = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 7))
SIX = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2a01::1", 7, 0, 0))
OTHER = (socket.AF_UNIX, socket.SOCK_STREAM, 0, "", ("x",))

HANGING = """
import socket, sys, time

def hang(*arguments):
    print("asked for", arguments[0], flush=True)
    time.sleep(600)

socket.getaddrinfo = hang
from twisted.scripts.twistd import run
run()
"""


class ResolverTests(SynchronousTestCase):
    """A resolver whose system answers as the test says.

    :ivar told: what is told to the reactor's thread.
    """

    def setUp(self) -> None:
        self.told: Queue[Any] = Queue()
        self.asked: list[Any] = []
        self.rows: list[Any] = [FOUR, SIX, OTHER]
        self.resolver = ThreadResolver(self, self.getaddrinfo)

    def callFromThread(self, call: Any, *arguments: Any) -> None:
        """See IReactorFromThreads."""
        self.told.put(lambda: call(*arguments))

    def getaddrinfo(self, *arguments: Any) -> list[Any]:
        """See `socket`."""
        self.asked.append(arguments)
        return self.rows

    def resolve(self, name: str = "a.org", *rest: Any) -> list[str]:
        """The addresses that a name is found to have."""
        receiver = _Receiver()
        resolution = self.resolver.resolveHostName(receiver, name, 7, *rest)
        self.assertEqual(resolution.name, name)
        self.assertNoResult(receiver.done)
        self.told.get(timeout=30)()
        return self.successResultOf(receiver.done)

    def test_kinds(self) -> None:
        """Of the addresses of a name those are told that were asked for."""
        for kinds, hosts, family in (
            (None, ["8.8.8.8", "2a01::1"], socket.AF_UNSPEC),
            ([IPv4Address, IPv6Address], ["8.8.8.8", "2a01::1"], socket.AF_UNSPEC),
            ([IPv4Address], ["8.8.8.8"], socket.AF_INET),
            ([IPv6Address], ["2a01::1"], socket.AF_INET6),
        ):
            self.assertEqual(self.resolve("a.org", kinds), hosts)
            self.assertEqual(self.asked[-1], ("a.org", 7, family, socket.SOCK_STREAM))
        self.assertEqual(self.resolve("a.org", []), [])
        self.assertEqual(len(self.asked), 4)

    def test_addresses(self) -> None:
        """They are Twisted's, with the port and the way that were asked for."""
        told: list[Any] = []

        class Receiver(_Receiver):
            def addressResolved(self, address: Any) -> None:
                told.append(address)

        self.resolver.resolveHostName(Receiver(), "a.org", 7, None, "UDP")
        self.told.get(timeout=30)()
        self.assertEqual(told, [IPv4Address("UDP", "8.8.8.8", 7), IPv6Address("UDP", "2a01::1", 7)])
        self.assertEqual(self.asked[-1][3], socket.SOCK_DGRAM)

    def test_no_such_name(self) -> None:
        """What there is not, or cannot be, has no addresses."""
        for error in (socket.gaierror(-2, "not known"), UnicodeError("label too long")):

            def fail(*_: Any, error: Exception = error) -> Sequence[Any]:
                raise error

            self.resolver = ThreadResolver(self, fail)
            self.assertEqual(self.resolve(), [])

    def test_cancelled(self) -> None:
        """Who does not want to know hears nothing."""
        may_answer = Event()

        def slow(*_: Any) -> list[Any]:
            may_answer.wait(30)
            return [FOUR]

        receiver = _Receiver()
        resolution = ThreadResolver(self, slow).resolveHostName(receiver, "a.org")
        resolution.cancel()
        may_answer.set()
        self.told.get(timeout=30)()
        self.assertNoResult(receiver.done)
        self.assertTrue(verifyObject(IHostResolution, resolution))

    def test_installed(self) -> None:
        """A reactor gets one of its own."""
        reactor: Any = MemoryReactorClock()
        use_threads_for_names(reactor)
        self.assertIsInstance(reactor.nameResolver, ThreadResolver)
        self.assertTrue(verifyObject(IHostnameResolver, reactor.nameResolver))


class ProgramTests(SynchronousTestCase):
    """The real program, on a system where no name is ever found."""

    def test_ends_in_time(self) -> None:
        """It ends when it is told to, whatever names it waits for: of a seed, and of a peer to keep connected."""
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        words = ["-n", "--pidfile=", "peernode", "--network", "bitcoin-regtest", "--store", ":memory:"]
        words += ["--outbound", "1", "--seed", "seed.invalid", "--connect", "peer.invalid"]
        node = Running(folder.name, "-c", HANGING, *words)
        self.addCleanup(node.kill)
        node.wait_for("asked for seed.invalid")
        node.wait_for("asked for peer.invalid")
        node.stop(signal.SIGTERM)
        self.assertIn("Server Shut Down", node.output)
        self.assertNotIn("Traceback", node.output)
