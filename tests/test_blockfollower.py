"""Tests of how the newest blocks follow the chain of headers."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from peerproto import networks
from peerproto.errors import LocalError, MalformedMessage, Reason, StoreError
from peerproto.forms.blocks import Held
from peerproto.networks.bitcoin import (
    MSG_BLOCK,
    MSG_WITNESS_BLOCK,
    Block,
    GetData,
    GetHeaders,
    Headers,
    Inv,
    InvVect,
    NotFound,
    SendHeaders,
)
from peerproto.node.blockfollower import AGAIN, MOST_ASKED
from peerproto.node.blockgaps import AHEAD, LAG, ROOM
from peerproto.node.keeping import kept_in_memory
from peerproto.node.node import Node
from peerproto.node.wanted import PATIENCE, YIELDING
from peerproto.testing import RawPeer
from tests.block_case import FULL, BlockCase, bringing, grown, headers_of, payload
from tests.node_case import NETWORK, NOW
from tests.test_blockserver import SlowStore

LIMITED = 1 << 10 | 1 << 3


class FollowCase(BlockCase):
    """A node that keeps blocks, and peers that have them."""

    def asked(self, raw: RawPeer) -> list[bytes]:
        """The hashes of the blocks that a peer is asked for now."""
        self.clock.advance(0)
        found = [message for message in raw.read() if isinstance(message, GetData)]
        vectors = [vector for message in found for vector in message.inv_list]
        self.assertEqual({vector.type for vector in vectors} - {MSG_WITNESS_BLOCK}, set())
        return [vector.hash for vector in vectors]

    def synced(self, node: Node, blocks: list[Block], **says: Any) -> RawPeer:
        """A peer from which the node has all headers of these."""
        raw = self.full(node, height=len(blocks), **says)
        raw.send(bringing(blocks))
        self.clock.advance(0)
        return raw

    def serve(self, raw: RawPeer, blocks: list[Block]) -> int:
        """Bring what is asked for until nothing is; how many that were."""
        by_hash, count = {block.block_hash: block for block in blocks}, 0
        while asked := self.asked(raw):
            count += len(asked)
            raw.send(*[by_hash[item] for item in asked])
        return count

    def kept(self, store: Any, blocks: list[Block]) -> list[int]:
        """The heights of these blocks that are in the store."""
        return [height for height, block in enumerate(blocks, 1) if store.has(block.block_hash)]


class FollowTests(FollowCase):
    """What is asked for, and kept."""

    def test_all(self) -> None:
        """When the headers are synced the blocks are asked for, a few at a time, the lowest first, and kept."""
        blocks, store = grown(200), self.block_store()
        node = self.keeping(store=store)
        raw = self.full(node, height=200)
        self.assertEqual(self.asked(raw), [])
        raw.send(bringing(blocks))
        first = self.asked(raw)
        self.assertEqual(first, [block.block_hash for block in blocks[:MOST_ASKED]])
        raw.send(*blocks[:MOST_ASKED])
        self.assertEqual(self.serve(raw, blocks), 200 - MOST_ASKED)
        self.assertEqual(self.kept(store, blocks), list(range(1, 201)))
        self.assertEqual(store.get(blocks[1].block_hash), payload(blocks[1]))
        self.assertEqual(self.following(node).gaps.held, Held(200, whole=True))

    def test_newest(self) -> None:
        """Only so many of the newest, and as the chain grows those that are new."""
        blocks, store = grown(40), self.block_store(10)
        node = self.keeping(store=store)
        raw = self.synced(node, blocks[:30])
        self.assertEqual(self.serve(raw, blocks), 10)
        raw.send(bringing(blocks[30:32]))
        self.assertEqual(self.serve(raw, blocks), 2)
        self.assertEqual(self.kept(store, blocks), list(range(23, 33)))
        raw.send(bringing(blocks[32:]))
        self.serve(raw, blocks)
        self.assertEqual(self.kept(store, blocks), list(range(31, 41)))
        self.assertEqual(self.following(node).gaps.held, Held(10, whole=False))

    def test_too_old_meanwhile(self) -> None:
        """What was asked for and is too old by now is not waited for, nor kept."""
        blocks, store = grown(40), self.block_store(5)
        node = self.keeping(store=store)
        raw = self.synced(node, blocks[:10])
        self.assertEqual(len(self.asked(raw)), 5)
        raw.send(bringing(blocks[10:]))
        self.assertEqual(self.asked(raw), [block.block_hash for block in blocks[35:]])
        raw.send(*blocks[5:10])
        self.assertEqual(len(store), 0)

    def test_before_the_headers_are_synced(self) -> None:
        """Nobody is asked for blocks of a chain that goes on."""
        blocks = grown(2010)
        node = self.keeping(store=self.block_store(20))
        raw = self.full(node, height=2010)
        raw.send(bringing(blocks[:2000]))
        for _ in range(30):
            self.assertEqual(self.asked(raw), [])
        raw.send(bringing(blocks[2000:]))
        self.assertEqual(len(self.asked(raw)), MOST_ASKED)

    def test_what_is_here(self) -> None:
        """What the store has already is not asked for; a long chain is looked through in turns."""
        blocks, store = grown(250), self.block_store()
        for height, block in enumerate(blocks, 1):
            if height not in (7, 240):
                store.keep(block.block_hash, height, payload(block), 250)
        node = self.keeping(blocks, store)
        self.assertEqual(self.following(node).gaps.held, Held(0, whole=False))
        raw = self.full(node, height=250)
        raw.send(bringing(blocks[-1:]))
        self.clock.pump([0] * 3)
        self.assertEqual(self.asked(raw), [blocks[6].block_hash, blocks[239].block_hash])

    def test_window_of_missing(self) -> None:
        """So many are missing at a time that memory is bounded."""
        node = self.keeping(store=self.block_store())
        self.synced(node, grown(500))
        self.clock.pump([0] * 10)
        self.assertEqual(len(self.following(node).gaps.missing), AHEAD)

    def test_reorganisation(self) -> None:
        """The blocks of the new branch are asked for; those that were left are not waited for."""
        blocks, store = grown(30), self.block_store(20)
        branch = grown(8, b"other", after=25)
        node = self.keeping(store=store)
        raw = self.synced(node, blocks)
        self.serve(raw, blocks)
        new = grown(4, after=30)
        raw.send(bringing(new[:1]))
        self.assertEqual(self.asked(raw), [new[0].block_hash])
        raw.send(bringing(branch))
        self.assertEqual(self.asked(raw), [block.block_hash for block in branch])
        raw.send(new[0], *branch)
        self.assertEqual(self.kept(store, blocks), list(range(14, 26)))
        self.assertEqual(len(store), 20)
        self.assertEqual(self.following(node).gaps.held.newest, 20)

    def test_short_reorganisation(self) -> None:
        """Only what lies above the fork is looked up anew: the old blocks stay here, and are offered on."""
        blocks, store = grown(30), self.block_store()
        node = self.keeping(blocks, store, filled=True)
        raw = self.synced(node, blocks)
        branch = grown(4, b"other", after=28)
        looked_up: list[bytes] = []
        has = store.has
        self.patch(store, "has", lambda block_hash: looked_up.append(block_hash) or has(block_hash))
        raw.send(bringing(branch))
        hashes = [block.block_hash for block in branch]
        self.assertEqual((looked_up, self.asked(raw)), (hashes, hashes))
        self.assertEqual(self.following(node).gaps.promised, 28)
        raw.send(*branch)
        self.assertEqual(self.following(node).gaps.promised, 32)
        self.assertEqual(self.kept(store, [*blocks[:28], *branch]), list(range(1, 33)))

    def test_branch_from_the_beginning(self) -> None:
        """So it is if the whole chain is left."""
        store = self.block_store()
        node = self.keeping(grown(3), store, filled=True)
        raw, branch = self.synced(node, grown(3)), grown(5, b"other")
        raw.send(bringing(branch))
        self.assertEqual(self.serve(raw, branch), 5)
        self.assertEqual(self.kept(store, branch), list(range(1, 6)))

    def test_not_asked(self) -> None:
        """A block that is not missing is passed over."""
        blocks, store = grown(3), self.block_store()
        node = self.keeping(store=store)
        raw = self.synced(node, blocks[:2])
        raw.send(blocks[2])
        self.assertEqual(self.serve(raw, blocks), 2)
        raw.send(blocks[0])
        self.assertEqual((len(store), raw.peer.ending), (2, None))

    def test_graph(self) -> None:
        """Where all blocks of a graph are kept there is nothing more to keep."""
        kaspa = networks.named("kaspa-simnet")
        with kept_in_memory(kaspa, NOW) as chain:
            error = self.assertRaises(LocalError, Node, self.clock, kaspa, chain, blocks=self.block_store())
        self.assertIn("all blocks of a graph are kept", str(error))


class SourceTests(FollowCase):
    """Whom blocks are asked of."""

    def test_who_has_them(self) -> None:
        """Those who offer blocks with their witnesses, and are high enough; limited ones for the newest."""
        blocks = grown(300)
        node = self.keeping(store=self.block_store())
        without = self.full(node, services=1, height=300)
        low = self.full(node, height=5)
        limited = self.full(node, services=LIMITED, height=300)
        raw = self.full(node, services=0, height=300)
        raw.send(bringing(blocks))
        self.clock.pump([0] * 10)
        self.assertEqual(self.asked(low), [block.block_hash for block in blocks[:5]])
        newest = [block.block_hash for block in blocks[14 : 14 + MOST_ASKED]]
        self.assertEqual(self.asked(limited), newest)
        self.assertEqual(self.asked(without) + self.asked(raw), [])

    def test_one_at_a_time(self) -> None:
        """A block is asked of one; of the next when that has it not, goes, or lets its time pass."""
        blocks = grown(1)
        node = self.keeping(store=self.block_store(), timing=None, stall_handler=False)
        raws = [self.full(node, height=1) for _ in range(4)]
        raws[0].send(bringing(blocks))
        turns = []
        for step in range(4):
            (asked,) = (raw for raw in raws if self.asked(raw))
            turns.append(asked)
            if step == 0:
                asked.send(NotFound([InvVect(MSG_BLOCK, blocks[0].block_hash)]))
            elif step == 1:
                asked.close()
            else:
                self.clock.pump([1] * int(PATIENCE))
        self.assertEqual(len(set(map(id, turns))), 4)

    def test_again(self) -> None:
        """When all were asked in vain they are asked again a minute later, and so is who comes."""
        blocks = grown(1)
        node = self.keeping(store=self.block_store())
        raw = self.synced(node, blocks)
        vector = InvVect(MSG_BLOCK, blocks[0].block_hash)
        self.assertEqual(len(self.asked(raw)), 1)
        raw.send(NotFound([vector]))
        self.assertEqual(self.asked(raw), [])
        self.clock.pump([1] * int(AGAIN))
        self.assertEqual(len(self.asked(raw)), 1)
        raw.send(NotFound([vector]))
        self.assertEqual(len(self.asked(self.full(node, height=1))), 1)

    def test_announced_to_us(self) -> None:
        """Who announces a block that we know has it, too."""
        blocks = grown(2)
        node = self.keeping(store=self.block_store())
        other = self.full(node, height=0, inbound=True)
        raw = self.synced(node, blocks, services=0)
        self.assertEqual(self.asked(other), [])
        other.send(Inv([InvVect(MSG_BLOCK, blocks[1].block_hash)]))
        self.clock.advance(YIELDING)
        self.assertEqual(len(self.asked(other)), 2)
        self.assertEqual((other.peer.last_block, self.asked(raw)), (2, []))

    def test_wrong_block(self) -> None:
        """Who brings another block than the header names ends; the next is asked, and nothing is kept."""
        blocks, store = grown(2), self.block_store()
        node = self.keeping(store=store)
        for wrong, kind in (
            (Block(blocks[0].header, blocks[1].transactions), None),
            (payload(blocks[1])[:100], MalformedMessage),
        ):
            raw = self.synced(node, blocks)
            self.assertIn(blocks[0].block_hash, self.asked(raw))
            raw.send(
                wrong if isinstance(wrong, Block) else NETWORK.envelope.wrap(b"block".ljust(12, b"\0"), wrong)
            )
            assert raw.peer.ending is not None
            if kind is None:
                self.assertIs(raw.peer.ending.reason, Reason.MISBEHAVING)
                self.assertIn("has other transactions than its header names", str(raw.peer.ending))
            else:
                self.assertIsInstance(raw.peer.ending, kind)
            raw.close()
        self.assertEqual(len(store), 0)
        raw = self.full(node, height=2)
        self.assertEqual(self.serve(raw, blocks), 2)

    def test_without_witnesses(self) -> None:
        """What a peer brings unasked that has no witnesses to give is passed over."""
        blocks, store = grown(2), self.block_store()
        node = self.keeping(store=store)
        raw = self.synced(node, blocks, services=1)
        raw.send(NETWORK.envelope.wrap(b"block".ljust(12, b"\0"), payload(blocks[1], witness=False)))
        self.assertEqual((raw.peer.ending, len(store)), (None, 0))


class TellTests(FollowCase):
    """What others are told."""

    def test_services(self) -> None:
        """What is said in handshakes is what is here, beside what we are told to say."""
        blocks = grown(ROOM + 20)
        for most, filled, services in (
            (2 * ROOM + 20, True, FULL | 1024),
            (2 * ROOM + 19, True, LIMITED),
            (ROOM, True, LIMITED),
            (ROOM - 1, True, 0),
            (2 * ROOM + 20, False, 0),
        ):
            node = self.keeping(blocks, self.block_store(most), filled=filled, services=1 << 6)
            self.clock.pump([0] * 10)
            raw = self.raw(node)
            self.assertEqual(raw.read()[0].services, services | 1 << 6)

    def test_a_little_behind(self) -> None:
        """The newest ones may be on their way."""
        blocks, store = grown(30), self.block_store()
        node = self.keeping(store=store)
        raw = self.synced(node, blocks[:20])
        self.serve(raw, blocks)
        raw.send(bringing(blocks[20:23]))
        self.assertEqual(self.following(node).gaps.held, Held(23, whole=True))
        raw.send(bringing(blocks[23:24]))
        self.assertEqual(self.following(node).gaps.held, Held(0, whole=False))

    def test_announce(self) -> None:
        """When all is here the tip is announced to those who have it not; and then each new one when it is here."""
        blocks = grown(12)
        node = self.keeping(store=self.block_store())
        raw = self.synced(node, blocks[:10])
        other, third = self.full(node, height=3, inbound=True), self.full(node, height=99, inbound=True)
        self.serve(raw, blocks)
        self.assertEqual(other.read(), [Inv([InvVect(MSG_BLOCK, blocks[9].block_hash)])])
        raw.send(bringing(blocks[10:11]))
        self.assertEqual((self.asked(raw), other.read()), ([blocks[10].block_hash], []))
        raw.send(blocks[10])
        self.clock.advance(0)
        self.assertEqual(other.read(), [Inv([InvVect(MSG_BLOCK, blocks[10].block_hash)])])
        self.assertEqual((raw.read(), third.read()), ([], []))

    def headers_for(self, raw: RawPeer) -> list[bytes]:
        """The headers that a peer was told of since the last time; it hears of nothing else."""
        heard = raw.read()
        self.assertEqual({type(message) for message in heard} - {Headers}, set())
        return [header for message in heard for header in NETWORK.headers.brought(message)]

    def test_announce_by_headers(self) -> None:
        """Who wants headers has them instead, and not before the blocks are here: it would ask, and wait in vain."""
        blocks, slow = grown(12), SlowStore(self.block_store())
        node = self.keeping(store=slow)
        raw, other = self.synced(node, blocks[:1]), self.full(node, height=1, inbound=True)
        raw.send(*blocks[:1])
        slow.answer()
        other.send(SendHeaders())
        other.read()
        raw.send(bringing(blocks[1:3]))
        self.asked(raw)
        raw.send(blocks[2], blocks[1])
        self.clock.advance(0)
        self.assertEqual(self.headers_for(other), [])
        slow.answer()
        self.clock.advance(0)
        self.assertEqual(self.headers_for(other), [])
        slow.answer()
        self.assertEqual(self.headers_for(other), headers_of(blocks[1:3]))

    def test_after_a_restart(self) -> None:
        """What was whole when the node stopped is offered at once, and no header is told whose block is yet to come."""
        blocks = grown(30 + LAG + 1)
        node = self.keeping(blocks[:30], filled=True)
        self.assertEqual(self.following(node).gaps.held, Held(30, whole=True))
        raw = self.full(node, height=len(blocks))
        raw.send(bringing(blocks[30:]))
        self.assertEqual((self.following(node).gaps.promised, node.chain.height), (30, len(blocks)))
        self.assertEqual(self.raw(node).read()[0].last_block, 30)
        self.assertEqual(self.serve(raw, blocks), LAG + 1)
        self.assertEqual(self.following(node).gaps.promised, len(blocks))

    def test_asked_for_headers(self) -> None:
        """Nor is it told more if it asks, once all blocks were here; before that it is told all."""
        blocks, store = grown(12), self.block_store()
        node = self.keeping(store=store)
        raw, other = self.synced(node, blocks[:10]), self.full(node, height=0, inbound=True)

        def told(*locator: Block) -> int:
            hashes = [block.block_hash for block in locator] or [NETWORK.genesis]
            other.send(GetHeaders(70016, hashes, bytes(32)))
            self.clock.advance(0)
            return sum(
                len(NETWORK.headers.brought(each)) for each in other.read() if isinstance(each, Headers)
            )

        self.assertEqual(told(), 10)
        self.serve(raw, blocks)
        raw.send(bringing(blocks[10:]))
        self.asked(raw)
        self.assertEqual((told(), told(blocks[7]), told(blocks[9]), told(blocks[10])), (10, 2, 0, 0))
        raw.send(blocks[10])
        self.assertEqual((told(), told(blocks[9])), (11, 1))
        raw.send(blocks[11])
        self.assertEqual((told(), told(blocks[11])), (12, 0))


class EndTests(FollowCase):
    """Stores that take their time or fail, and the end."""

    def test_slow_store(self) -> None:
        """While a store writes nothing more of that peer is handled."""
        blocks, store = grown(2), self.block_store()
        slow = SlowStore(store)
        node = self.keeping(store=slow)
        raw = self.synced(node, blocks)
        self.asked(raw)
        raw.send(*blocks)
        self.assertEqual(len(slow.asked), 1)
        slow.answer()
        self.clock.advance(0)
        slow.answer()
        self.assertEqual(self.kept(store, blocks), [1, 2])

    def test_chain_changes_meanwhile(self) -> None:
        """What a slow store says of a block that was left in the meantime does not count."""
        blocks, branch = grown(6), grown(8, b"other", after=2)
        slow = SlowStore(self.block_store())
        asked: list[Any] = []
        self.patch(slow, "has", lambda block_hash: asked.append(slow._later(lambda: False)) or asked[-1])
        node = self.keeping(store=slow)
        raw = self.synced(node, blocks)
        for _ in range(3):
            slow.answer()
        raw.send(bringing(branch))
        while slow.asked:
            slow.answer()
        hashes = [block.block_hash for block in (*blocks[:2], *branch)]
        self.assertEqual(list(self.following(node).gaps.missing), hashes)

    def keeping_later(self, blocks: list[Block]) -> tuple[Node, Any, list[Deferred[None]]]:
        """A node with these blocks, its store, and what that waits for before it keeps each new one."""
        store = self.block_store()
        node = self.keeping(blocks, store, filled=True)
        keep, waiting = store.keep, list[Deferred[None]]()

        def later(*arguments: Any) -> Deferred[None]:
            waiting.append(Deferred())
            return waiting[-1].addCallback(lambda _: keep(*arguments))

        self.patch(store, "keep", later)
        return node, store, waiting

    def test_branch_while_keeping(self) -> None:
        """What a slow store is keeping is not asked for again, whatever the chain does meanwhile."""
        blocks = grown(21)
        node, store, waiting = self.keeping_later(blocks[:18])
        raw, other = self.synced(node, blocks[:19]), self.full(node, height=21)
        self.assertEqual(self.asked(raw), [blocks[18].block_hash])
        raw.send(blocks[18])
        other.send(bringing(grown(3, b"other", after=17)))
        other.send(bringing(blocks[17:]))
        self.assertEqual(self.asked(other), [block.block_hash for block in blocks[19:]])
        waiting[0].callback(None)
        self.assertEqual((self.kept(store, blocks), raw.peer.ending), (list(range(1, 20)), None))

    def test_kept_too_late(self) -> None:
        """What a slow store has kept when the chain had left it took the place of another: that is looked for again."""
        branch, blocks = grown(2, b"other", after=18), grown(21)
        node, store, waiting = self.keeping_later([*blocks[:18], *branch])
        raw, other = self.synced(node, blocks), self.full(node, height=22)
        self.assertEqual(self.asked(raw), [block.block_hash for block in blocks[18:]])
        raw.send(blocks[18])
        raw.close()
        new = grown(4, b"other", after=18)
        other.send(bringing(new))
        self.assertEqual(self.asked(other), [block.block_hash for block in new[2:]])
        waiting[0].callback(None)
        self.assertEqual((self.kept(store, new), self.following(node).gaps.promised), ([2], 18))
        self.assertEqual(self.asked(other), [new[0].block_hash])
        other.send(*new)
        for number in range(1, 4):
            waiting[number].callback(None)
            self.clock.advance(0)
        self.assertEqual((self.kept(store, new), self.following(node).gaps.promised), ([1, 2, 3, 4], 22))

    def test_one_after_the_other(self) -> None:
        """A slow store keeps one block at a time, whoever brings them; after a stop none that waits."""
        blocks = grown(22)
        node, store, waiting = self.keeping_later(blocks[:18])
        raws = [self.synced(node, blocks[: 19 + count]) for count in range(3)]
        for raw, block in zip(raws, blocks[18:], strict=False):
            raw.send(block)
        self.assertEqual(len(waiting), 1)
        waiting[0].callback(None)
        self.assertEqual((len(waiting), len(store)), (2, 19))
        node.stop()
        waiting[1].callback(None)
        self.assertEqual((len(waiting), len(store)), (2, 20))

    def test_failure(self) -> None:
        """A store that fails stops the node, whether it looks or keeps; the peer is not blamed."""
        for name in ("has", "keep"):
            store: Any = self.block_store()

            def broken(*arguments: Any) -> None:
                raise StoreError("broken")

            self.patch(store, name, broken)
            node = self.keeping(store=store)
            raw = self.synced(node, grown(2))
            if self.asked(raw):
                raw.send(grown(2)[0])
            self.assertEqual(str(self.successResultOf(node.trouble.happened.when())), "broken")
            self.assertIsNone(raw.peer.ending)

    def test_stop_meanwhile(self) -> None:
        """A stop while a slow store looks is the end, whatever it says then."""
        slow = SlowStore(self.block_store())
        self.patch(slow, "has", lambda block_hash: slow._later(lambda: False))
        node = self.keeping(grown(3), slow)
        node.stop()
        slow.answer()
        self.assertEqual(slow.asked, [])

    def test_stop(self) -> None:
        """After a stop nothing is asked or looked up; a beginning after it is none."""
        node = self.keeping(grown(300), self.block_store())
        follower = self.following(node)
        node.stop()
        follower.begin()
        follower.look()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        node = self.keeping(store=self.block_store())
        raw, other = self.synced(node, grown(30)), self.full(node, height=30)
        self.assertEqual(len(self.asked(raw)), MOST_ASKED)
        node.stop()
        self.clock.pump([1] * 29)
        self.assertEqual(self.asked(raw) + self.asked(other)[MOST_ASKED:], [])

    def test_numbers(self) -> None:
        """A peer is asked for fewer than are missing, and for fewer than there is room for."""
        self.assertLess(MOST_ASKED, AHEAD)
        self.assertLess(LAG, ROOM)
        self.assertEqual(headers_of(grown(1)), [grown(1)[0].header.pack()])
