"""A graph that follows peers."""

from __future__ import annotations

from typing import Any

from peerproto.errors import InvalidBlock, Misled, PeerStalled, Reason, StoreError
from peerproto.networks import kaspa, soter
from peerproto.node import graphfollower
from peerproto.node.graphfollower import MOST_NEWS, MOST_TOLD, PATIENCE
from peerproto.node.node import Node
from peerproto.peer.protocol import PeerProtocol
from tests.graph_case import NETWORKS, hashes_of
from tests.graph_node_case import KASPA, SOTER, GraphNodeCase, Serving, announcement


class SyncTests(GraphNodeCase):
    """From a peer that has more."""

    def test_whoever_calls(self) -> None:
        """All blocks come over, whoever has called, and it is told how far it is and when all are here."""
        for network in NETWORKS:
            served = self.grown(network, 130)
            for inbound in (False, True):
                told: list[Any] = []
                node = self.keeping(
                    network,
                    progressed=lambda peer, told=told: told.append(node.total(peer)),  # noqa: B023
                    finished=told.append,
                )
                peer = self.serving(node, served, inbound=inbound)
                self.settle(peer)
                self.assertEqual(hashes_of(node.chain), hashes_of(served))
                self.assertEqual(node.chain.tip, served.tip)
                self.assertIs(self.successResultOf(node.follower.synced.when()), peer.raw.peer)
                self.assertEqual(told[-2:], [len(served) - 1, peer.raw.peer])
                self.assertEqual((node.follower.left, peer.raw.hung_up), (0, False))

    def test_goes_on(self) -> None:
        """A second sync brings only what is new."""
        for network in NETWORKS:
            node, served = self.keeping(network), self.grown(network, 130)
            first = self.serving(node, served)
            self.settle(first)
            first.raw.close()
            for _ in range(7):
                self.add(network, served)
            again = self.serving(node, served)
            self.settle(again)
            self.assertEqual(hashes_of(node.chain), hashes_of(served))
            self.assertEqual(again.raw.peer.statistics.received[network.graph.bringing].messages, 7)

    def test_nothing_new(self) -> None:
        """A peer that has nothing new is done at once, or when it has said so."""
        for network in NETWORKS:
            node = self.keeping(network)
            self.settle(self.serving(node, self.empty(network)))
            self.assertTrue(node.follower.synced.is_over())

    def test_a_few_a_turn(self) -> None:
        """Blocks are judged for a short time a turn, so that others are heard meanwhile."""
        node, served = self.keeping(KASPA), self.grown(KASPA, 40)
        add = node.chain.add

        def slow(*arguments: Any) -> Any:
            self.clock.rightNow += 0.015
            return add(*arguments)

        self.patch(node.chain, "add", slow)
        peer = self.serving(node, served)
        turns: list[int] = []
        for _ in range(200):
            peer.answer()
            before = len(node.chain)
            self.turn()
            turns.append(len(node.chain) - before)
        self.assertEqual((max(turns), len(node.chain)), (2, len(served)))


