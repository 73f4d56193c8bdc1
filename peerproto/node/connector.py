"""One outbound peer, kept: connected, waited for, connected again.

Twisted's ClientService cannot carry a handshake: every TCP connection resets its back-off, so that a peer that
accepts and then refuses us would be called after the first delay for ever, and its stop waits for peers that do
not read.
"""

from __future__ import annotations

from collections.abc import Callable
from random import random

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from peerproto.errors import ConnectFailed, PeerError, PeerLost, Reason
from peerproto.node.backoff import Backoff
from peerproto.peer.logs import Logger
from peerproto.peer.once import Once
from peerproto.peer.protocol import PeerProtocol
from peerproto.peer.timers import Timers

STABLE = 60.0
"""After so many seconds of being ready a peer counts as good, and the next wait is the first again."""


class PeerConnector:
    """Calls a peer, and calls again whenever it ends, until it is stopped or the peer turns out to be ourselves.

    :param where: what to call the peer in the log.
    :param dial: makes one try: a Deferred that fires with the peer when there is a connection, and fails with a
        PeerError. Any other error is logged as our own, and the next try is made all the same.
    :param backoff: how long to wait between two tries.
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
        self._clock = clock
        self._timers = Timers(clock)
        self._running = False
        self._calling: Deferred[None] = succeed(None)
        self._over: Once[None] = Once()
        self._over.fire(None)

    def start(self) -> None:
        """Begin to call. A second time does nothing until all has stopped."""
        if self._over.is_over():
            self._running = True
            self._over = Once()
            self._calling = Deferred.fromCoroutine(self._keep_calling())
            self._calling.addErrback(lambda failure: failure.trap(CancelledError))
            self._calling.addCallback(lambda _: self._over.fire(None))

    def stop(self) -> Deferred[None]:
        """Call no more; fires when the peer, if there is one, has ended. May be called at any time, and again."""
        self._running = False
        if self.peer is not None:
            self.peer.disconnect(_stopping())
        else:
            self._calling.cancel()
        return self._over.when()

    async def _keep_calling(self) -> None:
        while True:
            error = await self._one_call()
            if not self._running:
                return
            if error.reason is Reason.SELF:
                self._log.warn("{where} is ourselves: not called again", where=self.where)
                return
            await deferLater(self._clock, self._wait_after(error))

    async def _one_call(self) -> PeerError:
        """Call once, and return why it is over."""
        try:
            peer = await self._dial()
        except PeerError as error:
            return error
        except Exception:
            return self._our_fault()
        return await self._company(peer)

    async def _company(self, peer: PeerProtocol) -> PeerError:
        """Be connected until the peer ends."""
        self.peer = peer
        if not self._running:
            peer.disconnect(_stopping())
        peer.when_ready().addCallbacks(self._ready, lambda _: None)
        try:
            return await peer.when_disconnected()
        finally:
            self.peer = None
            self._timers.cancel_all()

    def _ready(self, _: PeerProtocol) -> None:
        self._timers.later("stable", STABLE, self.backoff.reset)

    def _our_fault(self) -> PeerError:
        """Called while an exception is handled: after `stop` that is what cancelling gives, else our own bug."""
        if self._running:
            self._log.failure("{where} cannot be called", where=self.where)
        return ConnectFailed(f"{self.where}: our own code failed: see the log", Reason.LOCAL_ERROR)

    def _wait_after(self, error: PeerError) -> float:
        """How many seconds to wait; the end of a peer is in the log by now, that there was none is not."""
        wait = self.backoff.next()
        why = f"{error} ({error.reason}); " if isinstance(error, ConnectFailed) else f"{self.where}: "
        self._log.info("{why}next try in {wait:.1f} seconds", why=why, wait=wait)
        return wait


def _stopping() -> PeerLost:
    return PeerLost("the node stops", Reason.SHUTDOWN)
