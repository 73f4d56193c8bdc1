"""The handshake: what is sent, what may come, and when a peer is open for business."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import replace
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from peerproto.errors import (
    DuplicateConnection,
    DuplicateVersion,
    Reason,
    Refused,
    SelfConnection,
    UnexpectedMessage,
    VersionExpected,
    VersionTooOld,
)
from peerproto.forms.introduction import Introduction
from peerproto.wire.codec import Unread
from peerproto.wire.message import Message

if TYPE_CHECKING:
    from peerproto.peer.factory import PeerFactory

MOST_TIME = 2**32 - 1
"""The latest time that a version can mean, in seconds since 1970; what lies outside is taken as the nearer end."""


class State(Enum):
    """Where a peer stands."""

    AWAITING_VERSION = auto()
    AWAITING_VERACK = auto()
    READY = auto()
    CLOSED = auto()


class Handshake:
    """AWAITING_VERSION --version--> AWAITING_VERACK --verack--> READY; what else may come is the network's Order.

    :param node: what the peers of one node share.
    :ivar theirs: what the other side says of itself, once its version is here.
    :ivar version: their version message itself. :ivar time_offset: their clock less ours, in seconds.
    :ivar protocol_version: what both speak: the lower of the two announced; ours until theirs is known.
    :ivar noted: the kinds of negotiating messages that the other side has sent.
    :ivar kept: what came before their verack and is to be handled after it.
    :ivar nonce: of our own version, once that is sent.
    """

    def __init__(self, node: PeerFactory, *, inbound: bool) -> None:
        self.network = node.network
        self.inbound = inbound
        self.state = State.AWAITING_VERSION
        self.theirs: Introduction | None = None
        self.version: Message | None = None
        self.time_offset: int | None = None
        self.protocol_version = node.protocol_version
        self.noted: set[type[Message]] = set()
        self.kept: list[Message | Unread] = []
        self.nonce: int | None = None
        self._node = node
        self._other: object = None
        self._node_met: Hashable = None

    def begin(self, other: object) -> list[Message]:
        """What to send as soon as there is a connection to `other`, an address."""
        self._other = other
        return [self._introduce()] if self._speaks_first() else []

    def received(self, message: Message | Unread) -> list[Message] | None:
        """What to answer, in order; None if the message was passed over. Raises HandshakeError."""
        if self.state is State.AWAITING_VERSION:
            return self._before_version(message)
        return self._before_verack(message)

    @property
    def is_open(self) -> bool:
        """Whether the peer is open for business: mostly when it is ready, on some networks a verack earlier."""
        early = self.state is State.AWAITING_VERACK and not self.network.order.gate
        return early or self.state is State.READY

    def greeting(self) -> list[Message]:
        """What is sent first to a peer that is open for business."""
        return self._known(self.network.order.greeting)

    def take_verack(self) -> None:
        """Their verack has come to a peer that was open before."""
        self.state = State.READY

    def _speaks_first(self) -> bool:
        return self.network.order.both_speak or not self.inbound

    def _introduce(self) -> Message:
        ours = self._node.introduce(self._other, inbound=self.inbound)
        if self.network.order.announces_common:
            ours = replace(ours, protocol_version=self.protocol_version)
        self.nonce = ours.nonce
        return self.network.make_version(ours)

    def _before_version(self, message: Message | Unread) -> list[Message] | None:
        if type(message) is self.network.version:
            return self._take_version(message)
        if self.network.order.ignores_early:
            return None
        text = f"{message.command} while {describe(self.state)}"
        if isinstance(message, Unread) or message.foreign:
            raise UnexpectedMessage(text)
        raise VersionExpected(text, message.command)

    def _take_version(self, message: Any) -> list[Message]:
        theirs = self.network.read_version(message)
        self.theirs, self.version = theirs, message
        self.time_offset = min(max(theirs.timestamp, 0), MOST_TIME) - int(self._node.now())
        self._know(theirs)
        error = self.network.judge_version(self._node.introduction(), theirs, message, self.inbound)
        if error is not None:
            raise error
        self.protocol_version = min(self.protocol_version, theirs.protocol_version)
        self._judge(theirs)
        self.state = State.AWAITING_VERACK
        mine = [] if self._speaks_first() else [self._introduce()]
        return [*mine, *self._known(self.network.order.negotiation), self.network.verack()]

    def leave(self) -> None:
        """The peer has ended: whoever it was may come again."""
        self._node.nonces.part(self._node_met, self)

    def _know(self, theirs: Introduction) -> None:
        """Find out whether we know this one already."""
        if theirs.nonce in self._node.nonces:
            raise SelfConnection(
                "our own nonce came back: this is ourselves (nodes that share a process need Nonces of their own)"
            )
        if self._node.one_per_nonce:
            self._node_met = (self.network.name, theirs.nonce, host_of(self._other))
            if not self._node.nonces.meet(self._node_met, self):
                raise DuplicateConnection(
                    "the nonce of another peer from this host came: the same node again"
                )

    def _judge(self, theirs: Introduction) -> None:
        """Whether a peer that we have called offers what we want, and any peer is new enough."""
        missing = 0 if self.inbound else self._node.services_wanted & ~theirs.services
        if missing:
            names = ", ".join(self.network.service_names(missing))
            raise Refused(f"required services {missing:#x} not offered: {names}", Reason.SERVICES)
        least = self._node.least_protocol_version
        if theirs.protocol_version < least:
            raise VersionTooOld(
                f"protocol version {theirs.protocol_version}, {least} or greater is asked", least
            )

    def _before_verack(self, message: Message | Unread) -> list[Message] | None:
        kind, order = type(message), self.network.order
        if kind is self.network.verack:
            self.state = State.READY
            return self.greeting()
        if kind in order.between:
            self.noted.add(kind)
            return []
        if len(self.kept) < order.keeps and self.protocol_version <= order.keeps_until:
            self.kept.append(message)
            return None
        if order.ignores_early or isinstance(message, Unread) or message.foreign:
            return None
        error = DuplicateVersion if kind is self.network.version else UnexpectedMessage
        raise error(f"{message.command} while {describe(self.state)}")

    def _known(self, kinds: Iterable[type[Message]]) -> list[Message]:
        return [kind() for kind in kinds if kind.since <= self.protocol_version]


def host_of(address: object) -> str:
    """What tells hosts apart: the address without its port, or as it shows itself."""
    return str(getattr(address, "host", address))


def describe(state: State) -> str:
    """The state as words: `awaiting version`."""
    return state.name.lower().replace("_", " ")
