"""What is sent in a run, and in what steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from benchmarks import inputs

BATCH_BYTES = 1_000_000
REST = 0.2
"""Seconds between the handshake and the first message."""


@dataclass(frozen=True)
class Case:
    """One row of the tables.

    :ivar frame: name of the frame in `inputs`. :ivar count: how often it is sent, as btcd was timed.
    :ivar window: how many pings may be unanswered.
    :ivar repeats: how many samples a round takes; more where single ones differ by more than what is looked for.
    """

    name: str
    frame: str
    count: int
    window: int = 4
    repeats: int = 1

    @property
    def is_ping(self) -> bool:
        """Whether the pings themselves are what is counted."""
        return self.frame == "ping"

    @property
    def batch(self) -> int:
        """How many messages go between two pings: about a megabyte."""
        return 1 if self.is_ping else max(1, BATCH_BYTES // len(inputs.frame(self.frame)))


CASES = {
    case.name: case
    for case in (
        Case("ping1", "ping", 60_000, window=1, repeats=2),
        Case("ping100", "ping", 100_000, window=100),
        Case("inv50", "inv50", 50_000),
        Case("inv50000", "inv50000", 200),
        Case("headers2000", "headers2000", 1_500),
        Case("block1MB", "block1MB", 200),
        Case("tx250", "tx250", 100_000),
    )
}


class Sender(Protocol):
    """What a load is sent with."""

    def send(self, count: int) -> None:
        """Write the case's message, so many times."""

    def ping(self) -> None:
        """Write one ping."""


class Load:
    """Sends `count` messages and waits for the pong behind the last.

    A peer handles what it gets in order, so a pong proves that all before its ping is handled. A ping follows
    each batch, and only `window` of them may be unanswered: the transport never holds more than that.

    :param end: who sends. :param done: called once, when the last pong is here.
    """

    def __init__(self, case: Case, count: int, end: Sender, done: Callable[[], None]) -> None:
        self._case, self._end, self._done = case, end, done
        self._batch = case.batch
        self._unsent = count
        self._unanswered = 0

    def begin(self) -> None:
        """Fill the window."""
        for _ in range(self._case.window):
            self._more()

    def pong(self) -> None:
        """One ping is answered: go on, or end."""
        self._unanswered -= 1
        self._more()
        if not self._unanswered:
            self._done()

    def _more(self) -> None:
        if not self._unsent:
            return
        size = min(self._batch, self._unsent)
        self._unsent -= size
        self._unanswered += 1
        if not self._case.is_ping:
            self._end.send(size)
        self._end.ping()
