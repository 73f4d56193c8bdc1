"""Tests of peers that are used from other threads: over real sockets, with the real reactor."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError, Future, wait
from threading import Barrier, get_ident
from typing import Any

from twisted.internet.defer import Deferred, gatherResults, inlineCallbacks
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.task import Clock, deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer

from peerproto.errors import LocalError, NotFound, PeerLost, Reason
from peerproto.networks.bitcoin import MSG_BLOCK, MSG_TX, GetAddr, Inv, InvVect
from peerproto.networks.bitcoin import NotFound as NotFoundMessage
from peerproto.peer.connecting import connect, listen
from peerproto.peer.factory import Nonces, PeerFactory
from peerproto.peer.handshake import State
from peerproto.peer.protocol import PeerProtocol
from tests.peer_case import HASHES, regtest

THREADS, ROUNDS = 8, 20


class Answering:
    """A node that has nothing, and writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[InvVect] = []
        self.threads: set[int] = set()

    def on_inv(self, peer: PeerProtocol, message: Inv) -> None:
        """Write down what is announced."""
        self.told += message.inv_list
        self.threads.add(get_ident())

    def on_getdata(self, peer: PeerProtocol, message: Any) -> None:
        """Nothing is there."""
        peer.send(NotFoundMessage(message.inv_list))


class ThreadCase(TestCase):
    """Two peers over loopback."""

    timeout = 60

    @inlineCallbacks
    def setUp(self) -> Any:
        from twisted.internet import reactor

        self.reactor: Any = reactor
        self.other = Answering()
        nodes = PeerFactory(regtest(), self.other, nonces=Nonces()), PeerFactory(regtest(), nonces=Nonces())
        self.port = yield listen(reactor, "tcp:0:interface=127.0.0.1", nodes[0])
        self.peer: Any = yield connect(reactor, f"127.0.0.1:{self.port.getHost().port}", nodes[1])
        yield self.peer.when_ready()
        (self.theirs,) = nodes[0].peers.values()

    @inlineCallbacks
    def tearDown(self) -> Any:
        self.peer.disconnect()
        yield gatherResults([self.peer.when_disconnected(), self.theirs.when_disconnected()])
        yield self.port.stopListening()
        # What the poller has said of the closed descriptors must not reach those of the next test: their numbers
        # are used anew.
        yield deferLater(self.reactor, 0)

    def in_thread(self, call: Callable[..., Any], *what: Any) -> Deferred[Any]:
        """What a thread of its own returns."""
        return deferToThread(call, *what)


class ManyThreadsTests(ThreadCase):
    """Eight threads, one peer."""

    @inlineCallbacks
    def test_all_at_once(self) -> Any:
        """Each gets the answers to its own questions, and what each sends arrives in its order."""
        ready = Barrier(THREADS)

        def work(number: int) -> int:
            ready.wait()
            peer, right = self.peer.threadsafe, 0
            for turn in range(ROUNDS):
                name = bytes([number, turn]) * 16
                peer.soon.send(Inv([InvVect(MSG_TX, name)]))
                (error,) = peer.request_blocks([name])
                right += isinstance(error, NotFound) and name[::-1].hex() in str(error)
                right += peer.ping() > 0
                right += peer.snapshot().state == "ready"
            return right

        done = yield gatherResults([self.in_thread(work, number) for number in range(THREADS)])
        self.assertEqual(done, [3 * ROUNDS] * THREADS)
        self.assertEqual(len(self.other.told), THREADS * ROUNDS)
        for number in range(THREADS):
            turns = [vector.hash[1] for vector in self.other.told if vector.hash[0] == number]
            self.assertEqual(turns, list(range(ROUNDS)))
        self.assertEqual(self.other.threads, {get_ident()})

    @inlineCallbacks
    def test_end(self) -> Any:
        """All that wait are told the reason when the peer ends, also if another thread has ended it."""
        ready = Barrier(THREADS)

        def work(number: int) -> Reason | None:
            peer = self.peer.threadsafe
            waits = peer.soon.request(GetAddr())
            ready.wait()
            peer.disconnect()
            error = waits.exception()
            assert isinstance(error, PeerLost)
            return error.reason

        done = yield gatherResults([self.in_thread(work, number) for number in range(THREADS)])
        self.assertEqual(done, [Reason.LOCAL_CLOSE] * THREADS)


