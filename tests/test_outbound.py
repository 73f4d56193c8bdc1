"""The peers that a node calls of itself."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import fail
from twisted.internet.error import ConnectionLost

from peerproto.errors import PeerLost, Reason, SelfConnection
from peerproto.node.brake import Brake
from peerproto.node.calling import Caller
from peerproto.node.connector import STABLE
from peerproto.node.doubles import Doubles
from peerproto.node.outbound import EMPTY, PACE, Outbound
from peerproto.node.places import Place
from peerproto.peer.protocol import PeerProtocol
from tests.manager_case import REFUSED, ManagerCase, MemoryBook, place


class OutboundTests(ManagerCase):
    """Whom it calls and when; with a target of 3."""

    def setUp(self) -> None:
        super().setUp()
        self.book = MemoryBook(*map(place, range(1, 6)))
        self.doubles = Doubles(self.factory.peers)
        self.brake = Brake(self.clock, lambda: 0.5)
        self.met: list[PeerProtocol] = []
        self.taken: tuple[list[str], list[str]] = ([], [])
        self.outbound = Outbound(
            self.clock,
            self.book,
            Caller(self.brake, self.doubles, self.dial),
            self.doubles,
            random=lambda: 0.5,
            met=self.met.append,
            taken=lambda: self.taken,
            target=3,
        )

    def tearDown(self) -> None:
        stop = self.outbound.stop()
        self.settle()
        self.successResultOf(stop)
        super().tearDown()

    def told(self, what: str) -> list[Any]:
        """What the book was told of one kind: the places and what else there was."""
        return [entry[1:] for entry in self.book.told if entry[0] == what]

    def test_target(self) -> None:
        """As many are called as are wanted, no more; each call is told to the book."""
        self.assertEqual(self.dialled, [])
        self.outbound.start()
        self.assertEqual(self.called, [place(1), place(2), place(3)])
        self.assertEqual(self.told("tried"), [(place(1),), (place(2),), (place(3),)])
        raws = [self.answer(index) for index in range(3)]
        self.assertEqual(self.met, [raw.peer for raw in raws])
        self.clock.advance(EMPTY)
        self.outbound.look()
        self.assertEqual(len(self.dialled), 3)

    def test_one_per_group(self) -> None:
        """Of each group one is called, and none of the groups of those that others have called."""
        self.book.places = [place(1), Place("198.1.9.9", 8333), place(2), place(3)]
        self.taken = (["198.2"], [])
        self.outbound.start()
        self.assertEqual(self.called, [place(1), place(3)])
        self.assertEqual(self.book.asked, [(12, {"198.2"})])
        self.clock.advance(EMPTY)
        self.assertEqual(self.book.asked[1:], [(4, {"198.1", "198.2", "198.3"})])

    def test_first(self) -> None:
        """Those who are to be called first are, in their order and once, as far as it suits; no two of a group."""
        self.book.banned.add(place(8).host)
        self.outbound.begin_with([place(8), place(5), Place("198.5.9.9", 8333), place(9)])
        self.outbound.start()
        self.assertEqual(self.called, [place(5), place(9), place(1)])
        for index in range(3):
            self.refuse(index)
        self.clock.advance(PACE)
        self.assertEqual(self.called[3:], [place(1), place(2), place(3)])

    def test_good_ones(self) -> None:
        """Who has been ready for a stable time is told, the longest first, for as long as he is there."""
        self.outbound.start()
        raws = []
        for index in (2, 0, 1):
            raws.append(self.answer(index))
            raws[-1].handshake()
            self.clock.advance(1)
        self.clock.advance(STABLE - 2)
        self.assertEqual(self.outbound.good, [place(3), place(1)])
        self.clock.advance(1)
        raws[0].close()
        self.assertEqual(self.outbound.good, [place(1), place(2)])

    def test_whom_it_does_not_suit_to_call(self) -> None:
        """Nobody is called who is here, is banned, or is known to be ourselves."""
        self.taken = ([], [place(1).host])
        self.book.banned.add(place(2).host)
        raw = self.raw_at()
        self.doubles.note(str(place(3)), raw.peer, SelfConnection("us"))
        self.outbound.start()
        self.assertEqual(self.called, [place(4), place(5)])

    def test_refused(self) -> None:
        """For one that fails the next is called a little later; the book hears why."""
        self.outbound.start()
        self.refuse(0)
        self.assertEqual(self.told("failed"), [(place(1), "connection-refused")])
        self.clock.advance(PACE - 0.1)
        self.assertEqual(len(self.dialled), 3)
        self.clock.advance(0.1)
        self.assertEqual(self.called[3:], [place(1)])

    def test_back_off(self) -> None:
        """Row 61: the same place is called again later and later, for whatever reason it fails, up to five minutes."""
        self.book.places = [place(1)]
        self.outbound.start()
        times = []
        for number in range(14):
            if number % 2:
                self.answer().close(ConnectionLost())
            else:
                self.refuse()
            begun, tries = self.clock.seconds(), len(self.dialled)
            while len(self.dialled) == tries:
                self.clock.advance(1)
            times.append(self.clock.seconds() - begun)
        self.assertEqual(sorted(times[1:9]), times[1:9])
        self.assertLess(times[0], 12)
        self.assertLess(max(times), 320)
        self.assertGreater(times[-1], 150)
        self.assertEqual({reason for _, reason in self.told("failed")}, {"connection-refused", "reset"})

    def test_good(self) -> None:
        """A peer that was ready for a minute is good: the book hears what it was; its end is no failure."""
        self.book.places = [place(1)]
        self.outbound.start()
        raw = self.answer()
        raw.handshake()
        self.clock.advance(STABLE - 0.1)
        self.assertEqual(self.told("connected"), [])
        self.clock.advance(0.1)
        self.assertEqual(self.told("connected"), [(place(1), "/raw:1/")])
        raw.close()
        self.assertEqual(self.told("failed"), [])
        self.clock.advance(PACE)
        self.assertEqual(len(self.dialled), 2)

    def test_ended_soon(self) -> None:
        """One that ends before is not good."""
        self.outbound.start()
        raw = self.answer()
        raw.handshake()
        self.clock.advance(STABLE - 0.1)
        raw.close()
        self.assertEqual(self.told("failed"), [(place(3), "closed-by-peer")])

    def test_fails_at_once(self) -> None:
        """Calls that fail at once do not follow each other at once."""
        self.book.places = [place(number) for number in range(1, 30)]
        self.patch(self, "dial", lambda where: self.dialled.append(where) or fail(REFUSED))
        caller = Caller(self.brake, self.doubles, self.dial)
        self.patch(self.outbound._calls, "_caller", caller)
        self.outbound.start()
        self.assertEqual(len(self.dialled), 3)
        self.clock.advance(PACE - 0.1)
        self.assertEqual(len(self.dialled), 3)
        self.clock.advance(0.1)
        self.assertEqual(len(self.dialled), 6)

    def test_our_own_end(self) -> None:
        """What we end ourselves is no failure of the place."""
        self.outbound.start()
        raw = self.answer()
        raw.peer.disconnect(PeerLost("go", Reason.LOCAL_CLOSE))
        raw.close()
        self.assertEqual(self.told("failed"), [])

    def test_empty_book(self) -> None:
        """A book that has nobody is asked again after a while, and at once when it is said to know more."""
        places, self.book.places = self.book.places, []
        self.outbound.start()
        self.clock.advance(EMPTY - 0.1)
        self.assertEqual(len(self.book.asked), 1)
        self.clock.advance(0.1)
        self.assertEqual(len(self.book.asked), 2)
        self.book.places = places
        self.outbound.look()
        self.assertEqual(len(self.dialled), 3)

    def test_stop(self) -> None:
        """A stop cancels what is under way, ends the peers, and leaves nothing to do."""
        self.outbound.start()
        raw = self.answer(0)
        stop = self.outbound.stop()
        self.assertEqual(self.cancelled, [place(2), place(3)])
        self.assertNoResult(stop)
        self.assertTrue(raw.hung_up)
        self.settle()
        self.successResultOf(stop)
        self.outbound.look()
        self.clock.advance(100)
        self.assertEqual((len(self.dialled), self.told("failed")), (3, []))

    def test_started_again(self) -> None:
        """It may be started again."""
        self.outbound.start()
        self.successResultOf(self.outbound.stop())
        self.clock.advance(10)
        self.outbound.start()
        self.assertEqual(len(self.dialled), 6)
