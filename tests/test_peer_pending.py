"""Tests of what is owed: who waits for what, until when, and in which order."""

from __future__ import annotations

from math import inf
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import NotFound, PeerLost, PeerStalled, Reason
from peerproto.networks import bitcoin
from peerproto.networks.bitcoin import (
    MSG_BLOCK,
    MSG_TX,
    MSG_WTX,
    Addr,
    Block,
    BlockHeader,
    CFilter,
    GetAddr,
    GetBlocks,
    GetCFilters,
    GetData,
    GetHeaders,
    Headers,
    Inv,
    InvVect,
    MemPool,
    Tx,
)
from peerproto.peer.pending import Pending, all_of
from tests.peer_case import HASHES, regtest

GET_HEADERS = GetHeaders(70016, [], bytes(32))
GET_BLOCKS = GetBlocks(70016, [], bytes(32))
LOST = PeerLost("gone", Reason.CLOSED_BY_PEER)


def header(number: int) -> BlockHeader:
    return BlockHeader(1, bytes(32), bytes(32), number, 0, 0)


def block(number: int) -> Block:
    return Block(header(number), [])


class PendingTestCase(SynchronousTestCase):
    """A table by btcd's rules, asked at second 100."""

    def setUp(self) -> None:
        self.pending = Pending(regtest())

    def ask(self, message: Any, now: float = 100.0, timeout: float | None = None) -> Deferred[Any]:
        """What waits for the one answer of `message`."""
        (waiting,) = self.pending.asked(message, now, timeout)
        return waiting

    def ask_blocks(self, *numbers: int, now: float = 100.0) -> list[Deferred[Any]]:
        """What waits for each of some blocks."""
        vectors = [InvVect(MSG_BLOCK, block(number).block_hash) for number in numbers]
        return self.pending.asked(GetData(vectors), now)


class TurnTests(PendingTestCase):
    """Requests that are answered by a kind of message: first asked, first answered."""

    def test_shared(self) -> None:
        """What answers what is the network's, and no peer has a copy of it."""
        self.assertIs(Pending(self.pending.network).answers, self.pending.answers)

    def test_answer(self) -> None:
        """An answer fires who waits for it, with the message, once."""
        waiting = self.ask(GET_HEADERS)
        self.assertNoResult(waiting)
        answer = Headers([])
        self.pending.received(answer)
        self.assertIs(self.successResultOf(waiting), answer)
        self.pending.received(answer)
        self.assertEqual(len(self.pending), 0)

    def test_first_asked_first_answered(self) -> None:
        """Each answer fires one, in the order of asking."""
        waiting = [self.ask(GET_HEADERS), self.ask(GET_HEADERS)]
        answers = [Headers([header(1)]), Headers([header(2)])]
        for answer in answers:
            self.pending.received(answer)
        self.assertEqual(list(map(self.successResultOf, waiting)), answers)

    def test_one_answer_for_one_request(self) -> None:
        """An inv answers a mempool or a getblocks, whichever was first, and only that."""
        for first, second in ((MemPool(), GET_BLOCKS), (GET_BLOCKS, MemPool())):
            before, after = self.ask(first), self.ask(second)
            self.pending.received(Inv([]))
            self.assertEqual(self.successResultOf(before), Inv([]))
            self.assertNoResult(after)
            self.pending.received(Inv([]))
            self.successResultOf(after)

    def test_any_of_the_answers(self) -> None:
        """A request is answered by any kind that answers it."""
        waiting = self.ask(GetAddr())
        self.pending.received(Addr([]))
        self.assertEqual(self.successResultOf(waiting), Addr([]))

    def test_other_kinds_answer_nothing(self) -> None:
        """What answers something else leaves it waiting."""
        waiting = self.ask(GetCFilters(0, 0, bytes(32)))
        for answer in (Headers([]), Inv([]), Addr([])):
            self.pending.received(answer)
        self.assertNoResult(waiting)
        self.pending.received(CFilter(0, bytes(32), b""))
        self.successResultOf(waiting)

    def test_cancelled_keeps_its_turn(self) -> None:
        """The answer to a cancelled request is dropped; it is not taken for the answer to the next."""
        first, second = self.ask(GET_HEADERS), self.ask(GET_HEADERS)
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertEqual(len(self.pending), 1)
        self.pending.received(Headers([header(1)]))
        self.assertNoResult(second)
        self.pending.received(Headers([header(2)]))
        self.assertEqual(self.successResultOf(second), Headers([header(2)]))

    def test_sent_without_waiting_has_its_turn(self) -> None:
        """So is the answer to a request for which nobody waits."""
        self.pending.sent(GET_HEADERS, 100.0)
        waiting = self.ask(GET_HEADERS)
        self.pending.received(Headers([header(1)]))
        self.assertNoResult(waiting)
        self.pending.received(Headers([header(2)]))
        self.assertEqual(self.successResultOf(waiting), Headers([header(2)]))

    def test_turns_end(self) -> None:
        """Nobody's turn ends with its deadline: then the answer is the next one's."""
        self.pending.sent(GET_HEADERS, 100.0)
        waiting = self.ask(GET_HEADERS, 150.0)
        self.pending.expire(190.0)
        self.pending.received(Headers([]))
        self.successResultOf(waiting)