class TurnTests(GraphNodeCase):
    """One peer at a time."""

    def test_second_waits(self) -> None:
        """A second peer is asked when all of the first is here, and then for nothing that is here."""
        for network in NETWORKS:
            node, served = self.keeping(network), self.grown(network, 70)
            first, second = self.serving(node, served), self.serving(node, served)
            self.assertEqual(second.asked(), [])
            self.settle(first)
            self.settle(second)
            self.assertEqual(len(node.chain), len(served))
            self.assertNotIn("getdata", second.heard)

    def test_first_is_lost(self) -> None:
        """If the peer that has the turn goes in the middle, the next one brings the rest."""
        for network in NETWORKS:
            node, served = self.keeping(network), self.grown(network, 130)
            first, second = self.serving(node, served), self.serving(node, served)
            for _ in range(30):
                if len(node.chain) == 1:
                    first.answer(20)
                    self.clock.advance(0)
            first.raw.close()
            self.assertLess(1, len(node.chain))
            self.assertLess(len(node.chain), len(served))
            self.settle(second)
            self.assertEqual(len(node.chain), len(served))

    def test_waiting_peer_is_lost(self) -> None:
        """A peer that goes while it waits has no turn."""
        node, served = self.keeping(KASPA), self.grown(KASPA, 20)
        first, second = self.serving(node, served), self.serving(node, served)
        second.raw.close()
        self.settle(first)
        self.assertEqual(len(node.chain), len(served))

    def test_all_are_lost(self) -> None:
        """If the next one goes too, before it has begun, nothing is left to be done."""
        node, served = self.keeping(KASPA), self.grown(KASPA, 20)
        first, second = self.serving(node, served), self.serving(node, served)
        first.raw.close()
        second.raw.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_lost_while_it_is_asked(self) -> None:
        """A peer that ends while it is asked something has no turn any more, and is not heard."""
        node, served = self.keeping(KASPA), self.grown(KASPA, 20)
        raw = self.raw(node)
        self.patch(raw.peer, "send", lambda message: node.follower.forget(raw.peer))
        raw.handshake(tip=served.tip)
        raw.send(kaspa.BlockLocator([KASPA.genesis]))
        self.assertEqual((node.follower.left, node.follower._active), (0, None))

    def test_out_of_turn(self) -> None:
        """What a peer brings without having the turn is passed over."""
        node, served = self.keeping(KASPA), self.grown(KASPA, 3)
        first, second = self.serving(node, served), self.serving(node, served)
        block = served.block(served.vertex(1))
        assert block is not None
        second.raw.send(block, kaspa.BlockLocator([KASPA.genesis]))
        self.assertEqual((second.asked(), len(node.chain)), ([], 1))
        self.settle(first)

    def test_patience(self) -> None:
        """Whoever has the turn and brings no block for two minutes is ended, and the next one has it."""
        node, served = self.keeping(KASPA), self.grown(KASPA, 20)
        silent, second = self.serving(node, served), self.serving(node, served)
        self.clock.advance(PATIENCE - 1)
        self.assertIsNone(silent.raw.peer.ending)
        self.clock.advance(1)
        self.assertIsInstance(silent.raw.peer.ending, PeerStalled)
        self.assertEqual(str(silent.raw.peer.ending), "no new block came for 120 seconds")
        self.settle(second)
        self.assertEqual(len(node.chain), len(served))

    def test_progress(self) -> None:
        """Each new block gives it as much time again."""
        node, served = self.keeping(KASPA), self.grown(KASPA, 20)
        slow = self.serving(node, served)
        for _ in range(20):
            if not node.follower.left:
                slow.answer()
        blocks = [served.block(served.vertex(row)) for row in range(1, 21)]
        for number in range(8):
            self.clock.advance(25)
            slow.raw.send(blocks[number])  # type: ignore[arg-type]
        self.clock.advance(0)
        self.assertEqual(len(node.chain), 9)
        self.assertIsNone(slow.raw.peer.ending)
        self.settle(slow)

    def test_loss_of_patience_without_a_turn(self) -> None:
        """Where nobody has the turn nobody loses it."""
        node = self.keeping(KASPA)
        node.follower._lose_patience()
        self.assertEqual(node.follower.left, 0)


