"""Calls that only find out whether somebody is there."""

from __future__ import annotations

from typing import Any

from peerproto.node.brake import MOST_FAILURES, Brake
from peerproto.node.calling import Caller
from peerproto.node.doubles import Doubles
from peerproto.node.feelers import EVERY, Feelers, without_listener
from peerproto.node.places import Place
from peerproto.testing import Recorder
from tests.manager_case import ManagerCase, MemoryBook, place


class FeelerTests(ManagerCase):
    """One every two minutes."""

    def setUp(self) -> None:
        super().setUp()
        self.book = MemoryBook()
        self.brake = Brake(self.clock, lambda: 0.5)
        self.offered: list[Place | None] = [place(1)]
        caller = Caller(self.brake, Doubles(self.factory.peers), self.dial)
        self.feelers = Feelers(
            self.clock, self.book, caller, self.brake, random=lambda: 0.5, choose=lambda: self.offered[0]
        )
        self.feelers.start()

    def tearDown(self) -> None:
        stop = self.feelers.stop()
        self.settle()
        self.successResultOf(stop)
        super().tearDown()

    def results(self) -> list[tuple[Any, ...]]:
        """What the book was told."""
        return self.book.told

    def test_every_two_minutes(self) -> None:
        """The first goes out after a while, then one after the other."""
        self.clock.advance(EVERY - 1)
        self.assertEqual(self.dialled, [])
        self.clock.advance(1)
        self.refuse()
        self.clock.advance(EVERY)
        self.assertEqual(self.called, [place(1)] * 2)

    def test_somebody_is_there(self) -> None:
        """It shakes hands, notes that, and leaves."""
        self.clock.advance(EVERY)
        raw = self.answer()
        self.assertFalse(raw.hung_up)
        raw.handshake()
        self.assertTrue(raw.hung_up)
        raw.close()
        self.assertEqual(self.results(), [("tried", place(1)), ("connected", place(1), "/raw:1/")])
        self.assertEqual(self.feelers.places, {})

    def test_nobody_is_there(self) -> None:
        """It notes why not; who accepts and closes is nobody, too."""
        self.clock.advance(EVERY)
        self.refuse()
        self.clock.advance(EVERY)
        self.answer().close()
        failed = [entry[2] for entry in self.results() if entry[0] == "failed"]
        self.assertEqual(failed, ["connection-refused", "closed-by-peer"])

    def test_whom(self) -> None:
        """The place that was chosen is called, if there is one."""
        self.offered = [place(2)]
        self.clock.advance(EVERY)
        self.assertEqual(self.called, [place(2)])
        self.refuse()
        self.offered = [None]
        self.clock.advance(EVERY)
        self.assertEqual(len(self.dialled), 1)

    def test_one_at_a_time(self) -> None:
        """While one is under way no other goes out, nor while the brake is on."""
        self.clock.advance(EVERY)
        self.clock.advance(EVERY)
        self.assertEqual(len(self.dialled), 1)
        self.refuse()
        self.brake.failures = MOST_FAILURES
        self.clock.advance(EVERY)
        self.assertEqual(len(self.dialled), 1)

    def test_stop(self) -> None:
        """One that is under way is ended by a stop, and is no failure then."""
        self.clock.advance(EVERY)
        self.successResultOf(self.feelers.stop())
        self.assertEqual((self.cancelled, self.results()), ([place(1)], [("tried", place(1))]))


class QuietFactoryTests(ManagerCase):
    """Whose peers are heard of by nobody."""

    def test_says_the_same(self) -> None:
        """They say of us what the others say, and keep to themselves what they hear."""
        recorder = Recorder()
        factory = self.make_factory(listener=recorder, user_agent="/feels:1/", manual=True)
        factory.guests.append(recorder)
        quiet = without_listener(factory)
        raw = self.raw_at(Place("198.1.0.1", 1).host, factory=quiet)
        said: Any = raw.handshake()[0]
        raw.send(raw.peer.network.ping(5))
        raw.close()
        self.assertEqual(raw.peer.network.read_version(said).user_agent, "/feels:1/")
        self.assertEqual((recorder.events, quiet.manual, factory.manual), ([], False, True))
        self.assertIs(quiet.nonces, factory.nonces)
        self.assertIsNot(quiet.peers, factory.peers)
