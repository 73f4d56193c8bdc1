"""The nonces of versions: ours, by which we know ourselves, and those of the peers that we have."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable


class Nonces:
    """The nonces of our own versions, newest last, at most `most`; and which node has which live peer of ours.

    One for all factories of the process.
    """

    def __init__(self, most: int = 50) -> None:
        self._most = most
        self._sent: OrderedDict[int, None] = OrderedDict()
        self._met: dict[Hashable, object] = {}

    def add(self, nonce: int) -> None:
        """Remember a nonce that goes out."""
        self._sent[nonce] = None
        self._sent.move_to_end(nonce)
        if len(self._sent) > self._most:
            self._sent.popitem(last=False)

    def __contains__(self, nonce: int) -> bool:
        """Whether it is one of ours; one that came back is the newest again (dcrd peer/peer.go, sentNonces)."""
        if nonce not in self._sent:
            return False
        self._sent.move_to_end(nonce)
        return True

    def meet(self, node: Hashable, here: object) -> bool:
        """Note that we have this node as a peer, known by `here`; False if we have it already."""
        return self._met.setdefault(node, here) is here

    def part(self, node: Hashable, here: object) -> None:
        """We have it no longer, if it was known by `here`."""
        if self._met.get(node) is here:
            del self._met[node]
