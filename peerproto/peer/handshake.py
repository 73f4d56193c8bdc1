"""The handshake: what is sent, what may come, and when a peer is open for business."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum, auto

from peerproto.errors import (
    DuplicateVersion,
    SelfConnection,
    UnexpectedMessage,
    VersionExpected,
    VersionTooOld,
)
from peerproto.network import Introduction, Network
from peerproto.wire.codec import Unread
from peerproto.wire.message import Message


class State(Enum):
    """Where a peer stands."""

    AWAITING_VERSION = auto()
    AWAITING_VERACK = auto()
    READY = auto()
    CLOSED = auto()


class Handshake:
    """AWAITING_VERSION --version--> AWAITING_VERACK --verack--> READY; what else may come is the network's Order.

    :ivar theirs: what the other side says of itself, once its version is here.
    :ivar version: their version message itself.
    :ivar protocol_version: what both speak: the lower of the two announced; ours until theirs is known.
    :ivar noted: the kinds of negotiating messages that the other side has sent.
    """

    def __init__(
        self, network: Network, ours: Introduction, *, inbound: bool, is_own_nonce: Callable[[int], bool]
    ) -> None:
        self.network = network
        self.ours = ours
        self.inbound = inbound
        self.state = State.AWAITING_VERSION
        self.theirs: Introduction | None = None
        self.version: Message | None = None
        self.protocol_version = ours.protocol_version
        self.noted: set[type[Message]] = set()
        self._is_own_nonce = is_own_nonce

    def begin(self) -> list[Message]:
        """What to send as soon as there is a connection."""
        return [] if self.inbound else [self.network.make_version(self.ours)]

    def received(self, message: Message | Unread) -> list[Message]:
        """What to answer, in order. Raises HandshakeError for what may not come now."""
        kind = type(message)
        if self.state is State.AWAITING_VERSION:
            if isinstance(message, self.network.version):
                return self._take_version(message)
            self._early(message, VersionExpected)
        elif kind is self.network.verack:
            self.state = State.READY
            return self._known(self.network.order.greeting)
        elif kind in self.network.order.between:
            self.noted.add(kind)
        elif kind is self.network.version:
            self._early(message, DuplicateVersion)
        elif kind is not Unread:
            self._early(message, UnexpectedMessage)
        return []

    def _take_version(self, message: Message) -> list[Message]:
        theirs = self.network.read_version(message)
        if self._is_own_nonce(theirs.nonce):
            raise SelfConnection("our own nonce came back: this is ourselves")
        self.protocol_version = min(self.ours.protocol_version, theirs.protocol_version)
        if theirs.protocol_version < self.network.least_protocol_version:
            raise VersionTooOld(
                f"protocol version {theirs.protocol_version}, "
                f"{self.network.least_protocol_version} or greater is asked"
            )
        self.theirs, self.version = theirs, message
        self.state = State.AWAITING_VERACK
        mine = [self.network.make_version(self.ours)] if self.inbound else []
        return [*mine, *self._known(self.network.order.negotiation), self.network.verack()]

    def _known(self, kinds: Iterable[type[Message]]) -> list[Message]:
        return [kind() for kind in kinds if kind.since <= self.protocol_version]

    def _early(self, message: Message | Unread, error: type[UnexpectedMessage | DuplicateVersion]) -> None:
        if not self.network.order.ignores_early:
            raise error(f"{message.command} while {describe(self.state)}")


def describe(state: State) -> str:
    """The state as words: `awaiting version`."""
    return state.name.lower().replace("_", " ")
