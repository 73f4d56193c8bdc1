"""How long to wait for something that a peer brings, as long as it makes progress."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred, FailureGroup, race
from twisted.internet.interfaces import IReactorTime

from peerproto.errors import PeerStalled
from peerproto.peer.timers import Timers


class Patience:
    """Waits, but not for ever; once.

    :param seconds: without progress until it is over. :param complaint: what to say then.
    """

    def __init__(self, clock: IReactorTime, seconds: float, complaint: str) -> None:
        self._timers = Timers(clock)
        self._seconds = seconds
        self._complaint = complaint
        self._over: Deferred[None] = Deferred()
        self._silence_is_fine = False

    def renew(self) -> None:
        """There was progress."""
        self._silence_is_fine = False
        self._timers.later("over", self._seconds, self._end)

    def allow_silence(self, seconds: float) -> None:
        """Until the first progress, silence is an answer after so many seconds."""
        self._silence_is_fine = True
        self._timers.later("over", seconds, self._end)

    async def until(self, wanted: Deferred[Any], *ends: Deferred[Any]) -> None:
        """Wait for what is wanted, and no longer than for the first of `ends`.

        Raises the exception that one of `ends` fires with, or PeerStalled; CancelledError if it is cancelled.
        """
        if not self._timers.is_set("over"):
            self.renew()
        try:
            which, result = await race([wanted, self._over, *ends])
        except FailureGroup:  # each of them failed, and our own only does when it is cancelled
            raise CancelledError from None
        finally:
            self._timers.cancel_all()
        if which == 1 and not self._silence_is_fine:
            raise PeerStalled(f"{self._complaint} for {self._seconds:g} seconds")
        if which > 1:
            raise result

    def _end(self) -> None:
        self._over.callback(None)
