"""NEO's headers followed and served, whatever the ways of the node at the other end."""

from __future__ import annotations

from functools import cache
from typing import Any

from peerproto import networks
from peerproto.errors import Reason
from peerproto.networks.neo import INV_BLOCK, GetHeaders, Headers, Inv, Ping, VerAck, Version
from peerproto.networks.neo.chains import unpack
from peerproto.node.headerasking import CHATTER, OWED
from peerproto.node.headerchain import HeaderChain
from peerproto.node.headerstore import HeaderStore
from peerproto.node.mining import mine
from peerproto.node.node import Node
from peerproto.testing import RawPeer
from tests.node_case import NOW, NodeCase

NETWORK = networks.named("neo-privnet")
RULES = NETWORK.chain
SYNC = NETWORK.headers
PAUSE = SYNC.pause


@cache
def made(count: int, salt: bytes = b"") -> list[bytes]:
    """So many headers after genesis; other salt, other headers."""
    return list(mine(RULES, count, salt=salt))


def hash_at(height: int, salt: bytes = b"") -> bytes:
    """The hash of a header that is made."""
    return RULES.block_hash(made(height, salt)[-1]) if height else RULES.genesis_hash


def bring(headers: list[bytes]) -> Headers:
    """The message that brings them."""
    return Headers([unpack(header) for header in headers])


class NeoNodeCase(NodeCase):
    """Nodes of a private net."""

    def chain(self, headers: list[bytes] | None = None) -> HeaderChain:
        store = HeaderStore(":memory:", RULES)
        self.addCleanup(store.close)
        chain = HeaderChain(store, RULES, lambda: NOW)
        if headers:
            chain.add(headers)
        return chain

    def node(self, headers: list[bytes] | None = None, **options: Any) -> Node:
        return super().node(headers, **{"network": NETWORK, **options})

    def peer(self, node: Node, **says: Any) -> RawPeer:
        """A peer that has been asked for the first time."""
        raw = super().peer(node, **says)
        self.clock.advance(PAUSE)
        raw.read()
        return raw

    def asked(self, raw: RawPeer) -> list[bytes]:
        """The starts of the questions that have come since the last reading, one each."""
        questions = [message for message in raw.read() if isinstance(message, GetHeaders)]
        for question in questions:
            self.assertEqual((len(question.hash_start), question.hash_stop), (1, bytes(32)))
        return [question.hash_start[0] for question in questions]


