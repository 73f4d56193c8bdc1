"""One event for which any number may wait."""

from __future__ import annotations

from typing import Generic, TypeVar

from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure

T = TypeVar("T")


class Once(Generic[T]):
    """Something that happens at most once: who asks before waits, who asks after is answered at once.

    No Deferred is made that nobody asked for, so a failure that nobody waits for is not an unhandled error.
    """

    def __init__(self) -> None:
        self._waiters: list[Deferred[T]] = []
        self._result: tuple[T] | None = None
        self._error: Exception | None = None

    def when(self) -> Deferred[T]:
        """A Deferred for the event; cancelling it takes only this one out."""
        if self._result is not None:
            return succeed(self._result[0])
        if self._error is not None:
            return fail(self._error)
        waiter: Deferred[T] = Deferred(self._waiters.remove)
        self._waiters.append(waiter)
        return waiter

    def fire(self, result: T) -> None:
        """It has happened."""
        if not self.is_over():
            self._result = (result,)
            self._tell(result)

    def fail(self, error: Exception) -> None:
        """It will never happen."""
        if not self.is_over():
            self._error = error
            self._tell(Failure(error))

    def is_over(self) -> bool:
        """Whether it has happened or never will."""
        return self._result is not None or self._error is not None

    def _tell(self, result: T | Failure) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.callback(result)
