"""Places that lead to whom we have already: to ourselves, or to a peer under another address."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred, succeed

from peerproto.errors import PeerError, Reason
from peerproto.peer.protocol import PeerProtocol

MOST = 1000


class Doubles:
    """Remembers them by their text, at most so many: of ourselves for good, of a peer for as long as that is there.

    :param peers: all peers that there are, by id.
    """

    def __init__(self, peers: Mapping[int, PeerProtocol], most: int = MOST) -> None:
        self._peers = peers
        self._most = most
        self._known: OrderedDict[str, PeerProtocol | None] = OrderedDict()

    def note(self, where: str, peer: PeerProtocol, error: PeerError) -> None:
        """What was called there has ended."""
        if error.reason is Reason.SELF:
            self._remember(where, None)
        elif error.reason is Reason.DUPLICATE:
            twin = self._twin_of(peer)
            if twin is not None:
                self._remember(where, twin)

    def is_double(self, where: str) -> bool:
        """Whether a call would find somebody whom we have."""
        if where not in self._known:
            return False
        twin = self._known[where]
        if twin is not None and twin.ending:
            del self._known[where]
            return False
        return True

    def when_single(self, where: str) -> Deferred[Any]:
        """Fires when the peer has ended that would be found there; at once if none is known."""
        twin = self._known.get(where)
        return succeed(None) if twin is None else twin.when_disconnected()

    def _remember(self, where: str, twin: PeerProtocol | None) -> None:
        self._known[where] = twin
        self._known.move_to_end(where)
        if len(self._known) > self._most:
            self._known.popitem(last=False)

    def _twin_of(self, peer: PeerProtocol) -> PeerProtocol | None:
        """The other peer that has said the same nonce."""
        for other in self._peers.values():
            if other is not peer and other.theirs and peer.theirs and other.theirs.nonce == peer.theirs.nonce:
                return other
        return None