class ItemTests(PendingTestCase):
    """Things that are asked by their vectors."""

    def test_by_hash(self) -> None:
        """Things come in any order; each fires who waits for it."""
        one, two, three = self.ask_blocks(1, 2, 3)
        self.pending.received(block(3))
        self.pending.received(block(1))
        self.assertEqual(self.successResultOf(one), block(1))
        self.assertNoResult(two)
        self.assertEqual(self.successResultOf(three), block(3))
        self.assertEqual(len(self.pending), 1)
        two.cancel()
        self.failureResultOf(two, CancelledError)

    def test_not_found(self) -> None:
        """A notfound fails what it names, with the hash as people write it."""
        one, two = self.ask_blocks(1, 2)
        hash_ = block(1).block_hash
        self.pending.received(bitcoin.NotFound([InvVect(MSG_BLOCK, hash_)]))
        error = self.failureResultOf(one, NotFound).value
        self.assertEqual(str(error), f"block {hash_[::-1].hex()}: the peer does not have it")
        self.assertNoResult(two)
        self.pending.received(bitcoin.NotFound([InvVect(MSG_BLOCK, block(2).block_hash)]))
        self.failureResultOf(two, NotFound)

    def test_not_found_of_another_kind(self) -> None:
        """A transaction with the hash of a block is something else."""
        (one,) = self.ask_blocks(1)
        self.pending.received(bitcoin.NotFound([InvVect(MSG_TX, block(1).block_hash)]))
        self.assertNoResult(one)
        self.pending.received(block(1))
        self.successResultOf(one)

    def test_transaction_by_either_id(self) -> None:
        """A transaction answers who asked for its txid and who asked for its wtxid."""
        tx = Tx(1, [], [], 0)
        vectors = [InvVect(MSG_TX, tx.txid), InvVect(MSG_WTX, tx.wtxid)]
        waiting = self.pending.asked(GetData(vectors), 100.0)
        self.pending.received(tx)
        for each in waiting:
            self.assertIs(self.successResultOf(each), tx)

    def test_asked_twice(self) -> None:
        """Who asks for a thing twice is answered twice, in turn."""
        one, again = self.ask_blocks(1, 1)
        self.pending.received(block(1))
        self.successResultOf(one)
        self.assertNoResult(again)
        self.pending.received(block(1))
        self.successResultOf(again)

    def test_cancelled_is_forgotten(self) -> None:
        """A thing that was cancelled leaves nothing behind; that it comes late is no error."""
        (one,) = self.ask_blocks(1)
        one.cancel()
        self.failureResultOf(one, CancelledError)
        self.assertEqual(len(self.pending), 0)
        self.pending.received(block(1))
        (again,) = self.ask_blocks(1)
        self.pending.received(block(1))
        self.successResultOf(again)

    def test_hashes_are_not_made_for_nothing(self) -> None:
        """While nobody waits for a thing, the hashes of what comes are not looked at."""
        network = regtest()
        seen: list[Any] = []
        object.__setattr__(network, "item_keys", lambda message: seen.append(message) or ())
        self.addCleanup(object.__setattr__, network, "item_keys", bitcoin.exchange.item_keys)
        pending = Pending(network)
        pending.received(block(1))
        pending.sent(GetData([]), 1.0)
        pending.received(block(1))
        self.assertEqual(seen, [])