class MisleadingTests(GraphNodeCase):
    """Peers that end for what they bring."""

    def ended(self, peer: Serving, kind: type[Exception]) -> None:
        """The peer is ended for its own reason."""
        self.assertTrue(peer.raw.hung_up)
        self.assertIsInstance(peer.raw.peer.ending, kind)
        assert peer.raw.peer.ending is not None
        self.assertIs(peer.raw.peer.ending.reason, Reason.MISBEHAVING)

    def test_wrong_block(self) -> None:
        """One that cannot be right ends who brought it, and nobody else."""
        node = self.node(chain=self.empty(SOTER), network=SOTER)
        peer, other = self.serving(node, self.grown(SOTER, 20)), self.serving(node, self.empty(SOTER))
        self.settle(peer)
        self.ended(peer, InvalidBlock)
        self.settle(other)
        self.assertEqual((len(node.chain), other.raw.hung_up), (1, False))

    def test_leads_nowhere(self) -> None:
        """One that tells of a tip, and brings no block, is ended."""
        node = self.keeping(KASPA)
        peer = self.serving(node, self.grown(KASPA, 3), tip=b"\xee" * 32)
        peer.raw.send(kaspa.BlockLocator([KASPA.genesis]))
        peer.raw.send(kaspa.Inv([]), kaspa.SelectedTip(b"\xee" * 32))
        self.ended(peer, Misled)

    def test_unanswered(self) -> None:
        """One that does not answer what it owes is ended as any peer is."""
        node = self.keeping(SOTER)
        peer = self.serving(node, self.grown(SOTER, 3))
        for _ in range(4):
            self.clock.advance(15)
        self.assertIsInstance(peer.raw.peer.ending, PeerStalled)


