"""What a user of the library implements: any of these methods, on any object."""

from __future__ import annotations

from collections.abc import Callable
from inspect import iscoroutine
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from zope.interface import Interface, implementer

from peerproto.network import Network
from peerproto.wire.codec import Unread
from peerproto.wire.message import Message

if TYPE_CHECKING:
    from peerproto.errors import PeerError
    from peerproto.peer.protocol import PeerProtocol

Handler = Callable[..., object]


class IPeerListener(Interface):
    """Hears of peers. Every method is optional; beside these, `on_COMMAND(peer, message)` for each command of the
    network (`on_headers`, `on_inv`, ...; of the handshake what it takes, `on_version` before it is answered).

    A PeerError that a method raises ends that peer for its reason; any other exception is logged and ends it, too.

    A method may be a coroutine, or return a Deferred: then nothing more of that peer is handled, and in the end
    nothing more read, until it is done; but where a network's nodes answer a kind of question beside all else
    (`Backlog`), only questions of that kind wait. Who asks a peer for something meanwhile cannot wait so: its answer
    is read at once, and with it what comes before. Of a coroutine it is known that it asks; of what has returned a
    Deferred it is taken to be so when anybody asks this peer.
    """

    def on_ready(peer: PeerProtocol) -> None:
        """The handshake is done: the peer is open for business."""

    def on_lost(peer: PeerProtocol, error: PeerError) -> None:
        """The peer has ended; `error.reason` is one of the closed list. Called once, also for unfinished handshakes."""

    def on_message(peer: PeerProtocol, unread: Unread) -> None:
        """A frame that was not understood and was passed over."""

    def on_read(peer: PeerProtocol, size: int, message: object, error: Exception | None) -> None:
        """A frame of so many bytes has come, before it is handled; or one that ends the peer, with a message of None.

        Of such a one the size is what has told it: the frame, or its header; 0 for what somebody found out about a
        message that this was told of before.
        """

    def on_write(peer: PeerProtocol, size: int, message: Message, error: Exception | None) -> None:
        """A message has been given to the transport as a frame of so many bytes; or could not be written."""


@implementer(IPeerListener)
class PeerListener:
    """A listener to start from: it hears all and does nothing."""

    def on_ready(self, peer: PeerProtocol) -> None:
        """See IPeerListener."""

    def on_lost(self, peer: PeerProtocol, error: PeerError) -> None:
        """See IPeerListener."""

    def on_message(self, peer: PeerProtocol, unread: Unread) -> None:
        """See IPeerListener."""

    def on_read(self, peer: PeerProtocol, size: int, message: object, error: Exception | None) -> None:
        """See IPeerListener."""

    def on_write(self, peer: PeerProtocol, size: int, message: Message, error: Exception | None) -> None:
        """See IPeerListener."""


def method_of(listener: object, name: str) -> Handler | None:
    """A method of a listener; None if it has none, or only the one that does nothing: that need not be called."""
    nothing = getattr(PeerListener, name, None)
    found: Handler | None = getattr(listener, name, None)
    return None if nothing is not None and getattr(found, "__func__", None) is nothing else found


def handlers_of(listener: object, network: Network) -> dict[type, Handler]:
    """Which method of a listener hears which kind of message; looked up once, not per message."""
    wanted: dict[type, str] = {kind: f"on_{kind.command}" for kind in network.messages}
    wanted[Unread] = "on_message"
    found = {kind: method_of(listener, name) for kind, name in wanted.items()}
    return {kind: handler for kind, handler in found.items() if handler is not None}


def started(result: object) -> Deferred[Any] | None:
    """What a listener has returned, as a Deferred if it is at work; a coroutine is begun."""
    if iscoroutine(result):
        return Deferred.fromCoroutine(result)
    return result if isinstance(result, Deferred) else None
