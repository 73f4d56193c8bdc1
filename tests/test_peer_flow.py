"""Tests of how fast bytes go out: in order, no faster than they are taken, and what ends who takes none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IPushProducer
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from peerproto.errors import PeerError, PeerLost, Reason, SendQueueFull, SendStalled
from peerproto.forms.conversation import Timing
from peerproto.networks.bitcoin import MSG_BLOCK, GetAddr, Inv, InvVect, Ping, Pong
from peerproto.networks.bitcoin import NotFound as NotFoundMessage
from peerproto.peer.flow import BUFFER, RATE, SEND_BUDGET, Flow
from peerproto.peer.timers import Timers
from peerproto.testing import CALLED, CALLER, MemoryTransport
from tests.peer_case import PeerTestCase

BUDGET = 300_000
FULL = b"f" * (BUFFER + 1)
LOST = PeerLost("gone", Reason.RESET)


class FlowCase(SynchronousTestCase):
    """A flow to a transport that holds as much as TCP's."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.transport = MemoryTransport(CALLER, CALLED)
        self.ends: list[PeerError] = []
        self.flow = self.made(self.transport)

    def made(self, transport: Any) -> Flow:
        """A flow that has a connection."""
        flow = Flow(Timers(self.clock), Timing(), BUDGET, self.ends.append)
        flow.connect(transport)
        return flow

    def taken(self) -> bytes:
        """All that can be taken."""
        found = b""
        while data := self.transport.take():
            found += data
        return found


class OrderTests(FlowCase):
    """What waits, and for how long."""

    def test_is_a_producer(self) -> None:
        """The transport can tell it what it has to tell."""
        verifyObject(IPushProducer, self.flow)
        self.flow.stopProducing()

    def test_at_once(self) -> None:
        """What the transport has room for is with it at once."""
        for data in (b"a", b"b"):
            self.flow.give(data)
        self.assertEqual(bytes(self.transport.outgoing), b"ab")
        self.assertEqual((self.flow.waiting, self.flow.blocked), (0, False))

    def test_in_order(self) -> None:
        """What comes while it is full waits, and then goes out in order, about a buffer at a time."""
        self.flow.give(FULL)
        for number in range(100):
            self.flow.give(bytes([number]) * 2000)
        self.assertEqual((self.flow.waiting, self.flow.blocked), (200_000, True))
        self.assertEqual(self.transport.take(), FULL)
        self.assertEqual(len(self.transport.outgoing), 66_000)
        self.assertEqual(self.flow.waiting, 134_000)
        self.assertEqual(self.taken(), b"".join(bytes([number]) * 2000 for number in range(100)))
        self.assertEqual((self.flow.waiting, self.flow.blocked), (0, False))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_plain_transport(self) -> None:
        """A transport that knows no producers is written to as ever."""

        class Plain:
            written = b""

            def write(self, data: bytes) -> None:
                self.written += data

        transport = Plain()
        flow = self.made(transport)
        flow.give(FULL)
        flow.give(b"x")
        flow.close(drop=False)
        self.assertEqual(transport.written, FULL + b"x")


class LimitTests(FlowCase):
    """What ends a peer that does not take what it is sent."""

    def test_budget(self) -> None:
        """More than the budget does not wait: the peer is ended, and nothing more is kept."""
        self.flow.give(FULL)
        self.flow.give(b"x" * BUDGET)
        self.assertEqual(self.ends, [])
        self.flow.give(b"y")
        (error,) = self.ends
        self.assertIsInstance(error, SendQueueFull)
        self.assertEqual(str(error), f"{BUDGET} bytes wait for the peer, at most {BUDGET} allowed")
        self.flow.give(b"z")
        self.assertEqual((len(self.ends), self.flow.waiting), (1, BUDGET))

    def test_one_always_fits(self) -> None:
        """One message may be longer than the budget."""
        self.flow.give(FULL)
        self.flow.give(b"x" * (BUDGET + 1))
        self.assertEqual(self.ends, [])
        self.assertEqual(len(self.taken()), len(FULL) + BUDGET + 1)

    def test_deadline(self) -> None:
        """Twenty seconds without taking anything end the peer."""
        self.flow.give(FULL)
        self.clock.advance(19.9)
        self.assertEqual(self.ends, [])
        self.clock.advance(0.1)
        (error,) = self.ends
        self.assertIsInstance(error, SendStalled)
        self.assertEqual(error.reason, Reason.WRITE_STALL)

    def test_deadline_of_much(self) -> None:
        """A second more for each 256 KiB."""
        self.flow.give(b"x" * (4 * RATE))
        self.clock.advance(23.9)
        self.assertEqual(self.ends, [])
        self.clock.advance(0.2)
        self.assertEqual(len(self.ends), 1)

    def test_look_twice(self) -> None:
        """What is taken in the turn of the verdict counts."""
        self.flow.give(FULL)
        self.clock.callLater(20, self.taken)
        self.clock.advance(60)
        self.assertEqual((self.ends, self.clock.getDelayedCalls()), ([], []))

    def test_slow_but_steady(self) -> None:
        """Who takes a buffer each ten seconds stays, however much waits."""
        self.flow.give(FULL)
        self.flow.give(b"x" * 260_000)
        for _ in range(5):
            self.clock.advance(10)
            self.transport.take()
        self.assertEqual((self.ends, self.flow.waiting), ([], 0))


