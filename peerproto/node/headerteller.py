"""New headers are told to the peers that have asked for that (BIP130), so that a chain goes on from node to node."""

from __future__ import annotations

from collections.abc import Callable

from peerproto.node.headerchain import HeaderChain
from peerproto.node.trouble import Trouble
from peerproto.peer.protocol import PeerProtocol

__all__ = ["MOST_TOLD", "HeaderTeller"]

MOST_TOLD = 8
"""So many new headers are told at once (Core's MAX_BLOCKS_TO_ANNOUNCE); who is further behind asks."""


class HeaderTeller:
    """Sends what is new of a chain to all who want it and have it not. An `inv` would offer blocks that are not here.

    :param synced: whether the chain has caught up; until then nothing is told.
    :param trouble: what a store that fails is told to.
    """

    def __init__(self, chain: HeaderChain, trouble: Trouble, synced: Callable[[], bool]) -> None:
        self._chain = chain
        self._trouble = trouble
        self._synced = synced
        self._told = chain.tip
        self._peers: set[PeerProtocol] = set()

    def meet(self, peer: PeerProtocol) -> None:
        """A peer is ready."""
        self._peers.add(peer)

    def forget(self, peer: PeerProtocol) -> None:
        """A peer has ended."""
        self._peers.discard(peer)

    def stop(self) -> None:
        """Tell nobody any more."""
        self._peers.clear()

    def look(self, _: PeerProtocol) -> None:
        """Somebody has brought something: tell the others what is new, if that is little."""
        with self._trouble:
            headers = self._new()
            if headers and self._synced():
                self._tell(headers)

    def _new(self) -> list[bytes]:
        """The headers since the last time; of a branch that has taken over the newest; none if they are too many."""
        chain, told = self._chain, self._told
        if chain.tip == told:
            return []
        self._told = chain.tip
        first = chain.height_of(told)
        if first is None:
            first = max(chain.height - MOST_TOLD, 0)
        if chain.height - first > MOST_TOLD:
            return []
        return [chain.header_at(height) for height in range(first + 1, chain.height + 1)]

    def _tell(self, headers: list[bytes]) -> None:
        for peer in list(self._peers):
            if peer.wants_headers and not peer.is_blocked and (peer.last_block or 0) < self._chain.height:
                peer.send(peer.network.headers.bring(headers), expect=False)
