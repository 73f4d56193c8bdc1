"""Tests of how blocks are synced and served; the recorded conversation is in test_kaspa_session."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import InvalidHeaders, PeerError, PeerLost, Reason
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
from peerproto.networks.kaspa.dag import Dag
from peerproto.networks.kaspa.sync import MOST_LOCATORS, MOST_ORPHANS, Follower, answers
from peerproto.peer.protocol import PeerProtocol
from peerproto.testing import CALLED, CALLER, MemoryTransport, memory_factory
from peerproto.wire.message import Message
from tests.kaspa_graph import RULES, Node, changed, filled, mined

UNKNOWN = b"\xee" * 32


def talk(follower: Follower, served: Dag, messages: Iterable[Message]) -> list[Message]:
    """Let a follower and a graph talk until nobody has anything to say; what the follower said."""
    said, left = [], list(messages)
    while left:
        message = left.pop(0)
        said.append(message)
        for answer in answers(served, message):
            left += follower.received(answer)
    return said


def invs(kind: int, *hashes: bytes) -> Inv:
    """An inventory."""
    return Inv([InvVect(kind, item) for item in hashes])


class FollowerTests(SynchronousTestCase):
    """Whoever is behind."""

    def test_from_anywhere(self) -> None:
        """Wherever we are behind, we end with all that the peer has, and ask for nothing twice."""
        for count in (0, 1, 2, 50, 51, 100, 133, 136, 137):
            served, follower = filled(), Follower(filled(count))
            said = talk(follower, served, follower.begin(served.selected_tip))
            self.assertTrue(follower.is_synced)
            self.assertEqual(follower.dag.selected_tip, served.selected_tip)
            asked = [vector.hash for item in said if isinstance(item, GetData) for vector in item.inv_list]
            self.assertEqual(len(asked), len(set(asked)))
            self.assertEqual(len(follower.dag), 1 + count + len(asked))
            if len(follower.dag) > 1 + count:
                self.assertIsInstance(said[-1], GetSelectedTip)

    def test_not_behind(self) -> None:
        """Whoever has the peer's tip asks nothing."""
        follower = Follower(filled())
        self.assertEqual(follower.begin(filled(40).selected_tip), [])
        self.assertTrue(follower.is_synced)

    def test_batches(self) -> None:
        """Fifty blocks are asked at once, and the next when all of them are here, or are known to be missing."""
        served, follower = filled(133), Follower(Dag(RULES))
        (ask,) = follower.begin(served.selected_tip)
        self.assertEqual(ask, GetBlockLocator(served.selected_tip, served.genesis))
        (ask,) = follower.received(BlockLocator([served.genesis]))
        self.assertEqual(ask, GetBlockInvs(served.genesis, served.selected_tip))
        listed = served.between(served.genesis, served.selected_tip)
        (ask,) = follower.received(invs(MSG_SYNC_BLOCK, *listed))
        assert isinstance(ask, GetData)
        self.assertEqual([vector.hash for vector in ask.inv_list], listed[1:51])
        self.assertFalse(follower.is_synced)
        for block_hash in listed[1:50]:
            block = served.block(block_hash)
            assert block is not None
            self.assertEqual(follower.received(block), [])
        self.assertEqual(follower.received(NotFound([InvVect(MSG_BLOCK, UNKNOWN)])), [])
        (ask,) = follower.received(NotFound([ask.inv_list[-1]]))
        assert isinstance(ask, GetData)
        self.assertEqual(len(ask.inv_list), 50)

    def test_behind_again(self) -> None:
        """If the tip has moved on meanwhile, it begins again from what is known."""
        served, follower = filled(60), Follower(Dag(RULES))
        talk(follower, served, follower.begin(served.selected_tip)[:1])
        self.assertTrue(follower.is_synced)
        more = filled()
        said = talk(follower, more, follower.begin(more.selected_tip))
        self.assertEqual(len(follower.dag), 138)
        self.assertIsInstance(said[0], GetBlockLocator)

    def test_new_blocks(self) -> None:
        """A new block is asked for, once; its parents too if they are missing, from below."""
        served, follower = filled(), Follower(filled(130))
        tip = served.selected_tip
        said = talk(follower, served, follower.received(invs(MSG_BLOCK, tip, tip, mined()[5].block_hash)))
        kinds = [vector.type for item in said if isinstance(item, GetData) for vector in item.inv_list]
        self.assertEqual(kinds[:2], [MSG_BLOCK, MSG_MISSING_ANCESTOR])
        self.assertEqual(set(kinds[1:]), {MSG_MISSING_ANCESTOR})
        self.assertTrue(follower.is_synced)
        self.assertEqual(follower.dag.selected_tip, tip)
        self.assertEqual(follower.received(invs(MSG_BLOCK, tip)), [])

    def test_new_while_behind(self) -> None:
        """What is announced while we are behind comes with the tip; transactions are none of its business."""
        served, follower = filled(), Follower(Dag(RULES))
        follower.begin(served.selected_tip)
        self.assertEqual(follower.received(invs(MSG_BLOCK, UNKNOWN)), [])
        follower.received(BlockLocator([served.genesis]))
        self.assertEqual(follower.received(invs(MSG_BLOCK, UNKNOWN)), [])
        self.assertEqual(follower.received(invs(MSG_TX, UNKNOWN)), [])
        (ask,) = follower.received(invs(MSG_SYNC_BLOCK, mined()[0].block_hash))
        self.assertEqual(ask, GetData([InvVect(MSG_SYNC_BLOCK, mined()[0].block_hash)]))

    def test_out_of_turn(self) -> None:
        """What was not asked for is passed over: blocks, locators, tips."""
        follower = Follower(Dag(RULES))
        for message in (
            mined()[0],
            BlockLocator([UNKNOWN]),
            SelectedTip(UNKNOWN),
            Ping(1),
            invs(MSG_SYNC_BLOCK, UNKNOWN),
        ):
            self.assertEqual(follower.received(message), [])
        self.assertEqual((len(follower.dag), follower.is_synced), (1, True))
        follower.begin(UNKNOWN)
        self.assertEqual(follower.received(BlockLocator([])), [])

    def test_orphans(self) -> None:
        """Blocks that come before their parents wait for them, so many; more are dropped."""
        served, follower = filled(), Follower(Dag(RULES))
        hashes = [block.block_hash for block in mined()[:50]]
        follower.received(invs(MSG_BLOCK, *hashes))
        for block in reversed(mined()[1:50]):
            self.assertEqual(follower.received(block), [])
        self.assertEqual(len(follower.dag), 1)
        follower.received(mined()[0])
        self.assertEqual(len(follower.dag), 51)
        self.assertTrue(follower.is_synced)
        self.assertGreater(MOST_ORPHANS, len(served))

    def test_too_many_orphans(self) -> None:
        """There is an end to what is kept for parents that never come."""
        follower = Follower(Dag(RULES))
        strays = [
            changed(mined()[0], nonce=nonce, parent_hashes=[UNKNOWN]) for nonce in range(MOST_ORPHANS + 20)
        ]
        left = follower.received(invs(MSG_BLOCK, *(block.block_hash for block in strays)))
        by_hash = {block.block_hash: block for block in strays}
        while left:
            (ask,) = left
            assert isinstance(ask, GetData)
            known = [by_hash[vector.hash] for vector in ask.inv_list if vector.hash in by_hash]
            missing = [vector for vector in ask.inv_list if vector.hash not in by_hash]
            left = [more for item in (*known, NotFound(missing)) for more in follower.received(item)]
        self.assertEqual(len(follower._orphans), MOST_ORPHANS)
        self.assertTrue(follower.is_synced)

    def test_wrong_block(self) -> None:
        """A block that cannot be right ends it."""
        follower = Follower(Dag(RULES))
        wrong = changed(mined()[0], bits=0x1D00FFFF)
        follower.received(invs(MSG_BLOCK, wrong.block_hash))
        self.assertRaises(InvalidHeaders, follower.received, wrong)