class DrainedTests(FlowCase):
    """Who wants to know when it is out."""

    def test_small(self) -> None:
        """Not while the transport holds it, though it has room."""
        self.flow.give(b"a")
        out = self.flow.drained()
        self.flow.give(b"b")
        self.assertNoResult(out)
        self.assertEqual(self.transport.take(), b"a")
        self.assertIsNone(self.successResultOf(out))
        self.assertEqual(self.transport.take(), b"b")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_each_in_turn(self) -> None:
        """Each fires for what was given before it, not later, not sooner."""
        self.flow.give(FULL)
        first = self.flow.drained()
        self.flow.give(FULL)
        second = self.flow.drained()
        self.transport.take()
        self.successResultOf(first)
        self.assertNoResult(second)
        self.transport.take()
        self.successResultOf(second)

    def test_two_in_one(self) -> None:
        """What goes out together is told together, and one behind it later."""
        self.flow.give(b"a")
        outs = [self.flow.drained()]
        for data in (b"b", b"c"):
            self.flow.give(data)
            outs.append(self.flow.drained())
        self.transport.take()
        self.successResultOf(outs[0])
        self.assertNoResult(outs[1])
        self.transport.take()
        self.assertEqual([self.successResultOf(out) for out in outs[1:]], [None, None])

    def test_in_the_middle(self) -> None:
        """A part that is taken is not all."""
        self.flow.give(b"abc")
        out = self.flow.drained()
        self.transport.take(2)
        self.assertNoResult(out)
        self.transport.take()
        self.successResultOf(out)

    def test_empty(self) -> None:
        """If all is out already, it fires at once."""
        self.successResultOf(self.flow.drained())
        self.flow.give(b"a")
        self.transport.take()
        self.successResultOf(self.flow.drained())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_overdue(self) -> None:
        """It has the same deadline."""
        self.flow.give(b"a")
        out = self.flow.drained()
        self.clock.advance(20)
        self.assertIsInstance(self.ends[0], SendStalled)
        self.flow.lost(LOST)
        self.assertIs(self.failureResultOf(out).value, LOST)

    def test_lost(self) -> None:
        """It never will be, if the connection ends; nor if it has."""
        self.flow.give(FULL)
        self.flow.give(b"a")
        out = self.flow.drained()
        self.flow.lost(LOST)
        self.assertIs(self.failureResultOf(out).value, LOST)
        self.assertIs(self.failureResultOf(self.flow.drained()).value, LOST)
        self.assertEqual(self.flow.waiting, 0)

    def test_cancelled(self) -> None:
        """Who cancels is not told; the others are."""
        self.flow.give(b"a")
        first, second = self.flow.drained(), self.flow.drained()
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.transport.take()
        self.successResultOf(second)


class CloseTests(FlowCase):
    """The end."""

    def test_nothing_waits(self) -> None:
        """The transport is left alone at once."""
        transport = StringTransport()
        flow = self.made(transport)
        self.assertIs(transport.producer, flow)
        flow.close(drop=False)
        self.assertIsNone(transport.producer)

    def test_what_waits_goes_out(self) -> None:
        """Then it is left alone; what is given after the end is not written."""
        transport = StringTransport()
        flow = self.made(transport)
        flow.pauseProducing()
        flow.give(b"last words")
        flow.close(drop=False)
        flow.give(b"too late")
        self.assertIs(transport.producer, flow)
        flow.resumeProducing()
        self.assertEqual((transport.value(), transport.producer), (b"last words", None))

    def test_dropped(self) -> None:
        """What nobody takes is not worth the memory."""
        self.flow.give(FULL)
        self.flow.give(b"x" * 1000)
        self.flow.close(drop=True)
        self.assertEqual(self.flow.waiting, 0)
        self.assertEqual(self.taken(), FULL)


