"""A process of a test's own: what it prints, and when it ends."""

from __future__ import annotations

import signal
from contextlib import suppress

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure


class Process(ProcessProtocol):
    """One run of a program.

    @ivar output: what it printed on both of its outputs. @ivar out: on standard output alone.
    @ivar ended: how it ended, in words; C{None} while it runs. @ivar code: its exit code.
    @ivar killed_by: the number of the signal that ended it.
    """

    ended: str | None = None
    code: int | None = None
    killed_by: int | None = None

    def __init__(self) -> None:
        self.output = b""
        self.out = b""
        self._waiting: list[Deferred[None]] = []

    def outReceived(self, data: bytes) -> None:
        self.output += data
        self.out += data

    def errReceived(self, data: bytes) -> None:
        self.output += data

    def processEnded(self, reason: Failure) -> None:
        self.ended = reason.getErrorMessage()
        self.code = getattr(reason.value, "exitCode", None)
        self.killed_by = getattr(reason.value, "signal", None)
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)

    def when_ended(self) -> Deferred[None]:
        if self.ended is not None:
            return succeed(None)
        waiting: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(waiting)
        return waiting

    def send_signal(self, number: signal.Signals) -> None:
        if self.transport is not None:
            with suppress(ProcessExitedAlready):
                self.transport.signalProcess(number.value)

    def text(self) -> str:
        """All that it printed."""
        return self.output.decode("utf-8", "replace")
