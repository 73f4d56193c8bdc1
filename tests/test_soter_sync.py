"""Tests of how blocks are synced and served on soter's graph."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.chain.graph import STEPS
from peerproto.errors import InvalidBlock, Misled, PeerError, Reason
from peerproto.networks.soter import (
    MORE_BLOCKS,
    MSG_BLOCK,
    MSG_TX,
    MSG_WITNESS_BLOCK,
    GetBlocks,
    GetData,
    GetHeaders,
    Headers,
    Inv,
    InvVect,
    NotFound,
    Ping,
)
from peerproto.networks.soter import sync as syncing
from peerproto.networks.soter.sync import MOST_LISTED, Follower
from peerproto.node.graphstore import GraphStore
from peerproto.wire.message import Message
from tests import graph_case
from tests.graph_case import GraphCase, hashes_of, said, settled
from tests.soter_vectors import mined
from tests.test_soter_peer import block_of

SIMNET = networks.named("soter-simnet")
NOWHERE = bytes(32)
UNKNOWN = b"\xee" * 32
MORE = Inv([MORE_BLOCKS])


def inv(*hashes: bytes, height: int = 1) -> Inv:
    """An inventory of blocks."""
    return Inv([InvVect(MSG_BLOCK, item, height) for item in hashes])


class SyncCase(GraphCase):
    """Graphs of soter's simnet, without work."""

    def follower(self, graph: GraphStore, **changes: Any) -> Follower:
        """A follower of somebody into a graph."""
        return Follower(graph, said(SIMNET, **changes), False)

    def talk(self, follower: Follower, served: GraphStore, messages: list[Message]) -> list[Any]:
        """Let a follower and a graph talk; what the follower said."""
        return graph_case.talk(SIMNET, follower, served, messages)

    def heights(self, asked: list[Any]) -> list[int]:
        """From which heights inventories were asked."""
        return [item.block_locator_height[0] for item in asked if isinstance(item, GetBlocks)]


class FollowerTests(SyncCase):
    """Whoever is behind."""

    def test_from_the_beginning(self) -> None:
        """All blocks come, each once, five hundred of an inventory; the next begins one below where it ended."""
        served = self.grown(SIMNET, 1200)
        follower = self.follower(self.empty(SIMNET))
        asked = self.talk(follower, served, follower.begin())
        self.assertTrue(follower.is_synced)
        self.assertEqual(hashes_of(follower.graph), hashes_of(served))
        wanted = [vector.hash for item in asked if isinstance(item, GetData) for vector in item.inv_list]
        self.assertEqual((len(wanted), len(set(wanted))), (len(served) - 1, len(served) - 1))
        heights = self.heights(asked)
        self.assertEqual((heights[0], len(heights)), (0, 3))
        self.assertEqual(heights[1], served.above(0, MOST_LISTED)[-1].rank - 1)

    def test_further(self) -> None:
        """Whoever has a part of it goes on there; a block as high as our best that we lack comes too."""
        served = self.grown(SIMNET, 60)
        part = self.empty(SIMNET)
        self.talk(self.follower(part), served, self.follower(part).begin())
        follower = self.follower(part)
        self.talk(follower, served, follower.begin())
        before = len(part)
        base = served.vertex(len(served) - 2)
        tips = [self.add(SIMNET, served, base) for _ in range(2)]
        self.assertEqual(tips[0].rank, part.height)
        asked = self.talk(follower, served, follower.begin())
        self.assertEqual(self.heights(asked), [part.height - 1])
        self.assertEqual(len(part), before + 2)

    def test_many_of_one_height(self) -> None:
        """If more blocks are of one height than an inventory names, those above are found all the same."""
        served = self.empty(SIMNET)
        base = self.add(SIMNET, served)
        side = [self.add(SIMNET, served, base) for _ in range(MOST_LISTED + 30)]
        for _ in range(3):
            self.add(SIMNET, served, served.find(served.tip) or base)
        follower = self.follower(self.empty(SIMNET))
        asked = self.talk(follower, served, follower.begin())
        self.assertTrue(follower.is_synced)
        self.assertEqual(follower.graph.height, served.height)
        self.assertGreaterEqual(len(follower.graph), MOST_LISTED)
        self.assertEqual(len(side), MOST_LISTED + 30)
        self.assertIn(2, self.heights(asked))

    def test_nothing_new(self) -> None:
        """An empty inventory is an answer, and so is one of what is here."""
        for served in (self.empty(SIMNET), self.grown(SIMNET, 5)):
            follower = self.follower(self.grown(SIMNET, 5))
            asked = self.talk(follower, served, follower.begin())
            self.assertEqual((len(asked), follower.is_synced), (1, True))

    def test_witnesses(self) -> None:
        """Blocks are asked with their witnesses of whoever has them; the version that both speak is told."""
        for services, kind in ((1, MSG_BLOCK), (9, MSG_WITNESS_BLOCK)):
            follower = self.follower(self.empty(SIMNET), services=services, protocol_version=70001)
            (ask,) = follower.begin()
            self.assertEqual(ask, GetBlocks(70001, [0], NOWHERE))
            (ask,) = follower.received(inv(UNKNOWN))
            self.assertEqual(ask, GetData([InvVect(kind, UNKNOWN)]))

    def test_new_blocks(self) -> None:
        """A new block is asked for, and its parents if they are missing; what is far above is listed first."""
        served = self.grown(SIMNET, 30)
        follower = self.follower(self.empty(SIMNET))
        self.talk(follower, served, follower.begin())
        for count in (1, 2, 5):
            for _ in range(count):
                tip = self.add(SIMNET, served)
            asked = self.talk(follower, served, follower.received(inv(tip.block_hash, height=tip.rank)))
            self.assertEqual(hashes_of(follower.graph), hashes_of(served))
            self.assertEqual(len(self.heights(asked)), int(count > 1))
        tip = self.add(SIMNET, served)
        unseen = self.add(SIMNET, served, tip)
        said = follower.received(inv(unseen.block_hash, height=-1))
        self.assertEqual(self.heights(self.talk(follower, served, said)), [])
        self.assertEqual(len(follower.graph), len(served))

    def test_other_things(self) -> None:
        """Transactions are none of its business, nor is what was not asked for."""
        follower = self.follower(self.empty(SIMNET))
        for message in (Inv([InvVect(MSG_TX, UNKNOWN)]), Ping(1), block_of(mined()[0]), Inv([])):
            self.assertEqual(follower.received(message), [])
        follower.begin()
        self.assertEqual(follower.received(Inv([InvVect(MSG_TX, UNKNOWN)])), [])
        self.assertFalse(follower.is_synced)

    def test_wrong_block(self) -> None:
        """A block without its work ends it, unless that need not be there."""
        graph = self.grown(SIMNET, 3)
        block: Any = graph.block(graph.vertex(1))
        for proven in (True, False):
            follower = Follower(self.empty(SIMNET), said(SIMNET), proven)
            follower.received(inv(block.block_hash))
            follower.received(block)
            if proven:
                self.assertRaisesRegex(InvalidBlock, "has a proof of work that", follower.judge)
            else:
                self.assertEqual(follower.judge(), [])

    def test_mined(self) -> None:
        """What a soterd has mined is taken."""
        follower = Follower(self.empty(SIMNET), said(SIMNET), True)
        blocks = [block_of(entry) for entry in mined()]
        follower.begin()
        follower.received(inv(*(block.block_hash for block in blocks)))
        for block in reversed(blocks):
            follower.received(block)
        settled(follower)
        self.assertEqual((len(follower.graph), follower.graph.height, follower.is_synced), (7, 5, True))