class PeerTests(PeerTestCase):
    """The same of a whole peer."""

    def test_notify(self) -> None:
        """`send` tells when a message is out; before the handshake it waits, and then goes out first."""
        raw = self.raw()
        raw.read()
        out = raw.peer.send(GetAddr(), notify=True)
        raw.handshake()
        self.successResultOf(out)
        again = raw.peer.send(Ping(1), notify=True)
        self.assertNoResult(again)
        raw.read()
        self.successResultOf(again)

    def test_notify_after_the_end(self) -> None:
        """It fails with the reason, at once or when the connection ends."""
        raw = self.ready()
        out = raw.peer.send(Ping(1), notify=True)
        raw.close()
        self.failureResultOf(out, PeerLost)
        self.failureResultOf(raw.peer.send(Ping(2), notify=True), PeerLost)
        self.assertIsNone(raw.peer.send(Ping(2)))

    def test_drained(self) -> None:
        """A peer tells when all is out that was sent so far, also a listener that has sent nothing."""
        outs: list[Any] = []

        class Asks:
            def on_inv(self, peer: Any, message: Any) -> None:
                outs.append(peer.drained())

        raw = self.ready(listener=Asks())
        raw.send(Inv([]))
        raw.peer.send(Ping(1))
        outs.append(raw.peer.drained())
        self.successResultOf(outs[0])
        self.assertNoResult(outs[1])
        self.assertTrue(raw.peer.is_blocked)
        raw.read()
        self.successResultOf(outs[1])
        self.assertFalse(raw.peer.is_blocked)

    def test_notify_within_a_chunk(self) -> None:
        """A listener may ask for it while a chunk is handled: what was held is written before."""
        outs: list[Any] = []

        class Answers:
            def on_ping(self, peer: Any, message: Any) -> None:
                outs.append(peer.send(Ping(message.nonce + 1), notify=True))

        raw = self.ready(listener=Answers())
        raw.send(Ping(5), Ping(7))
        self.assertEqual(raw.read(), [Pong(5), Ping(6), Pong(7), Ping(8)])
        self.assertEqual([self.successResultOf(out) for out in outs], [None, None])

    def test_a_peer_that_does_not_read(self) -> None:
        """Who pings and reads no pong is ended after the time that the bytes have, with little in memory."""
        raw = self.ready()
        pings = b"".join(raw.frame(Ping(number)) for number in range(2000))
        for _ in range(10):
            raw.peer.dataReceived(pings)
        self.assertLess(len(raw.transport.outgoing), 2 * BUFFER)
        self.assertTrue(raw.peer.outbox.flow.blocked)
        self.let_pass(21)
        self.assertEqual(self.why(raw).reason, Reason.WRITE_STALL)
        self.let_pass(5)
        self.assertTrue(raw.transport.aborted)
        raw.close()

    def test_budget_of_a_peer(self) -> None:
        """What may wait for a peer is an option; what cannot be told any more is not."""
        raw = self.ready(send_budget=200_000)
        vectors = NotFoundMessage([InvVect(MSG_BLOCK, bytes(32))] * 2000)
        for _ in range(20):
            raw.peer.send(vectors)
        self.assertEqual(self.why(raw).reason, Reason.SEND_QUEUE_FULL)
        self.assertLess(raw.peer.outbox.flow.waiting + len(raw.transport.outgoing), 300_000)

    def test_much_in_one_chunk(self) -> None:
        """Answers to one chunk are not piled up without bounds before they are written."""

        class Answers:
            def on_ping(self, peer: Any, message: Any) -> None:
                peer.send(NotFoundMessage([InvVect(MSG_BLOCK, bytes(32))] * 1000))

        raw = self.ready(listener=Answers(), send_budget=100_000)
        raw.send(*[Ping(number) for number in range(50)])
        self.assertEqual(self.why(raw).reason, Reason.SEND_QUEUE_FULL)

    def test_default(self) -> None:
        """40 MiB may wait, and 20 seconds pass."""
        raw = self.ready()
        self.assertEqual((raw.peer.factory.send_budget, raw.peer.factory.timing.write), (SEND_BUDGET, 20.0))
        quick = self.ready(timing=replace(Timing(), write=2.0))
        quick.peer.send(NotFoundMessage([InvVect(MSG_BLOCK, bytes(32))] * 5000))
        self.let_pass(3)
        self.assertEqual(self.why(quick).reason, Reason.WRITE_STALL)
