"""Tests of what all peers are asked for, on every network; and of what holds for every request there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from peerproto.errors import LocalError, NotFound, PeerLost, PeerStalled
from peerproto.forms.gossip import Known
from peerproto.forms.phrases import Phrases
from peerproto.networks import bitcoin, decred
from peerproto.peer.handshake import State
from peerproto.testing import Pair, RawPeer
from tests.everywhere import CHAINS, WAYS, EverywhereCase, missing, module_of, tx_of
from tests.peer_case import HASHES

ZERO = bytes(32)
KNOWN = Known("192.0.2.7", 8333, 1, 1_600_000_000)


def getdata_time(raw: RawPeer) -> float:
    """For how long a getdata may be open, in seconds."""
    network = raw.peer.network
    return network.expects[module_of(network).GetData].seconds


class HeaderTests(EverywhereCase):
    """Headers."""

    def test_by_hashes(self) -> None:
        """A locator of hashes and a stop are asked, and fire with the headers; zeros stop nowhere."""
        for way, raw in self.everywhere(CHAINS):
            waiting = raw.peer.request_headers(HASHES[:2], HASHES[4])
            open_end = raw.peer.request_headers(HASHES[:1])
            asked, other = raw.read()
            locator, stop = raw.peer.network.headers.asked(asked)
            self.assertEqual((locator, stop), (HASHES[: 1 if way == "neo-cli" else 2], HASHES[4]))
            self.assertEqual(raw.peer.network.headers.asked(other), (HASHES[:1], ZERO))
            headers = module_of(raw.peer.network).Headers([])
            raw.send(headers)
            self.assertEqual(self.successResultOf(waiting), headers)
            self.assertNoResult(open_end)
            raw.send(headers)
            self.assertEqual(self.successResultOf(open_end), headers)

    def test_by_height(self) -> None:
        """Where blocks are counted by heights one of them is the locator."""
        raw = self.on("soterd")
        raw.peer.request_headers([7], HASHES[0]).addErrback(lambda _: None)
        kinds = module_of(raw.peer.network)
        self.assertEqual(raw.read(), [kinds.GetHeaders(0, [7], HASHES[0])])
        self.failureResultOf(raw.peer.request_headers([7, 8]), LocalError)

    def test_none(self) -> None:
        """A network of graphs has none: one line says so, at once."""
        raw = self.on("kaspad")
        error = self.failureResultOf(raw.peer.request_headers(HASHES), LocalError).value
        self.assertEqual(str(error), "kaspa-regtest has no headers to ask for")
        self.assertEqual(raw.read(), [])

    def test_held_back(self) -> None:
        """Before the handshake is done a question waits, and is worded in the version that is then spoken."""
        raw = self.raw()
        waiting = raw.peer.request_headers(HASHES, timeout=5)
        raw.handshake(protocol_version=70002)
        self.let_pass(4)
        raw.send(bitcoin.Headers([]))
        self.assertEqual(self.successResultOf(waiting), bitcoin.Headers([]))
        asked = raw.peer.request_headers(HASHES)
        self.assertEqual([message.protocol_version for message in raw.read()], [70002])
        raw.close()
        self.failureResultOf(asked, PeerLost)
        self.failureResultOf(raw.peer.request_headers(HASHES), PeerLost)

    def test_too_long(self) -> None:
        """A locator that no message holds is the caller's mistake."""
        for _, raw in self.everywhere([way for way in CHAINS if way != "neo-cli"]):
            self.failureResultOf(raw.peer.request_headers([ZERO] * 501), LocalError)
            self.assertEqual((raw.read(), len(raw.peer.pending)), ([], 0))


