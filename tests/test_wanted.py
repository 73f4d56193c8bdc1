"""Tests of the table of what is wanted, who has it, and who is asked."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from twisted.trial.unittest import SynchronousTestCase

from peerproto.node.wanted import MOST_ASKED, MOST_OF_PEER, PATIENCE, SPARE, YIELDING, Wanted


def falling() -> Callable[[], float]:
    """Chance that has it that whoever comes later is asked first."""
    numbers = count()
    return lambda: 1 / (1 + next(numbers))


def rising() -> Callable[[], float]:
    """The other way round."""
    numbers = count()
    return lambda: 1 - 1 / (1 + next(numbers))


class WantedTests(SynchronousTestCase):
    """One table."""

    def table(self, **options: Any) -> Wanted:
        """One in which the first to announce is asked first, where nothing else decides."""
        return Wanted(**{"random": rising(), **options})

    def test_row_75_all_send_the_same_inv(self) -> None:
        """Row 75: of 1,000 peers that announce the same, one is asked; the others are noted, and when its time is over
        the next is asked, and the next.
        """
        wanted = Wanted()
        for peer in range(1000):
            self.assertTrue(wanted.note(peer, "tx", 0, inbound=peer != 500))
        self.assertEqual((len(wanted), wanted.announcements), (1, 1000))
        self.assertEqual(wanted.choose(0), {500: ["tx"]})
        asked, now = [500], 0.0
        for _ in range(999):
            self.assertEqual(wanted.choose(now + PATIENCE - 1), {})
            now += PATIENCE
            ((peer, things),) = wanted.choose(now).items()
            self.assertEqual((things, wanted.asked("tx")), (["tx"], peer))
            asked.append(peer)
        self.assertEqual(sorted(asked), list(range(1000)))
        self.assertEqual((wanted.choose(now + PATIENCE), len(wanted), wanted.announcements), ({}, 0, 0))
        self.assertIsNone(wanted.until())

    def test_here(self) -> None:
        """What is here is asked of nobody any more."""
        wanted = self.table()
        wanted.note(1, "a", 0, inbound=False)
        wanted.note(2, "a", 0, inbound=False)
        self.assertEqual(wanted.choose(0), {1: ["a"]})
        wanted.drop("a")
        wanted.drop("a")
        self.assertEqual((wanted.choose(PATIENCE), "a" in wanted, wanted.owed(1)), ({}, False, 0))
        self.assertIsNone(wanted.asked("a"))
        self.assertTrue(wanted.note(1, "a", 0, inbound=False))

    def test_outbound_first(self) -> None:
        """Who has called us waits for one that we have called, but not for long."""
        wanted = self.table()
        wanted.note(1, "a", 0, inbound=True)
        wanted.note(1, "b", 0, inbound=True)
        self.assertEqual((wanted.choose(0), wanted.until()), ({}, YIELDING))
        wanted.note(2, "a", 1, inbound=False)
        self.assertEqual(wanted.choose(1), {2: ["a"]})
        self.assertEqual(wanted.choose(YIELDING), {1: ["b"]})
        wanted.lacks(2, "a")
        self.assertEqual(wanted.choose(YIELDING), {1: ["a"]})

    def test_chance(self) -> None:
        """Among equals chance decides."""
        wanted = self.table(random=falling())
        for peer in range(5):
            wanted.note(peer, "a", 0, inbound=False)
        self.assertEqual(wanted.choose(0), {4: ["a"]})

    def test_lacks(self) -> None:
        """Who says that it has it not is not asked again; when nobody is left the thing is forgotten."""
        wanted = self.table()
        for peer in (1, 2, 3):
            wanted.note(peer, "a", 0, inbound=False)
        wanted.lacks(3, "a")
        self.assertEqual(wanted.choose(0), {1: ["a"]})
        self.assertFalse(wanted.note(3, "a", 0, inbound=False))
        wanted.lacks(1, "a")
        wanted.lacks(1, "a")
        wanted.lacks(9, "a")
        wanted.lacks(1, "b")
        self.assertEqual(wanted.choose(0), {2: ["a"]})
        wanted.lacks(2, "a")
        self.assertEqual((len(wanted), wanted.announcements, wanted._of_peer), (0, 0, {}))
        self.assertTrue(wanted.note(3, "a", 0, inbound=False))

    def test_gone(self) -> None:
        """Who goes is asked no more, and what it was asked for is asked of the next."""
        wanted = self.table()
        wanted.note(1, "a", 0, inbound=False)
        wanted.note(1, "b", 0, inbound=False)
        wanted.note(2, "a", 0, inbound=False)
        wanted.note(3, "a", 0, inbound=False)
        wanted.choose(0)
        wanted.lacks(1, "a")
        wanted.choose(0)
        wanted.forget(1)
        wanted.forget(7)
        self.assertEqual((len(wanted), wanted.asked("a"), wanted.announcements), (1, 2, 2))
        wanted.forget(2)
        self.assertEqual(wanted.choose(0), {3: ["a"]})
        wanted.forget(3)
        self.assertEqual((len(wanted), wanted._of_peer, wanted._owed), (0, {}, {}))

    def test_owed(self) -> None:
        """A peer is asked for so many things at a time; the others wait, or are asked of another."""
        wanted = self.table(most_asked=2)
        for thing in "abcd":
            wanted.note(1, thing, 0, inbound=False)
        wanted.note(2, "d", 0, inbound=True)
        self.assertEqual(wanted.choose(0), {1: ["a", "b"]})
        self.assertEqual((wanted.choose(1), wanted.owed(1)), ({}, 2))
        self.assertEqual(wanted.choose(YIELDING), {2: ["d"]})
        wanted.drop("a")
        self.assertEqual(wanted.choose(YIELDING), {1: ["c"]})
        self.assertGreater(MOST_ASKED, 2)

    def test_most_of_peer(self) -> None:
        """Of a peer so many announcements are noted, until it has brought something."""
        wanted = self.table()
        noted = [wanted.note(1, thing, 0, inbound=False) for thing in range(MOST_OF_PEER + 10)]
        self.assertEqual(noted.count(True), MOST_OF_PEER)
        self.assertTrue(wanted.note(2, 0, 0, inbound=False))
        wanted.drop(0)
        self.assertTrue(wanted.note(1, MOST_OF_PEER, 0, inbound=False))

    def test_most_of_all(self) -> None:
        """Of all peers together, too; who has none noted takes no memory."""
        wanted = self.table(most=3)
        noted = [wanted.note(peer, peer, 0, inbound=False) for peer in range(5)]
        self.assertEqual((noted.count(True), set(wanted._of_peer)), (3, {0, 1, 2}))

    def test_times_of_what_is_over(self) -> None:
        """The times of things that nobody wants any more take no memory for long; those of the others stay."""
        wanted = self.table(most_asked=1)
        wanted.note(3, "later", 2 * PATIENCE, inbound=True)
        wanted.note(1, "asked", 0, inbound=False)
        wanted.note(1, "waits", 0, inbound=True)
        wanted.choose(0)
        for number in range(3 * SPARE):
            wanted.note(2, number, 0, inbound=True)
            wanted.drop(number)
        self.assertLess(len(wanted._due), 2 * SPARE)
        wanted._clean_up()
        self.assertEqual((wanted.until(), len(wanted._due)), (YIELDING, 3))
        self.assertEqual(wanted.choose(PATIENCE), {1: ["waits"]})
        self.assertEqual(wanted.choose(2 * PATIENCE + YIELDING), {3: ["later"]})


class WantedMachine(RuleBasedStateMachine):
    """The table beside a plain model of it: of each thing who has announced it, who was asked, and who is now."""

    peers = st.integers(0, 4)
    things = st.integers(0, 5)

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.wanted = Wanted(patience=10, yielding=2, most_of_peer=4, most=12, most_asked=2)
        self.known: dict[int, set[int]] = {}
        self.tried: dict[int, set[int]] = {}
        self.asked: dict[int, tuple[int, float]] = {}

    @rule(peer=peers, thing=things, inbound=st.booleans())
    def note(self, peer: int, thing: int, inbound: bool) -> None:
        """An announcement is noted unless it is known, or one too many."""
        of_peer = sum(peer in known for known in self.known.values())
        fits = of_peer < 4 and sum(map(len, self.known.values())) < 12
        noted = self.wanted.note(peer, thing, self.now, inbound=inbound)
        assert noted == (fits and peer not in self.known.get(thing, ()))
        if noted:
            self.known.setdefault(thing, set()).add(peer)
            self.tried.setdefault(thing, set())

    @rule(seconds=st.sampled_from([0.0, 1.0, 2.0, 9.0, 10.0]))
    def choose(self, seconds: float) -> None:
        """Nobody is asked twice, or for what another is asked; who lets his time pass was asked in vain."""
        self.now += seconds
        chosen = self.wanted.choose(self.now)
        for thing, (peer, deadline) in list(self.asked.items()):
            if deadline <= self.now:
                self.fail(thing, peer)
        for peer, things in chosen.items():
            for thing in things:
                assert thing not in self.asked and peer in self.known[thing] - self.tried[thing]
                self.asked[thing] = peer, self.now + 10
        until = self.wanted.until()
        assert not self.asked or (until is not None and until <= min(end for _, end in self.asked.values()))

    @rule(seconds=st.just(0))
    def all_who_can_are_asked(self, seconds: int) -> None:
        """After a while whoever can be asked is."""
        self.choose(2.0)
        for thing in self.known.keys() - self.asked.keys():
            for peer in self.known[thing] - self.tried[thing]:
                assert self.wanted.owed(peer) == 2

    @rule(peer=peers, thing=things)
    def lacks(self, peer: int, thing: int) -> None:
        """A peer says that it has it not."""
        self.wanted.lacks(peer, thing)
        if peer in self.known.get(thing, ()):
            self.fail(thing, peer)

    @rule(thing=things)
    def drop(self, thing: int) -> None:
        """It is here."""
        self.wanted.drop(thing)
        self.over(thing)

    @rule(peer=peers)
    def forget(self, peer: int) -> None:
        """A peer goes."""
        self.wanted.forget(peer)
        for thing in [thing for thing, known in self.known.items() if peer in known]:
            self.fail(thing, peer)
            if thing in self.known:
                self.known[thing].discard(peer)
                self.tried[thing].discard(peer)

    @precondition(lambda self: not self.known)
    @invariant()
    def nothing_is_left(self) -> None:
        """When nothing is wanted nothing is kept."""
        assert (self.wanted._of_peer, self.wanted._owed, self.wanted._open) == ({}, {}, {})

    @invariant()
    def as_the_model(self) -> None:
        """The numbers agree."""
        assert len(self.wanted) == len(self.known)
        assert self.wanted.announcements == sum(map(len, self.known.values()))
        assert all(self.wanted.asked(thing) == self.asked.get(thing, (None,))[0] for thing in self.known)
        for peer in range(5):
            assert self.wanted.owed(peer) == sum(asked == peer for asked, _ in self.asked.values()) <= 2

    def fail(self, thing: int, peer: int) -> None:
        """A peer was asked in vain, or will not be asked."""
        self.tried[thing].add(peer)
        if self.asked.get(thing, (None,))[0] == peer:
            del self.asked[thing]
        if thing not in self.asked and self.known[thing] == self.tried[thing]:
            self.over(thing)

    def over(self, thing: int) -> None:
        """It is not wanted any more."""
        self.known.pop(thing, None)
        self.tried.pop(thing, None)
        self.asked.pop(thing, None)


WantedMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
MachineTests = WantedMachine.TestCase