class MoreTests(SyncCase):
    """The inventory that says that there is more."""

    def test_asked_again(self) -> None:
        """When all that was told is here the next is asked for; at any other time too."""
        served = self.grown(SIMNET, 20)
        follower = self.follower(self.empty(SIMNET))
        (ask,) = follower.begin()
        self.assertEqual(follower.received(MORE), [])
        first = served.vertex(1)
        follower.received(inv(first.block_hash))
        self.assertEqual(follower.received(MORE), [])
        follower.received(served.block(first))  # type: ignore[arg-type]
        (ask,) = settled(follower)
        self.assertEqual(ask, GetBlocks(70013, [0], NOWHERE))
        self.talk(follower, served, [ask])
        self.assertTrue(follower.is_synced)
        tip = self.add(SIMNET, served)
        self.talk(follower, served, follower.received(MORE))
        self.assertEqual(follower.graph.tip, tip.block_hash)

    def test_misled(self) -> None:
        """A peer that again and again tells of more and brings nothing is found out."""
        follower = self.follower(self.grown(SIMNET, 5))
        follower.begin()
        full = inv(*(number.to_bytes(32, "big") for number in range(1, MOST_LISTED + 1)))
        heights = []
        with self.assertRaises(Misled) as caught:
            left = follower.received(full)
            while left:
                (ask,) = left
                gone = isinstance(ask, GetData)
                heights += [] if gone else ask.block_locator_height
                left = follower.received(NotFound(ask.inv_list) if gone else full)
        self.assertIs(caught.exception.reason, Reason.MISBEHAVING)
        self.assertEqual(heights, [follower.graph.height])

    def test_told(self) -> None:
        """Whoever has been told of five hundred blocks, and has asked for the last, is told that there are more."""
        served = self.grown(SIMNET, MOST_LISTED + 5)
        answers = SIMNET.graph.serve(served)
        (listed,) = answers(GetBlocks(70013, [0], NOWHERE))
        assert listed is not None
        vectors = listed.message.inv_list  # type: ignore[attr-defined]
        self.assertEqual(len(vectors), MOST_LISTED)
        self.assertEqual(len(list(answers(GetData(vectors[:3])))), 3)
        *_, block, more = answers(GetData(vectors[-2:]))
        self.assertEqual((block and block.message.command, more and more.message), ("block", MORE))
        self.assertEqual(len(list(answers(GetData(vectors[-2:])))), 2)


