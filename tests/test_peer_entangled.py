"""Listeners, and those who wait for a peer, that get in each other's way."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.error import ConnectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from peerproto.errors import ListenerFailed, Misled, PeerLost, PeerStalled, Reason
from peerproto.networks.bitcoin import (
    Addr,
    GetAddr,
    Inv,
    MemPool,
    Ping,
    Pong,
    VerAck,
)
from peerproto.networks.bitcoin.filters import CFilter, GetCFilters
from peerproto.testing import RawPeer, Recorder
from tests.peer_case import HASHES, PeerTestCase


class CancelTests(PeerTestCase):
    """Who is told of the end cancels what others wait for."""

    def test_what_was_to_be_out(self) -> None:
        """All are told all the same, once: of two messages that will never be out, and of the peer's end."""
        raw = self.ready()
        peer = raw.peer
        first, second = peer.send(GetAddr(), notify=True), peer.send(GetAddr(), notify=True)
        first.addErrback(lambda _: second.cancel())
        gone, waiting = peer.when_disconnected(), peer.request(MemPool())
        raw.close()
        self.successResultOf(first)
        self.failureResultOf(second)
        self.assertIs(self.successResultOf(gone).reason, Reason.CLOSED_BY_PEER)
        self.failureResultOf(waiting, PeerLost)


class AskingTests(PeerTestCase):
    """A listener that asks waits for an answer, for which the peer must be read."""

    def answer_pings(self, raw: RawPeer) -> None:
        """Time passes, in which pings are answered as long as the peer is read."""
        for _ in range(10):
            self.clock.advance(1)
            if raw.transport.reading:
                raw.send(*[Pong(message.nonce) for message in raw.read() if isinstance(message, Ping)])

    def test_before_it_is_ready(self) -> None:
        """One that asks in the middle of the handshake does not keep that from being done."""
        latencies: list[float] = []

        class Listener:
            async def on_version(self, peer: Any, message: Any) -> None:
                latencies.append(await peer.ping())

        raw = self.raw(listener=Listener())
        raw.send(raw.version(), VerAck())
        self.answer_pings(raw)
        self.assertEqual((len(latencies), raw.peer.ending), (1, None))

    def test_any_kind(self) -> None:
        """It may be a coroutine, a generator of `inlineCallbacks`, or return a chain of Deferreds."""
        latencies: list[float] = []

        def pause(peer: Any) -> Deferred[None]:
            return deferLater(peer.clock, 1, lambda: None)

        async def coroutine(peer: Any, message: Any) -> None:
            await pause(peer)
            latencies.append(await peer.ping())

        @inlineCallbacks
        def generator(peer: Any, message: Any) -> Any:
            yield pause(peer)
            latencies.append((yield peer.ping()))

        def chain(peer: Any, message: Any) -> Deferred[None]:
            return pause(peer).addCallback(lambda _: peer.ping()).addCallback(latencies.append)

        for count, call in enumerate((coroutine, generator, chain), 1):
            raw = self.ready(listener=SimpleNamespace(on_getaddr=call))
            raw.send(GetAddr())
            self.answer_pings(raw)
            self.assertEqual((len(latencies), raw.peer.ending), (count, None), call)

    def test_each_other(self) -> None:
        """Two that were called for two peers, and each asks the other one, have their answers."""
        latencies: list[float] = []
        raws: list[RawPeer] = []

        async def ask_the_other(peer: Any, message: Any) -> None:
            (other,) = [raw.peer for raw in raws if raw.peer is not peer]
            await deferLater(peer.clock, 1, lambda: None)
            latencies.append(await other.ping())

        raws += [self.ready(listener=SimpleNamespace(on_getaddr=ask_the_other)) for _ in range(2)]
        for raw in raws:
            raw.send(GetAddr())
        for raw in raws * 2:
            self.answer_pings(raw)
        self.assertEqual(len(latencies), 2)


