"""Headers for the peers that ask."""

from __future__ import annotations

from peerproto.errors import MalformedMessage
from peerproto.networks.bitcoin import GetHeaders, Headers, Pong
from peerproto.networks.bitcoin import Ping as PingMessage
from peerproto.node.answering import MOST_QUESTIONS
from peerproto.node.node import Node
from peerproto.testing import RawPeer
from tests.node_case import NETWORK, NodeCase, mined

RULES = NETWORK.chain
GENESIS = RULES.genesis_hash
FULL = 64 * 1024


class ServerCase(NodeCase):
    """A node with 4000 headers, and peers that ask it."""

    def setUp(self) -> None:
        super().setUp()
        self.served = self.node(mined(4000))

    def asker(self, *, node: Node | None = None) -> RawPeer:
        """A peer that has called us."""
        raw = self.raw(node or self.served, inbound=True)
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
        found = []
        for _ in range(20):
            self.clock.advance(0)
            found += self.answers(raw)
        self.assertEqual(found, [2000] * MOST_QUESTIONS)
        raw.send(self.question())
        self.clock.advance(0)
        self.assertEqual(self.answers(raw), [2000])

    def test_peer_that_does_not_read(self) -> None:
        """Who does not take an answer gets no other, and everything else still works."""
        raw, other = self.asker(), self.asker()
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
        """Answers that the system takes at once hold up nothing."""
        raw = self.asker()
        tip = RULES.block_hash(mined(4000)[-1])
        raw.send(*[self.question(tip)] * 5, PingMessage(7))
        self.clock.advance(0)
        written = raw.read()
        self.assertEqual([type(each) for each in written], [Pong, *[Headers] * 5])

    def test_peer_that_is_lost(self) -> None:
        """What a peer has asked is forgotten with it, whether it waits for its turn or for the transport."""
        waiting, blocked = self.asker(), self.asker()
        blocked.send(*[self.question()] * 3)
        self.clock.advance(0)
        waiting.send(*[self.question()] * 3)
        blocked.close()
        waiting.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.served.server._askers, {})

    def test_answer_that_goes_out_after_all(self) -> None:
        """A transport that is empty again after its peer was forgotten asks for nothing more."""
        raw = self.asker()
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
