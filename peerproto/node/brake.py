"""A brake on all calls at once: when nothing answers, it is the network that is down, not each of the peers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime

from peerproto.peer.logs import Logger
from peerproto.peer.timers import Timers

MOST_FAILURES = 25
"""So many calls may fail in a row (btcd, dcrd connmgr: maxFailedAttempts)."""

PAUSE = 60.0
"""Seconds between two calls while the brake is on, more or less a quarter."""


class Brake:
    """Lets calls through, until so many in a row have failed; then one a minute, whoever asked first, until one is
    answered: then all that wait go at once.

    :param random: gives numbers from 0 to 1.
    :ivar failures: how many have failed since the last that was answered.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        random: Callable[[], float],
        *,
        most: int = MOST_FAILURES,
        pause: float = PAUSE,
    ) -> None:
        self.failures = 0
        self._timers = Timers(clock)
        self._random = random
        self._most = most
        self._pause = pause
        self._waiting: deque[Deferred[None]] = deque()

    @property
    def is_on(self) -> bool:
        """Whether calls have to wait: there seems to be no network."""
        return self.failures >= self._most

    def enter(self) -> Deferred[None]:
        """Fires when a call may be made; may be cancelled."""
        if not self.is_on:
            return succeed(None)
        waiter: Deferred[None] = Deferred(self._forget)
        self._waiting.append(waiter)
        self._await_next()
        return waiter

    def answered(self) -> None:
        """Somebody was there, whatever he said. If those that go now find nobody, the rest waits on."""
        if self.is_on:
            self._log.info("somebody answers again: all are called as before")
        self.failures = 0
        self._timers.cancel_all()
        while self._waiting and not self.is_on:
            self._waiting.popleft().callback(None)
        if self._waiting:
            self._await_next()

    def failed(self) -> None:
        """Nobody was there."""
        self.failures += 1
        if self.failures == self._most:
            self._log.warn(
                "{count} calls in a row were not answered: is there a network? From now on one a minute",
                count=self._most,
            )

    def _forget(self, waiter: Deferred[None]) -> None:
        self._waiting.remove(waiter)
        if not self._waiting:
            self._timers.cancel_all()

    def _await_next(self) -> None:
        if not self._timers.is_set("next"):
            self._timers.later("next", self._pause * (0.75 + self._random() / 2), self._let_one)

    def _let_one(self) -> None:
        self._waiting.popleft().callback(None)
        if self._waiting:
            self._await_next()