class ItemTests(EverywhereCase):
    """Blocks and transactions, by their hashes."""

    def test_transactions(self) -> None:
        """They come in the order of asking; a notfound is an answer; where there is none, silence fails alone."""
        for _, raw in self.everywhere():
            (tx, tx_hash), (other, other_hash) = (tx_of(raw.peer.network, number) for number in (1, 2))
            waiting = raw.peer.request_transactions([HASHES[0], other_hash, tx_hash])
            (asked,) = raw.read()
            raw.send(tx, other)
            self.assertNoResult(waiting)
            absent = missing(raw.peer.network, asked, 1)
            if absent is None:
                self.let_pass(getdata_time(raw) + 0.1)
            else:
                raw.send(absent)
            lost, *found = self.successResultOf(waiting)
            self.assertEqual(found, [other, tx])
            self.assertIsInstance(lost, NotFound if absent else PeerStalled)
            self.assertFalse(raw.hung_up)

    def test_with_witnesses(self) -> None:
        """Transactions are asked for with their witnesses where the peer has them."""
        for way in ("btcd", "soterd"):
            for services, flag in ((9, 1 << 30), (1, 0)):
                raw = self.on(way, says={"services": services})
                tx, tx_hash = tx_of(raw.peer.network)
                waiting = raw.peer.request_transactions([tx_hash])
                (asked,) = raw.read()
                self.assertEqual([vector.type for vector in asked.inv_list], [1 | flag])
                raw.send(tx)
                self.assertEqual(self.successResultOf(waiting), [tx])

    def test_nothing(self) -> None:
        """For nothing nothing is asked: some nodes end who does."""
        for _, raw in self.everywhere():
            for ask in (raw.peer.request_blocks, raw.peer.request_transactions):
                self.assertEqual(self.successResultOf(ask([])), [])
            self.assertEqual(raw.read(), [])

    def test_none(self) -> None:
        """A network that has no words for it says so."""
        network = replace(WAYS["btcd"], phrases=Phrases())
        pair = Pair(network)
        pair.deliver()
        peer = pair.outbound
        for ask, what in (
            (lambda: peer.request_transactions(HASHES), "transactions"),
            (peer.request_addresses, "addresses"),
            (lambda: peer.request_headers(HASHES), "headers"),
            (lambda: peer.request_filters(1, ZERO), "compact filters"),
        ):
            error = self.failureResultOf(ask(), LocalError).value
            self.assertEqual(str(error), f"bitcoin-regtest has no {what} to ask for")
        pair.cut()

    def test_most(self) -> None:
        """What one getdata asks for at most is what its message holds."""
        for network in WAYS.values():
            codec, most = network.codec(), network.phrases.most_items
            codec.encode(network.request_blocks([ZERO] * most, False))
            with self.assertRaises(LocalError):
                codec.encode(network.request_blocks([ZERO] * (most + 1), False))

    def split(self, way: str) -> tuple[RawPeer, list[tuple[Any, bytes]]]:
        """A peer that asks for three at once, and seven transactions."""
        network = WAYS[way]
        small = replace(network, phrases=replace(network.phrases, most_items=3))
        raw = self.on(way, network=small)
        return raw, [tx_of(network, number) for number in range(1, 8)]

    def test_split(self) -> None:
        """More than one getdata holds is asked for in parts, each when the one before is here; it comes as one list."""
        for way in WAYS:
            raw, things = self.split(way)
            waiting = raw.peer.request_transactions([tx_hash for _, tx_hash in things])
            for part in (things[:3], things[3:6], things[6:]):
                (asked,) = raw.read()
                wanted = [tx_hash for _, tx_hash in part]
                self.assertEqual([key for _, key in raw.peer.network.item_keys(asked)], wanted)
                self.assertNoResult(waiting)
                raw.send(*[tx for tx, _ in part])
            self.assertEqual(self.successResultOf(waiting), [tx for tx, _ in things])

    def test_split_and_cancelled(self) -> None:
        """Who cancels in the second part is asked for nothing more."""
        raw, things = self.split("btcd")
        waiting = raw.peer.request_transactions([tx_hash for _, tx_hash in things])
        raw.send(*[tx for tx, _ in things[:3]])
        self.assertEqual(len(raw.read()), 2)
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual(len(raw.peer.pending), 0)
        raw.send(*[tx for tx, _ in things[3:]])
        self.assertEqual(raw.read(), [])

    def test_split_and_lost(self) -> None:
        """When the peer ends in a later part all fail together, with the reason."""
        raw, things = self.split("neo-cli")
        waiting = raw.peer.request_transactions([tx_hash for _, tx_hash in things])
        raw.send(*[tx for tx, _ in things[:3]])
        raw.close()
        self.assertIs(self.failureResultOf(waiting, PeerLost).value, raw.peer.ending)


class AddressTests(EverywhereCase):
    """Addresses."""

    def test_addresses(self) -> None:
        """They are asked for, and come as the network has them; who never brings any is not ended but by NEO's rule."""
        for way, raw in self.everywhere():
            network, heard = raw.peer.network, raw.peer.handshake.noted
            waiting = raw.peer.request_addresses(timeout=20)
            self.assertEqual(self.commands(raw), ["getaddr"])
            addresses = network.phrases.addresses
            assert addresses is not None
            told = addresses.tell([KNOWN], heard, raw.peer.protocol_version)
            raw.send(told)
            self.assertEqual(self.successResultOf(waiting), told)
            never = raw.peer.request_addresses(timeout=20)
            self.let_pass(60)
            self.failureResultOf(never, PeerStalled)
            self.assertFalse(raw.hung_up, way)


