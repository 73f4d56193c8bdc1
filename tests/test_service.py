"""A node as a Twisted service."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IStreamClientEndpoint, IStreamServerEndpoint
from twisted.internet.task import deferLater
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from peerproto.chain.rules import display
from peerproto.errors import LocalError, Reason, StoreError
from peerproto.networks.bitcoin import MSG_BLOCK, Block, GetData, GetHeaders, InvVect, NotFound
from peerproto.networks.kaspa import GetSelectedTip, SelectedTip
from peerproto.node import bookkeeping
from peerproto.node.blockstore import BlockStore
from peerproto.node.company import Company
from peerproto.node.headerchain import HeaderChain
from peerproto.node.headerstore import HeaderStore
from peerproto.node.service import LATE, PeerNodeService
from peerproto.peer.factory import Nonces, PeerFactory
from peerproto.testing import RawPeer
from tests.block_case import FULL, bringing, grown
from tests.graph_node_case import KASPA, GraphNodeCase, Serving
from tests.node_case import NETWORK, NodeCase, bring, mined

GRACE = NETWORK.timing.grace


@implementer(IStreamClientEndpoint)
class Caller:
    """An endpoint whose tries the test decides.

    :ivar tries: the Deferred of each, with the factory.
    """

    def __init__(self) -> None:
        self.tries: list[tuple[Any, Deferred[Any]]] = []

    def connect(self, protocolFactory: Any) -> Deferred[Any]:
        """See IStreamClientEndpoint."""
        self.tries.append((protocolFactory, Deferred()))
        return self.tries[-1][1]


@implementer(IListeningPort)
class Port:
    """A port that takes its time to close, until `closing` is fired."""

    def __init__(self) -> None:
        self.closing: Deferred[None] | None = None

    def startListening(self) -> None:
        """See IListeningPort."""

    def stopListening(self) -> Deferred[None]:
        """See IListeningPort."""
        self.closing = self.closing or Deferred()
        return self.closing

    def getHost(self) -> IPv4Address:
        """See IListeningPort."""
        return IPv4Address("TCP", "127.0.0.1", 18445)


@implementer(IStreamServerEndpoint)
class Door:
    """An endpoint that listens with the result of a function."""

    def __init__(self, opening: Callable[[], Deferred[Any]]) -> None:
        self.opening = opening
        self.factory: Any = None

    def listen(self, protocolFactory: Any) -> Deferred[Any]:
        """See IStreamServerEndpoint."""
        self.factory = protocolFactory
        return self.opening()


class ServiceCase(NodeCase):
    """Services on a reactor in memory, with a store in a folder of their own."""

    def setUp(self) -> None:
        super().setUp()
        self.clock = self.reactor = MemoryReactorClock()
        self.clock.advance(1000.3)
        self.caller, self.port = Caller(), Port()
        self.door = Door(lambda: succeed(self.port))
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "headers.sqlite")

    def service(self, **options: Any) -> PeerNodeService:
        """A service that calls `caller` and listens at `door`."""
        given = {"connect": [self.caller], "listen": [self.door], "store": self.path, "nonces": Nonces()}
        return PeerNodeService(self.reactor, NETWORK, **{**given, **options})

    def started(self, **options: Any) -> PeerNodeService:
        """The same, running."""
        service = self.service(**options)
        service.startService()
        return service

    def called(self, **says: Any) -> RawPeer:
        """The last try has come through, and hands are shaken."""
        factory, trying = self.caller.tries[-1]
        raw = RawPeer(factory)
        self._raws.append(raw)
        trying.callback(raw.peer)
        raw.handshake(**says)
        return raw

    def caller_of(self, service: PeerNodeService, **says: Any) -> RawPeer:
        """Somebody calls the service, and hands are shaken."""
        assert service.node is not None
        return self.peer(service.node, inbound=True, **says)

    def end(self, service: PeerNodeService) -> None:
        """Stop, and see to it that everybody obeys."""
        stopping = service.stopService()
        for raw in self._raws:
            if raw.peer.id in raw.peer.factory.peers:
                raw.close()
        if self.port.closing is not None and not self.port.closing.called:
            self.port.closing.callback(None)
        self.successResultOf(stopping)

    def stored(self) -> int:
        """The height that is in the file now; it must be free."""
        store = HeaderStore(self.path, NETWORK.chain)
        try:
            return store.tip.height
        finally:
            store.close()

    def assert_not_started(self, service: PeerNodeService) -> None:
        """Nothing of it is there."""
        self.assertFalse(service.running)
        self.assertIsNone(service.node)
        self.assertEqual((self.caller.tries, self.clock.getDelayedCalls()), ([], []))


class StartTests(ServiceCase):
    """What starts, and what does not."""

    def test_start(self) -> None:
        """A started service has called its peers, listens, follows headers into the file and serves them."""
        service = self.started()
        self.assertTrue(service.running)
        self.assertEqual((len(self.caller.tries), service.ports), (1, [self.port]))
        self.assertIn("accepting peers at 127.0.0.1:18445", self.logged)
        self.assertIn(f"bitcoin-regtest: headers are kept in {self.path}", self.logged)
        self.called(height=30).send(bring(mined(30)))
        other = self.caller_of(service)
        other.read()
        other.send(GetHeaders(70016, [NETWORK.genesis], bytes(32)))
        self.clock.advance(0)
        self.assertEqual(NETWORK.headers.brought(other.read()[-1]), mined(30))
        self.assertTrue(any(line.startswith("synced: height 30, tip") for line in self.logged))
        self.end(service)
        self.assertEqual(self.stored(), 30)

    def test_options(self) -> None:
        """Other options are the factory's."""
        service = self.started(user_agent="/other:1/")
        assert service.node is not None
        self.assertEqual(service.node.factory.user_agent, "/other:1/")
        self.end(service)

    def test_keywords_that_nobody_takes(self) -> None:
        """They are told when the service is made, not when it starts."""
        for options, text in (
            ({"user_agnet": "/x:1/"}, "Node has no keyword 'user_agnet': did you mean 'user_agent'"),
            ({"company": {"outbnd": 3}}, "Company has no keyword 'outbnd': did you mean 'outbound'"),
        ):
            self.assertIn(text, str(self.assertRaises(TypeError, self.service, **options)))

    def test_listener(self) -> None:
        """Who listens hears of all peers, both ways, from the version on; the node goes on with its own work."""
        heard: list[str] = []
        listener = SimpleNamespace(
            on_version=lambda peer, version: heard.append("version"),
            on_ready=lambda peer: heard.append("ready"),
            on_headers=lambda peer, message: heard.append(f"{len(message.headers)} headers"),
            on_lost=lambda peer, error: heard.append(error.reason.value),
        )
        service = self.started(listener=listener)
        raw = self.called(height=5)
        raw.send(bring(mined(5)))
        assert service.node is not None
        self.assertEqual(service.node.chain.height, 5)
        caller = self.caller_of(service)
        caller.close()
        self.assertEqual(heard, ["version", "ready", "5 headers", "version", "ready", "closed-by-peer"])
        self.end(service)

    def test_told_of_progress(self) -> None:
        """Who wants to hear of progress does, beside the log."""
        heard: list[str] = []
        service = self.started(
            progressed=lambda peer: heard.append("progressed"), finished=lambda peer: heard.append("finished")
        )
        self.called(height=5).send(bring(mined(5)))
        self.assertEqual(heard, ["progressed", "finished"])
        self.assertTrue(any("synced: height 5" in line for line in self.logged))
        self.end(service)

    def test_nobody_to_talk_to(self) -> None:
        """A service that neither calls nor listens says so."""
        service = self.started(connect=[], listen=[])
        self.assertTrue(any("this node talks to nobody" in line for line in self.logged))
        self.end(service)

    def test_places_that_are_none(self) -> None:
        """Where to connect and listen is looked at when the service is made."""
        for options in ({"connect": ["a b"]}, {"listen": ["nonsense"]}):
            self.assertRaises(LocalError, self.service, **options)

    def test_network_without_headers(self) -> None:
        """So is whether the network has a chain of headers at all; no file is made then."""
        network = replace(NETWORK, header_sync=None)
        error = self.assertRaises(LocalError, PeerNodeService, self.reactor, network, store=self.path)
        self.assertEqual(str(error), "bitcoin-regtest has no chain of headers to sync")
        self.assertFalse(os.path.exists(self.path))

    def test_address_strings(self) -> None:
        """Addresses and endpoint strings do as well as endpoints; a port is the network's if none is given."""
        service = self.started(connect=["192.0.2.9"], listen=["tcp:18555:interface=127.0.0.1"])
        self.assertEqual(self.reactor.tcpClients[0][:2], ("192.0.2.9", 18444))
        self.assertEqual(self.reactor.tcpServers[0][0], 18555)
        self.end(service)

    def test_store_that_cannot_be_used(self) -> None:
        """A file that is no header store keeps the service from starting, and is left as it is."""
        Path(self.path).write_bytes(b"hello")
        service = self.service()
        self.assertRaises(StoreError, service.startService)
        self.assert_not_started(service)
        self.assertEqual(Path(self.path).read_bytes(), b"hello")

    def test_port_in_use(self) -> None:
        """So does a port that cannot be had; the others are closed again, and the store."""
        taken = CannotListenError("127.0.0.1", 18446, OSError(98, "Address already in use"))
        service = self.service(listen=[self.door, Door(lambda: fail(taken))])
        error = self.assertRaises(LocalError, service.startService)
        self.assertIn("cannot listen on", str(error))
        self.assertIn("Address already in use", str(error))
        self.assert_not_started(service)
        self.assertIsNotNone(self.port.closing)
        self.assertEqual(self.stored(), 0)

    def test_port_in_use_with_a_book(self) -> None:
        """Then the book is closed, too: it can be opened again at once."""
        book = self.path + ".book"
        taken = CannotListenError("127.0.0.1", 18446, OSError(98, "Address already in use"))
        service = self.service(listen=[Door(lambda: fail(taken))], company={"book": book})
        self.assertRaises(LocalError, service.startService)
        self.assertIsNone(service.company)
        again = Company(self.reactor, PeerFactory(NETWORK, clock=self.clock), book=book)
        self.assertEqual(len(again.book), 0)
        again.abandon()

    def test_any_other_trouble_with_a_port(self) -> None:
        """And so does any error of an endpoint's, known or not."""
        service = self.service(listen=[Door(lambda: fail(ZeroDivisionError("what?")))])
        self.assertIn("cannot listen: what?", str(self.assertRaises(LocalError, service.startService)))
        self.assert_not_started(service)

    def test_option_that_is_wrong(self) -> None:
        """An option that the factory refuses does, too."""
        service = self.service(user_agent="x" * 300)
        self.assertRaises(LocalError, service.startService)
        self.assert_not_started(service)
        self.assertEqual(self.stored(), 0)

    def test_twice(self) -> None:
        """A service that runs cannot be started, nor one that has not stopped yet; the one that runs goes on."""
        service = self.started()
        self.assertRaises(LocalError, service.startService)
        service.stopService()
        self.assertRaises(LocalError, service.startService)
        self.end(service)

    def test_again(self) -> None:
        """A stopped service can be started again, and goes on with what is in its file."""
        service = self.started()
        self.called(height=30).send(bring(mined(30)))
        self.end(service)
        self.port = Port()
        service.startService()
        assert service.node is not None
        self.assertEqual(service.node.chain.height, 30)
        self.assertEqual(len(self.caller.tries), 2)
        self.end(service)


