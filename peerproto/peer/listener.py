"""What a user of the library implements: any of these methods, on any object."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from zope.interface import Interface, implementer

from peerproto.network import Network
from peerproto.wire.codec import Unread

if TYPE_CHECKING:
    from peerproto.errors import PeerError
    from peerproto.peer.protocol import PeerProtocol

Handler = Callable[[Any, Any], object]


class IPeerListener(Interface):
    """Hears of peers. Every method is optional; beside these, `on_COMMAND(peer, message)` for each command of the
    network (`on_headers`, `on_inv`, ...; of the handshake what it takes, `on_version` before it is answered).

    A PeerError that a method raises ends that peer for its reason; any other exception is logged and ends it, too.
    """

    def on_ready(peer: PeerProtocol) -> None:
        """The handshake is done: the peer is open for business."""

    def on_lost(peer: PeerProtocol, error: PeerError) -> None:
        """The peer has ended; `error.reason` is one of the closed list. Called once, also for unfinished handshakes."""

    def on_message(peer: PeerProtocol, unread: Unread) -> None:
        """A frame that was not understood and was passed over."""


@implementer(IPeerListener)
class PeerListener:
    """A listener to start from: it hears all and does nothing."""

    def on_ready(self, peer: PeerProtocol) -> None:
        """See IPeerListener."""

    def on_lost(self, peer: PeerProtocol, error: PeerError) -> None:
        """See IPeerListener."""

    def on_message(self, peer: PeerProtocol, unread: Unread) -> None:
        """See IPeerListener."""


def handlers_of(listener: object, network: Network) -> dict[type, Handler]:
    """Which method of a listener hears which kind of message; looked up once, not per message."""
    wanted: dict[type, str] = {kind: f"on_{kind.command}" for kind in network.messages}
    wanted[Unread] = "on_message"
    found = {kind: getattr(listener, name, None) for kind, name in wanted.items()}
    return {kind: handler for kind, handler in found.items() if handler is not None}