class FilterTests(EverywhereCase):
    """Compact filters."""

    def filters(self, *numbers: int) -> list[bitcoin.CFilter]:
        """A filter for each of some blocks."""
        return [bitcoin.CFilter(0, HASHES[number], bytes([number])) for number in numbers]

    def test_a_run(self) -> None:
        """Each block has a message of its own; the list is whole when that of the last one is here."""
        for _, raw in self.everywhere(("btcd", "core", "litecoin", "soterd")):
            waiting = raw.peer.request_filters(100, HASHES[2])
            self.assertEqual(raw.read(), [bitcoin.GetCFilters(0, 100, HASHES[2])])
            raw.send(*self.filters(0, 1))
            self.assertNoResult(waiting)
            raw.send(*self.filters(2))
            self.assertEqual(self.successResultOf(waiting), self.filters(0, 1, 2))

    def test_two_runs(self) -> None:
        """Of two questions each has its own filters, in the order of asking; of one that is given up too."""
        raw = self.on("btcd")
        first, gone, last = (raw.peer.request_filters(1, HASHES[number]) for number in (1, 2, 4))
        gone.cancel()
        self.failureResultOf(gone, CancelledError)
        raw.send(*self.filters(0, 1, 2, 3))
        self.assertEqual(self.successResultOf(first), self.filters(0, 1))
        self.assertNoResult(last)
        raw.send(*self.filters(4))
        self.assertEqual(self.successResultOf(last), self.filters(3, 4))

    def test_unasked(self) -> None:
        """Filters that nobody asked for are heard, and nothing more."""
        raw = self.on("btcd")
        raw.send(*self.filters(0))
        self.assertEqual(self.heard(raw).names[-1], "on_cfilter")
        self.assertFalse(raw.hung_up)

    def test_incomplete(self) -> None:
        """A run whose last filter does not come fails as a whole, in its time, and the peer stays."""
        raw = self.on("btcd")
        waiting = raw.peer.request_filters(1, HASHES[4], kind=1, timeout=10)
        self.assertEqual(raw.read(), [bitcoin.GetCFilters(1, 1, HASHES[4])])
        raw.send(*self.filters(0, 1))
        self.let_pass(10.1)
        self.failureResultOf(waiting, PeerStalled)
        self.assertFalse(raw.hung_up)

    def test_decred(self) -> None:
        """Decred names a run by its first and last hash and brings it in one message."""
        raw = self.on("dcrd")
        waiting = raw.peer.request_filters(HASHES[0], HASHES[1])
        self.assertEqual(raw.read(), [decred.GetCFiltersV2(HASHES[0], HASHES[1])])
        run = [decred.BlockFilter(HASHES[number], b"f", 0, []) for number in range(2)]
        raw.send(decred.CFiltersV2(run))
        self.assertEqual(self.successResultOf(waiting), run)
        error = self.failureResultOf(raw.peer.request_filters(HASHES[0], HASHES[1], kind=1), LocalError)
        self.assertEqual(str(error.value), "filters of kind 1: there is one kind, 0")

    def test_decred_before_runs(self) -> None:
        """Before it had runs it has one filter at a time."""
        raw = self.on("dcrd1")
        waiting = raw.peer.request_filters(HASHES[0], HASHES[0])
        self.assertEqual(raw.read(), [decred.GetCFilterV2(HASHES[0])])
        found = decred.CFilterV2(HASHES[0], b"f", 0, [])
        raw.send(found)
        self.assertEqual(self.successResultOf(waiting), [found])
        error = self.failureResultOf(raw.peer.request_filters(HASHES[0], HASHES[1]), LocalError).value
        self.assertEqual(
            str(error), "filters of several blocks: getcfsv2 exists from protocol version 11 on, not at 8"
        )

    def test_none(self) -> None:
        """Networks without filters say so."""
        for _, raw in self.everywhere(("kaspad", "neo-cli")):
            self.failureResultOf(raw.peer.request_filters(1, ZERO), LocalError)
            self.assertEqual(raw.read(), [])