class GraphTests(ServiceCase, GraphNodeCase):
    """A network whose blocks form a graph."""

    def test_all_of_it(self) -> None:
        """The service follows blocks into its file, serves them, and goes on with them when it is started again."""
        served = self.grown(KASPA, 60)
        given = {"connect": [self.caller], "listen": [self.door], "store": self.path, "nonces": Nonces()}
        service = PeerNodeService(self.reactor, KASPA, **given)
        service.startService()
        self.assertIn(f"kaspa-simnet: blocks are kept in {self.path}", self.logged)
        self.assertIn(f"at start: blocks 0, rank 0, tip {display(KASPA.genesis)}", self.logged)
        factory, trying = self.caller.tries[-1]
        raw = RawPeer(factory)
        self._raws.append(raw)
        trying.callback(raw.peer)
        self.settle(Serving(raw, served, raw.handshake(tip=served.tip)))
        blocks = len(served) - 1
        self.assertIn(
            f"synced: blocks {blocks}, rank {served.height}, tip {display(served.tip)}", self.logged
        )
        self.end(service)
        self.port = Port()
        service.startService()
        assert service.node is not None
        self.assertEqual((len(service.node.chain), service.node.chain.tip), (len(served), served.tip))
        other = self.caller_of(service, tip=KASPA.genesis)
        other.read()
        other.send(GetSelectedTip())
        self.clock.advance(0)
        self.assertEqual(other.read(), [SelectedTip(served.tip)])
        self.end(service)


