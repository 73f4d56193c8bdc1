"""Headers for the peers that ask."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IPushProducer
from zope.interface.verify import verifyObject

from peerproto.errors import MalformedMessage
from peerproto.networks.bitcoin import GetHeaders, Headers, Pong
from peerproto.networks.bitcoin import Ping as PingMessage
from peerproto.node.headerserver import MOST_QUESTIONS
from peerproto.node.node import Node
from peerproto.testing import MemoryTransport, RawPeer
from tests.node_case import NETWORK, NodeCase, mined

RULES = NETWORK.chain
GENESIS = RULES.genesis_hash
FULL = 64 * 1024


class BufferedTransport(MemoryTransport):
    """A transport that tells its producer when it is full, as those of Twisted do; `take` empties it."""

    producer: Any = None
    paused = False

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """See IConsumer."""
        if self.producer is not None or not streaming:
            raise RuntimeError("there is a producer already")
        self.producer = producer

    def unregisterProducer(self) -> None:
        """See IConsumer."""
        self.producer = None

    def write(self, data: bytes) -> None:
        """See ITransport."""
        super().write(data)
        if len(self.outgoing) > FULL and self.producer is not None and not self.paused:
            self.paused = True
            self.producer.pauseProducing()

    def take(self, most: int | None = None) -> bytes:
        """Once all is taken, the producer may go on."""
        taken = super().take(most)
        if not self.outgoing and self.paused:
            self.paused = False
            self.producer.resumeProducing()
        return taken


class ServerCase(NodeCase):
    """A node with 4000 headers, and peers that ask it."""

    def setUp(self) -> None:
        super().setUp()
        self.served = self.node(mined(4000))

    def asker(self, *, buffered: bool = False, node: Node | None = None) -> RawPeer:
        """A peer that has called us; over a transport that can be full, or one that cannot."""
        raw = self.raw(node or self.served, inbound=True)
        if buffered:
            transport = BufferedTransport(raw.transport.getHost(), raw.transport.getPeer())
            raw.transport = raw.peer.transport = raw.peer.outbox.transport = transport
        raw.handshake()
        raw.read()
        return raw

    def question(self, *locator: bytes, stop: bytes = bytes(32)) -> GetHeaders:
        """One for what is behind a locator."""
        return GetHeaders(70016, list(locator or [GENESIS]), stop)

    def turn(self) -> None:
        """One turn of the reactor: what is added meanwhile waits for the next."""
        due = [call for call in self.clock.getDelayedCalls() if call.getTime() <= self.clock.seconds()]
        for call in due:
            work, arguments = call.func, call.args  # type: ignore[attr-defined]
            call.cancel()
            work(*arguments)

    def answers(self, raw: RawPeer) -> list[int]:
        """How many headers each answer has that came since the last reading."""
        return [len(NETWORK.headers.brought(each)) for each in raw.read() if isinstance(each, Headers)]


class AnswerTests(ServerCase):
    """What the answer to a question is."""

    def ask(self, raw: RawPeer, *locator: bytes, stop: bytes = bytes(32)) -> list[bytes]:
        """The headers of the answer, serialized."""
        raw.send(GetHeaders(70016, list(locator), stop))
        self.clock.advance(0)
        (answer,) = [each for each in raw.read() if isinstance(each, Headers)]
        return NETWORK.headers.brought(answer)

    def test_behind_the_locator(self) -> None:
        """The headers behind the newest hash that is ours come, at most 2000."""
        known = [RULES.block_hash(header) for header in mined(4000)]
        raw = self.asker()
        self.assertEqual(self.ask(raw, GENESIS), mined(4000)[:2000])
        self.assertEqual(self.ask(raw, bytes(32), known[2999], GENESIS), mined(4000)[3000:])
        self.assertEqual(self.ask(raw, known[9], stop=known[19]), mined(4000)[10:20])
        self.assertEqual(self.ask(raw, known[3999]), [])

    def test_nothing_in_common(self) -> None:
        """Who knows none of ours gets them from the beginning; without any locator, the one header named."""
        raw = self.asker()
        self.assertEqual(self.ask(raw, b"x" * 32), mined(4000)[:2000])
        self.assertEqual(self.ask(raw, stop=RULES.block_hash(mined(4000)[2])), mined(4000)[2:3])
        self.assertEqual(self.ask(raw), [])

    def test_over_both_kinds_of_transport(self) -> None:
        """It is the same over a transport that can be full."""
        raw = self.asker(buffered=True)
        self.assertEqual(self.ask(raw, GENESIS), mined(4000)[:2000])
        self.assertEqual(self.ask(raw, RULES.block_hash(mined(4000)[3989])), mined(4000)[3990:])

    def test_whom_we_have_called(self) -> None:
        """A peer that we have called may ask as well."""
        self.assertEqual(len(self.ask(self.peer(self.served), GENESIS)), 2000)

    def test_malformed(self) -> None:
        """A question that is malformed ends its peer when it comes."""
        raw = self.asker()
        raw.send(NETWORK.envelope.wrap(b"getheaders".ljust(12, b"\0"), b"\1\2\3"))
        self.assertIsInstance(raw.peer.ending, MalformedMessage)

    def test_nothing_is_owed(self) -> None:
        """An answer owes us nothing."""
        raw = self.asker()
        self.ask(raw, GENESIS)
        self.assertEqual(len(raw.peer.pending), 0)


class FloodTests(ServerCase):
    """Peers that ask too much."""

    def test_one_answer_a_turn(self) -> None:
        """Each peer has one answer a turn, so that none waits for all of another's."""
        greedy, modest = self.asker(), self.asker()
        greedy.send(*[self.question()] * 3)
        modest.send(self.question())
        self.turn()
        self.assertEqual((self.answers(greedy), self.answers(modest)), ([2000], [2000]))
        self.turn()
        self.assertEqual((self.answers(greedy), self.answers(modest)), ([2000], []))
        self.clock.advance(0)
        self.assertEqual(self.answers(greedy), [2000])

    def test_too_many_questions(self) -> None:
        """Ten may wait; the others are not answered."""
        raw = self.asker()
        raw.send(*[self.question()] * 500)
        self.clock.advance(0)
        self.assertEqual(self.answers(raw), [2000] * MOST_QUESTIONS)
        raw.send(self.question())
        self.clock.advance(0)
        self.assertEqual(self.answers(raw), [2000])

    def test_peer_that_does_not_read(self) -> None:
        """Who does not take an answer gets no other, and everything else still works."""
        raw, other = self.asker(buffered=True), self.asker(buffered=True)
        for _ in range(100):
            raw.send(self.question())
            self.clock.advance(0)
        self.assertLess(len(raw.transport.outgoing), 3 * FULL)
        other.send(self.question())
        self.clock.advance(0)
        self.assertEqual(self.answers(other), [2000])
        self.assertEqual(self.answers(raw), [2000])
        self.clock.advance(0)
        self.assertEqual(self.answers(raw), [2000])

    def test_small_answers(self) -> None:
        """Answers that the system takes at once hold up nothing, and leave no producer behind."""
        raw = self.asker(buffered=True)
        tip = RULES.block_hash(mined(4000)[-1])
        raw.send(*[self.question(tip)] * 5, PingMessage(7))
        self.clock.advance(0)
        written = raw.read()
        self.assertEqual([type(each) for each in written], [Pong, *[Headers] * 5])
        self.assertIsNone(raw.transport.producer)  # type: ignore[attr-defined]

    def test_producer(self) -> None:
        """A transport has us for its producer only while an answer is on its way."""
        raw = self.asker(buffered=True)
        transport: Any = raw.transport
        raw.send(self.question())
        self.clock.advance(0)
        self.assertTrue(verifyObject(IPushProducer, transport.producer))
        raw.read()
        self.assertIsNone(transport.producer)

    def test_peer_that_is_lost(self) -> None:
        """What a peer has asked is forgotten with it, whether it waits for its turn or for the transport."""
        waiting, blocked = self.asker(), self.asker(buffered=True)
        blocked.send(*[self.question()] * 3)
        self.clock.advance(0)
        waiting.send(*[self.question()] * 3)
        transport: Any = blocked.transport
        transport.producer.stopProducing()
        blocked.close()
        waiting.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.served.server._askers, {})

    def test_answer_that_goes_out_after_all(self) -> None:
        """A transport that is empty again after its peer was forgotten asks for nothing more."""
        raw = self.asker(buffered=True)
        raw.send(*[self.question()] * 3)
        self.clock.advance(0)
        self.served.server.forget(raw.peer)
        self.assertEqual(self.answers(raw), [2000])
        self.assertEqual(self.answers(raw), [])

    def test_stop(self) -> None:
        """After a stop nobody is answered."""
        raw = self.asker()
        raw.send(*[self.question()] * 3)
        self.served.stop()
        self.clock.advance(0)
        self.assertEqual(self.answers(raw), [])
