"""Waiting in a test, never without a limit."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

T = TypeVar("T")

POLL_SECONDS = 0.02

SECONDS = 20.0
"""For what takes a moment, even on a machine that is busy with other things."""


def within(awaitable: Deferred[T] | Coroutine[Any, Any, T], seconds: float, what: str = "") -> Deferred[T]:
    """The same result, or a C{TimeoutError} which says what was awaited.

    @param seconds: real time after which the awaited thing is cancelled.
    @param what: words for the message; by default the name of the coroutine or the Deferred itself.
    """
    from twisted.internet import reactor

    name = what or getattr(awaitable, "__qualname__", None) or repr(awaitable)
    deferred = awaitable if isinstance(awaitable, Deferred) else Deferred.fromCoroutine(awaitable)

    def too_late(_result: object, limit: float) -> Failure:
        return Failure(TimeoutError(f"not within {limit:g} seconds: {name}"))

    return deferred.addTimeout(seconds, reactor, too_late)


def until(condition: Callable[[], Any], what: str, seconds: float = SECONDS) -> Deferred[Any]:
    """The first true result of a condition, which may be a coroutine function, asked for again and again.

    @param what: words for the message of the C{TimeoutError} that it ends with otherwise.
    """
    from twisted.internet import reactor

    async def poll() -> Any:
        while not (result := await maybeDeferred(condition)):
            await deferLater(reactor, POLL_SECONDS)
        return result

    return within(poll(), seconds, what)