class BlocksTests(ServiceCase):
    """A service that keeps blocks."""

    def test_kept(self) -> None:
        """The newest blocks are kept in a file beside the store, and served after a start from there."""
        blocks = grown(6)
        service = self.started(keep_blocks=4)
        self.assertIn(f"the newest 4 blocks are kept in {self.path}.blocks", self.logged)
        raw = self.called(height=6, services=FULL)
        raw.send(bringing(blocks), *blocks)
        self.end(service)
        self.port = Port()
        service.startService()
        asker = self.caller_of(service)
        asker.read()
        asker.send(GetData([InvVect(MSG_BLOCK, block.block_hash) for block in blocks]))
        self.clock.advance(0)
        kinds = [type(message) for message in asker.read()]
        self.assertEqual(kinds, [Block] * 4 + [NotFound])
        self.end(service)

    def test_store_of_the_user(self) -> None:
        """A store of the user's is used in its place, and left open."""
        store = BlockStore(":memory:", NETWORK, 4)
        self.addCleanup(store.close)
        service = self.started(block_store=store, keep_blocks=9)
        self.called(height=2, services=FULL).send(bringing(grown(2)), *grown(2))
        self.end(service)
        self.assertEqual(len(store), 2)
        self.assertFalse(os.path.exists(f"{self.path}.blocks"))

    def filled(self, count: int) -> None:
        """Put headers into the file of headers."""
        with closing(HeaderStore(self.path, NETWORK.chain)) as store:
            HeaderChain(store, NETWORK.chain, lambda: 2e9).add(mined(count))

    def test_store_of_the_user_that_fails_at_once(self) -> None:
        """One that fails when it is looked into for the first time keeps the service from starting."""
        self.filled(5)
        store = BlockStore(":memory:", NETWORK, 4)
        store.close()
        failed: list[LocalError] = []
        service = self.service(block_store=store, failed=failed.append)
        self.assertRaises(StoreError, service.startService)
        self.assert_not_started(service)
        self.assertEqual(failed, [])

    def test_store_of_the_user_that_is_late(self) -> None:
        """What it says, or does not, when the service has stopped is of no consequence to the next run."""
        self.filled(5)
        for late in (True, StoreError("closed")):
            store = BlockStore(":memory:", NETWORK, 4)
            self.addCleanup(store.close)
            asked: list[Deferred[bool]] = []
            self.patch(store, "has", lambda block_hash, asked=asked: asked.append(Deferred()) or asked[-1])
            service = self.started(block_store=store)
            self.end(service)
            self.port = Port()
            service.startService()
            asked[0].callback(late)
            self.assertTrue(service.running)
            self.assertIsNotNone(service.node)
            self.end(service)

    def test_in_use(self) -> None:
        """A file that is in use keeps the service from starting."""
        store = BlockStore(f"{self.path}.blocks", NETWORK, 4)
        self.addCleanup(store.close)
        service = self.service(keep_blocks=4)
        error = self.assertRaises(StoreError, service.startService)
        self.assertIn("is in use by this process", str(error))
        self.assert_not_started(service)
        self.assertEqual(self.stored(), 0)

    def test_no_chain(self) -> None:
        """Where there is no chain of headers no blocks can be kept; that is told when the service is made."""
        error = self.assertRaises(LocalError, PeerNodeService, self.reactor, KASPA, keep_blocks=4)
        self.assertEqual(str(error), "kaspa-simnet has no chain of blocks to keep the newest of")


