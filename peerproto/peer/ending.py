"""Why connections end, or never begin, in our own words."""

from __future__ import annotations

from twisted.internet import error
from twisted.python.failure import Failure

from peerproto.errors import ConnectFailed, PeerError, PeerLost, Reason
from peerproto.peer.handshake import State, describe


def why_lost(reason: Failure, state: State, waiting: int) -> PeerError:
    """Why a connection ended that we did not end.

    :param waiting: bytes received of a message that was not complete.
    """
    during = "" if state is State.READY else f" while {describe(state)}"
    if not reason.check(error.ConnectionDone):
        return PeerLost(f"{reason.getErrorMessage()}{during}", Reason.RESET)
    if waiting:
        return PeerLost(f"closed by the peer in the middle of a message{during}", Reason.EOF_IN_MESSAGE)
    return PeerLost(f"closed by the peer{during}", Reason.CLOSED_BY_PEER)


_CAUSES: dict[type[Exception], tuple[Reason, str]] = {
    error.ConnectionRefusedError: (Reason.CONNECTION_REFUSED, "refused: nothing listens there"),
    error.TimeoutError: (Reason.CONNECT_TIMEOUT, "timed out"),
    error.TCPTimedOutError: (Reason.CONNECT_TIMEOUT, "timed out"),
    error.DNSLookupError: (Reason.DNS, "there is no such host"),
    error.UnknownHostError: (Reason.DNS, "there is no such host"),
    error.SSLError: (Reason.TLS, "TLS failed"),
}


def why_not_connected(reason: Failure) -> ConnectFailed:
    """Why there is no connection; what is not foreseen counts as no route, with the system's own words."""
    for cause, (name, text) in _CAUSES.items():
        if reason.check(cause):
            return ConnectFailed(text, name)
    return ConnectFailed(f"no way there: {reason.getErrorMessage()}", Reason.NO_ROUTE)
