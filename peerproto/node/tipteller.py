"""New headers are told to the peers that have asked for that (BIP130), so that a chain goes on from node to node; where
blocks are kept the others are told by an inventory, and nobody before the blocks are here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from peerproto.node.headerchain import HeaderChain
from peerproto.node.trouble import Trouble
from peerproto.peer.protocol import PeerProtocol

__all__ = ["MOST_TOLD", "TipTeller"]

MOST_TOLD = 8
"""So many new headers are told at once (Core's MAX_BLOCKS_TO_ANNOUNCE); who cannot connect them asks for the others."""


class TipTeller:
    """Tells what is new of a chain to all who have it not.

    :param synced: whether the chain has caught up; until then nothing is told.
    :param trouble: what a store that fails is told to.
    :ivar vector: makes the inventory vector of a block, by its hash (wire order); None where no blocks are here, as an
        inventory would offer them.
    """

    def __init__(self, chain: HeaderChain, trouble: Trouble, synced: Callable[[], bool]) -> None:
        self.vector: Callable[[bytes], Any] | None = None
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

    def look(self) -> None:
        """Something may have come that others can have now."""
        if not self._synced():
            return
        with self._trouble:
            before, self._told = self._told, self._chain.tip
            if before != self._told:
                self._tell(self._behind(before))

    def _behind(self, told: bytes) -> list[bytes]:
        """The headers since then; of many, and of a branch that has taken over, the newest."""
        chain = self._chain
        first = max(chain.height - MOST_TOLD, chain.height_of(told) or 0)
        return [chain.header_at(height) for height in range(first + 1, chain.height + 1)]

    def _tell(self, headers: list[bytes]) -> None:
        for peer in list(self._peers):
            if (peer.last_block or 0) >= self._chain.height:
                continue
            if peer.wants_headers and not peer.is_blocked:
                peer.send(peer.network.headers.bring(headers), expect=False)
            elif self.vector is not None:
                peer.queue_inventory_immediate(self.vector(self._told))