class StopTests(ServiceCase):
    """Every stop comes to its end."""

    def test_before_start(self) -> None:
        """A service that was never started is stopped."""
        self.successResultOf(self.service().stopService())

    def test_everybody(self) -> None:
        """All peers are told to end, those that called too, and waited for, and the ports; the reason is shutdown."""
        service = self.started()
        raws = [self.called(), self.caller_of(service), self.raw(service.node, inbound=True)]  # type: ignore[arg-type]
        stopping = service.stopService()
        for raw in raws:
            self.assertTrue(raw.hung_up)
            self.assertNoResult(stopping)
            raw.close()
            assert raw.peer.ending is not None
            self.assertEqual(raw.peer.ending.reason, Reason.SHUTDOWN)
        self.assertNoResult(stopping)
        assert self.port.closing is not None
        self.port.closing.callback(None)
        self.successResultOf(stopping)
        self.assertIsNone(service.node)
        self.assertEqual((service.ports, service.connectors, self.clock.getDelayedCalls()), ([], [], []))

    def test_peer_that_does_not_read(self) -> None:
        """A peer that does not take what is written is cut off after the grace time."""
        service = self.started(listen=[])
        raw = self.called()
        stopping = service.stopService()
        self.clock.advance(GRACE)
        self.assertTrue(raw.transport.aborted)
        raw.close()
        self.successResultOf(stopping)

    def test_transport_that_does_not_obey(self) -> None:
        """One that cannot even be cut off is left behind a second later, and the log says so."""
        service = self.started()
        raw = self.called()
        stopping = service.stopService()
        self.clock.advance(GRACE)
        self.assertNoResult(stopping)
        self.clock.advance(LATE)
        self.successResultOf(stopping)
        self.assertTrue(any("has not ended in time" in line for line in self.logged))
        self.assertEqual(self.stored(), 0)
        raw.close()

    def test_while_connecting(self) -> None:
        """A try under way is cancelled."""
        service = self.started(listen=[])
        self.successResultOf(service.stopService())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_while_waiting_for_the_next_try(self) -> None:
        """So is a wait between two."""
        service = self.started(listen=[])
        self.caller.tries[0][1].errback(OSError(101, "Network is unreachable"))
        self.assertEqual(len(service.connectors), 1)
        self.successResultOf(service.stopService())

    def test_in_the_middle_of_a_sync(self) -> None:
        """A sync under way is broken off; what is checked is kept."""
        service = self.started(listen=[])
        raw = self.called(height=1250)
        assert service.node is not None
        add = service.node.chain.add

        def slow(headers: Any, now: float | None = None) -> Any:
            self.clock.rightNow += 1
            return add(headers, now)

        self.patch(service.node.chain, "add", slow)
        raw.send(bring(mined(1250)))
        self.end(service)
        self.assertEqual(self.stored(), 500)

    def test_book_that_is_not_saved(self) -> None:
        """Our own mistake while the book is saved for the last time is logged, and the stop comes to its end."""

        def fail(book: object) -> None:
            raise ZeroDivisionError

        service = self.started(listen=[], company={"book": self.path + ".book"})
        self.called().close()
        self.patch(bookkeeping, "gather", fail)
        self.successResultOf(service.stopService())
        self.assertIn("the book of addresses is not saved at the end", self.logged)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual((service.node, self.clock.getDelayedCalls(), self.stored()), (None, [], 0))
        Company(self.reactor, PeerFactory(NETWORK, clock=self.clock), book=self.path + ".book").abandon()

    def test_twice(self) -> None:
        """Each stop fires when all is over, and one after that at once."""
        service = self.started(listen=[])
        raw = self.called()
        stops = [service.stopService(), service.stopService()]
        raw.close()
        stops.append(service.stopService())
        for stopping in stops:
            self.successResultOf(stopping)