class AnswerTests(SyncCase):
    """What a node answers."""

    def setUp(self) -> None:
        self.graph = self.grown(SIMNET, 40)
        self.answers = SIMNET.graph.serve(self.graph)

    def answered(self, question: Message) -> list[Any]:
        """The messages of an answer."""
        return [answer.message for answer in self.answers(question) if answer is not None]

    def test_blocks(self) -> None:
        """The blocks above a height, lowest first, with their heights; up to that of the stop block."""
        for height in (-1, 0, 7, self.graph.height - 1, self.graph.height, 1000):
            (answer,) = self.answered(GetBlocks(70013, [height], NOWHERE))
            wanted = self.graph.above(max(height, 0), 1000)
            self.assertEqual(
                answer.inv_list, [InvVect(MSG_BLOCK, item.block_hash, item.rank) for item in wanted]
            )
        stop = self.graph.above(9, 1)[0]
        (answer,) = self.answered(GetBlocks(70013, [7], stop.block_hash))
        self.assertEqual({vector.height for vector in answer.inv_list}, {8, 9, 10})

    def test_without_a_height(self) -> None:
        """Without a height there is the stop block alone, or the best one; of one that is not here nothing."""
        stop = self.graph.vertex(5)
        for question, found in ((stop.block_hash, [stop]), (NOWHERE, [self.graph.selected]), (UNKNOWN, [])):
            (answer,) = self.answered(GetBlocks(70013, [], question))
            self.assertEqual([vector.hash for vector in answer.inv_list], [item.block_hash for item in found])
        (answer,) = self.answered(GetBlocks(70013, [3], UNKNOWN))
        self.assertEqual(answer, Inv([]))

    def test_headers(self) -> None:
        """Headers go by the same question; of the first block there is none."""
        (answer,) = self.answered(GetHeaders(70013, [self.graph.height - 2], NOWHERE))
        assert isinstance(answer, Headers)
        wanted = [item.block_hash for item in self.graph.above(self.graph.height - 2, 100)]
        self.assertEqual([header.block_hash for header in answer.headers], wanted)
        self.assertEqual(self.answered(GetHeaders(70013, [], SIMNET.genesis)), [Headers([])])

    def test_long_answers(self) -> None:
        """What takes long pauses now and then."""
        self.patch(syncing, "now_and_then", lambda count: (None,) if count % 10 == 0 else ())
        answers = list(self.answers(GetHeaders(70013, [0], NOWHERE)))
        self.assertEqual(answers.count(None), (len(self.graph) - 1) // 10)
        vectors = [InvVect(MSG_BLOCK, number.to_bytes(32, "little")) for number in range(30)]
        *pauses, answer = self.answers(GetData(vectors))
        self.assertEqual((pauses, answer and answer.message), ([None] * 3, NotFound(vectors)))
        self.assertGreater(STEPS, 10)

    def test_things(self) -> None:
        """Each block is sent once, with witnesses if asked so; then one message says what is missing."""
        here = self.graph.tip
        missing = [InvVect(MSG_BLOCK, UNKNOWN), InvVect(MSG_TX, here), InvVect(MSG_BLOCK, SIMNET.genesis)]
        asked = [InvVect(MSG_BLOCK, here), InvVect(MSG_WITNESS_BLOCK, here), *missing, missing[0]]
        first, second, rest = filter(None, self.answers(GetData(asked)))
        self.assertEqual((first.message.load(), first.witness), (second.message.load(), False))
        self.assertEqual((second.witness, rest.message), (True, NotFound(missing)))
        self.assertEqual(self.answered(GetData([])), [])

    def test_others(self) -> None:
        """Other messages are no questions."""
        self.assertEqual(self.answered(Ping(1)), [])

    def test_announcement(self) -> None:
        """New blocks are announced with their heights."""
        tip = self.graph.selected
        self.assertEqual(SIMNET.graph.vector(tip), InvVect(MSG_BLOCK, tip.block_hash, tip.rank))


FIRST = block_of(mined()[0])
POOL: list[Message] = [
    *(block_of(entry) for entry in mined()[:3]),
    *(inv(item, height=height) for item in (UNKNOWN, FIRST.block_hash) for height in (-1, 1, 9)),
    Inv([]),
    MORE,
    inv(*(block_of(entry).block_hash for entry in mined())),
    Inv([InvVect(MSG_TX, UNKNOWN)]),
    NotFound([InvVect(MSG_BLOCK, UNKNOWN), InvVect(MSG_BLOCK, FIRST.block_hash)]),
]


class RandomTests(SynchronousTestCase):
    """Peers that say anything in any order."""

    @given(st.lists(st.sampled_from(POOL), max_size=30))
    def test_any_order(self, messages: list[Message]) -> None:
        """Nothing but a PeerError is raised, and nothing comes into the graph before its parents."""
        graph = GraphStore(":memory:", SIMNET)
        follower = Follower(graph, said(SIMNET), True)
        follower.begin()
        try:
            for message in messages:
                for answer in settled(follower, follower.received(message)):
                    self.assertIsInstance(answer, GetBlocks | GetData)
        except PeerError as error:
            self.assertIs(error.reason, Reason.MISBEHAVING)
        self.assertLessEqual(len(graph), 4)
        graph.close()
