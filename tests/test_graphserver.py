"""Blocks for the peers that ask."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from peerproto.errors import MalformedMessage, StoreError
from peerproto.forms.sync import Answer
from peerproto.networks.kaspa import (
    MSG_BLOCK,
    GetBlockInvs,
    GetData,
    GetSelectedTip,
    Inv,
    InvVect,
    SelectedTip,
)
from peerproto.networks.soter import MSG_WITNESS_BLOCK
from peerproto.networks.soter import GetData as GetSoterData
from peerproto.networks.soter import InvVect as SoterVector
from peerproto.node import answering
from peerproto.node.answering import MOST_BYTES, MOST_QUESTIONS, Asker
from peerproto.node.node import Node
from peerproto.testing import MemoryTransport, RawPeer
from peerproto.wire.message import Message
from tests.graph_node_case import KASPA, SOTER, GraphNodeCase

FULL = MemoryTransport.high


class ServerCase(GraphNodeCase):
    """A node with 200 blocks, and peers that ask it."""

    def setUp(self) -> None:
        super().setUp()
        self.served = self.keeping(KASPA, 200)

    def asker(self, node: Node | None = None) -> RawPeer:
        """A peer that has called us, and knows what we know."""
        node = node or self.served
        raw = self.peer(node, inbound=True, tip=node.chain.tip)
        raw.read()
        return raw

    def all_blocks(self) -> GetData:
        """A question for each block."""
        graph = self.served.chain
        hashes = [graph.vertex(row).block_hash for row in range(1, len(graph))]
        return GetData([InvVect(MSG_BLOCK, item) for item in hashes])

    def everything(self) -> GetBlockInvs:
        """A question for what there is."""
        return GetBlockInvs(KASPA.genesis, self.served.chain.tip)


class AnswerTests(ServerCase):
    """What is answered."""

    def test_answers(self) -> None:
        """Each question has its answer, in the order of asking, in a later turn."""
        raw = self.asker()
        raw.send(self.everything(), GetSelectedTip(), self.all_blocks())
        self.assertEqual(raw.read(), [])
        self.clock.advance(0)
        inventory, tip, *blocks = raw.read()
        assert isinstance(inventory, Inv)
        self.assertEqual(len(inventory.inv_list), len(self.served.chain))
        self.assertEqual(tip, SelectedTip(self.served.chain.tip))
        self.assertEqual(len(blocks), len(self.served.chain) - 1)

    def test_whom_we_have_called(self) -> None:
        """A peer that we have called may ask as well."""
        raw = self.peer(self.served)
        raw.send(GetSelectedTip())
        self.clock.advance(0)
        self.assertIn(SelectedTip(self.served.chain.tip), raw.read())

    def test_encoding(self) -> None:
        """A block goes as it was asked for, whatever the peer's services say."""
        node = self.keeping(SOTER, 3)
        sent: list[Any] = []
        raw = self.asker(node)
        self.patch(raw.peer, "send", lambda message, witness: sent.append(witness))
        hashes = [node.chain.vertex(row).block_hash for row in (1, 2)]
        raw.send(GetSoterData([SoterVector(MSG_WITNESS_BLOCK, hashes[0]), SoterVector(2, hashes[1])]))
        self.clock.advance(0)
        self.assertEqual(sent, [True, False])

    def test_malformed(self) -> None:
        """A question that is malformed ends its peer when it comes."""
        raw = self.asker()
        raw.send(KASPA.envelope.wrap(b"getdata".ljust(12, b"\0"), b"\2" + bytes(50)))
        self.assertIsInstance(raw.peer.ending, MalformedMessage)