class TroubleTests(ServiceCase):
    """What ends a service that runs."""

    def test_store_fails(self) -> None:
        """A store that fails is logged, and the service stops by itself; its peers are not blamed."""
        failed: list[LocalError] = []
        service = self.started(listen=[], failed=failed.append)
        raw = self.called(height=30)
        assert service.node is not None
        service.node.chain._store.close()
        raw.send(bring(mined(30)))
        self.assertFalse(service.running)
        self.assertEqual([type(error) for error in failed], [StoreError])
        self.assertIn(f"{failed[0]}: the node stops", self.logged)
        assert raw.peer.ending is not None
        self.assertEqual(raw.peer.ending.reason, Reason.SHUTDOWN)
        self.end(service)

    def test_store_that_is_full(self) -> None:
        """A full disk is such a failure, in SQLite's words; the file can be used again later."""
        failed: list[LocalError] = []
        service = self.started(listen=[], failed=failed.append)
        raw = self.called(height=2000)
        assert service.node is not None
        database = service.node.chain._store._file.db
        (pages,) = database.execute("PRAGMA page_count").fetchone()
        database.execute(f"PRAGMA max_page_count = {pages}")
        raw.send(bring(mined(2000)))
        self.assertIn("database or disk is full", str(failed[0]))
        self.end(service)
        self.assertLess(self.stored(), 2000)

    def test_without_anybody_to_tell(self) -> None:
        """Nobody needs to listen to it."""
        service = self.started(listen=[])
        assert service.node is not None
        service.node.chain._store.close()
        raw = self.called(height=30)
        self.assertFalse(service.running)
        raw.close()
        self.successResultOf(service.stopService())

    def test_port_that_fails_later(self) -> None:
        """An endpoint that needs time to find out that it cannot listen ends the service then."""
        opening: Deferred[Any] = Deferred()
        failed: list[LocalError] = []
        service = self.started(listen=[Door(lambda: opening)], failed=failed.append)
        self.assertTrue(service.running)
        opening.errback(CannotListenError("onion", 1, OSError(1, "no")))
        self.assertFalse(service.running)
        self.assertIn("cannot listen on", str(failed[0]))
        self.end(service)

    def test_port_that_comes_later(self) -> None:
        """One that needs time to listen does so then."""
        opening: Deferred[Any] = Deferred()
        service = self.started(listen=[Door(lambda: opening)])
        opening.callback(self.port)
        self.assertEqual(service.ports, [self.port])
        self.end(service)

    def test_port_that_is_not_there_at_the_stop(self) -> None:
        """One that still needs time when the service stops is given up."""
        opening: Deferred[Any] = Deferred()
        service = self.started(listen=[Door(lambda: opening)])
        self.end(service)
        self.assertTrue(opening.called)


class ComposedTests(TestCase):
    """Two services in one parent, over real loopback."""

    timeout = 20

    async def test_multi_service(self) -> None:
        """One serves what it has, the other follows it; the parent stops both."""
        from twisted.internet import reactor

        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = os.path.join(folder.name, "headers.sqlite")
        store = HeaderStore(path, NETWORK.chain)
        HeaderChain(store, NETWORK.chain, lambda: 2e9).add(mined(300))
        store.close()
        parent = MultiService()
        server = PeerNodeService(
            reactor, NETWORK, store=path, listen=["tcp:0:interface=127.0.0.1"], nonces=Nonces()
        )
        server.setServiceParent(parent)
        parent.startService()
        place: Any = server.ports[0].getHost()
        client = PeerNodeService(reactor, NETWORK, connect=[f"127.0.0.1:{place.port}"], nonces=Nonces())
        client.setServiceParent(parent)
        assert client.node is not None
        await client.node.follower.synced.when()
        self.assertEqual(client.node.chain.height, 300)
        await parent.stopService()
        self.assertIsNone(client.node)
        self.assertIsNone(server.node)
        await deferLater(reactor, 0)
