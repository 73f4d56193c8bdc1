"""Everything that can go wrong, and the one closed list of reasons why a peer ends.

::

    PeerError                   what a peer did, or what became of the way to it; carries a Reason
      MalformedMessage          its bytes are not a message: carries command and offset
        WrongNetwork            the magic is another network's
        Oversize                the header announces more than any message may have
          OversizeCommand       ... more than this command may have
        BadChecksum             the payload is not what the header announces
        UnknownCommand          no message of this network has that name
        Incomplete              the bytes end inside a message (decoding only; a live peer waits)
      HandshakeError            UnexpectedMessage (VersionExpected), DuplicateVersion, DuplicateVerack,
                                SelfConnection, DuplicateConnection, VersionTooOld, Refused,
                                HandshakeTimeout
      InvalidHeaders            headers that break the rules of the chain
      InvalidBlock, Misled      a block that breaks those of a graph; a peer that tells of more than it brings
      Unoffered, Discredited    what nobody has offered, too much of what is held against a peer
      PeerStalled, PeerIdle     what was asked was not answered, nothing came at all
        SlowMessage             a part of a message came, and not the rest
      SendStalled, SendQueueFull  what we send is not taken, too much of it waits
      TooManyRequests           more is asked of us than we answer in time
      PeerLost                  the connection ended: by them, by us, by the network
      ConnectFailed             there never was a connection
      ListenerFailed            our own listener raised; never the peer's fault
      NotFound                  the peer has not what was asked; only ever fails a request
      NoPeers                   nobody is left to be asked; only ever fails a request
    LocalError                  the caller's mistake
      StoreError                a store file that cannot be used

Only `MalformedMessage` and its children come out of received bytes, and no Python error beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

__all__ = [
    "BadChecksum",
    "ConnectFailed",
    "Discredited",
    "DuplicateConnection",
    "DuplicateVerack",
    "DuplicateVersion",
    "HandshakeError",
    "HandshakeTimeout",
    "Incomplete",
    "InvalidBlock",
    "InvalidHeaders",
    "ListenerFailed",
    "LocalError",
    "MalformedMessage",
    "Misled",
    "NoPeers",
    "NotFound",
    "Oversize",
    "OversizeCommand",
    "PeerError",
    "PeerIdle",
    "PeerLost",
    "PeerStalled",
    "Reason",
    "Refused",
    "SelfConnection",
    "SendQueueFull",
    "SendStalled",
    "SlowMessage",
    "StoreError",
    "TooManyRequests",
    "UnexpectedMessage",
    "UnknownCommand",
    "Unoffered",
    "VersionExpected",
    "VersionTooOld",
    "WrongNetwork",
]


class Reason(StrEnum):
    """Why a peer ended, or why a frame was refused: used by errors, logs and commands alike."""

    WRONG_NETWORK = "wrong-network"
    OVERSIZE = "oversize"
    BAD_CHECKSUM = "bad-checksum"
    MALFORMED = "malformed"
    UNKNOWN_COMMAND = "unknown-command"
    INCOMPLETE = "incomplete"
    EOF_IN_MESSAGE = "eof-in-message"
    HANDSHAKE_TIMEOUT = "handshake-timeout"
    UNEXPECTED_MESSAGE = "unexpected-message"
    DUPLICATE_VERSION = "duplicate-version"
    DUPLICATE_VERACK = "duplicate-verack"
    SELF = "self"
    DUPLICATE = "duplicate"
    OBSOLETE = "obsolete"
    SERVICES = "services"
    REFUSED_BY_LISTENER = "refused-by-listener"
    IDLE = "idle"
    SLOW_MESSAGE = "slow-message"
    STALLED = "stalled"
    WRITE_STALL = "write-stall"
    SEND_QUEUE_FULL = "send-queue-full"
    TOO_MANY_REQUESTS = "too-many-requests"
    NOT_FOUND = "not-found"
    NO_PEERS = "no-peers"
    MISBEHAVING = "misbehaving"
    CONNECTION_REFUSED = "connection-refused"
    CONNECT_TIMEOUT = "connect-timeout"
    NO_ROUTE = "no-route"
    DNS = "dns"
    PROXY = "proxy"
    TLS = "tls"
    CLOSED_BY_PEER = "closed-by-peer"
    RESET = "reset"
    LOCAL_ERROR = "local-error"
    LOCAL_CLOSE = "local-close"
    EVICTED = "evicted"
    SHUTDOWN = "shutdown"


class PeerError(Exception):
    """What a peer did, or what became of the way to it.

    :ivar reason: one of the closed list; a class has its own, `PeerLost` and `ConnectFailed` are told.
    """

    reason: Reason


class MalformedMessage(PeerError):
    """Bytes that are no message of this network.

    :ivar command: the frame's command as text, empty before it is known.
    :ivar offset: where in the frame it went wrong, in bytes from the start of its header.
    """

    reason = Reason.MALFORMED

    def __init__(self, text: str, *, command: str = "", offset: int = 0) -> None:
        super().__init__(text)
        self.text = text
        self.command = command
        self.offset = offset

    def __str__(self) -> str:
        return f"{self.command}: {self.text}" if self.command else self.text


class WrongNetwork(MalformedMessage):
    """The frame's magic is not this network's."""

    reason = Reason.WRONG_NETWORK


class Oversize(MalformedMessage):
    """The header announces a longer payload than any message may have."""

    reason = Reason.OVERSIZE


class OversizeCommand(Oversize):
    """The header announces a longer payload than this command may have."""


class BadChecksum(MalformedMessage):
    """The payload does not have the checksum that its header announces."""

    reason = Reason.BAD_CHECKSUM


class UnknownCommand(MalformedMessage):
    """No message of this network has this command."""

    reason = Reason.UNKNOWN_COMMAND


class Incomplete(MalformedMessage):
    """The bytes end inside a message; only a decoder that has all the bytes can say so."""

    reason = Reason.INCOMPLETE


class HandshakeError(PeerError):
    """The conversation of version and verack went wrong."""

    reason = Reason.UNEXPECTED_MESSAGE


class UnexpectedMessage(HandshakeError):
    """A message that may not come in this state."""


class VersionExpected(UnexpectedMessage):
    """Something came before the version: a message of this `command`."""

    def __init__(self, text: str, command: str) -> None:
        super().__init__(text)
        self.command = command


class DuplicateVersion(HandshakeError):
    """A second version."""

    reason = Reason.DUPLICATE_VERSION


class DuplicateVerack(HandshakeError):
    """A second verack."""

    reason = Reason.DUPLICATE_VERACK


class SelfConnection(HandshakeError):
    """Our own nonce came back: we are talking to ourselves."""

    reason = Reason.SELF


class DuplicateConnection(HandshakeError):
    """The nonce of another peer that we have from the same host: this is the same node once more."""

    reason = Reason.DUPLICATE


class VersionTooOld(HandshakeError):
    """The peer's protocol version is below the least that we speak, `least`."""

    reason = Reason.OBSOLETE

    def __init__(self, text: str, least: int = 0) -> None:
        super().__init__(text)
        self.least = least


