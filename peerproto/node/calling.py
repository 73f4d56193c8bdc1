"""Calls: held by the brake, judged by what came of them, and all of one purpose in one place so that they can end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from peerproto.errors import ConnectFailed, PeerError, PeerLost, Reason
from peerproto.node.brake import Brake
from peerproto.node.doubles import Doubles
from peerproto.node.places import Place
from peerproto.peer.logs import Logger
from peerproto.peer.once import Once
from peerproto.peer.protocol import PeerProtocol

OURS = frozenset({Reason.LOCAL_CLOSE, Reason.LOCAL_ERROR, Reason.SHUTDOWN, Reason.EVICTED})
"""Ends that are no fault of the peer, or of the way to it."""

Dial = Callable[[Any], Deferred[PeerProtocol]]


class Caller:
    """Calls one place at a time: as soon as the brake lets it, and tells the brake and the doubles what it found.

    :param dial: makes the connection; it fires and fails as `connect` does.
    """

    def __init__(self, brake: Brake, doubles: Doubles, dial: Dial) -> None:
        self._brake = brake
        self._doubles = doubles
        self._dial = dial

    async def call(self, where: Any, begun: Callable[[], object] = lambda: None) -> PeerProtocol:
        """The peer, as soon as there is a connection. Raises PeerError if none comes about.

        :param begun: called when the call is really made.
        """
        await self._brake.enter()
        begun()
        try:
            peer = await self._dial(where)
        except ConnectFailed:
            self._brake.failed()
            raise
        peer.when_ready().addCallbacks(lambda _: self._brake.answered(), lambda _: self._not_ready(peer))
        peer.when_disconnected().addCallback(lambda error: self._doubles.note(str(where), peer, error))
        return peer

    def _not_ready(self, peer: PeerProtocol) -> None:
        """Who has introduced himself has answered, though nothing came of it."""
        assert peer.ending is not None
        if peer.version_known:
            self._brake.answered()
        elif peer.ending.reason not in OURS:
            self._brake.failed()


class Calls:
    """The calls of places for one purpose, from their beginning to the end of the peers that came of them.

    :param begun: called with the place when a call is really made. :param met: called with place and peer when there
        is a connection. :param over: called with place and reason when the peer has ended, or the call has failed.
    :ivar peers: what has come of each call; None as long as it is not known.
    """

    _log = Logger()

    def __init__(
        self,
        caller: Caller,
        begun: Callable[[Place], object],
        met: Callable[[Place, PeerProtocol], object],
        over: Callable[[Place, PeerError], object],
    ) -> None:
        self.peers: dict[Place, PeerProtocol | None] = {}
        self._caller = caller
        self._begun, self._met, self._over = begun, met, over
        self._work: dict[Place, Deferred[None]] = {}
        self._stopping: Once[None] | None = None

    def begin(self, place: Place) -> None:
        """Call a place that is not being called."""
        self.peers[place] = None
        work = Deferred.fromCoroutine(self._call(place))
        if place in self.peers:
            self._work[place] = work
            if self._stopping and self.peers[place] is None:
                work.cancel()

    def stop(self) -> Deferred[None]:
        """End all; fires when all have ended. Nothing may be begun until then."""
        stopping = self._stopping = self._stopping or Once()
        for place, peer in list(self.peers.items()):
            if peer is not None:
                peer.disconnect(_stopping())
            elif place in self._work:
                self._work[place].cancel()
        self._look_if_empty()
        return stopping.when()

    async def _call(self, place: Place) -> None:
        try:
            error = await self._until_end(place)
        except PeerError as failed:
            error = failed
        except Exception as failed:
            error = self._our_fault(place, failed)
        del self.peers[place]
        self._work.pop(place, None)
        self._over(place, error)
        self._look_if_empty()

    async def _until_end(self, place: Place) -> PeerError:
        peer = await self._caller.call(place, lambda: self._begun(place))
        self.peers[place] = peer
        if self._stopping:
            peer.disconnect(_stopping())
        self._met(place, peer)
        return await peer.when_disconnected()

    def _our_fault(self, place: Place, error: Exception) -> PeerError:
        """After `stop` it is what cancelling gives, else our own bug."""
        if self._stopping:
            return _stopping()
        if not isinstance(error, CancelledError):
            self._log.failure("{place} cannot be called", place=str(place))
        return ConnectFailed(f"{place}: our own code failed: see the log", Reason.LOCAL_ERROR)

    def _look_if_empty(self) -> None:
        if self._stopping and not self.peers:
            stopping, self._stopping = self._stopping, None
            stopping.fire(None)


def _stopping() -> PeerLost:
    return PeerLost("the node stops", Reason.SHUTDOWN)
