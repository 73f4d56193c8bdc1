"""A peer for other threads: the same calls, made in the reactor's thread.

::

    headers = peer.threadsafe.request(GetHeaders(...))          # waits for the answer, or raises what it fails with
    peer.threadsafe.send(Ping(1))                               # waits until the reactor has taken it
    height = peer.threadsafe.last_block

    future = peer.threadsafe.soon.request(GetHeaders(...))      # returns at once
    headers = future.result(timeout=10)                         # or: future.cancel()
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.failure import Failure
from twisted.python.threadable import isInIOThread

from peerproto.errors import LocalError

Call = Callable[..., Any]


class Soon:
    """A peer whose methods return at once, from any thread, with a `concurrent.futures.Future` of the result.

    The calls of one thread are made in their order. What a method raises, or its Deferred fails with, is what the
    future fails with; to cancel the future is to cancel the Deferred.
    """

    def __init__(self, peer: object, reactor: Any) -> None:
        self._peer = peer
        self._reactor = reactor

    def __getattr__(self, name: str) -> Any:
        if not _is_method(self._peer, name):
            raise AttributeError(f"a peer has no method {name!r}")
        return partial(self._call, getattr(type(self._peer), name), self._peer)

    def _call(self, call: Call, *what: Any, **options: Any) -> Future[Any]:
        if not getattr(self._reactor, "running", True):
            raise LocalError("the reactor does not run: nobody would ever do it")
        future: Future[Any] = Future()
        self._reactor.callFromThread(self._start, future, call, what, options)
        return future

    def _start(self, future: Future[Any], call: Call, what: Any, options: Any) -> None:
        if future.cancelled():
            future.set_running_or_notify_cancel()  # those wait for that who wait for many futures
            return
        work = maybeDeferred(call, *what, **options)
        future.add_done_callback(partial(self._stop, work))
        work.addCallbacks(partial(_succeed, future), partial(_fail, future))

    def _stop(self, work: Deferred[Any], future: Future[Any]) -> None:
        if future.cancelled():
            self._reactor.callFromThread(work.cancel)


class ThreadSafe:
    """A peer whose methods may be called from any thread but the reactor's, and wait there for what comes of them.

    What a peer's method returns, or its Deferred fires with, is returned; what it raises or fails with is raised. What
    a peer has that is no method is looked up in the reactor's thread, too. In that thread itself, where waiting would
    never end, there is LocalError.

    :ivar soon: the same without waiting.
    """

    def __init__(self, peer: object, reactor: Any) -> None:
        if not IReactorFromThreads.providedBy(reactor):
            raise LocalError("this peer's clock is no reactor, and knows nothing of threads")
        self.soon = Soon(peer, reactor)
        self._peer = peer

    def __getattr__(self, name: str) -> Any:
        if _is_method(self._peer, name):
            return partial(self._wait, getattr(self.soon, name))
        if name.startswith("_"):
            raise AttributeError(f"a peer has no {name!r} for other threads")
        return self._wait(self.soon._call, getattr, self._peer, name)

    def __str__(self) -> str:
        return str(self._peer)

    def _wait(self, call: Call, *what: Any, **options: Any) -> Any:
        if isInIOThread():
            raise LocalError("the reactor's own thread would wait for itself: use the peer, or `soon`")
        return call(*what, **options).result()


def _is_method(peer: object, name: str) -> bool:
    return not name.startswith("_") and callable(getattr(type(peer), name, None))


def _succeed(future: Future[Any], result: Any) -> None:
    """Unless nobody wants to know any more."""
    if future.set_running_or_notify_cancel():
        future.set_result(result)


def _fail(future: Future[Any], reason: Failure) -> None:
    if future.set_running_or_notify_cancel():
        future.set_exception(reason.value)
