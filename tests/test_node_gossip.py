"""Tests of what a node does with addresses when its peers speak."""

from __future__ import annotations

from types import SimpleNamespace

from peerproto import networks
from peerproto.errors import PeerLost, Reason
from peerproto.forms.gossip import Known
from peerproto.networks.bitcoin import Addr, AddrV2, GetAddr, SendAddrV2
from peerproto.node.addressbook import AddressBook
from peerproto.node.gossip import Gossip
from peerproto.testing import Pair, RawPeer, memory_factory
from tests.book_case import NOW, BookCase, known

NAMES = (
    "bitcoin-regtest",
    "decred-simnet",
    "soter-regtest",
    "kaspa-devnet",
    "neo-privnet",
    "litecoin-regtest",
)


class GossipTests(BookCase):
    """Two peers, and the books of both."""

    def connected(self, name: str) -> tuple[Pair, Gossip, Gossip, AddressBook, AddressBook]:
        network, books = networks.named(name), (self.make(local=True), self.make(local=True, seed=2))
        pair = Pair(network)
        ours, theirs = (Gossip(network, book, lambda: self.now) for book in books)
        pair.outbound.factory.handlers.update(ours.handlers)
        pair.inbound.factory.handlers.update(theirs.handlers)
        pair.deliver()
        return pair, ours, theirs, *books

    def test_asked_and_answered(self) -> None:
        """Whom we have called is asked; what it knows gets into our book, under its name."""
        for name in NAMES:
            pair, ours, _, book, other = self.connected(name)
            other.add([known("10.0.0.1", port) for port in range(1, 101)], "127.0.0.1")
            ours.ready(pair.outbound)
            pair.deliver()
            self.assertEqual(len(book), -(-len(other) * 23 // 100), name)
            self.assertEqual(len({entry.source for entry in book}), 1)

    def test_addrv2(self) -> None:
        """Who has said so gets the newer message; addresses of either kind of IP are told."""
        network, book = networks.named("bitcoin-regtest"), self.make(local=True)
        book.add([known("10.0.0.1"), *(known("fd00::1", port) for port in range(1, 9))], "127.0.0.1")
        for wishes, kind in (([SendAddrV2()], AddrV2), ([], Addr)):
            factory = memory_factory(network)
            factory.handlers.update(Gossip(network, book, lambda: self.now).handlers)
            raw = RawPeer(factory, inbound=True)
            raw.send(raw.version(), *wishes, network.verack())
            raw.codec = network.codec(witness=True)
            raw.read()
            raw.send(GetAddr())
            (answer,) = raw.read()
            self.assertIs(type(answer), kind)
            self.assertEqual(len(answer.addr_list), -(-len(book) * 23 // 100))  # type: ignore[attr-defined]
            if wishes:
                self.assertLessEqual({item.network_id for item in answer.addr_list}, {1, 2})  # type: ignore[attr-defined]
            raw.close()

    def test_who_called_is_not_asked(self) -> None:
        """Who has called us may tell what it likes; it is not asked."""
        pair, _, theirs, book, _ = self.connected("bitcoin-regtest")
        book.add([known("10.0.0.1")], "127.0.0.1")
        theirs.ready(pair.inbound)
        pair.deliver()
        self.assertEqual(theirs.teller.ignored, 0)
        self.assertEqual(pair.outbound.statistics.received.get("getaddr"), None)

    def test_row_39_and_40(self) -> None:
        """A second question is ignored, and so is one of a peer that we have called."""
        pair, ours, theirs, book, other = self.connected("bitcoin-regtest")
        for each in (book, other):
            each.add([known("10.0.0.1")], "127.0.0.1")
        network = networks.named("bitcoin-regtest")
        assert network.gossip is not None
        for _ in range(2):
            pair.outbound.send(network.gossip.question())
        pair.inbound.send(network.gossip.question())
        pair.deliver()
        self.assertEqual((theirs.teller.ignored, ours.teller.ignored), (1, 1))
        self.assertEqual((book.counts["known"] + book.counts["stored"], other.counts["known"]), (2, 0))

    def test_lost(self) -> None:
        """A peer that has ended is in the history of its host."""
        pair, ours, _, book, _ = self.connected("bitcoin-regtest")
        ours.lost(pair.outbound, PeerLost("closed by the peer", Reason.CLOSED_BY_PEER))
        (ended,) = book.ended
        self.assertEqual((ended.inbound, ended.reason, ended.ended), (False, "closed-by-peer", NOW))

    def test_silent_network(self) -> None:
        """Where no addresses are told nothing is asked, heard or answered."""
        pair, ours, _, book, _ = self.connected("kaspa-simnet")
        self.assertEqual(ours.handlers, {})
        ours.ready(pair.outbound)
        ours.hear(pair.outbound, None)  # type: ignore[arg-type]
        book.add([Known("10.0.0.1", 1, 1, int(NOW))], "127.0.0.1")
        ours.answer(pair.inbound, None)  # type: ignore[arg-type]
        pair.deliver()
        self.assertEqual(len(book), 1)

    def test_nowhere(self) -> None:
        """A peer that is at no address of IP is called by what it has."""
        _, ours, _, book, _ = self.connected("bitcoin-regtest")
        for transport in (None, SimpleNamespace(getPeer=lambda: "a pipe")):
            sent = []
            peer = SimpleNamespace(transport=transport, address="a pipe", inbound=False, send=sent.append)
            ours.ready(peer)  # type: ignore[arg-type]
            self.assertEqual(len(sent), 1)
        self.assertEqual(len(book._allowances), 1)
