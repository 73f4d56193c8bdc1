"""Tests of calls that only ask for addresses: here through a proxy, which is played by hand."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.forms.gossip import Known
from peerproto.forms.introduction import Introduction
from peerproto.network import Network
from peerproto.node.addressfetch import TIMEOUT, AddressFetch
from peerproto.node.seeding import SeedFailed
from peerproto.peer.factory import PeerFactory
from peerproto.peer.socks import target_of
from peerproto.testing import MemoryTransport, Recorder, memory_factory
from peerproto.wire.message import Message
from peerproto.wire.reader import Reader
from tests.test_node_gossip import NAMES
from tests.test_peer_proxy import CONNECTED, HERE, LET_IN, PROXY, NoResolver

NOW = 1_700_000_000
TOLD = [Known(f"8.8.8.{number}", 8333, 1, NOW) for number in range(1, 6)]


class Seed:
    """The node behind the proxy.

    :ivar peer: what the fetch has made. :ivar transport: its connection.
    """

    def __init__(self, reactor: Any, network: Network) -> None:
        self.network = network
        self.codec = network.codec()
        self.peer = reactor.tcpClients[-1][2].buildProtocol(PROXY)
        self.transport = MemoryTransport(HERE, PROXY)
        self.peer.makeConnection(self.transport)
        self.peer.dataReceived(LET_IN)
        self.asked = self.transport.take()
        self.peer.dataReceived(CONNECTED)

    def say(self, *messages: Message) -> None:
        self.peer.dataReceived(b"".join(map(self.codec.encode, messages)))

    def read(self) -> list[Any]:
        reader, found = Reader(self.codec), []
        while data := self.transport.take():
            found += reader.feed(data)
        return found

    def shake_hands(self) -> list[Any]:
        """What was said until then, and at once."""
        version = self.network.protocol_version
        self.say(self.network.make_version(Introduction(version, 9, NOW, 77, "/seed:1/", 0)))
        said = self.read()
        self.say(self.network.verack())
        return said + self.read()

    def tell(self, known: list[Known]) -> None:
        assert self.network.gossip is not None
        self.say(self.network.gossip.tell(known, (), self.network.protocol_version))

    def hang_up(self) -> None:
        self.peer.connectionLost(Failure(ConnectionDone()))


class AddressFetchTests(SynchronousTestCase):
    """One call at a time."""

    def setUp(self) -> None:
        self.reactor: Any = MemoryReactorClock()
        self.reactor.nameResolver = NoResolver()
        self.heard = Recorder()

    def fetch(self, name: str = "bitcoin-regtest", where: str = "seed.example.org:8333") -> Deferred[Any]:
        network = networks.named(name)
        self.factory: PeerFactory = memory_factory(
            network, self.heard, clock=self.reactor, now=lambda: float(NOW), proxy="socks5://127.0.0.1:9050"
        )
        assert network.gossip is not None
        return AddressFetch(self.reactor, self.factory, network.gossip).ask(where)

    def seed(self) -> Seed:
        return Seed(self.reactor, self.factory.network)

    def failed(self, asking: Deferred[Any]) -> str:
        text = str(self.failureResultOf(asking, SeedFailed).value)
        self.assertEqual((self.reactor.getDelayedCalls(), self.flushLoggedErrors()), ([], []))
        return text

    def test_told(self) -> None:
        """On every network: the proxy hears the name, the node behind it is asked, and left when it has told."""
        for name in NAMES:
            asking = self.fetch(name)
            seed = self.seed()
            self.assertTrue(seed.asked.endswith(target_of("seed.example.org", 8333)))
            said = [type(message) for message in seed.shake_hands()]
            assert seed.network.gossip is not None
            self.assertEqual(said.count(seed.network.gossip.asking), 1, name)
            seed.tell(TOLD)
            self.assertTrue(seed.transport.closing)
            self.assertNoResult(asking)
            seed.hang_up()
            found = self.successResultOf(asking)
            self.assertEqual([(each.host, each.port) for each in found], [(t.host, t.port) for t in TOLD])
            self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_nobody_else_hears(self) -> None:
        """It is no peer of the node: neither its listener hears of it, nor does its factory have it."""
        asking = self.fetch()
        seed = self.seed()
        seed.shake_hands()
        self.assertEqual(self.factory.peers, {})
        seed.tell(TOLD)
        seed.hang_up()
        self.assertEqual((len(self.successResultOf(asking)), self.heard.names), (5, []))

    def test_tells_of_itself(self) -> None:
        """A node that tells of itself alone has not answered yet; after the answer nothing more counts."""
        asking = self.fetch()
        seed = self.seed()
        seed.shake_hands()
        seed.tell(TOLD[:1])
        self.assertFalse(seed.transport.closing)
        seed.tell(TOLD[:2])
        seed.tell(TOLD)
        seed.hang_up()
        self.assertEqual(len(self.successResultOf(asking)), 2)

    def test_nobody_there(self) -> None:
        """That the proxy or the node is not there is said."""
        asking = self.fetch()
        self.reactor.tcpClients[-1][2].clientConnectionFailed(None, Failure(ConnectionRefusedError()))
        self.assertIn("the proxy 127.0.0.1:9050 is not there", self.failed(asking))

    def test_ends_too_soon(self) -> None:
        """A node that ends before it is ready, or before it has told, has failed."""
        for ready in (False, True):
            asking = self.fetch()
            seed = self.seed()
            if ready:
                seed.shake_hands()
            seed.hang_up()
            self.assertIn("seed.example.org:8333: ", self.failed(asking))

    def test_hostile(self) -> None:
        """What is no message ends it as it ends any peer."""
        asking = self.fetch()
        seed = self.seed()
        seed.shake_hands()
        seed.peer.dataReceived(b"\xff" * 24)
        seed.hang_up()
        self.assertIn("seed.example.org:8333: ", self.failed(asking))

    def test_slow(self) -> None:
        """A node that does not tell anything is left in the end."""
        asking = self.fetch()
        seed = self.seed()
        seed.shake_hands()
        self.reactor.advance(TIMEOUT - 1)
        self.assertFalse(seed.transport.closing)
        self.reactor.advance(1)
        self.assertTrue(seed.transport.closing)
        seed.hang_up()
        self.assertEqual(self.failed(asking), "no answer in 120 seconds")

    def test_cancelled(self) -> None:
        """It may be cancelled on the way there, and later; then it is over when the peer has ended."""
        asking = self.fetch()
        asking.cancel()
        self.failureResultOf(asking, CancelledError)
        asking = self.fetch()
        seed = self.seed()
        seed.shake_hands()
        asking.cancel()
        self.assertTrue(seed.transport.closing)
        self.assertNoResult(asking)
        seed.tell(TOLD)
        seed.hang_up()
        self.failureResultOf(asking, CancelledError)
        self.assertEqual((self.reactor.getDelayedCalls(), self.flushLoggedErrors()), ([], []))

    def test_place(self) -> None:
        """Where an address is asked for, it is an address that the proxy hears."""
        asking = self.fetch(where="[2001:db8::1]:8333")
        seed = self.seed()
        self.assertTrue(seed.asked.endswith(target_of("2001:db8::1", 8333)))
        asking.cancel()
        seed.hang_up()
        self.failureResultOf(asking, CancelledError)
