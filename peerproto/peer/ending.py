"""Why connections end, or never begin, in our own words; and who is told."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

from twisted.internet import error
from twisted.python.failure import Failure

from peerproto.errors import (
    ConnectFailed,
    PeerError,
    PeerLost,
    Reason,
    Refused,
    VersionExpected,
    VersionTooOld,
)
from peerproto.peer.handshake import State, describe
from peerproto.peer.logs import Logger
from peerproto.text import writable

if TYPE_CHECKING:
    from peerproto.peer.protocol import PeerProtocol

_log = Logger()


def why_lost(reason: Failure, state: State, waiting: int, *, inbound: bool) -> PeerError:
    """Why a connection ended that we did not end.

    :param waiting: bytes received of a message that was not complete. :param inbound: whether the peer has called us.
    """
    during = "" if state is State.READY else f" while {describe(state)}"
    is_whole = reason.check(error.ConnectionDone) is not None
    if _is_tls(reason):
        return PeerLost(f"TLS failed: {_words(reason)}{during}", Reason.TLS)
    if is_whole and waiting:
        return PeerLost(f"closed by the peer in the middle of a message{during}", Reason.EOF_IN_MESSAGE)
    if state is State.AWAITING_VERSION and not inbound:
        during += "; a node that speaks another network or version does that"
    if is_whole:
        return PeerLost(f"closed by the peer{during}", Reason.CLOSED_BY_PEER)
    return PeerLost(f"{_words(reason)}{during}", Reason.RESET)


def _is_tls(reason: Failure) -> bool:
    """Whether the TLS handshake or its check of certificates failed; told by name, since Twisted runs without both."""
    package = type(reason.value).__module__.partition(".")[0]
    return package in ("OpenSSL", "service_identity") or reason.check(error.SSLError) is not None


def _words(reason: Failure) -> str:
    """What Twisted says, in one line; OpenSSL's errors are lists of (library, function, words)."""
    match getattr(reason.value, "args", ()):
        case (list() as told,):
            return ", ".join(str(entry[-1]) for entry in told)
    return " ".join(reason.getErrorMessage().split())


_CAUSES: dict[type[Exception], tuple[Reason, str]] = {
    error.ConnectionRefusedError: (Reason.CONNECTION_REFUSED, "refused: nothing listens there"),
    error.TimeoutError: (Reason.CONNECT_TIMEOUT, "timed out"),
    error.TCPTimedOutError: (Reason.CONNECT_TIMEOUT, "timed out"),
    error.DNSLookupError: (Reason.DNS, "there is no such host"),
    error.UnknownHostError: (Reason.DNS, "there is no such host"),
    ValueError: (Reason.DNS, "this is no name of a host"),
}


def why_not_connected(reason: Failure) -> ConnectFailed:
    """Why there is no connection; what is not foreseen counts as no route, with the system's own words."""
    for cause, (name, text) in _CAUSES.items():
        if reason.check(cause):
            return ConnectFailed(text, name)
    if _is_tls(reason):
        return ConnectFailed(f"TLS failed: {_words(reason)}", Reason.TLS)
    return ConnectFailed(f"no way there: {_words(reason)}", Reason.NO_ROUTE)


def is_told(error: PeerError, is_open: bool) -> bool:
    """Whether a peer may be told why it is ended, where its network tells such things at all.

    During the handshake only a wrong beginning is told, and a version that does not suit (btcd peer/peer.go,
    readRemoteVersionMsg); after it whatever the network has words for.
    """
    return is_open or isinstance(error, VersionExpected | VersionTooOld | Refused)


def log_end(peer: PeerProtocol, error: PeerError) -> None:
    """Log that a peer has ended, unless the same host has filled the log with it; what we end ourselves always."""
    left_out: int | None = 0
    if error.reason is not Reason.LOCAL_CLOSE:
        left_out = peer.factory.quiet.asks(peer.address.rpartition(":")[0], peer.clock.seconds())
    if left_out is not None:
        more = f" ({left_out} more like this were not logged)" if left_out else ""
        _log.info(
            "{peer} ended: {why}: {error}{more}",
            peer=str(peer),
            why=error.reason,
            error=writable(str(error)),
            more=more,
        )


def where_is(address: object) -> str:
    """An address of Twisted's as `host:port`, an IPv6 host in brackets; another kind as it shows itself."""
    host, port = getattr(address, "host", None), getattr(address, "port", None)
    if host is None:
        return str(address)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def ip_and_port(address: object) -> tuple[str, int] | None:
    """Host and port of an address, if it is one of IP."""
    host, port = getattr(address, "host", ""), getattr(address, "port", 0)
    try:
        return str(ip_address(host)), port
    except ValueError:
        return None
