"""The way to a peer: `connect` and `listen` take whatever says where."""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP4ClientEndpoint,
    TCP6ClientEndpoint,
    clientFromString,
    serverFromString,
)
from twisted.internet.error import CannotListenError, ConnectingCancelledError
from twisted.internet.interfaces import IListeningPort, IStreamClientEndpoint, IStreamServerEndpoint
from twisted.python.failure import Failure

from peerproto.errors import ConnectFailed, LocalError
from peerproto.peer.ending import why_not_connected
from peerproto.peer.factory import PeerFactory
from peerproto.peer.protocol import PeerProtocol
from peerproto.peer.proxy import ProxyEndpoint
from peerproto.peer.socks import Proxy, proxy_at

_HOST_PORT = re.compile(
    r"(?:\[(?P<six>[^\s\[\]/=]+)\]|(?P<host>[^\s\0-\x1f\x7f:\[\]/=]+))(?::(?P<port>[0-9]{1,9}))?"
)


TIMEOUT, PROXY_TIMEOUT = 10.0, 60.0
"""Seconds until a connection must be there: straight, and through a proxy, which must find the way first."""


def connect(
    reactor: Any,
    where: str | IStreamClientEndpoint,
    factory: PeerFactory,
    *,
    timeout: float | None = None,
    proxy: str | Proxy | None = None,
    manual: bool = False,
) -> Deferred[PeerProtocol]:
    """Connect to a peer; fires as soon as there is a connection (then wait for `when_ready`).

    :param where: `host:port` (no port: the network's own), `[IPv6]:port`, an endpoint string
        (`tls:example.org:443`), or an endpoint.
    :param timeout: seconds, for an address; an endpoint has its own. None for 10, through a proxy for 60.
    :param proxy: `socks5://[user:password@]host[:port]`, which alone looks up names; None for the factory's, which
        may have none. With a proxy `where` must be host and port: an endpoint would go past it.
    :param manual: whether this peer is chosen by hand: then nothing is held against it, whatever the factory says of
        its others.

    Fails with ConnectFailed, whose text is one line. Raises LocalError if `where` or `proxy` says nothing.
    """
    endpoint = client_endpoint(reactor, where, factory.network.port, timeout, proxy or factory.proxy)
    factory.use_clock(reactor)
    connecting: Deferred[PeerProtocol] = endpoint.connect(factory)
    if manual:
        connecting.addCallback(_by_hand)
    return connecting.addErrback(_not_connected, where)


def _by_hand(peer: PeerProtocol) -> PeerProtocol:
    """A connection is told of before the first byte is read: nothing can have been held against the peer."""
    peer.manual = True
    return peer


def _not_connected(reason: Failure, where: object) -> Any:
    if reason.check(LocalError, CancelledError, ConnectingCancelledError):
        return reason
    found = reason.value
    error = found if isinstance(found, ConnectFailed) else why_not_connected(reason)
    raise ConnectFailed(f"{where}: {error}", error.reason) from reason.value


class Accepts(Protocol):
    """What can be listened with: a factory, or who decides whom to let in."""

    def inbound(self) -> Any:
        """The protocol factory for those that call."""

    def use_clock(self, clock: Any) -> None:
        """Take this clock, unless one was given."""


def listen(reactor: Any, where: str | IStreamServerEndpoint, factory: Accepts) -> Deferred[IListeningPort]:
    """Accept peers; fires with the port when it is bound.

    :param where: an endpoint string (`tcp:19444:interface=127.0.0.1`) or an endpoint.

    Fails with LocalError if the port cannot be had. Raises LocalError if `where` says nothing.
    """
    endpoint = server_endpoint(reactor, where)
    factory.use_clock(reactor)
    listening: Deferred[IListeningPort] = endpoint.listen(factory.inbound())
    return listening.addErrback(_not_listening, where)


def _not_listening(reason: Failure, where: object) -> Any:
    reason.trap(CannotListenError, OverflowError)
    raise LocalError(f"cannot listen on {where}: {reason.getErrorMessage()}") from reason.value


def client_endpoint(
    reactor: Any,
    where: str | IStreamClientEndpoint,
    port: int,
    timeout: float | None = None,
    proxy: str | Proxy | None = None,
) -> Any:
    """The endpoint that `where` says; see `connect`. Raises LocalError."""
    if proxy is not None:
        return _through(reactor, where, port, timeout or PROXY_TIMEOUT, proxy)
    if not isinstance(where, str):
        return where
    try:
        place = host_and_port(where, port)
        return (
            clientFromString(reactor, where) if place is None else _tcp(reactor, *place, timeout or TIMEOUT)
        )
    except Exception as error:  # Twisted's parsers raise what they like
        raise LocalError(f"{where!r} is no HOST:PORT and no endpoint string: {_words(error)}") from None


def _through(
    reactor: Any, where: str | IStreamClientEndpoint, port: int, timeout: float, proxy: str | Proxy
) -> ProxyEndpoint:
    if isinstance(proxy, str):
        proxy = proxy_at(proxy)
    try:
        place = host_and_port(where, port) if isinstance(where, str) else None
    except ValueError as error:
        raise LocalError(f"{where!r} is no HOST:PORT: {error}") from None
    if place is None:
        raise LocalError(f"{where!r} is no HOST:PORT, and with a proxy nothing else is called")
    way = _tcp(reactor, proxy.host, proxy.port, timeout)
    return ProxyEndpoint(reactor, way, proxy, *place, timeout)


def host_and_port(where: str, port: int) -> tuple[str, int] | None:
    """Host and port, if that is what is said. Raises ValueError for what looks so and is not."""
    match = _HOST_PORT.fullmatch(where)
    if match is not None:
        host = match["host"] or str(IPv6Address(match["six"]))
        return host, _port(match["port"], port)
    return (where, port) if _is_ip(where) else None


def _port(text: str | None, default: int) -> int:
    port = int(text) if text else default
    if not 0 < port < 65536:
        raise ValueError(f"port {port}, 1 to 65535 are allowed")
    return port


def _tcp(reactor: Any, host: str, port: int, timeout: float) -> IStreamClientEndpoint:
    if ":" in host:
        return TCP6ClientEndpoint(reactor, str(IPv6Address(host)), port, timeout=timeout)
    kind = TCP4ClientEndpoint if _is_ip(host) else HostnameEndpoint
    return kind(reactor, host, port, timeout=timeout)


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def server_endpoint(reactor: Any, where: str | IStreamServerEndpoint) -> Any:
    """The endpoint that `where` says. Raises LocalError."""
    if not isinstance(where, str):
        return where
    try:
        return serverFromString(reactor, where)
    except Exception as error:  # as above
        if where.startswith("systemd:") and isinstance(error, LookupError):
            raise LocalError(f"{where!r}: systemd has given this process no such socket") from None
        raise LocalError(f"{where!r} is no endpoint string such as tcp:19444: {_words(error)}") from None


def _words(error: Exception) -> str:
    """What a parser of Twisted's wants to say: without its TLS packages it stumbles over names that are not there."""
    if isinstance(error, NameError | ImportError):
        return "TLS needs more packages: pip install 'twisted[tls]'"
    return str(error)
