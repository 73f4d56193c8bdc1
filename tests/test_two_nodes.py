"""Two nodes of every network: one has something, the other gets it, and both stay connected."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.defer import gatherResults
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase

from peerproto import networks
from peerproto.errors import PeerError
from peerproto.network import Network
from peerproto.node import headerproof
from peerproto.node.growing import NOW, grow
from peerproto.node.keeping import Chain, chain_in, count_of, open_store
from peerproto.node.mining import mine
from peerproto.node.node import Node
from peerproto.peer.connecting import connect, listen
from peerproto.peer.factory import Nonces
from peerproto.peer.handshake import State
from peerproto.peer.protocol import PeerProtocol
from peerproto.testing import CALLED, CALLER, MemoryTransport
from tests.graph_case import GraphCase, hashes_of

NETWORKS = (
    "bitcoin-regtest",
    "litecoin-regtest",
    "decred-simnet",
    "soter-simnet",
    "kaspa-simnet",
    "neo-privnet",
)
HEADERS = [name for name in NETWORKS if networks.named(name).header_sync is not None]
AMOUNT = 60
UNKNOWN = b"\xee" * 32


def parts_of(network: Network) -> dict[str, Any]:
    """More options for a node's follower."""
    sync = network.graph_sync
    return {"proven": False} if sync is not None and not sync.grows_work else {}


def few_at_once(name: str) -> Network:
    """A network whose messages have twenty headers at most."""
    network = networks.named(name)
    return replace(network, header_sync=replace(network.headers, most=20))


class Line:
    """Two nodes on one clock that are connected in memory; what is written arrives when it is delivered."""

    def __init__(self, caller: Node, called: Node) -> None:
        self.outbound = caller.factory.build(inbound=False)
        self.inbound = called.factory.build(inbound=True)
        self.ways = MemoryTransport(CALLER, CALLED), MemoryTransport(CALLED, CALLER)
        self.outbound.makeConnection(self.ways[0])  # type: ignore[no-untyped-call]
        self.inbound.makeConnection(self.ways[1])  # type: ignore[no-untyped-call]

    def carry(self) -> bool:
        """Bring what is written to the other side; whether there was anything."""
        moved = False
        for way, to in zip(self.ways, (self.inbound, self.outbound), strict=True):
            data = way.take()
            if data:
                moved = True
                to.dataReceived(data)
        return moved

    def cut(self) -> None:
        """End it."""
        for peer in (self.outbound, self.inbound):
            peer.connectionLost()


class NodesCase(GraphCase):
    """Makes nodes."""

    def chain(self, network: Network, amount: int = 0) -> Chain:
        """What a node keeps, with something in it."""
        store = open_store(":memory:", network)
        self.addCleanup(store.close)
        chain = chain_in(store, network, lambda: NOW)
        if amount:
            list(grow(network, chain, amount))
        return chain

    def node(self, clock: Any, network: Network, amount: int = 0) -> Node:
        """A node."""
        return Node(clock, network, self.chain(network, amount), nonces=Nonces(), follower=parts_of(network))


