"""Tests of what Kaspa's peers ask and answer."""

from __future__ import annotations

from typing import Any

from peerproto.errors import (
    LocalError,
    MalformedMessage,
    NotFound,
    PeerStalled,
    SelfConnection,
)
from peerproto.networks import kaspa
from peerproto.networks.bitcoin import InvVect
from peerproto.networks.kaspa import (
    MSG_BLOCK,
    MSG_FILTERED_BLOCK,
    MSG_MISSING_ANCESTOR,
    MSG_SYNC_BLOCK,
    MSG_TX,
    Addr,
    Block,
    BlockLocator,
    GetAddr,
    GetBlockLocator,
    GetData,
    GetSelectedTip,
    Inv,
    MerkleBlock,
    Ping,
    Pong,
    SelectedTip,
    Tx,
)
from peerproto.networks.kaspa import NotFound as NotFoundMessage
from peerproto.peer.factory import Nonces
from peerproto.peer.handshake import State
from peerproto.testing import Pair, RawPeer, Recorder
from tests.kaspa_case import ASK_INVS, ZERO, KaspaCase, Silent, block, tx
from tests.kaspa_vectors import Entry, message_of, odd
from tests.peer_case import HASHES


class AnswerTests(KaspaCase):
    """What a peer answers of itself."""

    def test_of_itself(self) -> None:
        """Whoever would end us without an answer gets one: the tip, that there are no blocks, that we have nothing."""
        raw = self.open(listener=Silent())
        vectors = [InvVect(MSG_TX, HASHES[0]), InvVect(MSG_SYNC_BLOCK, HASHES[1])]
        raw.send(GetSelectedTip(), ASK_INVS, GetData(vectors), Ping(5))
        genesis = raw.peer.network.genesis
        self.assertEqual(raw.read(), [SelectedTip(genesis), Inv([]), NotFoundMessage(vectors), Pong(5)])

    def test_others_are_not_owed(self) -> None:
        """What nobody is ended for is left to the listener."""
        raw = self.open(listener=Silent())
        raw.send(GetBlockLocator(HASHES[0], ZERO), GetAddr(), Inv([InvVect(MSG_BLOCK, HASHES[0])]))
        self.assertEqual(raw.read(), [])

    def test_listener_goes_first(self) -> None:
        """What the listener hears is the listener's."""
        raw = self.open(
            listener=Recorder({"on_getseltip": lambda peer, _: peer.send(SelectedTip(HASHES[4]))})
        )
        raw.send(GetSelectedTip(), GetData([]))
        self.assertEqual(raw.read(), [SelectedTip(HASHES[4])])

    def test_malformed_question(self) -> None:
        """A question that turns out malformed when it is looked at ends the peer."""
        raw = self.open(listener=Silent())
        raw.send(raw.peer.network.envelope.wrap(b"getdata".ljust(12, b"\0"), b"\x02" + bytes(36)))
        self.assertIsInstance(self.why(raw), MalformedMessage)


