"""What a peer promises to other threads, on every network, over real sockets: point 10 of `test_promises`."""

from __future__ import annotations

from threading import Barrier, get_ident
from typing import Any

from twisted.internet.defer import Deferred, gatherResults, inlineCallbacks
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from peerproto.errors import PeerLost, Reason
from peerproto.network import Network
from peerproto.peer.connecting import connect, listen
from peerproto.peer.factory import Nonces, PeerFactory
from peerproto.peer.protocol import PeerProtocol
from tests.everywhere import WAYS, tx_of
from tests.test_promises import vector

THREADS, ROUNDS = 8, 5


class Serving:
    """A node that has the transactions that threads ask for, and writes down what it is told and where."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.items = dict(reversed(tx_of(network, number)) for number in range(THREADS * ROUNDS))
        self.told: list[Any] = []
        self.threads: set[int] = set()

    def on_inv(self, peer: PeerProtocol, message: Any) -> None:
        """See IPeerListener."""
        self.told += [hash_ for _, hash_ in self.network.item_keys(message)]
        self.threads.add(get_ident())

    def on_getdata(self, peer: PeerProtocol, message: Any) -> None:
        """See IPeerListener."""
        for _, hash_ in self.network.item_keys(message):
            peer.send(self.items[hash_])


class ThreadTests(TestCase):
    """Eight threads, one peer, whose other side is served in the reactor's thread."""

    timeout = 120

    @inlineCallbacks
    def connected(self, network: Network, node: Serving) -> Any:
        """A ready peer; it is ended after the test, if not before."""
        from twisted.internet import reactor

        theirs, ours = (PeerFactory(network, each, nonces=Nonces(), manual=True) for each in (node, None))
        port = yield listen(reactor, "tcp:0:interface=127.0.0.1", theirs)
        peer: Any = yield connect(reactor, f"127.0.0.1:{port.getHost().port}", ours)
        yield peer.when_ready()
        (other,) = theirs.peers.values()
        self.addCleanup(port.stopListening)
        self.addCleanup(lambda: gatherResults([peer.when_disconnected(), other.when_disconnected()]))
        self.addCleanup(peer.disconnect)
        return peer

    def in_threads(self, call: Any) -> Deferred[list[Any]]:
        """What each thread returns, given its number, in their order."""
        return gatherResults([deferToThread(call, number) for number in range(THREADS)])

    @inlineCallbacks
    def test_all_at_once(self) -> Any:
        """Each thread gets the answers to its own questions, and what each sends arrives in its order; all that is done
        with it is done in the reactor's thread.
        """
        for way, network in WAYS.items():
            node = Serving(network)
            names, ready = list(node.items), Barrier(THREADS)
            peer = yield self.connected(network, node)

            def work(
                number: int, way: str = way, names: Any = names, ready: Any = ready, peer: Any = peer
            ) -> int:
                ready.wait()
                right, safe, announce = 0, peer.threadsafe, peer.network.inventory.announce
                for turn in range(number * ROUNDS, (number + 1) * ROUNDS):
                    safe.soon.send(announce([vector(way, turn)])[0])
                    (found,) = safe.request_transactions([names[turn]])
                    right += ("tx", names[turn]) in peer.network.item_keys(found)
                    right += safe.ping() > 0
                    right += safe.snapshot().state == "ready"
                return right

            done = yield self.in_threads(work)
            self.assertEqual(done, [3 * ROUNDS] * THREADS, way)
            told = [int.from_bytes(name, "big") for name in node.told]
            self.assertEqual(sorted(told), list(range(THREADS * ROUNDS)), way)
            for number in range(THREADS):
                own = [turn for turn in told if turn // ROUNDS == number]
                self.assertEqual(own, sorted(own), way)
            self.assertEqual(node.threads, {get_ident()}, way)

    @inlineCallbacks
    def test_end(self) -> Any:
        """All that wait are told the reason when the peer ends, also if another thread has ended it."""
        for way, network in WAYS.items():
            peer = yield self.connected(network, Serving(network))
            ready = Barrier(THREADS)

            def work(number: int, peer: Any = peer, ready: Any = ready) -> Reason | None:
                safe = peer.threadsafe
                waits = safe.soon.when_disconnected()
                ready.wait()
                safe.disconnect()
                late = safe.soon.request_transactions([bytes(32)]).exception(timeout=30)
                error = waits.result(timeout=30)
                assert isinstance(error, PeerLost) and isinstance(late, PeerLost)
                return error.reason if error is late else None

            done = yield self.in_threads(work)
            self.assertEqual(done, [Reason.LOCAL_CLOSE] * THREADS, way)