class DeadlineTests(PendingTestCase):
    """Each fails alone at its own time."""

    def test_network_time(self) -> None:
        """Thirty seconds for most, ninety for headers, and not a moment before."""
        for message, seconds in ((GetAddr(), 30), (MemPool(), 30), (GET_HEADERS, 90)):
            waiting = self.ask(message)
            self.pending.expire(100 + seconds - 0.01)
            self.assertNoResult(waiting)
            self.pending.expire(100.0 + seconds)
            error = self.failureResultOf(waiting, PeerStalled).value
            self.assertEqual(str(error), f"{message.command} was not answered in time")
            self.assertIs(error.reason, Reason.STALLED)

    def test_own_time(self) -> None:
        """Who asks may set another time."""
        short, long = self.ask(GET_HEADERS, timeout=5), self.ask(GET_HEADERS, timeout=500)
        self.pending.expire(105.0)
        self.failureResultOf(short, PeerStalled)
        self.pending.expire(599.0)
        self.assertNoResult(long)
        self.pending.expire(600.0)
        self.failureResultOf(long, PeerStalled)

    def test_items_alone(self) -> None:
        """Of several things only those fail that did not come."""
        one, two = self.ask_blocks(1, 2)
        self.pending.received(block(1))
        self.pending.expire(130.0)
        self.successResultOf(one)
        error = self.failureResultOf(two, PeerStalled).value
        self.assertEqual(str(error), f"block {block(2).block_hash[::-1].hex()} was not answered in time")

    def test_soonest(self) -> None:
        """When to look again is never later than the earliest deadline."""
        self.assertEqual(self.pending.soonest, inf)
        headers = self.ask(GET_HEADERS)
        self.assertEqual(self.pending.soonest, 190.0)
        addresses = self.ask(GetAddr())
        self.assertEqual(self.pending.soonest, 130.0)
        self.pending.expire(130.0)
        self.failureResultOf(addresses, PeerStalled)
        self.assertEqual(self.pending.soonest, 190.0)
        self.pending.expire(190.0)
        self.failureResultOf(headers, PeerStalled)
        self.assertEqual(self.pending.soonest, inf)

    def test_late_answer(self) -> None:
        """Row 47: what comes after its deadline is dropped without an error."""
        waiting = self.ask(GET_HEADERS)
        self.pending.expire(190.0)
        self.failureResultOf(waiting, PeerStalled)
        self.pending.received(Headers([]))

    def test_cancelling_others_while_expiring(self) -> None:
        """Who fails may cancel the others that are failed in the same turn."""
        one, two, three = self.ask_blocks(1, 2, 3)
        one.addErrback(lambda _: [two.cancel(), three.cancel()])
        self.pending.expire(130.0)
        self.successResultOf(one)
        for each in (two, three):
            self.failureResultOf(each, CancelledError)
        self.assertEqual((len(self.pending), self.pending.soonest), (0, inf))

    def test_asking_again_while_expiring(self) -> None:
        """Who fails may ask again at once."""
        again: list[Deferred[Any]] = []
        waiting = self.ask(GetAddr())
        waiting.addErrback(lambda _: again.append(self.ask(GetAddr(), 130.0)))
        self.pending.expire(130.0)
        self.assertEqual((len(self.pending), self.pending.soonest), (1, 160.0))
        self.pending.received(Addr([]))
        self.successResultOf(again[0])


