"""Tests of how blocks of a graph are fetched, whatever the network."""

from __future__ import annotations

from typing import Any

from peerproto import networks
from peerproto.networks import graph as fetching
from peerproto.networks.graph import MOST_BLOCKS, MOST_LOOKED_AT, MOST_ORPHANS
from peerproto.networks.soter import MSG_BLOCK, Block, GetData, Inv, InvVect, NotFound
from peerproto.networks.soter.sync import Follower
from peerproto.node.graphstore import GraphStore
from tests.graph_case import GraphCase, said, settled

SOTER = networks.named("soter-simnet")


class FetchCase(GraphCase):
    """A follower of a peer with 120 blocks, and the blocks."""

    def setUp(self) -> None:
        self.served = self.grown(SOTER, 120)
        self.graph = self.empty(SOTER)
        self.follower = Follower(self.graph, said(SOTER), False)
        self.blocks = [self.block(self.served, row) for row in range(1, len(self.served))]

    def block(self, graph: GraphStore, row: int) -> Any:
        """A block by its number, as it comes from the wire."""
        return graph.block(graph.vertex(row))

    def tell(self, *blocks: Any, extra: int = 0) -> list[Any]:
        """An inventory of blocks, and of some that do not exist; what is said to it."""
        unknown = [number.to_bytes(32, "big") for number in range(1, extra + 1)]
        vectors = [
            InvVect(MSG_BLOCK, item, 1) for item in (*(block.block_hash for block in blocks), *unknown)
        ]
        return self.follower.received(Inv(vectors))

    def asked(self, said: list[Any]) -> list[bytes]:
        """The hashes that a single getdata asks."""
        (ask,) = said
        assert isinstance(ask, GetData)
        return [vector.hash for vector in ask.inv_list]

    def bring(self, *blocks: Any) -> list[Any]:
        """Blocks come, and are judged; what is said meanwhile."""
        said = [message for block in blocks for message in self.follower.received(block)]
        return settled(self.follower, said)


class OrderTests(FetchCase):
    """What is asked when."""

    def test_one_after_the_other(self) -> None:
        """So many at once; the next when they are here, though not judged yet, but not too far ahead of that."""
        first = self.asked(self.tell(*self.blocks))
        self.assertEqual(first, [block.block_hash for block in self.blocks[:MOST_BLOCKS]])
        *_, said = (self.follower.received(block) for block in self.blocks[:MOST_BLOCKS])
        self.assertEqual(len(self.asked(said)), MOST_BLOCKS)
        *_, said = (self.follower.received(block) for block in self.blocks[MOST_BLOCKS : 2 * MOST_BLOCKS])
        self.assertEqual((said, self.follower.left), ([], len(self.blocks)))
        said = settled(self.follower)
        self.assertEqual(len(self.asked(said)), len(self.blocks) - 2 * MOST_BLOCKS)
        self.assertEqual(len(self.graph), 1 + 2 * MOST_BLOCKS)

    def test_known(self) -> None:
        """What is here is not asked for; many are looked up a few at a time."""
        self.tell(*self.blocks)
        while len(self.graph) < len(self.served):
            self.bring(*self.blocks)
        self.assertEqual((self.tell(*self.blocks), self.follower.is_synced), ([], True))
        self.patch(fetching, "MOST_LOOKED_AT", 10)
        self.assertEqual(self.tell(*self.blocks, extra=3), [])
        self.assertTrue(self.follower.has_work)
        steps = 1
        while not (said := self.follower.judge()):
            steps += 1
        self.assertEqual((len(self.asked(said)), steps), (3, len(self.blocks) // 10))
        self.assertGreater(MOST_LOOKED_AT, MOST_BLOCKS)

    def test_not_asked(self) -> None:
        """A block that was not asked for, or comes twice, is passed over."""
        self.assertEqual(self.bring(self.blocks[0]), [])
        self.tell(self.blocks[0])
        self.bring(self.blocks[0], self.blocks[0])
        self.assertEqual((len(self.graph), self.follower.has_work), (2, False))

    def test_not_found(self) -> None:
        """What the peer has not after all is not waited for."""
        self.tell(self.blocks[0], extra=1)
        self.bring(self.blocks[0])
        self.assertFalse(self.follower.is_synced)
        self.follower.received(NotFound([InvVect(MSG_BLOCK, (1).to_bytes(32, "big"))]))
        self.assertTrue(self.follower.is_synced)

    def test_here_meanwhile(self) -> None:
        """A block that another peer has brought meanwhile is not added twice."""
        self.tell(self.blocks[0])
        self.graph.add(self.blocks[0].block_hash, self.blocks[0], 1, [self.graph.selected])
        self.bring(self.blocks[0])
        self.assertEqual(len(self.graph), 2)

    def test_too_many(self) -> None:
        """There is an end to what may be wanted."""
        self.patch(self.follower, "_most", 7)
        self.tell(*self.blocks)
        self.assertEqual(self.follower.left, 7)


class OrphanTests(FetchCase):
    """Blocks that come before their parents."""

    def test_wait(self) -> None:
        """They wait, and are added behind their parents, which are asked for first."""
        self.tell(*self.blocks[:MOST_BLOCKS])
        self.bring(*reversed(self.blocks[2:MOST_BLOCKS]))
        self.assertEqual((len(self.graph), self.follower.is_synced), (1, False))
        self.bring(self.blocks[1], self.blocks[0])
        self.assertEqual((len(self.graph), self.follower.is_synced), (1 + MOST_BLOCKS, True))

    def test_parents_are_asked(self) -> None:
        """Parents that nobody has told of are asked for, from above to below."""
        self.tell(self.blocks[4])
        by_hash = {block.block_hash: block for block in self.blocks}
        said = self.bring(self.blocks[4])
        while said:
            said = self.bring(*(by_hash[item] for item in self.asked(said)))
        self.assertIn(self.blocks[4].block_hash, self.graph)
        self.assertTrue(self.follower.is_synced)

    def test_without_parents(self) -> None:
        """If the parents are not to be had they are dropped, and can come again."""
        for _ in range(2):
            self.tell(self.blocks[4])
            said = self.bring(self.blocks[4])
            self.follower.received(NotFound([InvVect(MSG_BLOCK, item) for item in self.asked(said)]))
            self.assertTrue(self.follower.is_synced)
        self.assertEqual(len(self.graph), 1)

    def test_too_many(self) -> None:
        """There is an end to what is kept, by number and by size; what is dropped can come again."""
        blocks = self.blocks[2:10]
        size = sum(len(block.payload) for block in blocks[-3:])
        for limit, most in (("MOST_ORPHANS", 3), ("MOST_ORPHAN_BYTES", size)):
            self.patch(fetching, limit, most)
            self.tell(*blocks)
            for block in reversed(blocks):
                self.follower.received(block)
            kept = []
            while self.follower.has_work:
                self.follower.judge()
                kept.append((len(self.follower._orphans), self.follower._orphan_bytes))
            self.assertEqual(max(kept), (3, size))
            self.assertTrue(self.follower.is_synced)
        self.assertGreater(MOST_ORPHANS, MOST_BLOCKS)

    def test_room_again(self) -> None:
        """What was added takes no room any more."""
        self.tell(*self.blocks[:10])
        self.bring(*reversed(self.blocks[:10]))
        self.assertEqual((self.follower._orphan_bytes, self.follower._orphans), (0, {}))


class BaseTests(FetchCase):
    """Followers."""

    def test_block(self) -> None:
        """The blocks of these tests are soter's, made without work."""
        self.assertIsInstance(self.blocks[0], Block)
        self.assertEqual(len(self.blocks), len(self.served) - 1)