class AskingTests(NeoNodeCase):
    """What is asked."""

    def test_relay(self) -> None:
        """Without relay nodes would announce no blocks either, so we ask for it."""
        version = self.raw(self.node()).read()[0]
        assert isinstance(version, Version)
        self.assertTrue(version.relay)

    def test_one_start(self) -> None:
        """A new peer is asked for what is behind our tip, a moment after the handshake, and is told no other hash."""
        raw = self.raw(self.node(made(30)))
        written = raw.handshake(height=500)
        self.assertEqual(written[-1], VerAck())
        self.clock.advance(PAUSE - 0.01)
        self.assertEqual(raw.read(), [])
        self.clock.advance(0.01)
        self.assertEqual(raw.read(), [GetHeaders([hash_at(30)], bytes(32))])

    def test_announced_in_the_pause(self) -> None:
        """Who announces a block before that is asked at once, and not again."""
        raw = self.raw(self.node(made(30)))
        raw.handshake(height=30)
        raw.send(Inv(INV_BLOCK, [hash_at(31)]))
        self.assertEqual(self.asked(raw), [hash_at(30)])
        self.clock.advance(PAUSE)
        self.assertEqual(self.asked(raw), [])

    def test_ends_in_the_pause(self) -> None:
        """Who ends before that is asked nothing."""
        raw = self.raw(self.node(made(30)))
        raw.handshake(height=30)
        raw.close()
        self.clock.advance(PAUSE)
        self.assertEqual(self.asked(raw), [])

    def test_few_at_a_time(self) -> None:
        """Who brings 500 and keeps its newest to itself is asked until nothing more is to be had."""
        finished: list[Any] = []
        node = self.node(finished=finished.append)
        raw = self.peer(node, height=1203)
        for height in (500, 1000):
            raw.send(bring(made(1203)[height - 500 : height]))
            self.assertEqual(self.asked(raw), [hash_at(height)])
        self.assertEqual(finished, [])
        raw.send(bring(made(1203)[1000:1202]))
        self.assertEqual((node.chain.height, self.asked(raw), finished), (1202, [], [raw.peer]))

    def test_full(self) -> None:
        """Who brings 2000 is asked for more, whatever it has announced; but if it has announced no more we are through,
        for it may be silent then.
        """
        finished: list[Any] = []
        node = self.node(finished=finished.append)
        raw = self.peer(node, height=2000)
        raw.send(bring(made(2003)[:2000]))
        self.assertEqual((self.asked(raw), finished), ([hash_at(2000)], [raw.peer]))
        raw.send(bring(made(2003)[2000:]))
        self.assertEqual((node.chain.height, self.asked(raw), finished), (2003, [], [raw.peer, raw.peer]))
        other = self.peer(self.node(finished=finished.append), height=2003)
        other.send(bring(made(2003)[:2000]))
        self.assertEqual((self.asked(other), len(finished)), ([hash_at(2000)], 2))

    def test_nothing_new(self) -> None:
        """Who brings what we have already is not asked again."""
        finished: list[Any] = []
        raw = self.peer(self.node(made(40), finished=finished.append), height=900)
        raw.send(bring(made(40)[20:]))
        self.assertEqual((self.asked(raw), finished), ([], [raw.peer]))

    def test_announced(self) -> None:
        """A block that is announced is asked for by our tip; who keeps its newest brings the one before."""
        node = self.node(made(40))
        raw = self.peer(node, height=40)
        raw.send(Inv(INV_BLOCK, [hash_at(42)]))
        self.assertEqual(self.asked(raw), [hash_at(40)])
        raw.send(bring(made(42)[40:41]))
        self.assertEqual((node.chain.height, self.asked(raw)), (41, []))

    def test_empty_at_the_tip(self) -> None:
        """An empty message of a node that is one ahead says only that it keeps its newest to itself."""
        finished: list[Any] = []
        for height in (0, 40):
            raw = self.peer(self.node(made(height), finished=finished.append), height=height + 1)
            raw.send(bring([]))
            self.assertEqual((self.asked(raw), finished.pop(), raw.peer.ending), ([], raw.peer, None))

    def test_silent_at_the_tip(self) -> None:
        """A node that has no more than we may be silent for ever."""
        raw = self.peer(self.node(made(40)), height=40)
        for _ in range(100):
            self.clock.advance(3)
            raw.send(Ping(40, 0, 1))
        self.assertEqual((self.asked(raw), raw.peer.ending), ([], None))