class EndTests(PeerTestCase):
    """What comes after the end is not handled, nor is anything left."""

    def test_at_work_when_it_ends(self) -> None:
        """A coroutine that ends the peer and goes on is not waited for; what came behind it is not handled."""
        work: Deferred[None] = Deferred()

        async def end(peer: Any, message: Any) -> None:
            peer.disconnect()
            await work

        raw = self.ready(listener=Recorder())
        raw.peer.add_listener(SimpleNamespace(on_getaddr=end))
        raw.send(GetAddr(), MemPool())
        self.assertFalse(raw.peer.inbox.is_at_work)
        raw.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        work.callback(None)
        self.clock.advance(0)
        self.assertNotIn("on_mempool", self.heard(raw).names)
        self.assertEqual(self.heard(raw).names[-1], "on_lost")

    def test_lost_while_a_listener_hears(self) -> None:
        """So it is if the connection goes away within a call of a listener."""

        def lose(peer: Any, message: Any) -> Deferred[None]:
            peer.connectionLost(Failure(ConnectionDone()))
            return Deferred()

        raw = self.ready(listener=Recorder())
        raw.peer.add_listener(SimpleNamespace(on_getaddr=lose))
        raw.send(GetAddr(), MemPool())
        self.assertEqual(self.heard(raw).names[-1], "on_lost")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_by_who_sees_every_frame(self) -> None:
        """What is seen, and the peer ended for it, is not handled."""
        raw = self.ready(listener=Recorder())

        class Watcher:
            def on_read(self, peer: Any, size: int, message: Any, error: Any) -> None:
                peer.disconnect()

        raw.peer.add_listener(Watcher())
        raw.send(Addr([]))
        self.assertNotIn("on_addr", self.heard(raw).names)

    def test_wants_to_wait_at_the_end(self) -> None:
        """Who hears of the end, and would wait until all is out, is told that it never will be."""
        drained: list[Deferred[None]] = []
        raw = self.ready(listener=Recorder({"on_lost": lambda peer, _: drained.append(peer.drained())}))
        raw.close()
        self.failureResultOf(drained[0], PeerLost)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_everybody_hears_of_it(self) -> None:
        """One that fails when it hears of the end keeps nobody behind it from that; who has been removed does not."""
        raw, other, removed = self.ready(listener=Recorder()), Recorder(), Recorder()

        def fail(peer: Any, error: Any) -> None:
            peer.remove_listener(removed)
            raise ZeroDivisionError

        for each in (Recorder({"on_lost": fail}), other, removed):
            raw.peer.add_listener(each)
        raw.close()
        self.assertEqual((other.names[-1], removed.names), ("on_lost", []))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_out_before_the_end(self) -> None:
        """What was sent before the end, and goes out, is told to have gone out."""
        raw = self.ready()
        out = raw.peer.send(Inv([]), notify=True)
        raw.peer.disconnect()
        raw.transport.take()
        self.successResultOf(out)
        self.assertTrue(raw.hung_up)


class TroubleTests(PeerTestCase):
    """What a listener raises, and what a peer does not end."""

    def test_who_sees_what_goes_out(self) -> None:
        """An error of a listener's ends the peer, and is not the sender's."""

        def fail(peer: Any, size: int, message: Any, error: Any) -> None:
            if isinstance(message, Inv):
                raise ZeroDivisionError

        raw = self.ready(listener=Recorder())
        raw.peer.add_listener(SimpleNamespace(on_write=fail))
        raw.peer.send(Inv([]))
        self.assertIsInstance(raw.peer.ending, ListenerFailed)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_answer_without_an_end(self) -> None:
        """Filters that come and come, and the last one never, end the peer before they fill the memory."""
        raw = self.ready()
        waiting = raw.peer.request(GetCFilters(0, 1, HASHES[0]))
        most = raw.peer.network.expects[GetCFilters].most
        for _ in range(most):
            raw.send(CFilter(0, HASHES[1], b""))
        self.assertIsNone(raw.peer.ending)
        raw.send(CFilter(0, HASHES[1], b""))
        self.assertIsInstance(raw.peer.ending, Misled)
        self.assertIn(f"more than {most} cfilter came for one getcfilters", str(raw.peer.ending))
        raw.close()
        self.failureResultOf(waiting, Misled, PeerStalled)
