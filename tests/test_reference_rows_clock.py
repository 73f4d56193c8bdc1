"""Hostile row 64: the wall clock steps by a day, and nobody suffers for it but those whose time is told by it."""

from __future__ import annotations

from twisted.internet.testing import MemoryReactorClock

from peerproto.errors import Reason
from peerproto.forms.gossip import Known
from peerproto.networks.bitcoin import Ping, Pong
from peerproto.node.addressbook import AddressBook
from peerproto.node.groups import Groups
from peerproto.node.manager import PeerManager
from peerproto.testing import RawPeer
from tests.manager_case import ManagerCase
from tests.node_case import NETWORK, NOW

DAY, HOUR = 86400.0, 3600.0


class ClockTests(ManagerCase):
    """A manager with peers, and a wall clock that somebody sets."""

    def setUp(self) -> None:
        super().setUp()
        self.clock = MemoryReactorClock()
        self.clock.advance(1000)
        self.wall = NOW
        self.factory = self.make_factory()
        self.factory.now = lambda: self.wall
        self.book = AddressBook(Groups(local=True), now=lambda: self.wall)
        self.manager = PeerManager(self.clock, self.factory, self.book, target=0, feelers=False)

    def live(self, seconds: int) -> None:
        """Some time goes by, in which the others answer what they are pinged with."""
        for _ in range(seconds):
            self.clock.advance(1)
            self.wall += 1
            for raw in self._raws:
                pings = [message for message in raw.read() if isinstance(message, Ping)]
                raw.send(*[Pong(ping.nonce) for ping in pings])

    def peer_at(self, host: str) -> RawPeer:
        """One that is ready, and known to the manager."""
        raw = self.raw_at(host)
        self.manager.roster.watch(raw.peer)
        raw.handshake()
        return raw

    def test_row_64_nobody_ends(self) -> None:
        """Row 64: timers go by the clock of the reactor: a step of the other one ends nobody, and who is silent ends at
        his time.
        """
        raws = [self.peer_at(f"198.{number}.0.1") for number in range(8)]
        begun = raws[0].peer.time_connected
        for step in (DAY, -DAY, -DAY):
            self.wall += step
            self.live(200)
            self.assertEqual([raw.peer.ending for raw in raws], [None] * 8)
            self.assertEqual(len(self.manager.peers), 8)
        self.assertAlmostEqual(raws[0].peer.time_connected, begun - DAY)
        self.wall += DAY
        for _ in range(int(NETWORK.timing.idle) + 1):
            self.clock.advance(1)
        self.assertEqual({raw.peer.ending.reason for raw in raws if raw.peer.ending}, {Reason.IDLE})

    def test_row_64_bans(self) -> None:
        """Row 64: bans end by the wall clock; set back, it makes none longer than was asked for by that clock."""
        self.manager.ban("198.51.100.0/24", self.wall + HOUR, "spam", "test")
        self.assertTrue(self.book.is_banned("198.51.100.9"))
        self.wall -= DAY
        self.assertTrue(self.book.is_banned("198.51.100.9"))
        self.wall += DAY + HOUR
        self.assertFalse(self.book.is_banned("198.51.100.9"))

    def test_row_64_addresses(self) -> None:
        """Row 64: what the book knows can be called whichever way the clock steps."""
        self.book.add([Known("11.1.0.1", 8333, 1, int(NOW))], "test")
        for step in (-DAY, 2 * DAY):
            self.wall += step
            found = [place for _ in range(50) for place in self.book.candidates(1, ())]
            self.assertEqual({place.host for place in found}, {"11.1.0.1"})
            self.book.tried(found[0])
            self.book.failed(found[0], str(Reason.CONNECT_TIMEOUT))