class MisleadingTests(SynchronousTestCase):
    """Peers that lead nowhere."""

    def test_endless_locators(self) -> None:
        """There is an end to locators."""
        follower = Follower(Dag(RULES))
        follower.begin(UNKNOWN)
        for _ in range(MOST_LOCATORS):
            self.assertEqual(len(follower.received(BlockLocator([UNKNOWN]))), 1)
        error = self.assertRaises(PeerLost, follower.received, BlockLocator([UNKNOWN]))
        self.assertIs(error.reason, Reason.MISBEHAVING)

    def test_no_blocks(self) -> None:
        """A peer that tells of a tip and brings no block is found out."""
        for inventory in (Inv([]), invs(MSG_SYNC_BLOCK, UNKNOWN)):
            follower = Follower(Dag(RULES))
            follower.begin(UNKNOWN)
            follower.received(BlockLocator([RULES.genesis_hash]))
            said = follower.received(inventory)
            if isinstance(said[0], GetData):
                said = follower.received(NotFound(said[0].inv_list))
            self.assertEqual(said, [GetSelectedTip()])
            self.assertRaisesRegex(PeerLost, "does not bring", follower.received, SelectedTip(UNKNOWN))


POOL: list[Message] = [
    *mined()[:3],
    changed(mined()[1], bits=0),
    *(invs(kind, item) for kind in (MSG_SYNC_BLOCK, MSG_BLOCK) for item in (UNKNOWN, mined()[0].block_hash)),
    Inv([]),
    invs(MSG_SYNC_BLOCK, *(block.block_hash for block in mined())),
    BlockLocator([UNKNOWN, RULES.genesis_hash]),
    BlockLocator([RULES.genesis_hash]),
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
        follower = Follower(Dag(RULES))
        follower.begin(UNKNOWN)
        try:
            for message in messages:
                for said in follower.received(message):
                    self.assertIsInstance(said, GetBlockLocator | GetBlockInvs | GetData | GetSelectedTip)
        except PeerError as error:
            self.assertIs(error.reason, Reason.MISBEHAVING)
        self.assertLessEqual(len(follower.dag), 4)


class AnswerTests(SynchronousTestCase):
    """What a node answers."""

    def test_unknown(self) -> None:
        """Of blocks that are not here, or the wrong way round, there is nothing to tell."""
        dag = filled(10)
        low, high = mined()[2].block_hash, mined()[8].block_hash
        for question in (
            GetBlockLocator(UNKNOWN, low),
            GetBlockLocator(high, UNKNOWN),
            GetBlockInvs(UNKNOWN, high),
            GetBlockInvs(low, UNKNOWN),
            GetBlockInvs(high, low),
            GetBlockInvs(low, low),
        ):
            (answer,) = answers(dag, question)
            assert isinstance(answer, Reject)
            self.assertEqual((answer.cmd, answer.code), (question.command, 0x10))

    def test_things(self) -> None:
        """Each block is sent once, then one message says what is missing."""
        dag = filled(10)
        here, gone = mined()[0].block_hash, mined()[20].block_hash
        missing = [InvVect(MSG_BLOCK, gone), InvVect(MSG_TX, here), InvVect(MSG_FILTERED_BLOCK, here)]
        asked = [InvVect(MSG_BLOCK, here), *missing, InvVect(MSG_BLOCK, here), missing[0]]
        self.assertEqual(list(answers(dag, GetData(asked))), [mined()[0], NotFound(missing)])
        self.assertEqual(list(answers(dag, GetData([]))), [])

    def test_others(self) -> None:
        """Other messages are no questions."""
        self.assertEqual(list(answers(filled(3), Ping(1))), [])
        self.assertEqual(list(answers(filled(3), GetSelectedTip())), [SelectedTip(filled(3).selected_tip)])


class NodeTests(SynchronousTestCase):
    """Two nodes in memory."""

    def connect(self, caller: Node, called: Node) -> list[tuple[MemoryTransport, PeerProtocol]]:
        """A connection: what each side writes, and who reads it."""
        ways = MemoryTransport(CALLER, CALLED), MemoryTransport(CALLED, CALLER)
        peers = [
            memory_factory(node.network, node).build(inbound=node is called) for node in (caller, called)
        ]
        for peer, way in zip(peers, ways, strict=True):
            peer.makeConnection(way)  # type: ignore[no-untyped-call]
        return list(zip(ways, reversed(peers), strict=True))

    def deliver(self, ways: list[tuple[MemoryTransport, PeerProtocol]]) -> None:
        """Carry what is written, in pieces as a socket gives them, until nothing moves."""
        while any(way.outgoing for way, _ in ways):
            for way, peer in ways:
                peer.dataReceived(way.take(1460))

    def test_sync(self) -> None:
        """All blocks come over, whoever has called, and new ones too."""
        for calls in (True, False):
            knowing, behind = Node(), Node()
            for block in mined()[:134]:
                knowing.dag.add(block)
            ways = self.connect(behind, knowing) if calls else self.connect(knowing, behind)
            self.deliver(ways)
            self.assertEqual(behind.dag.selected_tip, knowing.dag.selected_tip)
            for block in mined()[134:]:
                knowing.dag.add(block)
                (peer,) = (peer for _, peer in ways if peer.factory.listener is knowing)
                peer.send(invs(MSG_BLOCK, block.block_hash))
                self.deliver(ways)
            self.assertEqual((len(behind.dag), behind.follower.is_synced), (138, True))
            for _, peer in ways:
                self.assertIsNone(peer.ending)
                peer.connectionLost()
