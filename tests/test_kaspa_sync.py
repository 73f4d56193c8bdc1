"""Tests of how blocks are synced and served; the recorded conversation is in test_kaspa_session."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from peerproto.chain.graph import STEPS
from peerproto.errors import InvalidBlock, Misled, PeerError, Reason
from peerproto.networks import graph as graph_fetching
from peerproto.networks.bitcoin import InvVect
from peerproto.networks.kaspa import (
    MSG_BLOCK,
    MSG_FILTERED_BLOCK,
    MSG_MISSING_ANCESTOR,
    MSG_SYNC_BLOCK,
    MSG_TX,
    BlockLocator,
    GetBlockInvs,
    GetBlockLocator,
    GetData,
    GetSelectedTip,
    Inv,
    NotFound,
    Ping,
    Reject,
    SelectedTip,
)
from peerproto.networks.kaspa.sync import MOST_LOCATORS, answers
from peerproto.node.graphstore import GraphStore
from peerproto.wire.message import Message
from tests import graph_case
from tests.graph_case import GraphCase, settled
from tests.kaspa_graph import SIMNET, behind, changed, filled, mined

UNKNOWN = b"\xee" * 32
GENESIS = SIMNET.genesis


def talk(follower: Any, served: GraphStore, messages: list[Message]) -> list[Any]:
    """Let a follower and a graph talk; what the follower said."""
    return graph_case.talk(SIMNET, follower, served, messages)


def between(served: GraphStore) -> list[bytes]:
    """The blocks of a graph in the order in which they are told."""
    (answer,) = filter(None, answers(served, GetBlockInvs(served.genesis, served.tip)))
    assert isinstance(answer.message, Inv)
    return [vector.hash for vector in answer.message.inv_list]


def block_of(served: GraphStore, block_hash: bytes) -> Message:
    """A block by its hash."""
    vertex = served.find(block_hash)
    block = vertex and served.block(vertex)
    assert block is not None
    return block


def invs(kind: int, *hashes: bytes) -> Inv:
    """An inventory."""
    return Inv([InvVect(kind, item) for item in hashes])


class FollowerTests(SynchronousTestCase):
    """Whoever is behind."""

    def test_from_anywhere(self) -> None:
        """Wherever we are behind, we end with all that the peer has, and ask for nothing twice."""
        served = filled()
        for count in (0, 1, 2, 50, 51, 100, 133, 136, 137):
            follower = behind(filled(count), served.tip)
            said = talk(follower, served, follower.begin())
            self.assertTrue(follower.is_synced)
            self.assertEqual((follower.graph.selected.block_hash, follower.left), (served.tip, 0))
            asked = [vector.hash for item in said if isinstance(item, GetData) for vector in item.inv_list]
            self.assertEqual(len(asked), len(set(asked)))
            self.assertEqual(len(follower.graph), 1 + count + len(asked))
            if len(follower.graph) > 1 + count:
                self.assertIsInstance(said[-1], GetSelectedTip)

    def test_not_behind(self) -> None:
        """Whoever has the peer's tip asks nothing."""
        follower = behind(filled(), filled(40).tip)
        self.assertEqual(follower.begin(), [])
        self.assertTrue(follower.is_synced)

    def test_later(self) -> None:
        """Whoever begins again, or was not told a tip, asks for it first."""
        for follower in (behind(filled(60), filled(40).tip), behind(filled(60))):
            follower.begin()
            served = filled()
            said = talk(follower, served, follower.begin())
            self.assertEqual(said[0], GetSelectedTip())
            self.assertEqual(len(follower.graph), 138)
            self.assertEqual(talk(follower, served, follower.begin()), [GetSelectedTip()])

    def test_batches(self) -> None:
        """Fifty blocks are asked at once, and the next when all of them are here, or are known to be missing."""
        served, follower = filled(133), behind(filled(0), filled(133).tip)
        (ask,) = follower.begin()
        self.assertEqual(ask, GetBlockLocator(served.tip, GENESIS))
        (ask,) = follower.received(BlockLocator([GENESIS]))
        self.assertEqual(ask, GetBlockInvs(GENESIS, served.tip))
        listed = between(served)
        (ask,) = follower.received(invs(MSG_SYNC_BLOCK, *listed))
        assert isinstance(ask, GetData)
        self.assertEqual([vector.hash for vector in ask.inv_list], listed[1:51])
        self.assertEqual((follower.is_synced, follower.left), (False, len(listed) - 1))
        for block_hash in listed[1:50]:
            self.assertEqual(follower.received(block_of(served, block_hash)), [])
        self.assertEqual(follower.received(NotFound([InvVect(MSG_BLOCK, UNKNOWN)])), [])
        (ask,) = follower.received(NotFound([ask.inv_list[-1]]))
        assert isinstance(ask, GetData)
        self.assertEqual((len(ask.inv_list), follower.has_work), (50, True))
        self.assertEqual(settled(follower), [])
        self.assertEqual(len(follower.graph), 50)

    def test_new_blocks(self) -> None:
        """A new block is asked for, once; its parents too if they are missing, from below."""
        served, follower = filled(), behind(filled(130))
        tip = served.tip
        said = talk(follower, served, follower.received(invs(MSG_BLOCK, tip, tip, mined()[5].block_hash)))
        kinds = [vector.type for item in said if isinstance(item, GetData) for vector in item.inv_list]
        self.assertEqual(kinds[:2], [MSG_BLOCK, MSG_MISSING_ANCESTOR])
        self.assertEqual(set(kinds[1:]), {MSG_MISSING_ANCESTOR})
        self.assertTrue(follower.is_synced)
        self.assertEqual(follower.graph.selected.block_hash, tip)
        self.assertEqual(follower.received(invs(MSG_BLOCK, tip)), [])

    def test_new_and_far_ahead(self) -> None:
        """If there is no room for all that lies between, the sync begins anew."""
        self.patch(graph_fetching, "MOST_ORPHANS", 20)
        served, follower = filled(), behind(filled(10))
        self.assertEqual(follower.begin(), [GetSelectedTip()])
        follower.received(SelectedTip(GENESIS))
        said = talk(follower, served, follower.received(invs(MSG_BLOCK, served.tip)))
        self.assertEqual(said.count(GetSelectedTip()), 2)
        self.assertTrue(follower.is_synced)
        self.assertEqual(follower.graph.selected.block_hash, served.tip)
        self.assertEqual(len(follower.graph), len(served))

    def test_new_while_behind(self) -> None:
        """What is announced while we are behind comes with the tip; transactions are none of its business."""
        follower = behind(filled(0), filled().tip)
        follower.begin()
        self.assertEqual(follower.received(invs(MSG_BLOCK, UNKNOWN)), [])
        follower.received(BlockLocator([GENESIS]))
        self.assertEqual(follower.received(invs(MSG_BLOCK, UNKNOWN)), [])
        self.assertEqual(follower.received(invs(MSG_TX, UNKNOWN)), [])
        (ask,) = follower.received(invs(MSG_SYNC_BLOCK, mined()[0].block_hash))
        self.assertEqual(ask, GetData([InvVect(MSG_SYNC_BLOCK, mined()[0].block_hash)]))

    def test_out_of_turn(self) -> None:
        """What was not asked for is passed over: blocks, locators, tips."""
        follower = behind(filled(0), UNKNOWN)
        for message in (
            mined()[0],
            BlockLocator([UNKNOWN]),
            SelectedTip(UNKNOWN),
            Ping(1),
            invs(MSG_SYNC_BLOCK, UNKNOWN),
        ):
            self.assertEqual(follower.received(message), [])
        self.assertEqual((len(follower.graph), follower.is_synced), (1, True))
        follower.begin()
        self.assertEqual(follower.received(BlockLocator([])), [])

    def test_wrong_block(self) -> None:
        """A block that cannot be right ends it."""
        follower = behind(filled(0))
        wrong = changed(mined()[0], bits=0x1D00FFFF)
        follower.received(invs(MSG_BLOCK, wrong.block_hash))
        follower.received(wrong)
        self.assertRaises(InvalidBlock, follower.judge)


