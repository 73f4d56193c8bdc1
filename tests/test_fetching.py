"""Tests of how peers are asked for what is wanted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from peerproto import networks
from peerproto.errors import LocalError
from peerproto.networks.bitcoin import (
    MSG_BLOCK,
    MSG_FILTERED_BLOCK,
    MSG_TX,
    MSG_WITNESS_TX,
    MSG_WTX,
    GetData,
    Inv,
    InvVect,
    NotFound,
    Tx,
)
from peerproto.node.fetching import Fetching, words_of
from peerproto.node.manager import PeerManager
from peerproto.node.roster import Roster
from peerproto.node.wanted import PATIENCE, YIELDING, Wanted
from peerproto.node.wanting import Wanting
from peerproto.testing import RawPeer
from peerproto.wire.message import Message
from tests.block_case import coinbase
from tests.manager_case import ManagerCase, MemoryBook
from tests.node_case import NETWORK


def hash_of(number: int) -> bytes:
    """A hash that nothing has."""
    return number.to_bytes(32, "big")


def vector(number: int, kind: int = MSG_TX) -> InvVect:
    """Of a transaction, if no other kind is given."""
    return InvVect(kind, hash_of(number))


class FetchCase(ManagerCase):
    """Peers that offer no witnesses, so that they are asked for what they have announced."""

    def plain(self, **options: Any) -> RawPeer:
        """One that is ready."""
        raw = self.raw_at(**options)
        raw.handshake(services=0)
        raw.read()
        return raw


class FetchingTests(FetchCase):
    """The asking."""

    def fetching(self, **options: Any) -> Fetching:
        """One whose table asks the first that announces."""
        ranks = iter(range(1000))
        return Fetching(self.clock, NETWORK, Wanted(random=lambda: next(ranks), **options))

    def asked(self, raw: RawPeer) -> list[list[InvVect]]:
        """What a peer is asked for, in each message."""
        return [message.inv_list for message in raw.read() if isinstance(message, GetData)]

    def test_one_message(self) -> None:
        """What is asked of a peer in a turn goes as one message for each kind of thing."""
        fetching, raw = self.fetching(), self.plain()
        fetching.announced(raw.peer, [("tx", hash_of(1)), ("block", hash_of(2)), ("what", hash_of(3))])
        fetching.announced(raw.peer, [("tx", hash_of(4))])
        self.assertEqual(self.asked(raw), [])
        self.clock.advance(0)
        self.assertEqual(self.asked(raw), [[vector(2, MSG_BLOCK)], [vector(1), vector(4)]])
        fetching.announced(raw.peer, [("tx", hash_of(4))])
        self.clock.advance(0)
        self.assertEqual(self.asked(raw), [])
        fetching.stop()

    def test_most_items(self) -> None:
        """A message asks for no more than the network allows."""
        network = replace(NETWORK, phrases=replace(NETWORK.phrases, most_items=2))
        fetching, raw = Fetching(self.clock, network), self.plain()
        fetching.announced(raw.peer, [("tx", hash_of(number)) for number in range(5)])
        self.clock.advance(0)
        self.assertEqual([len(each) for each in self.asked(raw)], [2, 2, 1])
        fetching.stop()

    def test_witness(self) -> None:
        """Who offers witnesses is asked for them."""
        fetching, raw = self.fetching(), self.raw_at()
        raw.handshake(services=1 << 3)
        raw.read()
        fetching.announced(raw.peer, [("tx", hash_of(1))])
        self.clock.advance(0)
        self.assertEqual(self.asked(raw), [[vector(1, MSG_WITNESS_TX)]])
        fetching.stop()

    def test_next_one(self) -> None:
        """When the time of one is over the next is asked; when it has it not, or goes, at once."""
        fetching = self.fetching()
        raws = [self.plain() for _ in range(4)]
        for raw in raws:
            fetching.announced(raw.peer, [("tx", hash_of(1))])
        self.clock.advance(0)
        self.assertEqual([len(self.asked(raw)) for raw in raws], [1, 0, 0, 0])
        self.clock.pump([1] * int(PATIENCE))
        self.assertEqual([len(self.asked(raw)) for raw in raws], [0, 1, 0, 0])
        fetching.lacks(raws[1].peer, [("tx", hash_of(1))])
        self.clock.advance(0)
        self.assertEqual([len(self.asked(raw)) for raw in raws], [0, 0, 1, 0])
        fetching.forget(raws[2].peer)
        fetching.forget(raws[2].peer)
        self.clock.advance(0)
        self.assertEqual([len(self.asked(raw)) for raw in raws], [0, 0, 0, 1])
        fetching.came(("tx", hash_of(1)))
        fetching.came(("tx", hash_of(1)))
        self.assertEqual(len(fetching.wanted), 0)

    def test_row_75_outbound_first(self) -> None:
        """Row 75: of many that announce the same, one that we have called is asked at once; the others later."""
        fetching = self.fetching()
        inbound = [self.plain(inbound=True) for _ in range(50)]
        outbound = self.plain()
        for raw in [*inbound, outbound]:
            fetching.announced(raw.peer, [("tx", hash_of(1))])
        self.clock.advance(0)
        self.assertEqual(self.asked(outbound), [[vector(1)]])
        self.clock.pump([1] * int(PATIENCE))
        self.assertEqual([len(self.asked(raw)) for raw in inbound].count(1), 1)
        fetching.stop()

    def test_stop(self) -> None:
        """After a stop nobody is asked, and nothing is kept."""
        fetching, raw = self.fetching(), self.plain()
        fetching.announced(raw.peer, [("tx", hash_of(1)), ("tx", hash_of(2))])
        fetching.stop()
        self.clock.advance(1)
        self.assertEqual((self.asked(raw), len(fetching.wanted)), ([], 0))

    def test_words(self) -> None:
        """Where a network has no words for transactions only blocks can be asked for."""
        network = replace(NETWORK, phrases=replace(NETWORK.phrases, transactions=None))
        self.assertEqual(list(words_of(network)), ["block", "wtx"])
        for name in networks.names():
            self.assertIn("block", words_of(networks.named(name)))


class WantingTests(FetchCase):
    """What a user wants."""

    def setUp(self) -> None:
        super().setUp()
        self.roster = Roster()
        self.wanting = Wanting(self.clock, NETWORK, self.roster)
        self.tx = coinbase(1)
        self.vector = InvVect(MSG_TX, self.tx.txid)

    def ready(self, **options: Any) -> RawPeer:
        """A peer that the roster knows."""
        raw = self.plain(**options)
        self.roster.watch(raw.peer)
        return raw

    def asked(self, raw: RawPeer) -> bool:
        """Whether a peer is asked now for what is wanted."""
        self.clock.advance(0)
        return GetData([self.vector]) in raw.read()

    def brought(self, waiter: Deferred[Message]) -> bytes:
        """The transaction that has come."""
        message: Any = self.successResultOf(waiter)
        assert isinstance(message, Tx)
        return message.txid

    def test_announced_before(self) -> None:
        """Who has announced it before it was wanted is asked, and nobody else."""
        first, second = self.ready(), self.ready()
        second.send(Inv([self.vector]))
        waiter = self.wanting.want(self.vector)
        self.assertEqual((self.asked(first), self.asked(second)), (False, True))
        second.send(self.tx)
        self.assertEqual(self.brought(waiter), self.tx.txid)
        second.send(self.tx)
        self.clock.advance(0)

    def test_announced_later(self) -> None:
        """It is wanted until somebody announces it; all who wait are told."""
        waiters = [self.wanting.want(self.vector) for _ in range(2)]
        raw = self.ready()
        raw.send(Inv([vector(77), self.vector]))
        self.assertTrue(self.asked(raw))
        raw.send(self.tx)
        self.assertEqual([self.brought(waiter) for waiter in waiters], [self.tx.txid] * 2)

    def test_announced_in_between(self) -> None:
        """Who has announced it before he was added to the others is known to have it."""
        waiter = self.wanting.want(self.vector)
        raw = self.plain()
        raw.send(Inv([self.vector]))
        self.roster.watch(raw.peer)
        self.assertTrue(self.asked(raw))
        raw.send(self.tx)
        self.brought(waiter)

    def test_by_wtxid(self) -> None:
        """What is announced by its wtxid is asked for so, as many nodes announce all; witnesses come with it anyhow."""
        self.vector = InvVect(MSG_WTX, self.tx.wtxid)
        waiter, raw = self.wanting.want(self.vector), self.ready()
        raw.send(Inv([self.vector]))
        self.assertTrue(self.asked(raw))
        raw.send(NotFound([self.vector]), Inv([self.vector]))
        self.assertTrue(self.asked(raw))
        raw.send(self.tx)
        self.brought(waiter)

    def test_not_found(self) -> None:
        """If one has it not the next is asked; when all had it not, whoever announces it then."""
        waiter = self.wanting.want(self.vector)
        first, second = self.ready(), self.ready()
        first.send(Inv([self.vector]))
        self.assertTrue(self.asked(first))
        second.send(Inv([self.vector]))
        self.assertFalse(self.asked(second))
        first.send(NotFound([self.vector]))
        self.assertTrue(self.asked(second))
        second.close()
        self.assertNoResult(waiter)
        first.send(Inv([self.vector]))
        self.assertTrue(self.asked(first))
        first.send(self.tx)
        self.brought(waiter)

    def test_given_up(self) -> None:
        """Who cancels is not told; when nobody wants it any more nobody is asked."""
        first, second = self.wanting.want(self.vector), self.wanting.want(self.vector)
        first.cancel()
        self.failureResultOf(first, CancelledError)
        raw = self.ready(inbound=True)
        raw.send(Inv([self.vector]))
        second.cancel()
        self.failureResultOf(second, CancelledError)
        self.clock.advance(YIELDING)
        self.assertFalse(self.asked(raw))
        self.assertEqual(self.wanting._waiters, {})

    def test_cannot_be_asked(self) -> None:
        """What the network has no words for is told at once."""
        error = self.assertRaises(LocalError, self.wanting.want, vector(1, MSG_FILTERED_BLOCK))
        self.assertEqual(str(error), "bitcoin-regtest has no words to ask for a filtered")

    def test_manager(self) -> None:
        """A manager's user asks it; when it stops, so does the waiting."""
        manager = PeerManager(self.clock, self.factory, MemoryBook(), feelers=False)
        raw = self.plain()
        manager.roster.watch(raw.peer)
        waiters = [manager.want(self.vector), manager.want(vector(5))]
        raw.send(Inv([self.vector]))
        self.assertTrue(self.asked(raw))
        raw.send(self.tx)
        self.brought(waiters[0])
        self.settle(manager.stop)
        self.failureResultOf(waiters[1], CancelledError)