class PromiseTests(EverywhereCase):
    """What holds for every request, on every network."""

    def test_late(self) -> None:
        """Row 47: an answer that comes late is heard and no more; it ends nobody and answers no other question."""
        for _, raw in self.everywhere():
            (tx, tx_hash), (other, other_hash) = (tx_of(raw.peer.network, number) for number in (1, 2))
            late = raw.peer.request_transactions([tx_hash], timeout=5)
            self.let_pass(5.1)
            (error,) = self.successResultOf(late)
            self.assertIsInstance(error, PeerStalled)
            waiting = raw.peer.request_transactions([other_hash])
            raw.send(tx, tx)
            self.assertNoResult(waiting)
            self.assertEqual(self.heard(raw).heard("on_tx"), [tx, tx])
            raw.send(other)
            self.assertEqual(self.successResultOf(waiting), [other])
            self.assertIs(raw.peer.state, State.READY)

    def test_cancelled(self) -> None:
        """Cancelling frees the slot, and a second request for the same thing is one of its own."""
        for _, raw in self.everywhere():
            tx, tx_hash = tx_of(raw.peer.network)
            waiting = raw.peer.request_transactions([tx_hash, HASHES[0]])
            waiting.cancel()
            self.failureResultOf(waiting, CancelledError)
            self.assertEqual(len(raw.peer.pending), 0)
            again = raw.peer.request_transactions([tx_hash])
            raw.send(tx)
            self.assertEqual(self.successResultOf(again), [tx])
            self.assertEqual(len(raw.peer.pending), 0)

    def test_alone(self) -> None:
        """Row 48: of two things one comes: the other fails alone in its time. By the rule of all but today's dcrd the
        group is answered, and the peer stays; dcrd's wants each.
        """
        for way, raw in self.everywhere():
            tx, tx_hash = tx_of(raw.peer.network)
            waiting = raw.peer.request_transactions([tx_hash, HASHES[0]])
            raw.send(tx)
            seconds = getdata_time(raw)
            self.let_pass(seconds - 0.1)
            self.assertNoResult(waiting)
            self.let_pass(0.2)
            found, lost = self.successResultOf(waiting)
            self.assertEqual(found, tx)
            self.assertIsInstance(lost, PeerStalled)
            self.let_pass(raw.peer.network.timing.stall_tick)
            self.assertEqual(raw.hung_up, way == "dcrd")

    def test_not_found(self) -> None:
        """A notfound is an answer: the request fails with it, and nothing is overdue any more."""
        for way, raw in self.everywhere():
            waiting = raw.peer.request_blocks(HASHES[:2])
            (asked,) = raw.read()
            absent = missing(raw.peer.network, asked)
            if absent is None:
                self.assertEqual(way, "neo-cli")
                raw.close()
                self.failureResultOf(waiting, PeerLost)
                continue
            raw.send(absent)
            for error in self.successResultOf(waiting):
                self.assertIsInstance(error, NotFound)
            self.let_pass(60)
            self.assertFalse(raw.hung_up)

    def test_busy_reactor(self) -> None:
        """Our reactor stands still for five seconds over a deadline: what waits in the socket is read before anybody
        is judged.
        """
        for way, raw in self.everywhere():
            tx, tx_hash = tx_of(raw.peer.network)
            waiting = raw.peer.request_transactions([tx_hash])
            seconds = getdata_time(raw)
            self.let_pass(seconds - 2)
            self.clock.callLater(4.9, raw.send, tx)
            self.busy(5)
            self.clock.advance(0)
            self.assertEqual(self.successResultOf(waiting), [tx], way)
            self.let_pass(raw.peer.network.timing.stall_tick + 1)
            self.assertFalse(raw.hung_up, way)

    def test_slow_handler(self) -> None:
        """A listener that takes a minute longer than an answer may takes that from nobody's time: the peer is not
        read, and what is owed is owed for as long as before.
        """
        for _, raw in self.everywhere(listener=None):
            work: Deferred[None] = Deferred()
            raw.peer.hear("ping", lambda peer, message, work=work: work)
            tx, tx_hash = tx_of(raw.peer.network)
            waiting = raw.peer.request_transactions([tx_hash])
            seconds = getdata_time(raw)
            raw.send(raw.peer.network.make_ping(7, raw.peer.factory))
            self.assertFalse(raw.transport.reading)
            self.let_pass(seconds + 60)
            self.assertNoResult(waiting)
            self.assertFalse(raw.hung_up)
            work.callback(None)
            self.clock.advance(0)
            self.assertTrue(raw.transport.reading)
            self.let_pass(seconds - 2)
            raw.send(tx)
            self.assertEqual(self.successResultOf(waiting), [tx])
            self.let_pass(raw.peer.network.timing.stall_tick + 1)
            self.assertFalse(raw.hung_up)
