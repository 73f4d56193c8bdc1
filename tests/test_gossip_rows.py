"""What hostile peers tell and ask of addresses, over the wire of every network where they are told: rows 36 to 40."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from twisted.internet.address import IPv4Address

from peerproto import networks
from peerproto.forms.gossip import AddressGossip, Known
from peerproto.node.addressbook import BURST
from peerproto.node.gossip import Gossip
from peerproto.node.places import Place
from peerproto.peer.handshake import State
from peerproto.testing import RawPeer, memory_factory
from peerproto.wire.message import Message
from tests.book_case import BookCase, known, spread

HOST = "9.9.9.9"


def telling_networks() -> list[str]:
    """One net of each family that has one where addresses are told, and is not at home on one machine."""
    names = [name for name in networks.names() if networks.named(name).gossip is not None]
    return list({name.partition("-")[0]: name for name in reversed(names)}.values())


class RowsTests(BookCase):
    """A peer of each network at a public address, and a node with a book.

    :ivar raw: the peer. :ivar gossip: what the node does with what that says.
    """

    def each(self, *, inbound: bool = False) -> Iterator[str]:
        """The networks, one after the other, each with a fresh book."""
        names = telling_networks()
        self.assertEqual(len(names), 6)
        for name in names:
            network = networks.named(name)
            assert network.gossip is not None
            self.form: AddressGossip = network.gossip
            self.book = self.make()
            self.gossip = Gossip(network, self.book, lambda: self.now)
            factory = memory_factory(network, now=lambda: self.now)
            factory.handlers.update(self.gossip.handlers)
            self.raw = RawPeer(factory, inbound=inbound)
            self.raw.transport.getPeer = lambda: IPv4Address("TCP", HOST, 8333)  # type: ignore[method-assign]
            self.raw.handshake()
            self.raw.read()
            yield name
            self.assertEqual(self.raw.peer.state, State.READY, name)
            self.raw.close()

    def messages(self, told: list[Known]) -> list[Message]:
        """What tells of these, as many in one as the network allows."""
        peer, most = self.raw.peer, self.form.most
        parts = [told[begin : begin + most] for begin in range(0, len(told), most)]
        return [self.form.tell(part, peer.handshake.noted, peer.protocol_version) for part in parts]

    def answers(self) -> int:
        """How often the node has told of addresses since the last time."""
        return sum(isinstance(message, tuple(self.form.telling)) for message in self.raw.read())

    def test_row_36_addr_1000_every_second(self) -> None:
        """The first thousand are looked at, then one in ten seconds; the others are counted, and the peer stays."""
        told = spread(1000)
        for name in self.each():
            for _ in range(21):
                self.raw.send(*self.messages(told))
                self.now += 1
                self.raw.peer.clock.advance(1)  # type: ignore[attr-defined]
            counts = Counter(self.book.counts)
            self.assertEqual(counts.pop("limited"), 21_000 - BURST - 2, name)
            self.assertEqual(sum(counts.values()), BURST + 2, name)
            self.assertGreater(len(self.book), 850, name)

    def test_row_37_unroutable_loopback_own_port_0(self) -> None:
        """None of these is stored; each is counted; the peer stays."""
        hosts = ("127.0.0.1", "10.0.0.1", "192.168.1.1", "0.0.0.0", "224.0.0.1", "::1", "fe80::1", "fc00::1")
        told = [*map(known, hosts), known("8.8.4.4", 0), known("8.8.8.8")]
        for name in self.each():
            self.book.own(Place("8.8.8.8", 8333))
            self.raw.send(*self.messages(told))
            counts = {what: count for what, count in self.book.counts.items() if count}
            self.assertEqual(counts, {"unroutable": 8, "no-port": 1, "own": 1}, name)
            self.assertEqual(len(self.book), 0, name)

    def test_row_38_100000_addresses_of_one_group(self) -> None:
        """They touch one bucket; of as many as a peer may tell of all groups there are, 64."""
        one_group = (known(f"8.8.{n // 250}.{n % 250}", 8333 + m) for n in range(50_000) for m in range(2))
        told = list(one_group)
        for name in self.each():
            for message in self.messages(told):
                self.raw.send(message)
            self.assertEqual(len(self.book.shelves.new.used), 1, name)
            self.assertEqual(sum(self.book.counts.values()), 100_000, name)
            self.book.asked(HOST)
            self.raw.send(*self.messages(spread(1000)))
            self.assertTrue(50 < len(self.book.shelves.new.used) <= 64, name)

    def test_row_39_getaddr_twice(self) -> None:
        """Who has called us is answered once."""
        for name in self.each(inbound=True):
            self.book.add(spread(100), "7.7.7.7")
            self.raw.send(self.form.question())
            self.assertEqual(self.answers(), 1, name)
            self.raw.send(self.form.question(), self.form.question())
            self.assertEqual((self.answers(), self.gossip.teller.ignored), (0, 2), name)

    def test_row_40_getaddr_from_an_outbound_peer(self) -> None:
        """Whom we have called is not answered: it would learn who we are by what we know."""
        for name in self.each():
            self.book.add(spread(100), "7.7.7.7")
            self.raw.send(self.form.question())
            self.assertEqual((self.answers(), self.gossip.teller.ignored), (0, 1), name)
