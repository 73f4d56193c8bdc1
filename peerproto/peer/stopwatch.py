"""How long listeners take for each command: measured only where a factory is asked to, since it costs time itself."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Mapping
from inspect import iscoroutine
from types import coroutine
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IReactorTime

from peerproto.peer.listener import Handler
from peerproto.peer.statistics import Statistics, Tally

if TYPE_CHECKING:
    from peerproto.peer.factory import PeerFactory

Result = Generator[Any, Any, Any]


class Stopwatch:
    """Puts itself around the methods of listeners, and notes in a peer's statistics how many seconds they run.

    Of a coroutine only the time is counted in which it runs, not that in which it waits; of a Deferred only the call.
    """

    def __init__(self, statistics: Statistics, seconds: Callable[[], float]) -> None:
        self._statistics = statistics
        self._seconds = seconds

    def handlers(self, calls: Mapping[type, Handler]) -> dict[type, Handler]:
        """The same methods, timed."""
        return {kind: self._handler(kind, call) for kind, call in calls.items()}

    def on_read(self, call: Handler | None) -> Handler | None:
        """An `on_read`, timed; what ends the peer unread is no message of any command, and its time is nobody's."""
        return call and self._frames(self._statistics.received, call)

    def on_write(self, call: Handler | None) -> Handler | None:
        """An `on_write`, timed; likewise for what could not be written."""
        return call and self._frames(self._statistics.sent, call)

    def _handler(self, kind: type, call: Handler) -> Handler:
        received = self._statistics.received

        def timed(peer: Any, message: Any) -> object:
            return self._call(received[kind], call, peer, message)

        return timed

    def _frames(self, tallies: Mapping[type, Tally], call: Handler) -> Handler:
        def timed(peer: Any, size: int, message: Any, error: Exception | None) -> object:
            return self._call(tallies.get(type(message)) or Tally(), call, peer, size, message, error)

        return timed

    def _call(self, tally: Tally, call: Handler, *what: Any) -> object:
        begun = self._seconds()
        try:
            result = call(*what)
        finally:
            tally.seconds += self._seconds() - begun
        return self._each_step(tally, result) if iscoroutine(result) else result

    async def _each_step(self, tally: Tally, work: Coroutine[Any, Any, Any]) -> Any:
        return await self._steps(tally, work)

    @coroutine
    def _steps(self, tally: Tally, work: Coroutine[Any, Any, Any]) -> Result:
        """What `await work` does, with a look at the clock before and after each step."""
        step: Callable[[Any], Any] = work.send
        given: Any = None
        while True:
            begun = self._seconds()
            try:
                waits_for = step(given)
            except StopIteration as stop:
                return stop.value
            finally:
                tally.seconds += self._seconds() - begun
            try:
                step, given = work.send, (yield waits_for)
            except BaseException as error:
                step, given = work.throw, error


def stopwatch_of(factory: PeerFactory, statistics: Statistics, clock: IReactorTime) -> Stopwatch | None:
    """A peer's stopwatch, if its factory has listeners timed."""
    return Stopwatch(statistics, clock.seconds) if factory.time_handlers else None