class OtherChainTests(NeoNodeCase):
    """A peer that does not know our tip."""

    def test_older_starts(self) -> None:
        """It says nothing, or brings nothing: older starts are tried until it brings some, then it goes on there."""
        for silent in (True, False):
            node = self.node(made(13))
            raw = self.peer(node, height=900)
            for start in [*range(12, 3, -1), 2]:
                if silent:
                    self.clock.advance(OWED)
                else:
                    raw.send(bring([]))
                self.assertEqual(self.asked(raw), [hash_at(start)])
            raw.send(bring([*made(2), *mine(RULES, 9, start=made(2)[-1], height=2, salt=b"new")][2:]))
            (start,) = self.asked(raw)
            self.assertEqual((node.chain.height, node.chain.contains(start)), (13, True))
            self.assertNotIn(start, [RULES.block_hash(header) for header in made(13)])
            branch = [*mine(RULES, 30, start=made(2)[-1], height=2, salt=b"new")]
            raw.send(bring(branch[9:]))
            self.assertEqual((node.chain.height, self.asked(raw)), (32, [hash_of(branch[-1])]))
            raw.close()

    def test_slow(self) -> None:
        """While an answer trickles in nothing else is asked; what stops to come is not waited for."""
        raw = self.peer(self.node(made(13)), height=900)
        frame = NETWORK.codec().encode(bring(list(mine(RULES, 200, start=made(13)[-1], height=13))))
        self.assertGreater(len(frame), 5 * CHATTER)
        for at in range(0, 4 * CHATTER, CHATTER + 1):
            self.clock.advance(OWED - 0.01)
            raw.send(frame[at : at + CHATTER + 1])
            self.clock.advance(0.01)
            self.assertEqual(self.asked(raw), [])
        self.clock.advance(OWED)
        self.assertEqual(self.asked(raw), [hash_at(12)])

    def test_knows_none(self) -> None:
        """Who brings nothing even behind genesis, though it has more, has another chain."""
        raw = self.peer(self.node(made(1)), height=900)
        raw.send(bring([]))
        self.assertEqual(self.asked(raw), [RULES.genesis_hash])
        raw.send(bring([]))
        assert raw.peer.ending is not None
        self.assertEqual(raw.peer.ending.reason, Reason.MISBEHAVING)
        self.assertIn("another chain", str(raw.peer.ending))

    def test_silent_to_the_end(self) -> None:
        """Who is silent even about genesis owes that answer, and is ended when it is overdue, not before."""
        raw = self.peer(self.node(made(1)), height=900)
        self.clock.advance(OWED)
        self.assertEqual(self.asked(raw), [RULES.genesis_hash])
        self.clock.pump([1.0] * 100)
        self.assertIsNone(raw.peer.ending)
        self.clock.pump([1.0] * 60)
        assert raw.peer.ending is not None
        self.assertEqual(raw.peer.ending.reason, Reason.STALLED)

    def test_ends_while_silent(self) -> None:
        """Who ends while an answer is waited for is not asked any more, nor is anybody after a stop."""
        node = self.node(made(20))
        raw, other = self.peer(node, height=900), self.peer(node, height=900)
        raw.close()
        self.clock.advance(OWED - 1)
        node.stop()
        self.clock.advance(2)
        self.assertEqual(self.asked(other), [])


def hash_of(header: bytes) -> bytes:
    """The hash of a header."""
    return RULES.block_hash(header)


class ServingTests(NeoNodeCase):
    """What a node that asks us gets."""

    def setUp(self) -> None:
        super().setUp()
        self.served = self.peer(self.node(made(2100)), inbound=True)
        self.served.read()

    def answers(self, *starts: bytes, stop: bytes = bytes(32)) -> list[list[bytes]]:
        """The headers of each answer."""
        self.served.send(GetHeaders(list(starts), stop))
        self.clock.advance(0)
        return [SYNC.brought(message) for message in self.served.read() if isinstance(message, Headers)]

    def test_behind_the_start(self) -> None:
        """The headers behind the first hash come, at most 2000, with their witnesses."""
        self.assertEqual(self.answers(hash_at(0)), [made(2100)[:2000]])
        self.assertEqual(self.answers(hash_at(2000), hash_at(5)), [made(2100)[2000:]])

    def test_stop(self) -> None:
        """They end before the stop, if that is behind the start."""
        self.assertEqual(self.answers(hash_at(9), stop=hash_at(20)), [made(2100)[9:19]])
        self.assertEqual(self.answers(hash_at(2090), stop=hash_at(20)), [made(2100)[2090:]])

    def test_silence(self) -> None:
        """An unknown start, the tip, and a stop that leaves nothing get no answer."""
        self.assertEqual(self.answers(b"x" * 32, hash_at(5)), [])
        self.assertEqual(self.answers(hash_at(2100)), [])
        self.assertEqual(self.answers(hash_at(9), stop=hash_at(9)), [])
        self.assertEqual(self.answers(hash_at(9), stop=hash_at(10)), [])
