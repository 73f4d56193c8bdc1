"""What can be asked of a peer at any time: where it stands, who it is, what its best block is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IReactorTime

from peerproto.forms.gossip import Known
from peerproto.forms.introduction import Introduction
from peerproto.network import Network
from peerproto.peer.ending import ip_and_port, where_is
from peerproto.peer.handshake import Handshake, State
from peerproto.peer.notes import Notes
from peerproto.peer.statistics import Statistics
from peerproto.peer.threadsafe import ThreadSafe
from peerproto.wire.message import Message

if TYPE_CHECKING:
    from peerproto.errors import PeerError
    from peerproto.peer.factory import PeerFactory


class Standing:
    """The part of a peer that says what is known of it; `PeerProtocol` has the rest.

    What only its version tells is None before that is here. Times are in seconds since 1970, hashes in wire order.

    :ivar last_announced_block: the hash of the block that the peer has announced last: what the user says it is.
    """

    factory: PeerFactory
    network: Network
    clock: IReactorTime
    handshake: Handshake
    statistics: Statistics
    notes: Notes | None
    ending: PeerError | None
    transport: Any

    last_announced_block: bytes | None = None
    _last_block = -1
    _selected_tip: bytes | None = None
    _was_connected = False

    @property
    def state(self) -> State:
        """Where the peer stands."""
        return State.CLOSED if self.ending else self.handshake.state

    @property
    def theirs(self) -> Introduction | None:
        """What the other side says of itself; None before its version is here."""
        return self.handshake.theirs

    @property
    def version(self) -> Message | None:
        """Their version message. The protocol version in it is theirs; `protocol_version` is that of both."""
        return self.handshake.version

    @property
    def connected(self) -> bool:
        """Whether there is a connection that is not about to end."""
        return self._was_connected and self.ending is None

    @connected.setter
    def connected(self, made: object) -> None:
        """What Twisted notes; it never takes it back."""
        self._was_connected = bool(made)

    @property
    def version_known(self) -> bool:
        """Whether their version is here."""
        return self.handshake.theirs is not None

    @property
    def verack_received(self) -> bool:
        """Whether their verack is here."""
        return self.handshake.state is State.READY

    @property
    def wants_headers(self) -> bool:
        """Whether the peer has asked for new blocks to be announced by their headers (BIP130)."""
        return any(getattr(kind, "command", None) == "sendheaders" for kind in self.statistics.received)

    @property
    def services(self) -> int | None:
        """The bit set that the peer announces."""
        return self.theirs.services if self.theirs else None

    @property
    def user_agent(self) -> str:
        """What the peer calls itself, as received: escape it before you show it."""
        return self.theirs.user_agent if self.theirs else ""

    @property
    def starting_height(self) -> int | None:
        """The height of its best block when it introduced itself."""
        return self.theirs.height if self.theirs else None

    @property
    def last_block(self) -> int | None:
        """The height of the best block that the peer is known to have."""
        start = self.starting_height
        if self._last_block < 0:
            return start
        return self._last_block if start is None else max(start, self._last_block)

    def update_last_block_height(self, height: int) -> None:
        """The peer has a block of this height; a lower one than is known changes nothing."""
        before = self.last_block
        self._last_block = max(self._last_block, height)
        if self.notes is not None and self.last_block != before:
            self.notes.rose(before, height)

    def update_last_announced_block(self, block_hash: bytes | None) -> None:
        """The peer has announced this block; None forgets."""
        self.last_announced_block = block_hash

    @property
    def selected_tip(self) -> bytes | None:
        """The hash of its best block, where versions tell it, or what the user has learnt of it since."""
        if self._selected_tip is not None:
            return self._selected_tip
        return self.theirs.tip if self.theirs else None

    @property
    def selected_tip_known(self) -> bool | None:
        """Whether we have that block, as the factory's `has_block` says; None where nobody can tell."""
        has_block, tip = self.factory.has_block, self.selected_tip
        return None if has_block is None or tip is None else has_block(tip)

    def update_selected_tip(self, block_hash: bytes) -> None:
        """The peer's best block is this one now."""
        self._selected_tip = block_hash

    @property
    def subnetwork(self) -> bytes | None:
        """The subnetwork that the peer follows, on a network that has them; None for all."""
        return self.theirs.subnetwork if self.theirs else None

    @property
    def time_offset(self) -> int | None:
        """Their clock less ours, in seconds."""
        return self.handshake.time_offset

    @property
    def time_connected(self) -> float:
        """When the connection was made."""
        return self.wall_time(self.statistics.connected_at)

    @property
    def local_addr(self) -> str | None:
        """Host and port of our own side, as text; None without a connection."""
        return where_is(self.transport.getHost()) if self.connected else None

    @property
    def na(self) -> Known | None:
        """Where the peer is, as it can be told to others; None if that is no address of IP."""
        place = None if self.transport is None else ip_and_port(self.transport.getPeer())
        return None if place is None else Known(*place, self.services or 0, int(self.factory.now()))

    @property
    def threadsafe(self) -> ThreadSafe:
        """This peer for other threads. Raises LocalError if its clock is no reactor."""
        return ThreadSafe(self, self.clock)

    def wall_time(self, moment: float) -> float:
        """A moment of the peer's clock as the wall clock has it, in seconds since 1970."""
        return self.factory.now() - (self.clock.seconds() - moment)
