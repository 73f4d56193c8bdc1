"""The places for peers that call us."""

from __future__ import annotations

import sys
from collections import Counter
from types import FrameType
from typing import Any

from twisted.internet.address import IPv4Address, UNIXAddress

from peerproto.errors import Reason
from peerproto.node.slots import InboundPeers, Limits, Slots, is_spared
from peerproto.peer.protocol import PeerProtocol
from peerproto.testing import CALLED, MemoryTransport
from tests.manager_case import ManagerCase, MemoryBook

WIDE = Limits(total=1000, host=1000, group=1000, unfinished=1000, group_unfinished=1000, burst=1000)


class SlotsCase(ManagerCase):
    """Connections as they come from a port."""

    def setUp(self) -> None:
        super().setUp()
        self.book = MemoryBook()
        self.live: list[tuple[PeerProtocol, MemoryTransport]] = []
        self.met: list[PeerProtocol] = []
        self.use(Limits())

    def tearDown(self) -> None:
        for peer, _ in self.live:
            self.end(peer)
        self.assertEqual(self.slots.held, {})
        self.assertEqual(
            (len(self.slots._hosts), len(self.slots._groups), len(self.slots._unfinished)), (0, 0, 0)
        )
        super().tearDown()
        self.assertEqual(self.factory.peers, {})

    def use(self, limits: Limits, **options: Any) -> None:
        """Take these limits."""
        self.slots = Slots(
            limits,
            self.clock.seconds,
            group_of=self.book.group_of,
            is_banned=self.book.is_banned,
            key=b"secret",
            **options,
        )
        self.port = InboundPeers(self.factory, self.slots, self.met.append)

    def call(self, host: str) -> PeerProtocol | None:
        """Somebody calls from there."""
        where = IPv4Address("TCP", host, 50000)
        peer = self.port.buildProtocol(where)
        if peer is not None:
            transport = MemoryTransport(CALLED, where)
            peer.makeConnection(transport)  # type: ignore[no-untyped-call]
            self.live.append((peer, transport))
        return peer

    def called(self, host: str) -> PeerProtocol:
        """The same, if he is let in."""
        peer = self.call(host)
        assert peer is not None
        return peer

    def ready(self, host: str) -> PeerProtocol:
        """The same, once he has shaken hands."""
        peer = self.called(host)
        network = self.factory.network
        codec = network.codec()
        theirs = self.factory.introduction(nonce=len(self.live) + 77)
        peer.dataReceived(codec.encode(network.make_version(theirs)) + codec.encode(network.verack()))
        return peer

    def end(self, peer: PeerProtocol) -> None:
        """The connection ends, if there is one."""
        if peer.id in self.factory.peers:
            peer.connectionLost()


class LimitTests(SlotsCase):
    """Who is let in."""

    def test_let_in(self) -> None:
        """Whoever is let in is told of, and takes his place until he ends."""
        peer = self.called("198.1.0.1")
        self.assertTrue(peer.inbound)
        self.assertEqual((self.met, list(self.slots.held)), ([peer], [peer.id]))
        self.end(peer)
        self.assertEqual((self.slots.held, self.slots.refused), ({}, {}))

    def test_host(self) -> None:
        """Of one address only so many are here at once."""
        self.use(Limits(host=2))
        peers = [self.ready("198.1.0.1") for _ in range(2)]
        self.assertIsNone(self.call("198.1.0.1"))
        self.called("198.1.0.2")
        self.end(peers[0])
        self.clock.advance(5)
        self.called("198.1.0.1")
        self.assertEqual(self.slots.refused, {"host": 1})

    def test_group(self) -> None:
        """Of one group, too."""
        self.use(Limits(group=2))
        self.called("198.1.0.1")
        self.called("198.1.0.2")
        self.assertIsNone(self.call("198.1.0.3"))
        self.called("198.2.0.1")
        self.assertEqual(self.slots.refused, {"group": 1})

    def test_unfinished_of_group(self) -> None:
        """Of one group only so many have not shaken hands."""
        self.use(Limits(burst=100, group_unfinished=2))
        self.ready("198.1.0.1")
        self.called("198.1.0.2")
        peer = self.called("198.1.0.3")
        self.assertIsNone(self.call("198.1.0.4"))
        self.called("198.2.0.1")
        self.end(peer)
        self.called("198.1.0.4")
        self.assertEqual(self.slots.refused, {"unfinished": 1})

    def test_banned(self) -> None:
        """Who is banned is not let in."""
        self.book.banned.add("198.1.0.1")
        self.assertIsNone(self.call("198.1.0.1"))
        self.assertEqual(self.slots.refused, {"banned": 1})

    def test_spared(self) -> None:
        """For this host, and what has no address of IP, only the limits in all count; who is spared may be told."""
        self.use(Limits(total=6, host=1, group=1, group_unfinished=1, burst=1))
        self.book.banned.add("127.0.0.1")
        for _ in range(6):
            self.called("127.0.0.1")
        self.assertIsNone(self.call("127.0.0.1"))
        self.assertEqual(self.slots.refused, {"full": 1})
        self.assertTrue(is_spared("::1") and is_spared(str(UNIXAddress("/tmp/socket"))))
        self.assertFalse(is_spared("198.1.0.1"))
        for peer, _ in self.live:
            self.end(peer)
        self.book.banned.add("198.1.0.1")
        self.use(Limits(), spared=lambda host: host == "198.1.0.1")
        self.called("198.1.0.1")

    def counted(self, host: str) -> tuple[PeerProtocol | None, int]:
        """What becomes of a call from there, and how many calls of functions that took."""
        calls = 0

        def count(frame: FrameType, event: str, what: object) -> None:
            nonlocal calls
            calls += event == "call"

        sys.setprofile(count)
        try:
            peer = self.port.buildProtocol(IPv4Address("TCP", host, 50000))
        finally:
            sys.setprofile(None)
        return peer, calls

    def test_row_57_connects_from_one_address(self) -> None:
        """Row 57: of 10,000 connects from one address in 10 s three come in at once, then one each 5 s; one line a
        minute tells of it, and a refusal costs the same few steps each time.
        """
        let_in, steps = [], Counter[int]()
        for number in range(10_000):
            peer, calls = self.counted("198.1.0.1")
            if peer is None:
                steps[calls] += 1
            else:
                let_in.append(number)
                peer.makeConnection(MemoryTransport(CALLED, CALLED))  # type: ignore[no-untyped-call]
                self.end(peer)
            self.clock.advance(0.001)
        self.assertEqual(let_in[:3], [0, 1, 2])
        self.assertEqual(len(let_in), 4)
        self.assertIn(let_in[3], range(4990, 5010))
        refused = [line for line in self.logged if "is refused" in line]
        self.assertEqual(len(refused), 1)
        self.assertLessEqual(len(steps), 3, steps)
        self.assertLess(min(steps), 30)
        self.clock.advance(60)
        for _ in range(4):
            self.call("198.1.0.1")
        self.assertIn("9995 others", [line for line in self.logged if "is refused" in line][1])

    def test_row_60_half_open_handshakes(self) -> None:
        """Row 60: of 500 that never shake hands, each of another group, only so many are let in; whom we call does not
        count among them, and who has shaken hands makes room.
        """
        outbound = self.raw_at("203.0.113.1")
        let_in = [self.call(f"198.{number % 250}.{number // 250}.1") for number in range(500)]
        self.assertEqual(sum(peer is not None for peer in let_in), 64)
        self.assertEqual(self.slots.refused, {"unfinished": 436})
        outbound.handshake()
        self.assertEqual(outbound.peer.ending, None)
        self.clock.pump([1.0] * 61)
        for peer, transport in self.live:
            self.assertTrue(transport.closing)
            self.end(peer)
        self.ready("203.0.113.7")
        self.settle()