class NewsTests(GraphNodeCase):
    """Blocks that are announced."""

    def pair(self, network: Any) -> tuple[Node, Serving, Serving]:
        """A node and two peers of it that have the same, and nothing is left to say."""
        node, served = self.keeping(network), self.grown(network, 20)
        first, second = self.serving(node, served), self.serving(node, self.grown(network, 20))
        self.settle(first, second)
        first.heard.clear()
        second.heard.clear()
        return node, first, second

    def test_new_block(self) -> None:
        """It is asked of who announced it, and then announced to the others; not back to who brought it."""
        for network in NETWORKS:
            node, first, second = self.pair(network)
            tip = self.add(network, first.graph)
            first.announce(tip)
            self.settle(first)
            self.assertEqual(node.chain.tip, tip.block_hash)
            self.assertEqual((first.heard, second.read()), (["getdata"], [announcement(network, tip)]))

    def test_known_block(self) -> None:
        """What is here is not asked for, and other things are none of our business."""
        for network in NETWORKS:
            node, first, _ = self.pair(network)
            first.announce(node.chain.selected)
            module = kaspa if network is KASPA else soter
            first.raw.send(module.Inv([module.InvVect(module.MSG_TX, b"t" * 32)]), module.Inv([]))
            self.assertEqual(first.asked(), [])

    def test_many(self) -> None:
        """Of many new blocks only the newest are announced to others."""
        for network in NETWORKS:
            node, first, second = self.pair(network)
            new = [self.add(network, first.graph) for _ in range(MOST_TOLD + 5)]
            first.announce(new[-1])
            self.settle(first)
            self.assertEqual(len(node.chain), len(first.graph))
            told = [message for message in second.read() if message.command == "inv"]
            self.assertEqual(told, [announcement(network, vertex) for vertex in new[-MOST_TOLD:]])

    def test_while_another_has_the_turn(self) -> None:
        """What others announce meanwhile is kept, and asked for in their turn."""
        for network in NETWORKS:
            node, served = self.keeping(network), self.grown(network, 70)
            first, second = self.serving(node, served), self.serving(node, served)
            other = self.grown(network, 70)
            stale = self.add(network, other, other.vertex(69))
            waiting = Serving(second.raw, other, [])
            for _ in range(MOST_NEWS + 1):
                waiting.announce(stale)
            self.settle(first)
            self.settle(waiting)
            self.assertIn(stale.block_hash, node.chain)
            self.assertEqual(len(node.chain), len(served) + 1)

    def test_one_does_not_bring_what_it_announces(self) -> None:
        """Of several peers that announce blocks one brings none: it ends within a minute, and the blocks of the others
        are here, that which it had announced, too.
        """
        for network in NETWORKS:
            node, served = self.keeping(network), self.grown(network, 20)
            peers = [self.serving(node, self.grown(network, 20)) for _ in range(3)]
            self.settle(self.serving(node, served), *peers)
            stalling, second, third = peers
            shared, _ = [self.add(network, peer.graph, number=77) for peer in (stalling, second)]
            other = self.add(network, third.graph, number=88)
            stalling.announce(shared)
            second.announce(shared)
            third.announce(other)
            for _ in range(12):
                self.settle(second, third)
                self.clock.advance(5)
                if stalling.raw.hung_up:
                    stalling.raw.close()
            self.settle(second, third)
            self.assertIsInstance(stalling.raw.peer.ending, PeerStalled)
            self.assertTrue(shared.block_hash in node.chain and other.block_hash in node.chain, network.name)
            self.assertEqual([peer.raw.hung_up for peer in (second, third)], [False, False])

    def test_a_crowd_of_callers(self) -> None:
        """However many of those who called us wait with what is nowhere, one that we called has the next turn."""
        node, first, _ = self.pair(KASPA)
        callers = [self.serving(node, self.empty(KASPA), inbound=True) for _ in range(20)]
        self.settle(*callers)
        for number, caller in enumerate(callers):
            caller.raw.send(kaspa.Inv([kaspa.InvVect(kaspa.MSG_BLOCK, bytes([number + 1]) * 32)]))
        tip = self.add(KASPA, first.graph)
        first.announce(tip)
        self.assertEqual(first.asked(), [])
        callers[0].raw.close()
        self.settle(first)
        self.assertIn(tip.block_hash, node.chain)

    def test_at_the_same_moment(self) -> None:
        """Two that announce the same block at once: one is asked, the other in its turn finds it here."""
        for network in NETWORKS:
            node, first, second = self.pair(network)
            for graph in (first.graph, second.graph):
                tip = self.add(network, graph, number=77)
            first.announce(tip)
            second.announce(tip)
            self.settle(first, second)
            self.assertEqual(node.chain.tip, tip.block_hash)
            self.assertEqual((first.heard.count("getdata"), second.heard.count("getdata")), (1, 0))
            self.assertNotIn("inv", second.heard)

    def test_as_a_turn_ends(self) -> None:
        """News in the moment between two turns are heard at once; who waits has the next."""
        node, served = self.keeping(KASPA), self.grown(KASPA, 20)
        first = self.serving(node, served)
        self.settle(first)
        tip = self.add(KASPA, served)
        node.follower._soon()
        first.announce(tip)
        second = self.serving(node, served)
        self.settle(first)
        self.settle(second)
        self.assertEqual((node.chain.tip, second.heard.count("getdata")), (tip.block_hash, 0))


class EndTests(GraphNodeCase):
    """The end of it."""

    def test_stop(self) -> None:
        """After a stop nothing that comes is judged, and no timer runs."""
        node, served = self.keeping(KASPA), self.grown(KASPA, 20)
        peer = self.serving(node, served)
        for _ in range(6):
            peer.answer(3)
        node.stop()
        self.settle(peer)
        self.assertEqual((len(node.chain), node.follower.left), (1, 0))

    def test_store_fails(self) -> None:
        """A store that fails is told as such, and nobody is blamed for it."""
        for network in NETWORKS:
            node, served = self.keeping(network), self.grown(network, 20)
            peer = self.serving(node, served)
            node.chain.close()
            self.settle(peer)
            self.assertIsInstance(self.successResultOf(node.trouble.happened.when()), StoreError)
            self.assertFalse(peer.raw.hung_up)

    def test_before_a_version(self) -> None:
        """A peer that has said nothing of itself is not asked."""
        node = self.keeping(KASPA)
        peer: PeerProtocol = self.raw(node).peer
        node.follower.ask(peer)
        self.assertEqual(node.follower._sources, {})
        self.assertGreater(graphfollower.TURN, 0)