class MemoryTests(NodesCase, SynchronousTestCase):
    """In memory, on a clock."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.lines: list[Line] = []

    def tearDown(self) -> None:
        """No timer outlives the connections."""
        for line in self.lines:
            line.cut()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def settle(self, *lines: Line) -> None:
        """Let all arrive, and be dealt with, until nothing moves."""
        moving = True
        while moving:
            self.clock.advance(0)
            moving = sum(line.carry() for line in lines) > 0

    def connected(self, name: str, *, behind_calls: bool = True) -> tuple[Line, Node, Node]:
        """A node that has something, and one that has nothing, once they have talked."""
        network = networks.named(name)
        knowing, behind = self.node(self.clock, network, AMOUNT), self.node(self.clock, network)
        line = self.line(behind, knowing) if behind_calls else self.line(knowing, behind)
        for _ in range(5):
            self.settle(line)
            self.clock.advance(1)
        return line, knowing, behind

    def line(self, caller: Node, called: Node) -> Line:
        """Two nodes, connected."""
        self.lines.append(Line(caller, called))
        return self.lines[-1]

    def test_everything_comes_over(self) -> None:
        """Hands are shaken and all is synced, whoever has called."""
        for name in NETWORKS:
            for behind_calls in (True, False):
                line, knowing, behind = self.connected(name, behind_calls=behind_calls)
                for peer in (line.outbound, line.inbound):
                    self.assertEqual((peer.state, peer.ending), (State.READY, None), name)
                self.assertEqual(behind.chain.tip, knowing.chain.tip, name)
                self.assertEqual(count_of(behind.chain), count_of(knowing.chain))

    def test_goes_on_from_node_to_node(self) -> None:
        """What the first of three nodes in a row learns the last learns, too, without asking for it."""
        for name in ("bitcoin-regtest", "litecoin-regtest", "decred-simnet"):
            network = networks.named(name)
            first, second, third = row = [self.node(self.clock, network, AMOUNT) for _ in range(3)]
            lines = [self.line(second, first), self.line(third, second)]
            self.settle(*lines)
            lines.append(self.line(first, self.node(self.clock, network, AMOUNT + 3)))
            self.settle(*lines)
            self.assertEqual([node.chain.height for node in row], [AMOUNT + 3] * 3, name)

    def test_work_first(self) -> None:
        """A chain that must show all its work first comes over twice, and is stored, on every network that has one."""
        self.patch(headerproof, "STEP", 25)
        for name in HEADERS:
            network = few_at_once(name)
            knowing = self.node(self.clock, network, AMOUNT)
            network = replace(network, chain=replace(network.chain, least_work=knowing.chain.work))
            behind = self.node(self.clock, network)
            self.bring(behind, knowing)
            self.assertEqual((behind.chain.height, behind.chain.tip), (AMOUNT, knowing.chain.tip), name)
            asked = self.peer_of(knowing).statistics.received[network.headers.asking].messages
            self.assertGreaterEqual(asked, 2 * AMOUNT / network.headers.most, name)

    def test_another_chain(self) -> None:
        """One with more work takes the place of ours from the first header on, a few headers at a time."""
        for name in HEADERS:
            network = few_at_once(name)
            knowing, behind = self.node(self.clock, network), self.node(self.clock, network)
            knowing.chain.add(list(mine(network.chain, 230)))
            behind.chain.add(list(mine(network.chain, 200, salt=b"other")))
            self.bring(behind, knowing)
            self.assertEqual(behind.chain.tip, knowing.chain.tip, name)
            self.assertIsNone(self.peer_of(behind).ending)

    def bring(self, behind: Node, knowing: Node) -> None:
        """Let one node have what another one has."""
        line = self.line(behind, knowing)
        for _ in range(100):
            self.settle(line)
            self.clock.advance(1)

    def test_quiet_hours(self) -> None:
        """Two that have nothing to say stay connected by their pings, where it is not a rule to wait for theirs."""
        for name in NETWORKS:
            line, _, _ = self.connected(name)
            for _ in range(2 * 60 * 6):
                self.clock.advance(10)
                self.settle(line)
            stay = not networks.named(name).timing.ping_if_pinged
            for peer in (line.outbound, line.inbound):
                self.assertEqual(peer.state is State.READY, stay, f"{name}: {peer.ending}")

    def test_pings(self) -> None:
        """Each answers the other's ping."""
        for name in NETWORKS:
            line, _, _ = self.connected(name)
            for peer in (line.outbound, line.inbound):
                waiting = peer.ping()
                self.clock.advance(0.25)
                self.settle(line)
                self.assertEqual(self.successResultOf(waiting), 0.25, name)

    def test_requests(self) -> None:
        """What one asks the other answers, also that it has not what is asked."""
        for name in NETWORKS:
            line, knowing, behind = self.connected(name)
            graph = knowing.network.graph_sync is not None
            for peer, has in ((line.outbound, knowing.chain.tip), (line.inbound, behind.chain.tip)):
                if not graph:
                    continue
                asking = peer.request_blocks([has, UNKNOWN])
                self.settle(line)
                found, missing = self.successResultOf(asking)
                self.assertEqual(found.block_hash, has)
                self.assertIsInstance(missing, PeerError)

    def test_news(self) -> None:
        """On a graph a new block is announced, asked for, and passed on to a third node."""
        for name in ("soter-simnet", "kaspa-simnet"):
            line, knowing, behind = self.connected(name)
            third = self.node(self.clock, behind.network)
            other = self.line(third, behind)
            self.settle(line, other)
            self.assertEqual(third.chain.tip, knowing.chain.tip)
            new = self.add(knowing.network, knowing.chain)  # type: ignore[arg-type]
            self.peer_of(knowing).queue_inventory(knowing.network.graph.vector(new))
            self.settle(line, other)
            for node in (behind, third):
                self.assertEqual(node.chain.tip, new.block_hash)
                self.assertEqual(hashes_of(node.chain), hashes_of(knowing.chain))  # type: ignore[arg-type]

    def peer_of(self, node: Node) -> PeerProtocol:
        """The only peer of a node."""
        (peer,) = node.factory.peers.values()
        return peer


class LoopbackTests(NodesCase, TestCase):
    """Over real sockets."""

    timeout = 30

    async def test_everything_comes_over(self) -> None:
        """Hands are shaken, all is synced, pings are answered, and both ends come to their end."""
        from twisted.internet import reactor

        for name in NETWORKS:
            network = networks.named(name)
            knowing, behind = self.node(reactor, network, AMOUNT), self.node(reactor, network)
            port: Any = await listen(reactor, "tcp:0:interface=127.0.0.1", knowing.factory)
            peer = await connect(reactor, f"127.0.0.1:{port.getHost().port}", behind.factory)
            await peer.when_ready()
            while behind.chain.tip != knowing.chain.tip:
                await deferLater(reactor, 0.01)  # type: ignore[arg-type]
            await gatherResults([each.ping() for each in (peer, *knowing.factory.peers.values())])
            ends = [each.when_disconnected() for each in (peer, *knowing.factory.peers.values())]
            peer.disconnect()
            await gatherResults(ends)
            await port.stopListening()
            await deferLater(reactor, 0)  # type: ignore[arg-type]  # so that no number of a closed socket is used anew