class FloodTests(ServerCase):
    """Peers that ask too much."""

    def test_a_short_time_a_turn(self) -> None:
        """Each peer is answered for a short time a turn, so that none waits for all of another's."""
        greedy, modest = self.asker(), self.asker()
        block = self.served.chain.block

        def slow(*arguments: Any) -> Any:
            self.clock.rightNow += 0.006
            return block(*arguments)

        self.patch(self.served.chain, "block", slow)
        greedy.send(self.all_blocks())
        modest.send(GetSelectedTip())
        self.turn()
        self.assertEqual((len(greedy.read()), len(modest.read())), (2, 1))
        self.turn()
        self.assertEqual((len(greedy.read()), len(modest.read())), (2, 0))
        self.clock.advance(1)
        self.assertEqual(len(greedy.read()), len(self.served.chain) - 5)

    def test_long_thought(self) -> None:
        """A walk through the graph is cut into turns, too."""
        raw = self.asker()

        def steps(message: Message) -> Iterator[Answer | None]:
            for _ in range(7):
                self.clock.rightNow += 1
                yield None
            yield Answer(SelectedTip(bytes(32)))

        self.served.server._askers[raw.peer] = Asker(steps)
        raw.send(GetSelectedTip())
        for _ in range(7):
            self.turn()
            self.assertEqual(raw.read(), [])
        self.turn()
        self.assertEqual(raw.read(), [SelectedTip(bytes(32))])

    def test_too_many_questions(self) -> None:
        """Ten may wait; the others are not answered, later ones are."""
        raw = self.asker()
        raw.send(*[GetSelectedTip()] * 500)
        self.clock.advance(0)
        self.assertEqual(len(raw.read()), MOST_QUESTIONS)
        raw.send(GetSelectedTip())
        self.clock.advance(0)
        self.assertEqual(len(raw.read()), 1)

    def test_too_long_questions(self) -> None:
        """So many bytes may wait, but a single question of any length."""
        asker = Asker(lambda message: iter(()))
        question = GetSelectedTip.read(b"", KASPA.codec())
        long = GetData.read(b"\0" * (MOST_BYTES + 1), KASPA.codec())
        for given in (long, question, long, question):
            asker.put(given)
        self.assertEqual(list(asker.questions), [long])

    def test_peer_that_does_not_read(self) -> None:
        """Who does not take an answer gets no other, and everything else still works."""
        raw, other = self.asker(), self.asker()
        for _ in range(50):
            raw.send(self.all_blocks())
            self.clock.advance(0)
        self.assertLess(len(raw.transport.outgoing), 2 * FULL)
        other.send(GetSelectedTip())
        self.clock.advance(0)
        self.assertEqual(len(other.read()), 1)
        got = 0
        for _ in range(200):
            got += len(raw.read())
            self.clock.advance(0)
        self.assertGreaterEqual(got, MOST_QUESTIONS * (len(self.served.chain) - 1))


class EndTests(ServerCase):
    """The end of it."""

    def test_peer_that_is_lost(self) -> None:
        """What a peer has asked is forgotten with it, whether it waits for its turn or for the transport."""
        waiting, blocked = self.asker(), self.asker()
        blocked.send(*[self.all_blocks()] * 3)
        self.clock.advance(0)
        waiting.send(self.all_blocks())
        blocked.close()
        waiting.close()
        self.assertEqual((self.served.server._askers, self.clock.getDelayedCalls()), ({}, []))

    def test_answer_that_goes_out_after_all(self) -> None:
        """A transport that is empty again after its peer was forgotten asks for nothing more."""
        raw = self.asker()
        raw.send(*[self.all_blocks()] * 3)
        self.clock.advance(0)
        self.served.server.forget(raw.peer)
        self.assertGreater(len(raw.read()), 0)
        self.clock.advance(0)
        self.assertEqual(raw.read(), [])

    def test_stop(self) -> None:
        """After a stop nobody is answered."""
        raw = self.asker()
        raw.send(self.all_blocks())
        self.served.stop()
        self.clock.advance(0)
        self.assertEqual(raw.read(), [])
        self.assertGreater(answering.TURN, 0)

    def test_store_fails(self) -> None:
        """A store that fails is told as such; nobody is blamed for it."""
        raw, question = self.asker(), self.all_blocks()
        self.served.chain.close()
        raw.send(question)
        self.clock.advance(0)
        self.assertIsInstance(self.successResultOf(self.served.trouble.happened.when()), StoreError)
        self.assertEqual((raw.read(), raw.hung_up), ([], False))
