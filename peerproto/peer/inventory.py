"""What is announced to a peer, and when."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from peerproto.forms.conversation import Timing
from peerproto.forms.inventory import InventoryRules
from peerproto.peer.known import KnownInventory
from peerproto.peer.notes import Notes
from peerproto.peer.outbox import Outbox
from peerproto.peer.timers import Timers
from peerproto.wire.message import Message

RETRY = 0.1
"""Seconds until it is looked again whether a peer takes what it is sent, where rounds follow each other closely."""

MOST_QUEUED = 5000
"""So many vectors may wait for the next round (dcrd peer/peer.go); the oldest are dropped for more."""


class Inventory:
    """Announcements of one peer: gathered, and sent in rounds, at most 1000 vectors a message (btcd peer/peer.go,
    queueHandler); what the peer knows by then is left out. Some things go at once.

    A round that finds the peer not open for business, or not taking what it was sent, waits for the next.

    :param send: sends a message. :param random: a number of so many bits.
    :param notes: where it is noted what became of a round; None for nowhere.
    :ivar known: what the peer knows. :ivar dropped: how many vectors were never sent, because too many waited.
    """

    __slots__ = (
        "_notes", "_now", "_outbox", "_queue", "_random", "_rules", "_send", "_start", "_timers", "_timing", "dropped",
        "known",
    )  # fmt: skip

    def __init__(
        self,
        rules: InventoryRules,
        timing: Timing,
        timers: Timers,
        now: Callable[[], float],
        outbox: Outbox,
        send: Callable[[Message], object],
        random: Callable[[int], int],
        notes: Notes | None = None,
    ) -> None:
        self.known = KnownInventory(rules, now)
        self.dropped = 0
        self._rules = rules
        self._timing = timing
        self._timers = timers
        self._now = now
        self._start = now()
        self._outbox = outbox
        self._send = send
        self._random = random
        self._notes = notes
        self._queue: dict[Any, None] = {}

    @property
    def waiting(self) -> int:
        """How many vectors wait for the next round."""
        return len(self._queue)

    def queue(self, vector: Any) -> None:
        """Announce this in the next round, or at once where the network does so; not if the peer knows it."""
        if vector in self.known:
            return
        if self._rules.at_once(vector) and self._can_send():
            self._announce([vector])
            return
        self._queue[vector] = None
        if len(self._queue) > MOST_QUEUED:
            del self._queue[next(iter(self._queue))]
            self.dropped += 1
        self._await_round()

    def queue_now(self, vector: Any) -> None:
        """Announce this in a message of its own, at once if the peer takes it; not if it knows it."""
        if vector in self.known:
            return
        if not self._can_send():
            self._queue[vector] = None
            self._await_round()
            return
        self._queue.pop(vector, None)
        self.known.add(vector)
        self._announce([vector])

    def _can_send(self) -> bool:
        return self._outbox.is_open and not self._outbox.flow.blocked

    def _await_round(self) -> None:
        if not self._timers.is_set("round"):
            seconds = self._until_round()
            self._timers.later("round", seconds if self._can_send() else max(seconds, RETRY), self._round)

    def _until_round(self) -> float:
        """Rounds of a fixed interval come at its multiples since the beginning; others a random time from now."""
        least, most = self._timing.trickle
        if least < most:
            return least + (most - least) * self._random(32) / (1 << 32)
        if most == 0:
            return 0.0
        return most - (self._now() - self._start) % most

    def _round(self) -> None:
        if not self._can_send():
            self._await_round()
            return
        queue, self._queue = self._queue, {}
        fresh = [vector for vector in queue if vector not in self.known]
        if self._notes is not None:
            self._notes.round(len(fresh), len(queue) - len(fresh), self.dropped)
        for at in range(0, len(fresh), self._rules.most):
            batch = fresh[at : at + self._rules.most]
            for vector in batch:
                self.known.add(vector)
            self._announce(batch)

    def _announce(self, vectors: Sequence[Any]) -> None:
        for message in self._rules.announce(vectors):
            self._send(message)