class Refused(HandshakeError):
    """What the other side says of itself does not suit us: the network's rules, what its peers must offer, or a
    listener, which raises this in `on_version`; `reason` says which.
    """

    def __init__(self, text: str, reason: Reason = Reason.REFUSED_BY_LISTENER) -> None:
        super().__init__(text)
        self.reason = reason


class HandshakeTimeout(HandshakeError):
    """The handshake, veracks included, was not done in time."""

    reason = Reason.HANDSHAKE_TIMEOUT


class InvalidHeaders(PeerError):
    """Headers that break the rules of the network's chain."""

    reason = Reason.MISBEHAVING


class InvalidBlock(PeerError):
    """A block that breaks the rules of its network, or has other transactions than its header names."""

    reason = Reason.MISBEHAVING


class Misled(PeerError):
    """The peer tells of what it does not bring, brings more than it was asked for without an end, or leads nowhere."""

    reason = Reason.MISBEHAVING


class Unoffered(PeerError):
    """A message that is only for those who offer a service, and it was not offered."""

    reason = Reason.MISBEHAVING


class Discredited(PeerError):
    """More is held against the peer than we put up with."""

    reason = Reason.MISBEHAVING


class PeerStalled(PeerError):
    """An answer that the protocol owes did not come in time."""

    reason = Reason.STALLED


class PeerIdle(PeerError):
    """No complete message came for too long."""

    reason = Reason.IDLE


class SlowMessage(PeerIdle):
    """A message that was begun is not there in the time in which one must come."""

    reason = Reason.SLOW_MESSAGE


class SendStalled(PeerError):
    """The peer does not take what we send."""

    reason = Reason.WRITE_STALL


class SendQueueFull(PeerError):
    """More waits for the peer than it may have waiting."""

    reason = Reason.SEND_QUEUE_FULL


class TooManyRequests(PeerError):
    """The peer asks for more while too much of what it has asked for is not answered yet."""

    reason = Reason.TOO_MANY_REQUESTS


class PeerLost(PeerError):
    """The connection ended; `reason` says by whom."""

    def __init__(self, text: str, reason: Reason) -> None:
        super().__init__(text)
        self.reason = reason


class ConnectFailed(PeerError):
    """No connection came about; `reason` says what stood in the way."""

    def __init__(self, text: str, reason: Reason) -> None:
        super().__init__(text)
        self.reason = reason


class ListenerFailed(PeerError):
    """Our own listener raised while it handled a message of this peer."""

    reason = Reason.LOCAL_ERROR


class NotFound(PeerError):
    """The peer answered that it does not have what was asked."""

    reason = Reason.NOT_FOUND


class NoPeers(PeerError):
    """Nobody is left who could be asked; `errors` are what those said who were, in their order."""

    reason = Reason.NO_PEERS

    def __init__(self, text: str, errors: Sequence[PeerError] = ()) -> None:
        super().__init__(text)
        self.errors = list(errors)


class LocalError(Exception):
    """The caller's mistake: a message of another network, a wrong option, a closed peer."""


class StoreError(LocalError):
    """A store file that is not ours, not whole, or in use; it is left as it was found."""
