"""Tests of how blocks of a chain are served."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from peerproto import networks
from peerproto.errors import StoreError
from peerproto.networks import neo
from peerproto.networks.bitcoin import (
    MSG_BLOCK,
    MSG_TX,
    MSG_WITNESS_BLOCK,
    Block,
    GetBlocks,
    GetData,
    Inv,
    InvVect,
    NotFound,
    Ping,
    Pong,
)
from peerproto.node.answering import MANY_QUESTIONS
from peerproto.node.blockstore import BlockStore, IBlockStore
from peerproto.node.node import Node
from peerproto.testing import MemoryTransport, RawPeer
from peerproto.wire.message import Message
from tests.block_case import BlockCase, bringing, grown, headers_of, payload
from tests.node_case import NETWORK

CORE = networks.named("bitcoin-regtest", "core")


def question(*blocks: Block, kind: int = MSG_WITNESS_BLOCK) -> GetData:
    """For these blocks."""
    return GetData([InvVect(kind, block.block_hash) for block in blocks])


@implementer(IBlockStore)
class SlowStore:
    """One that answers when the test says so.

    :ivar asked: the Deferred of each question, and what its answer is to be.
    """

    def __init__(self, store: BlockStore) -> None:
        self.most = store.most
        self._store = store
        self.asked: list[tuple[Deferred[Any], Callable[[], Any]]] = []

    def _later(self, answer: Callable[[], Any]) -> Deferred[Any]:
        self.asked.append((Deferred(), answer))
        return self.asked[-1][0]

    def has(self, block_hash: bytes) -> Deferred[bool]:
        """See IBlockStore."""
        return succeed(self._store.has(block_hash))

    def get(self, block_hash: bytes) -> Deferred[bytes | None]:
        """See IBlockStore."""
        return self._later(lambda: self._store.get(block_hash))

    def keep(self, block_hash: bytes, height: int, payload: bytes, best: int) -> Deferred[None]:
        """See IBlockStore."""
        return self._later(lambda: self._store.keep(block_hash, height, payload, best))

    def answer(self) -> None:
        """Answer the oldest question."""
        deferred, answer = self.asked.pop(0)
        deferred.callback(answer())


class ServerCase(BlockCase):
    """Nodes that have blocks, and peers that ask."""

    def asker(self, node: Node, **says: Any) -> RawPeer:
        """A peer that has called us; what it heard until now is read."""
        raw = self.peer(node, inbound=True, **says)
        self.clock.advance(0)
        raw.read()
        return raw

    def ask(self, raw: RawPeer, message: Message) -> list[Any]:
        """What a question is answered with."""
        raw.send(message)
        self.clock.advance(0)
        return raw.read()


class BringTests(ServerCase):
    """Questions for blocks."""

    def test_forms(self) -> None:
        """Each block comes in the form that is asked for, whatever the peer offers itself."""
        blocks = grown(4)
        for says in ({"services": 0}, {"services": 8}):
            raw = self.asker(self.keeping(blocks, filled=True), **says)
            for witness, kind in ((True, MSG_WITNESS_BLOCK), (False, MSG_BLOCK)):
                raw.send(question(*blocks, kind=kind))
                self.clock.advance(0)
                frames = b"".join(
                    NETWORK.envelope.wrap(b"block".ljust(12, b"\0"), payload(block, witness=witness))
                    for block in blocks
                )
                self.assertEqual(bytes(raw.transport.outgoing), frames)
                raw.read()

    def test_untouched(self) -> None:
        """What is sent as it is kept is not read before."""
        blocks = grown(2)
        raw = self.asker(self.keeping(blocks, filled=True))
        sent: list[Any] = []
        self.patch(raw.peer, "send", lambda message, witness: sent.append((message, witness)))
        raw.send(question(*blocks))
        self.clock.advance(0)
        self.assertEqual([witness for _, witness in sent], [True, True])
        self.assertTrue(all(message.is_untouched() for message, _ in sent))

    def test_missing(self) -> None:
        """What is not here is named at the end, once; Core names no blocks."""
        blocks = grown(3)
        asked = [
            InvVect(MSG_TX, bytes(32)),
            InvVect(MSG_WITNESS_BLOCK, blocks[1].block_hash),
            InvVect(MSG_WITNESS_BLOCK, bytes(32)),
            InvVect(MSG_WITNESS_BLOCK, blocks[1].block_hash),
            InvVect(MSG_TX, bytes(32)),
        ]
        raw = self.asker(self.keeping(blocks, filled=True))
        found = self.ask(raw, GetData(asked))
        self.assertEqual([type(message) for message in found], [Block, NotFound])
        self.assertEqual(found[1], NotFound([asked[0], asked[2]]))
        raw = self.asker(self.keeping(blocks, filled=True, network=CORE))
        self.assertEqual(self.ask(raw, GetData(asked))[1:], [NotFound([asked[0]])])
        self.assertEqual(self.ask(raw, GetData(asked[2:3])), [])

    def test_too_old(self) -> None:
        """What is not kept any more is not here."""
        blocks = grown(5)
        raw = self.asker(self.keeping(blocks, self.block_store(2), filled=True))
        found = self.ask(raw, question(*blocks))
        self.assertEqual([type(message) for message in found], [Block, Block, NotFound])
        self.assertEqual(len(found[2].inv_list), 3)

    def test_nothing_kept(self) -> None:
        """A node that keeps no blocks answers nothing, as before."""
        raw = self.asker(self.node(headers_of(grown(2))))
        self.assertEqual(self.ask(raw, question(*grown(2))), [])

    def test_at_their_pace(self) -> None:
        """Who does not read is not answered further; who has gone is forgotten."""
        blocks = grown(4)
        big = payload(blocks[0])
        store = self.block_store()
        node = self.keeping(blocks, store, filled=True)
        raw, other = self.asker(node), self.asker(node)
        self.patch(MemoryTransport, "high", 3 * len(big))
        raw.send(*[question(*blocks)] * 9)
        self.clock.advance(0)
        self.assertLess(len(raw.transport.outgoing), 9 * len(big))
        self.assertEqual(len(self.ask(other, question(blocks[0]))), 1)
        count = 0
        while found := raw.read():
            count += len(found)
            self.clock.advance(0)
        self.assertEqual(count, 36)
        raw.send(question(*blocks))
        raw.close()
        self.clock.advance(0)
        self.assertEqual(list(node._parts.blocks.server._askers), [other.peer])  # type: ignore[union-attr]

    def test_every_question(self) -> None:
        """Who asks much at once is answered all of it, and is not heard meanwhile, so that little is kept of it."""
        blocks = grown(40)
        node = self.keeping(blocks, filled=True)
        raw = self.asker(node)
        raw.send(*[question(block) for block in blocks], Ping(7))
        (asker,) = node._parts.blocks.server._askers.values()  # type: ignore[union-attr]
        self.assertEqual((len(asker.questions), raw.read()), (MANY_QUESTIONS, []))
        found: list[Any] = []
        while len(found) < 41:
            self.clock.advance(0)
            self.assertLessEqual(len(asker.questions), MANY_QUESTIONS)
            found += raw.read()
        hashes = [message.block_hash for message in found if isinstance(message, Block)]
        self.assertEqual(hashes, [block.block_hash for block in blocks])
        self.assertIn(Pong(7), found)

    def test_large_questions(self) -> None:
        """Questions that are large are fewer at a time."""
        blocks = grown(1)
        node = self.keeping(blocks, filled=True, network=CORE)
        raw = self.asker(node)
        large = GetData([InvVect(MSG_TX, number.to_bytes(32, "big")) for number in range(40_000)])
        raw.send(*[large] * 3)
        (asker,) = node._parts.blocks.server._askers.values()  # type: ignore[union-attr]
        found: list[Any] = []
        most = 0
        for _ in range(500):
            most = max(most, len(asker.questions))
            self.clock.advance(0)
            found += raw.read()
        self.assertEqual([len(message.inv_list) for message in found], [40_000] * 3)
        self.assertEqual((most, asker._size), (2, 0))

    def test_neo(self) -> None:
        """A network without words for what is missing."""
        network = networks.named("neo-privnet")
        raw = self.asker_of_neo(network)
        raw.send(neo.GetData(neo.INV_BLOCK, [bytes(32)]), neo.GetData(neo.INV_TX, [bytes(32)]))
        self.clock.advance(1)
        self.assertEqual(raw.read(), [])
        raw.send(neo.GetBlocks([network.genesis], bytes(32)))
        self.clock.advance(1)
        self.assertEqual(raw.read(), [])

    def asker_of_neo(self, network: Any) -> RawPeer:
        """A peer of a node of NEO that has nothing."""
        from peerproto.node.keeping import chain_in, open_store

        store = open_store(":memory:", network)
        self.addCleanup(store.close)
        chain: Any = chain_in(store, network, lambda: 1.6e9)
        node = self.node(chain=chain, network=network, blocks=self.block_store(network=network))
        raw = self.peer(node, inbound=True)
        self.clock.advance(1)
        raw.read()
        return raw


class SlowTests(ServerCase):
    """Stores that take their time, or fail."""

    def test_slow(self) -> None:
        """Answers come in the order of the questions, when they are there; others are not kept waiting."""
        blocks = grown(3)
        store = self.block_store()
        slow = SlowStore(store)
        for height, block in enumerate(blocks, 1):
            store.keep(block.block_hash, height, payload(block), 3)
        node = self.keeping(blocks, slow)
        raw, other = self.asker(node), self.asker(node)
        self.assertEqual(self.ask(raw, question(*blocks[:2])), [])
        self.assertEqual(self.ask(other, question(blocks[2])), [])
        slow.answer()
        slow.answer()
        self.clock.advance(0)
        self.assertEqual([message.block_hash for message in raw.read()], [blocks[0].block_hash])
        self.assertEqual([message.block_hash for message in other.read()], [blocks[2].block_hash])
        slow.answer()
        self.clock.advance(0)
        self.assertEqual([message.block_hash for message in raw.read()], [blocks[1].block_hash])

    def test_lost_meanwhile(self) -> None:
        """An answer for a peer that has gone is dropped, and nothing is kept of it."""
        slow = SlowStore(self.block_store())
        node = self.keeping(grown(1), slow)
        raw = self.asker(node)
        self.ask(raw, question(*grown(1)))
        raw.close()
        blocks: Any = node._parts.blocks  # type: ignore[union-attr]
        self.assertEqual(blocks.server._askers, {})
        slow.answer()
        self.assertEqual((self.clock.getDelayedCalls(), raw.read()), ([], []))

    def test_failure(self) -> None:
        """A store that fails stops the node; the peer is not blamed."""
        slow = SlowStore(self.block_store())
        node = self.keeping(grown(1), slow)
        raw = self.asker(node)
        self.ask(raw, question(*grown(1)))
        slow.asked[0][0].errback(StoreError("broken"))
        self.clock.advance(0)
        error = self.successResultOf(node.trouble.happened.when())
        self.assertEqual(str(error), "broken")
        self.assertIsNone(raw.peer.ending)

    def test_damaged(self) -> None:
        """So does one that has another block than it says, or none that can be read."""
        first, second = grown(2)
        for raw_block, said in (
            (payload(first), "it has "),
            (b"short", "ends too soon"),
        ):
            store = self.block_store()
            store.keep(second.block_hash, 2, raw_block, 2)
            node = self.keeping(grown(2), store)
            self.ask(self.asker(node), question(second))
            error = self.successResultOf(node.trouble.happened.when())
            self.assertIn("the store of blocks: ", str(error))
            self.assertIn(said, str(error))


class ListTests(ServerCase):
    """Questions for an inventory of blocks."""

    def inventory(self, raw: RawPeer, *locator: bytes, stop: bytes = bytes(32)) -> list[bytes]:
        """The hashes that a question is answered with; none for no answer."""
        found = self.ask(raw, GetBlocks(70016, list(locator), stop))
        return [vector.hash for message in found for vector in message.inv_list]

    def test_behind_the_locator(self) -> None:
        """The blocks behind the newest hash that is ours, as far as they are here."""
        blocks = grown(20)
        hashes = [block.block_hash for block in blocks]
        raw = self.asker(self.keeping(blocks, filled=True))
        self.assertEqual(self.inventory(raw, NETWORK.genesis), hashes)
        self.assertEqual(self.inventory(raw, bytes(32), hashes[4], stop=hashes[7]), hashes[5:8])
        self.assertEqual(self.inventory(raw, hashes[-1]), [])
        raw = self.asker(self.keeping(blocks, self.block_store(5), filled=True))
        self.assertEqual(self.inventory(raw, hashes[16]), hashes[17:])
        self.assertEqual(self.inventory(raw, hashes[3]), [])

    def test_more(self) -> None:
        """Who has had the last block of a full inventory is told of the tip, once."""
        blocks = grown(510)
        hashes = [block.block_hash for block in blocks]
        raw = self.asker(self.keeping(blocks, filled=True))
        self.assertEqual(self.inventory(raw, NETWORK.genesis), hashes[:500])
        self.assertEqual([type(each) for each in self.ask(raw, question(blocks[498]))], [Block])
        found = self.ask(raw, question(blocks[499]))
        self.assertEqual(found[1:], [Inv([InvVect(MSG_BLOCK, hashes[-1])])])
        self.assertEqual(len(self.ask(raw, question(blocks[499]))), 1)

    def test_more_than_is_here(self) -> None:
        """That is the newest that is here, if the last ones are on their way to us."""
        blocks = grown(512)
        node = self.keeping(blocks[:510], filled=True)
        self.full(node, height=512).send(bringing(blocks[510:]))
        self.assertEqual(node.chain.height, 512)
        raw = self.asker(node)
        self.inventory(raw, NETWORK.genesis)
        found = self.ask(raw, question(blocks[499]))
        self.assertEqual(found[1:], [Inv([InvVect(MSG_BLOCK, blocks[509].block_hash)])])
