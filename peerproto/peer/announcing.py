"""What a user has a peer announce."""

from __future__ import annotations

from typing import Any

from peerproto.errors import PeerError
from peerproto.peer.inventory import Inventory


class Announcing:
    """The part of a peer that announces; `PeerProtocol` has the rest. Vectors are the network's own `InvVect`."""

    inventory: Inventory
    ending: PeerError | None

    def queue_inventory(self, vector: Any) -> None:
        """Announce a thing in the next round, in which all are put together that the peer does not know by then;
        where the network does so, a block at once. Dropped after the end.
        """
        if not self.ending:
            self.inventory.queue(vector)

    def queue_inventory_immediate(self, vector: Any) -> None:
        """Announce a thing at once, in a message of its own, unless the peer knows it."""
        if not self.ending:
            self.inventory.queue_now(vector)

    def add_known_inventory(self, vector: Any) -> None:
        """The peer knows this: it is not announced to it."""
        self.inventory.known.add(vector)

    def is_known_inventory(self, vector: Any) -> bool:
        """Whether the peer has announced this, or it was announced to the peer, not too long ago."""
        return vector in self.inventory.known
