"""The timers of one peer in one place, so that none outlives it."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime


class Timers:
    """Named timers on one clock; setting a name again replaces it. All in seconds.

    :ivar seconds: tells the time of that clock.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self.seconds = clock.seconds
        self._clock = clock
        self._calls: dict[str, IDelayedCall] = {}

    def later(self, name: str, seconds: float, call: Callable[[], object]) -> None:
        """Call once."""
        self.cancel(name)
        self._calls[name] = self._clock.callLater(seconds, self._run, name, call)

    def every(self, name: str, seconds: float, call: Callable[[], object]) -> None:
        """Call again and again, for the first time after `seconds`."""

        def again() -> None:
            self.every(name, seconds, call)
            call()

        self.later(name, seconds, again)

    def is_set(self, name: str) -> bool:
        """Whether this timer runs."""
        return name in self._calls

    def cancel(self, name: str) -> None:
        """Stop one timer."""
        call = self._calls.pop(name, None)
        if call is not None:
            call.cancel()

    def cancel_all(self) -> None:
        """Stop all timers."""
        for name in list(self._calls):
            self.cancel(name)

    def _run(self, name: str, call: Callable[[], object]) -> None:
        del self._calls[name]
        call()