class EvictionTests(SlotsCase):
    """When all places are taken."""

    def fill(self, count: int = 60) -> list[PeerProtocol]:
        """So many, each ready, ten of a group."""
        self.use(Limits(**{**vars(WIDE), "total": count}))
        peers = []
        for number in range(count):
            self.clock.advance(1)
            peers.append(self.ready(f"198.{number // 10}.0.{number % 10}"))
        return peers

    def test_row_58_one_more(self) -> None:
        """Row 58: when all places are taken one unprotected peer goes for the newcomer; the limit is never exceeded."""
        self.fill(200)
        for number in range(20):
            peer = self.called(f"203.0.113.{number}")
            here = [one for one in self.factory.peers.values() if not one.ending]
            self.assertEqual((len(self.slots.held), len(here)), (200, 200))
            self.assertIn(peer.id, self.slots.held)
        gone = [peer for peer, _ in self.live if peer.ending]
        self.assertEqual((len(gone), self.slots.evicted), (20, 20))
        self.assertEqual({peer.ending.reason for peer in gone if peer.ending}, {Reason.EVICTED})
        transports = dict(self.live)
        self.assertTrue(all(transports[peer].aborted for peer in gone))

    def test_row_58_refused(self) -> None:
        """Row 58: when all are protected the newcomer is refused."""
        self.fill(10)
        self.assertIsNone(self.call("203.0.113.1"))
        self.assertEqual((self.slots.refused, self.slots.evicted), ({"full": 1}, 0))

    def test_what_counts(self) -> None:
        """Who has brought a block or a transaction that was new stays, and who answers quickest; something held
        against a peer makes it go first.
        """
        peers = self.fill(60)
        peers[59].pings.sent(1, 0.0)
        peers[59].pings.received(1, 0.1)
        self.slots.brought_block(peers[58])
        self.slots.brought_transaction(peers[57])
        peers[52].add_score(persistent=5)
        self.called("203.0.113.1")
        self.assertEqual([at for at, peer in enumerate(peers) if peer.ending], [52])
        for number in range(2, 22):
            self.called(f"203.0.{number}.1")
        gone = {at for at, peer in enumerate(peers) if peer.ending}
        self.assertGreater(len(gone), 3)
        self.assertTrue(gone.isdisjoint({57, 58, 59}), gone)

    def test_not_ours(self) -> None:
        """What a peer brings that we have called is of no account here."""
        raw = self.ready_at()
        self.slots.brought_block(raw.peer)
        self.slots.brought_transaction(raw.peer)
        self.assertEqual(self.slots.held, {})

    def test_key(self) -> None:
        """With another secret the same group has another rank."""
        first, second = self.called("198.1.0.1"), self.called("198.1.0.2")
        self.slots._key = b"other"
        third = self.called("198.1.0.3")
        ranks = [self.slots.held[peer.id].rank for peer in (first, second, third)]
        self.assertEqual(ranks[0], ranks[1])
        self.assertNotEqual(ranks[0], ranks[2])
