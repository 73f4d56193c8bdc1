"""Work for many peers, a piece of each in turn."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import StoreError
from peerproto.node.rounds import TURN, Rounds
from peerproto.node.trouble import Trouble


class RoundsTests(SynchronousTestCase):
    """Any objects serve as peers."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.trouble = Trouble()
        self.done: list[str] = []
        self.takes = 0.0
        self.rounds = Rounds(self.clock, self.trouble, self.work)

    def work(self, peer: Any) -> None:
        """A piece of work; who has an exclamation mark has more of it."""
        self.done.append(peer)
        self.clock.rightNow += self.takes
        if peer.endswith("!"):
            self.rounds.add(peer[:-1])

    def add(self, *peers: Any) -> None:
        for peer in peers:
            self.rounds.add(peer)

    def test_at_once(self) -> None:
        """What is short is done at once, and what comes up in it behind it."""
        self.add("a!!", "b")
        self.assertEqual(self.done, ["a!!", "a!", "a", "b"])
        self.assertEqual((self.clock.getDelayedCalls(), len(self.rounds)), ([], 0))

    def test_turns(self) -> None:
        """What is long is cut: others have their piece in between, each turn takes its time, nobody waits twice."""
        self.takes = TURN
        self.add("a!!", "b!", "b!", "c")
        self.assertEqual((self.done, len(self.rounds)), (["a!!"], 3))
        for _ in range(3):
            self.clock.advance(0)
        self.assertEqual(self.done, ["a!!", "a!", "b!", "c", "a", "b"])

    def test_remove(self) -> None:
        """Who has gone is not worked for, nor is anybody after the stop."""
        self.takes = TURN
        self.add("a!", "b", "c")
        self.rounds.remove("b")  # type: ignore[arg-type]
        self.rounds.remove("nobody")  # type: ignore[arg-type]
        self.clock.advance(0)
        self.rounds.stop()
        self.assertEqual((self.done, self.clock.getDelayedCalls()), (["a!", "a", "c"], []))

    def test_trouble(self) -> None:
        """A store that fails is told, and the next one has its turn."""
        self.patch(self.rounds, "_work", self.fail_or_work)
        self.add("bad", "good")
        self.assertEqual(self.done, ["good"])
        self.assertIsInstance(self.successResultOf(self.trouble.happened.when()), StoreError)

    def fail_or_work(self, peer: Any) -> None:
        """What is bad fails."""
        if peer == "bad":
            raise StoreError("the disk is full")
        self.work(peer)