class CallTests(ThreadCase):
    """What a thread can do."""

    @inlineCallbacks
    def test_blocking(self) -> Any:
        """Results are returned, errors raised, values looked up."""

        def work() -> None:
            peer = self.peer.threadsafe
            self.assertGreater(peer.ping(timeout=30.0), 0)
            self.assertIs(peer.state, State.READY)
            self.assertEqual(peer.update_last_block_height(7), None)
            self.assertEqual((peer.last_block, peer.id), (7, self.peer.id))
            self.assertEqual(str(peer), str(self.peer))
            self.assertRaises(LocalError, peer.request, Inv([]))
            self.assertRaises(LocalError, peer.send, object())
            self.assertRaises(AttributeError, lambda: peer.nothing_of_the_kind)
            self.assertRaises(AttributeError, lambda: peer._go_on)
            self.assertRaises(AttributeError, lambda: peer.soon.state)
            self.assertIs(peer.when_ready(), self.peer)

        yield self.in_thread(work)

    @inlineCallbacks
    def test_soon(self) -> Any:
        """A future can be asked later, in any thread."""
        future = yield self.in_thread(self.peer.threadsafe.soon.ping)
        self.assertIsInstance(future, Future)
        latency = yield self.in_thread(future.result)
        self.assertGreater(latency, 0)

    @inlineCallbacks
    def test_cancelled(self) -> Any:
        """To cancel a future frees the slot of its request."""

        def work() -> int:
            peer = self.peer.threadsafe
            future = peer.soon.request(GetAddr())
            before = peer.snapshot().open_requests
            self.assertTrue(future.cancel())
            self.assertRaises(CancelledError, future.result)
            return before - peer.snapshot().open_requests

        self.assertEqual((yield self.in_thread(work)), 1)

    def test_own_thread(self) -> None:
        """In the reactor's thread nothing can be waited for; `soon` can be used."""
        peer = self.peer.threadsafe
        for call in (peer.ping, lambda: peer.state):
            error = self.assertRaises(LocalError, call)
            self.assertIn("would wait for itself", str(error))
        self.assertIsInstance(peer.soon.send(Inv([InvVect(MSG_BLOCK, HASHES[0])])), Future)


@implementer(IReactorFromThreads)
class Turns(Clock):
    """A reactor whose turns the test takes."""

    running = True

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, ...]] = []

    def callFromThread(self, *call: Any) -> None:
        """See IReactorFromThreads."""
        self.calls.append(call)

    def turn(self) -> None:
        """Do what was asked for."""
        while self.calls:
            call, *what = self.calls.pop(0)
            call(*what)

    callInThread = getThreadPool = suggestThreadPoolSize = callFromThread


class RaceTests(SynchronousTestCase):
    """What happens between a thread and the reactor."""

    def setUp(self) -> None:
        self.reactor = Turns()
        self.peer = PeerFactory(regtest(), clock=self.reactor).build(inbound=False)
        self.soon = self.peer.threadsafe.soon

    def test_cancelled_before(self) -> None:
        """What is cancelled before the reactor comes to it is not done, and nobody waits for it."""
        future = self.soon.update_last_block_height(5)
        future.cancel()
        self.reactor.turn()
        self.assertIsNone(self.peer.last_block)
        self.assertEqual(wait([future], timeout=0).not_done, set())

    def test_cancelled_too_late(self) -> None:
        """What has happened meanwhile nobody is told who does not want to know, and nothing is complained of."""
        futures = [self.soon.when_ready(), self.soon.when_disconnected()]
        self.reactor.turn()
        for future in futures:
            future.cancel()
        self.peer._ready.fail(PeerLost("gone", Reason.RESET))
        self.peer._gone.fire(PeerLost("gone", Reason.RESET))
        self.assertTrue(all(future.cancelled() for future in futures))
        self.reactor.turn()

    def test_no_reactor(self) -> None:
        """A clock that is no reactor cannot help, nor can a reactor that does not run."""
        peer = PeerFactory(regtest(), clock=Clock()).build(inbound=False)
        self.assertRaises(LocalError, lambda: peer.threadsafe)
        self.reactor.running = False
        error = self.assertRaises(LocalError, self.soon.when_ready)
        self.assertIn("does not run", str(error))
