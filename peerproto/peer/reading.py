"""When a peer is read: not while a listener is at work, nor while the peer does not take what it was answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred

if TYPE_CHECKING:
    from peerproto.peer.protocol import PeerProtocol

MOST_WAITING = 5_000_000
"""Bytes that may wait for a peer while it is still read (as many as Bitcoin Core takes in unhandled, net.h,
DEFAULT_MAXRECEIVEBUFFER): who asks and does not read has to wait, and two that send each other much at once have not.
"""

LOOK = 15.0
"""Seconds between two looks at a transport that is not read."""

MOST_KEPT = 1_000_000
"""Bytes that may wait for a listener before they are looked at no further."""


class Reading:
    """Whether the transport is read. While it is not, the peer's clock stands still.

    A transport that is not read does not tell that the other side has gone, so now and then it is read once, and what
    comes is kept.

    :ivar most: bytes that may wait for the peer while it is read.
    """

    def __init__(self, peer: PeerProtocol) -> None:
        self._peer = peer
        self.most = MOST_WAITING
        self._stopped = False
        self._draining: Deferred[None] | None = None

    def stop(self) -> None:
        """Read no more until there is nothing to wait for."""
        peer = self._peer
        if not self._stopped:
            self._stopped = peer.inbox.held = True
            peer.watch.stand_still()
            if peer.notes is not None:
                peer.notes.reading(_why(peer))
            peer.watch.timers.every("look", LOOK, self._look)
        _tell(peer.transport, "pauseProducing")
        self._wait()

    def go_on_soon(self) -> None:
        """There may be nothing to wait for any more: look in a turn of its own."""
        if self._stopped:
            self._peer.watch.timers.later("go on", 0, self._go_on)

    def _wait(self) -> None:
        """Whoever is waited for calls `go_on_soon`."""
        flow = self._peer.outbox.flow
        if flow.waiting > self.most:
            if self._draining is None:
                self._draining = flow.drained()
                self._draining.addCallbacks(lambda _: self._drained(), lambda _: None)
        elif not self._peer.inbox.is_at_work:
            self.go_on_soon()

    def _drained(self) -> None:
        self._draining = None
        self.go_on_soon()

    def _go_on(self) -> None:
        peer = self._peer
        if peer.inbox.is_at_work or peer.outbox.flow.waiting > self.most:
            self._wait()
            return
        self._stopped = peer.inbox.held = False
        peer.watch.timers.cancel("look")
        peer.watch.go_on()
        if peer.notes is not None:
            peer.notes.reading("is read again")
        peer.handle(peer.inbox.go_on)
        if not self._stopped and not peer.ending:
            _tell(peer.transport, "resumeProducing")

    def _look(self) -> None:
        if self._peer.inbox.kept < MOST_KEPT:
            _tell(self._peer.transport, "resumeProducing")


def _why(peer: PeerProtocol) -> str:
    if peer.inbox.is_at_work:
        return f"is not read: a listener is at work on its {peer.inbox.command}"
    return f"is not read: it does not take what it is sent, {peer.outbox.flow.waiting} bytes"


def _tell(transport: Any, name: str) -> None:
    """Have the transport stop or go on; those of tests need not know how."""
    getattr(transport, name, _nothing)()


def _nothing() -> None:
    """What a transport does that knows no such thing."""
