"""Tests of what is held against peers for what they send."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from peerproto import networks
from peerproto.errors import Discredited
from peerproto.networks import decred, soter
from peerproto.networks.bitcoin import (
    MSG_BLOCK,
    MSG_TX,
    GetData,
    InvVect,
    MemPool,
    NotFound,
    Ping,
    Pong,
    SendHeaders,
)
from peerproto.peer.score import Judge
from peerproto.testing import RawPeer, Recorder, memory_factory
from tests.peer_case import HASHES, PeerTestCase


class CostTests(PeerTestCase):
    """Questions that cost us something."""

    def many(self, count: int) -> GetData:
        """A question for so many things."""
        return GetData([InvVect(MSG_TX, HASHES[0])] * count)

    def test_getdata(self) -> None:
        """Row 33: a full getdata is nearly the threshold, two in a row are more; the second is not heard any more."""
        raw = self.ready()
        raw.send(self.many(50_000))
        self.assertEqual((raw.peer.score, raw.hung_up), (99, False))
        raw.send(self.many(50_000), Ping(1))
        self.assertIsInstance(self.why(raw), Discredited)
        self.assertEqual(str(self.why(raw)), "score of 198, 100 allowed; the last for getdata")
        self.assertEqual(self.heard(raw).names.count("on_getdata"), 1)
        self.assertEqual(raw.read(), [])

    def test_small(self) -> None:
        """A small one costs nothing."""
        raw = self.ready()
        raw.send(self.many(505))
        self.assertEqual((raw.peer.score, self.heard(raw).names[-1]), (0, "on_getdata"))

    def test_forgotten(self) -> None:
        """Who waits a while may ask again."""
        raw = self.ready()
        for _ in range(3):
            raw.send(self.many(25_000))
            self.clock.advance(60)
        self.assertFalse(raw.hung_up)
        self.assertEqual(raw.peer.score, 42)

    def test_mempool(self) -> None:
        """33 points each time, where filters are offered."""
        raw = self.ready(services=4)
        raw.send(MemPool(), MemPool(), MemPool())
        self.assertEqual((raw.peer.score, raw.hung_up), (99, False))
        raw.send(MemPool())
        self.assertIsInstance(self.why(raw), Discredited)

    def test_core(self) -> None:
        """By Core's policy nothing of that costs anything."""
        raw = self.ready("core", services=4)
        raw.send(*[self.many(50_000)] * 3, *[MemPool()] * 5, Ping(1))
        self.assertEqual((raw.peer.score, raw.read()), (0, [Pong(1)]))

    def test_duties_stay(self) -> None:
        """What the peer does of itself about such a message it still does."""
        raw = self.ready("soterd", family="soter", listener=object(), services=4)
        raw.send(soter.MemPool())
        self.assertEqual((raw.peer.score, raw.read()), (33, [soter.Inv([])]))

    def test_decred(self) -> None:
        """dcrd's mempool needs no service."""
        raw = RawPeer(memory_factory(networks.named("decred-simnet"), Recorder(), clock=self.clock))
        self._raws.append(raw)
        raw.handshake()
        raw.send(decred.MemPool())
        self.assertEqual((raw.peer.score, self.heard(raw).names[-1]), (33, "on_mempool"))

    def test_function_lets_it_pass(self) -> None:
        """If the verdict is not to end the peer, the message is heard."""
        raw = self.ready(judge=Judge(10, "log"))
        raw.send(self.many(50_000))
        self.assertEqual(self.heard(raw).names[-1], "on_getdata")


class MissingTests(PeerTestCase):
    """Row 46: notfound for what nobody asked."""

    blocks = [InvVect(MSG_BLOCK, item) for item in HASHES]
    transactions = [InvVect(MSG_TX, item) for item in HASHES]

    def score(self, *, ask: Callable[[Any], Any] | None = None, policy: str = "btcd") -> int:
        """The score of a peer that says that a block and two transactions are missing."""
        raw = self.ready(policy)
        if ask is not None:
            waiting = ask(raw.peer)
            if waiting is not None:
                waiting.addErrback(lambda _: None)
        raw.send(NotFound([self.blocks[0], *self.transactions[:2]]))
        self.assertEqual(self.heard(raw).names[-1], "on_notfound")
        return raw.peer.score

    def test_unasked(self) -> None:
        """20 points a block, which stay, and 10 a transaction, which are forgotten."""
        self.assertEqual(self.score(), 40)
        self.assertEqual(self.score(policy="core"), 0)

    def test_parts(self) -> None:
        """Six blocks are too much, and so are eleven transactions; other things count nothing."""
        for vectors in ([self.blocks[0]] * 6, [self.transactions[0]] * 11):
            raw = self.ready()
            raw.send(NotFound(vectors))
            self.assertIsInstance(self.why(raw), Discredited)
        raw = self.ready()
        raw.send(NotFound([InvVect(3, HASHES[0])] * 20))
        self.assertEqual((raw.peer.score, raw.hung_up), (0, False))
        self.assertIn("on_notfound", self.heard(raw).names)

    def test_words(self) -> None:
        """The log tells what it was for."""
        raw = self.ready()
        raw.send(NotFound([self.blocks[0]] * 6))
        self.assertEqual(
            str(self.why(raw)),
            "score of 120, 100 allowed; the last for notfound of 6 block that nobody asked for",
        )

    def test_asked(self) -> None:
        """What was asked may be missing: it is an answer."""
        wanted = GetData([self.blocks[0], *self.transactions[:2]])
        self.assertEqual(self.score(ask=lambda peer: peer.request(wanted)), 0)
        self.assertEqual(self.score(ask=lambda peer: peer.send(wanted)), 0)

    def test_asked_in_part(self) -> None:
        """What was not asked counts beside what was."""
        raw = self.ready(policy="btcd")
        network = raw.peer.network
        self.assertTrue(network.expects[GetData].grouped)
        waiting = raw.peer.request(GetData([self.blocks[0]]))
        raw.send(NotFound([self.blocks[0]]))
        self.successResultOf(waiting)
        raw.send(NotFound([self.blocks[0]]))
        self.assertEqual(raw.peer.score, 20)

    def test_decred(self) -> None:
        """On a network that watches each thing by itself, each is looked up by itself."""
        raw = RawPeer(memory_factory(networks.named("decred-simnet"), Recorder(), clock=self.clock))
        self._raws.append(raw)
        raw.handshake()
        raw.peer.send(decred.GetData([decred.InvVect(decred.MSG_BLOCK, HASHES[0])]))
        raw.send(decred.NotFound([decred.InvVect(decred.MSG_BLOCK, item) for item in HASHES[:2]]))
        self.assertEqual(raw.peer.score, 20)

    def test_greeting_is_free(self) -> None:
        """All else costs nothing."""
        raw = self.ready()
        raw.send(SendHeaders(), Ping(1), Pong(2))
        self.assertEqual(raw.peer.score, 0)
