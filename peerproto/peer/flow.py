"""How fast bytes go to the transport: no faster than the other side takes them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from peerproto.errors import PeerError, SendQueueFull, SendStalled
from peerproto.forms.conversation import Timing
from peerproto.peer.timers import Timers

SEND_BUDGET = 40 * 1024 * 1024
"""Bytes that may wait for a peer (dcrd peer/peer.go, maxQueuedBytes)."""

BUFFER = 64 * 1024
"""Bytes that a transport of Twisted's holds before it says that it is full."""

RATE = 256 * 1024
"""Bytes for which a peer has one more second to take them (dcrd peer/peer.go, writeDeadline)."""


@implementer(IPushProducer)
class Flow:
    """The transport's producer. While the transport is full, what is given waits here, in its order.

    A peer for which more than the budget waits is ended, and so is one that does not take what the transport holds
    in the time that its network gives, plus a second for each 256 KiB of it.

    :param fail: ends the peer. :param budget: in bytes; one message of any size may always wait.
    :ivar waiting: bytes that wait here. :ivar blocked: whether the transport is full.
    :ivar last_given: when something was given to the transport for the last time, in seconds; None for never.
    """

    def __init__(
        self, timers: Timers, timing: Timing, budget: int, fail: Callable[[PeerError], None]
    ) -> None:
        self.waiting = 0
        self.blocked = False
        self.last_given: float | None = None
        self._seconds = timers.seconds
        self._transport: Any = None
        self._timers = timers
        self._timing = timing
        self._budget = budget
        self._fail = fail
        self._queue: deque[bytes] = deque()
        self._last = self._written = 0
        self._waiters: deque[tuple[int, Deferred[None]]] = deque()
        self._asking = self._registering = self._registered = False
        self._closing = False
        self._lost: PeerError | None = None

    def connect(self, transport: Any) -> None:
        """There is a connection."""
        self._transport = transport
        self._register(streaming=True)

    def give(self, data: bytes) -> None:
        """Write, now or when all is written that was given before."""
        if self.blocked or self._queue:
            self._keep(data)
            return
        self._last = len(data)
        self._written += len(data)
        self.last_given = self._seconds()
        self._transport.write(data)

    def drained(self) -> Deferred[None]:
        """Fires when all that has been given so far is with the socket; fails with the reason if it never will be.

        Nothing more is written until then, since a transport does not tell how much of its buffer is left. Through TLS
        it fires when all is with TLS, which hands it on.
        """
        if self._lost is not None:
            return fail(self._lost)
        waiter: Deferred[None] = Deferred(self._forget)
        self._waiters.append((self._written + self.waiting, waiter))
        if not self.blocked:
            self._ask()
        return waiter

    def close(self, *, drop: bool) -> None:
        """No more will be given; what waits is still written, or dropped. Then the transport is left alone."""
        self._closing = True
        if drop:
            self._queue.clear()
            self.waiting = 0
        if drop or not (self._queue or self._waiters):
            self._unregister()

    def lost(self, error: PeerError) -> None:
        """The connection has ended."""
        self._lost = error
        self._queue.clear()
        self.waiting = 0
        waiters, self._waiters = self._waiters, deque()
        for _, waiter in waiters:
            if not waiter.called:  # who has just been told may have cancelled it
                waiter.errback(error)

    # What the transport calls.

    def pauseProducing(self) -> None:
        """See IPushProducer: the transport is full."""
        self.blocked = True
        left = BUFFER + self._last
        seconds = self._timing.write + left // RATE
        self._timers.later("write", seconds, lambda: self._timers.later("write", 0, self._overdue))

    def resumeProducing(self) -> None:
        """See IPushProducer: the transport's buffer is empty."""
        if self._registering:
            return
        self.blocked = False
        self._timers.cancel("write")
        if self._asking:
            self._asking = False
            self._register(streaming=True)
        out = self._written
        while self._queue and not self.blocked:
            data = self._next()
            self._last = len(data)
            self._written += len(data)
            self.last_given = self._seconds()
            self._transport.write(data)
        self._tell(out)
        if self._closing and not (self._queue or self._waiters):
            self._unregister()

    def stopProducing(self) -> None:
        """See IPushProducer: the connection has ended, which is told elsewhere."""

    def _keep(self, data: bytes) -> None:
        if self._closing:
            return
        if self._queue and self.waiting + len(data) > self._budget:
            self._closing = True
            self._fail(
                SendQueueFull(f"{self.waiting} bytes wait for the peer, at most {self._budget} allowed")
            )
            return
        self._queue.append(data)
        self.waiting += len(data)

    def _next(self) -> bytes:
        """About as much as a transport holds: a system call costs more than a message."""
        parts, size = [], 0
        while self._queue and size < BUFFER:
            parts.append(self._queue.popleft())
            size += len(parts[-1])
        self.waiting -= size
        return b"".join(parts)

    def _ask(self) -> None:
        """Only a pull producer is told when a buffer is empty that was never full; if it is so already, when the
        transport is made to look.
        """
        self._asking = True
        self.pauseProducing()
        self._register(streaming=False)
        getattr(self._transport, "startWriting", _nothing)()

    def _register(self, *, streaming: bool) -> None:
        """A pull producer is called at once, before anything can be out."""
        self._unregister()
        if hasattr(self._transport, "registerProducer"):
            self._registering = self._registered = True
            self._transport.registerProducer(self, streaming)
            self._registering = False

    def _unregister(self) -> None:
        if self._registered:
            self._registered = False
            self._transport.unregisterProducer()

    def _tell(self, out: int) -> None:
        while self._waiters and self._waiters[0][0] <= out:
            self._waiters.popleft()[1].callback(None)
        if self._waiters and not self.blocked:
            self._ask()

    def _forget(self, waiter: Deferred[None]) -> None:
        self._waiters = deque(entry for entry in self._waiters if entry[1] is not waiter)

    def _overdue(self) -> None:
        left = self.waiting + BUFFER
        self._fail(SendStalled(f"the peer has taken nothing in time; about {left} bytes wait for it"))


def _nothing() -> None:
    """What there is to do where transports have no buffer to look at."""
