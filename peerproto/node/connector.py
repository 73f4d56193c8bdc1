"""One outbound peer, kept: connected, waited for, connected again.

Twisted's ClientService cannot carry a handshake: every TCP connection resets its back-off, so that a peer that
accepts and then refuses us would be called after the first delay for ever, and its stop waits for peers that do
not read.
"""

from __future__ import annotations

from collections.abc import Callable
from random import random

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from peerproto.errors import PeerError, PeerLost, Reason
from peerproto.node.backoff import Backoff
from peerproto.peer.protocol import PeerProtocol
from peerproto.peer.timers import Timers

STABLE = 60.0
"""After so many seconds of being ready a peer counts as good, and the next wait is the first again."""


class PeerConnector:
    """Calls a peer, and calls again whenever it ends, until it is stopped.

    :param dial: makes one try: a Deferred that fires with the peer when there is a connection, and fails with a
        PeerError.
    :ivar peer: the peer that is connected now, or None.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        where: str,
        dial: Callable[[], Deferred[PeerProtocol]],
        *,
        backoff: Backoff | None = None,
    ) -> None:
        self.where = where
        self.peer: PeerProtocol | None = None
        self.backoff = backoff or Backoff(random)
        self._dial = dial
        self._timers = Timers(clock)
        self._dialling: Deferred[object] | None = None
        self._running = False

    def start(self) -> None:
        """Begin to call."""
        self._running = True
        self._call()

    def stop(self) -> Deferred[object]:
        """Call no more; fires when the peer, if there is one, has ended."""
        self._running = False
        self._timers.cancel_all()
        if self._dialling is not None:
            self._dialling.cancel()
        if self.peer is None:
            return succeed(None)
        gone = self.peer.when_disconnected()
        self.peer.disconnect(PeerLost("the node stops", Reason.SHUTDOWN))
        return gone.addCallback(lambda _: None)

    def _call(self) -> None:
        dialling = self._dial()
        self._dialling = dialling.addCallbacks(self._connected, self._failed)
        if dialling.called:
            self._dialling = None

    def _connected(self, peer: PeerProtocol) -> None:
        self._dialling = None
        self.peer = peer
        peer.when_ready().addCallbacks(self._ready, lambda _: None)
        peer.when_disconnected().addCallback(self._ended)

    def _ready(self, _: PeerProtocol) -> None:
        self._timers.later("stable", STABLE, self.backoff.reset)

    def _ended(self, error: PeerError) -> None:
        self.peer = None
        self._timers.cancel("stable")
        self._again(error)

    def _failed(self, failure: Failure) -> None:
        self._dialling = None
        if self._running:
            error = failure.value
            if not isinstance(error, PeerError):
                self._log.failure("{where} cannot be called", failure=failure, where=self.where)
                return
            self._again(error)

    def _again(self, error: PeerError) -> None:
        if not self._running:
            return
        if error.reason is Reason.SELF:
            self._log.warn("{where} is ourselves: not called again", where=self.where)
            return
        wait = self.backoff.next()
        self._log.info(
            "{where}: {error} ({reason}); next try in {wait:.1f} seconds",
            where=self.where,
            error=error,
            reason=error.reason,
            wait=wait,
        )
        self._timers.later("again", wait, self._call)