class RequestTests(KaspaCase):
    """What is owed, and by when."""

    def test_blocks(self) -> None:
        """A block is the same, whatever it was asked as."""
        wanted = block()
        for kind in (MSG_BLOCK, MSG_SYNC_BLOCK, MSG_MISSING_ANCESTOR):
            raw = self.open()
            waiting = raw.peer.request(GetData([InvVect(kind, wanted.block_hash), InvVect(kind, HASHES[0])]))
            raw.send(wanted, NotFoundMessage([InvVect(MSG_BLOCK, HASHES[0])]))
            found, missing = self.successResultOf(waiting)
            self.assertEqual(found, wanted)
            self.assertIsInstance(missing, NotFound)

    def test_request_blocks(self) -> None:
        """Blocks are asked by their hashes."""
        raw = self.open()
        waiting = raw.peer.request_blocks([block().block_hash])
        self.assertEqual(raw.read(), [GetData([InvVect(MSG_BLOCK, block().block_hash)])])
        raw.send(block())
        self.assertEqual(self.successResultOf(waiting), [block()])

    def test_transactions(self) -> None:
        """A transaction is asked by its id, not by its hash; one that no encoder would write has an id as well."""
        odd_one = message_of("tx-builtin-subnetwork-with-gas")
        assert isinstance(odd_one, Tx)
        raw = self.open()
        asked = [InvVect(MSG_TX, tx().tx_id), InvVect(MSG_TX, odd_one.tx_id)]
        waiting = raw.peer.request(GetData(asked))
        raw.send(tx(), self.framed(raw, odd_entry()))
        self.assertEqual(self.successResultOf(waiting), [tx(), odd_one])

    def test_filtered(self) -> None:
        """A filtered block answers for itself only."""
        found = message_of("merkleblock-from-filter")
        assert isinstance(found, MerkleBlock)
        raw = self.open(says={"services": 5})
        vectors = [InvVect(MSG_FILTERED_BLOCK, found.block_hash), InvVect(MSG_BLOCK, found.block_hash)]
        waiting = raw.peer.request(GetData(vectors))
        raw.send(found)
        self.assertNoResult(waiting)
        raw.send(Block(found.header, []))
        self.assertEqual([item.command for item in self.successResultOf(waiting)], ["merkleblock", "block"])

    def test_unknown_types(self) -> None:
        """Vectors of unknown types can be asked, and be missing."""
        raw = self.open()
        waiting = raw.peer.request(GetData([InvVect(99, ZERO)]))
        raw.send(NotFoundMessage([InvVect(99, ZERO)]))
        (missing,) = self.successResultOf(waiting)
        self.assertIsInstance(missing, NotFound)

    def test_each_has_its_answer(self) -> None:
        """Inventories, tips, locators and addresses are answers."""
        for question, answer in (
            (ASK_INVS, Inv([InvVect(MSG_SYNC_BLOCK, HASHES[0])])),
            (GetSelectedTip(), SelectedTip(HASHES[0])),
            (GetBlockLocator(HASHES[1], HASHES[0]), BlockLocator([HASHES[0]])),
            (GetAddr(), Addr(False, None, [])),
        ):
            raw = self.open()
            waiting = raw.peer.request(question)
            raw.send(answer)
            self.assertEqual(self.successResultOf(waiting), answer)

    def test_stalls(self) -> None:
        """Who owes an inventory, a tip or any of what was asked is ended after 30 to 45 seconds, and is not told."""
        for question in (ASK_INVS, GetSelectedTip(), GetData([InvVect(MSG_TX, ZERO)])):
            raw = self.open()
            self.let_pass(1)
            raw.peer.send(question)
            raw.read()
            self.let_pass(29.5)
            self.assertFalse(raw.hung_up)
            self.let_pass(16)
            self.assertIsInstance(self.why(raw), PeerStalled)
            self.assertIsNone(self.told(raw))

    def test_tolerated(self) -> None:
        """Who does not tell a locator, addresses or a pong fails the request only."""
        raw = self.open()
        for question in (GetBlockLocator(ZERO, ZERO), GetAddr()):
            waiting = raw.peer.request(question)
            self.let_pass(31)
            self.failureResultOf(waiting, PeerStalled)
        self.failureResultOf(self.waited(raw), PeerStalled)
        self.assertFalse(raw.hung_up)

    def waited(self, raw: RawPeer) -> Any:
        """A ping that nobody answers."""
        waiting = raw.peer.ping()
        self.let_pass(60)
        return waiting

    def test_any_answers_for_all(self) -> None:
        """One of the things asked keeps the peer, though each request has its own fate."""
        raw = self.open()
        waiting = raw.peer.request(GetData([InvVect(MSG_TX, tx().tx_id), InvVect(MSG_TX, ZERO)]))
        raw.send(tx())
        self.let_pass(100)
        found, missing = self.successResultOf(waiting)
        self.assertEqual((found, type(missing), raw.hung_up), (tx(), PeerStalled, False))

    def test_unsendable(self) -> None:
        """What has no place in the message is not sent."""
        raw = self.open()
        self.assertRaises(LocalError, raw.peer.send, SelectedTip(b"short"))


def odd_entry() -> Entry:
    """A transaction that can be read and not be written."""
    return next(entry for entry in odd() if entry["label"] == "tx-builtin-subnetwork-with-gas")


class PairTests(KaspaCase):
    """Two peers in memory, on every net."""

    def test_conversation(self) -> None:
        """They shake hands, ping, announce, ask and answer, however the bytes are cut."""
        for net in kaspa.NETS:
            for chunk in (None, 1, 37):
                pair = Pair(kaspa.network(net), inbound={"listener": Recorder(Serves().what())})
                pair.deliver(chunk)
                for peer in (pair.outbound, pair.inbound):
                    self.assertEqual(peer.state, State.READY)
                waiting = pair.outbound.ping()
                pair.inbound.send(Inv([InvVect(MSG_BLOCK, block().block_hash)]))
                pair.deliver(chunk)
                self.successResultOf(waiting)
                (heard,) = pair.outbound_heard.heard("on_inv")
                blocks = pair.outbound.request(GetData(heard.inv_list))
                invs = pair.outbound.request(ASK_INVS)
                pair.deliver(chunk)
                self.assertEqual(self.successResultOf(blocks), [block()])
                self.assertEqual(
                    self.successResultOf(invs).inv_list, [InvVect(MSG_SYNC_BLOCK, ASK_INVS.high_hash)]
                )
                pair.cut()

    def test_itself(self) -> None:
        """Who calls himself notices."""
        nonces = Nonces()
        pair = Pair(kaspa.network("devnet"), outbound={"nonces": nonces}, inbound={"nonces": nonces})
        pair.deliver()
        self.assertIsInstance(pair.inbound.ending, SelfConnection)


class Serves:
    """What a listener does that has one block."""

    def what(self) -> dict[str, Any]:
        """By the names of methods."""
        return {
            "on_getdata": lambda peer, message: peer.send(block()),
            "on_getblockinvs": lambda peer, message: peer.send(
                Inv([InvVect(MSG_SYNC_BLOCK, message.high_hash)])
            ),
        }


class FitsTests(KaspaCase):
    """What answers a question for an inventory."""

    def test_announcement(self) -> None:
        """New blocks that are announced meanwhile do not; the inventory to sync does."""
        raw = self.open()
        asked = raw.peer.request(ASK_INVS)
        raw.send(Inv([InvVect(MSG_BLOCK, HASHES[0])]))
        self.assertNoResult(asked)
        raw.send(Inv([InvVect(MSG_SYNC_BLOCK, HASHES[0])]))
        self.assertEqual(self.successResultOf(asked), Inv([InvVect(MSG_SYNC_BLOCK, HASHES[0])]))