class MisleadingTests(SynchronousTestCase):
    """Peers that lead nowhere."""

    def test_endless_locators(self) -> None:
        """There is an end to locators."""
        follower = behind(filled(0), UNKNOWN)
        follower.begin()
        for _ in range(MOST_LOCATORS):
            self.assertEqual(len(follower.received(BlockLocator([UNKNOWN]))), 1)
        error = self.assertRaises(Misled, follower.received, BlockLocator([UNKNOWN]))
        self.assertIs(error.reason, Reason.MISBEHAVING)

    def test_no_blocks(self) -> None:
        """A peer that tells of a tip and brings no block is found out."""
        for inventory in (Inv([]), invs(MSG_SYNC_BLOCK, UNKNOWN)):
            follower = behind(filled(0), UNKNOWN)
            follower.begin()
            follower.received(BlockLocator([GENESIS]))
            said = follower.received(inventory)
            if isinstance(said[0], GetData):
                said = follower.received(NotFound(said[0].inv_list))
            self.assertEqual(said, [GetSelectedTip()])
            self.assertRaisesRegex(Misled, "does not bring", follower.received, SelectedTip(UNKNOWN))


POOL: list[Message] = [
    *mined()[:3],
    changed(mined()[1], bits=0),
    *(invs(kind, item) for kind in (MSG_SYNC_BLOCK, MSG_BLOCK) for item in (UNKNOWN, mined()[0].block_hash)),
    Inv([]),
    invs(MSG_SYNC_BLOCK, *(block.block_hash for block in mined())),
    BlockLocator([UNKNOWN, GENESIS]),
    BlockLocator([GENESIS]),
    BlockLocator([]),
    SelectedTip(UNKNOWN),
    SelectedTip(mined()[2].block_hash),
    NotFound([InvVect(MSG_BLOCK, UNKNOWN), InvVect(MSG_BLOCK, mined()[1].block_hash)]),
]