class StallTests(PendingTestCase):
    """When not the request but the peer is overdue (btcd peer/peer.go, stallHandler)."""

    def test_deadline_of_each_kind(self) -> None:
        """What btcd watches ends the peer: 30 seconds, 90 for headers; what it does not watch never does."""
        for message, seconds in (
            (MemPool(), 30),
            (GET_BLOCKS, 30),
            (GetData([InvVect(MSG_TX, HASHES[0])]), 30),
            (GET_HEADERS, 90),
            (GetAddr(), inf),
            (GetCFilters(0, 0, bytes(32)), inf),
        ):
            pending = Pending(regtest())
            pending.sent(message, 100.0)
            self.assertIsNone(pending.stalled(99.99 + min(seconds, 1e6)))
            error = pending.stalled(100.0 + min(seconds, 1e6))
            self.assertEqual(error is not None, seconds != inf)
            if error is not None:
                self.assertEqual(str(error), f"no answer to {message.command}")

    def test_core_ends_nobody(self) -> None:
        """By Bitcoin Core's policy no open request ends a peer."""
        pending = Pending(regtest("core"))
        for message in (MemPool(), GET_BLOCKS, GetData([]), GET_HEADERS):
            pending.sent(message, 100.0)
        self.assertIsNone(pending.stalled(1e9))

    def test_any_of_four_answers_a_getdata(self) -> None:
        """Row 48: one thing of many is enough for the peer, whatever was asked for."""
        for answer in (
            block(9),
            Tx(1, [], [], 0),
            bitcoin.NotFound([]),
            bitcoin.MerkleBlock(header(1), 0, [], b""),
        ):
            self.pending.sent(GetData([InvVect(MSG_TX, HASHES[0])] * 3), 100.0)
            self.pending.received(answer)
            self.assertIsNone(self.pending.stalled(1000.0))

    def test_other_kinds_do_not(self) -> None:
        """Other messages leave it as it is."""
        self.pending.sent(GetData([]), 100.0)
        for answer in (Headers([]), Inv([]), Addr([])):
            self.pending.received(answer)
        self.assertIsNotNone(self.pending.stalled(130.0))

    def test_later_request_moves_it(self) -> None:
        """A later request of the same kind moves the deadline; also one that shares its answers."""
        self.pending.sent(GET_BLOCKS, 100.0)
        self.pending.sent(GET_BLOCKS, 120.0)
        self.assertIsNone(self.pending.stalled(149.0))
        self.pending.sent(MemPool(), 149.0)
        self.assertIsNone(self.pending.stalled(178.0))
        self.assertEqual(str(self.pending.stalled(179.0)), "no answer to mempool")

    def test_own_time_does_not_move_it(self) -> None:
        """How long somebody waits is his; what ends the peer is the network's."""
        waiting = self.ask(GET_HEADERS, timeout=1000)
        self.assertIsNotNone(self.pending.stalled(190.0))
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertIsNotNone(self.pending.stalled(190.0))

    def test_several(self) -> None:
        """All that is overdue is named."""
        self.pending.sent(GET_HEADERS, 100.0)
        self.pending.sent(MemPool(), 100.0)
        self.assertEqual(str(self.pending.stalled(200.0)), "no answer to getheaders, mempool")


class EndTests(PendingTestCase):
    """The peer has ended."""

    def test_all_fail_once(self) -> None:
        """Whoever waits fails with the reason of the end, once; nothing is left."""
        waiting = [self.ask(GET_HEADERS), self.ask(GetAddr()), *self.ask_blocks(1, 2)]
        waiting.append(self.pending.wait(77, "ping", 130.0))
        self.pending.sent(GET_BLOCKS, 100.0)
        self.assertEqual(len(self.pending), 5)
        self.pending.fail_all(LOST)
        self.pending.fail_all(PeerLost("again", Reason.RESET))
        for each in waiting:
            self.assertIs(self.failureResultOf(each, PeerLost).value, LOST)
        self.assertEqual(len(self.pending), 0)
        self.assertIsNone(self.pending.stalled(1e9))

    def test_cancelling_others_while_failing(self) -> None:
        """Who fails may cancel the others."""
        one, two = self.ask_blocks(1, 2)
        one.addErrback(lambda _: two.cancel())
        self.pending.fail_all(LOST)
        self.successResultOf(one)
        self.failureResultOf(two, CancelledError)


class AllOfTests(SynchronousTestCase):
    """Many as one."""

    def setUp(self) -> None:
        self.parts: list[Deferred[Any]] = [Deferred() for _ in range(3)]
        self.ended: list[Any] = [None]
        self.whole = all_of(self.parts, lambda: self.ended[0])

    def test_results_and_errors_in_order(self) -> None:
        """It fires with the results and errors in the order of asking, when the last is there."""
        error = NotFound("not there")
        self.parts[2].callback("third")
        self.parts[0].errback(error)
        self.assertNoResult(self.whole)
        self.parts[1].callback("second")
        self.assertEqual(self.successResultOf(self.whole), [error, "second", "third"])

    def test_end(self) -> None:
        """If the peer has ended it fails as a whole, with the reason."""
        self.parts[0].callback("first")
        self.ended[0] = LOST
        for part in self.parts[1:]:
            part.errback(LOST)
        self.assertIs(self.failureResultOf(self.whole, PeerLost).value, LOST)

    def test_cancel(self) -> None:
        """Cancelled, it cancels what is still open and fails as cancelled."""
        self.parts[0].callback("first")
        self.whole.cancel()
        self.failureResultOf(self.whole, CancelledError)
        for part in self.parts:
            self.assertTrue(part.called)

    def test_nothing(self) -> None:
        """Of nothing all is there at once."""
        self.assertEqual(self.successResultOf(all_of([], lambda: None)), [])
        self.whole.addErrback(lambda _: None).cancel()