class RandomTests(SynchronousTestCase):
    """Peers that say anything in any order."""

    @given(st.lists(st.sampled_from(POOL), max_size=30))
    def test_any_order(self, messages: list[Message]) -> None:
        """Nothing but a PeerError is raised, and nothing comes into the graph before its parents."""
        follower = behind(filled(0), UNKNOWN)
        follower.begin()
        try:
            for message in messages:
                for said in settled(follower, follower.received(message)):
                    self.assertIsInstance(said, GetBlockLocator | GetBlockInvs | GetData | GetSelectedTip)
        except PeerError as error:
            self.assertIs(error.reason, Reason.MISBEHAVING)
        self.assertLessEqual(len(follower.graph), 4)


class AnswerTests(GraphCase):
    """What a node answers."""

    def answered(self, graph: GraphStore, question: Message) -> list[Message]:
        """The messages of an answer."""
        return [answer.message for answer in answers(graph, question) if answer is not None]

    def test_unknown(self) -> None:
        """Of blocks that are not here, or the wrong way round, there is nothing to tell."""
        graph = filled(10)
        low, high = mined()[2].block_hash, mined()[8].block_hash
        for question in (
            GetBlockLocator(UNKNOWN, low),
            GetBlockLocator(high, UNKNOWN),
            GetBlockInvs(UNKNOWN, high),
            GetBlockInvs(low, UNKNOWN),
            GetBlockInvs(high, low),
            GetBlockInvs(low, low),
        ):
            (answer,) = self.answered(graph, question)
            assert isinstance(answer, Reject)
            self.assertEqual((answer.cmd, answer.code), (question.command, 0x10))

    def test_things(self) -> None:
        """Each block is sent once, then one message says what is missing, the first block too."""
        graph = filled(10)
        here, gone = mined()[0].block_hash, mined()[20].block_hash
        missing = [
            InvVect(MSG_BLOCK, gone),
            InvVect(MSG_TX, here),
            InvVect(MSG_FILTERED_BLOCK, here),
            InvVect(MSG_BLOCK, GENESIS),
        ]
        asked = [InvVect(MSG_BLOCK, here), *missing, InvVect(MSG_BLOCK, here), missing[0]]
        block, rest = self.answered(graph, GetData(asked))
        self.assertEqual((block.load(), rest), (mined()[0], NotFound(missing)))
        self.assertEqual(self.answered(graph, GetData([])), [])

    def test_long_question(self) -> None:
        """To find out that much is missing takes a pause now and then."""
        vectors = [InvVect(MSG_BLOCK, number.to_bytes(32, "little")) for number in range(3 * STEPS)]
        *pauses, answer = answers(filled(3), GetData(vectors))
        self.assertEqual((pauses, answer and answer.message), ([None] * 3, NotFound(vectors)))

    def test_others(self) -> None:
        """Other messages are no questions."""
        self.assertEqual(self.answered(filled(3), Ping(1)), [])
        self.assertEqual(self.answered(filled(3), GetSelectedTip()), [SelectedTip(filled(3).tip)])

    def locator(self, graph: GraphStore, high: bytes, low: bytes) -> list[bytes]:
        """The hashes of a locator."""
        (answer,) = self.answered(graph, GetBlockLocator(high, low))
        assert isinstance(answer, BlockLocator)
        return answer.block_locator_hashes

    def ranks(self, graph: GraphStore, hashes: list[bytes]) -> list[int]:
        """Where blocks stand."""
        return [vertex.rank for vertex in map(graph.find, hashes) if vertex is not None]

    def test_locator(self) -> None:
        """From below the high block down to the low one, in steps that double, on the selected chain."""
        graph = filled(133)
        scores = self.ranks(graph, self.locator(graph, graph.tip, GENESIS))
        self.assertEqual(scores, [131, 128, 126, 122, 114, 98, 66, 2, 0])
        low = mined()[60].block_hash
        *found, last = self.locator(graph, graph.tip, low)
        self.assertEqual(last, low)
        (floor,) = self.ranks(graph, [low])
        self.assertTrue(all(rank > floor for rank in self.ranks(graph, found)))

    def test_locator_of_neighbours(self) -> None:
        """Where nothing is between, there is the low block alone, also if it is not below."""
        graph = filled(10)
        first = mined()[0].block_hash
        for high, low in ((GENESIS, GENESIS), (first, GENESIS), (GENESIS, mined()[3].block_hash)):
            self.assertEqual(self.locator(graph, high, low), [low])

    def test_inventory(self) -> None:
        """All blocks in the past of one and not before the other, parents first, both included."""
        graph = filled()
        found = between(graph)
        self.assertEqual((len(found), found[0], found[-1]), (138, GENESIS, graph.tip))

    def test_announcement(self) -> None:
        """New blocks are announced by their hashes."""
        graph = filled(2)
        self.assertEqual(SIMNET.graph.vector(graph.selected), InvVect(MSG_BLOCK, graph.tip))
