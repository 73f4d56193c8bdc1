"""The way to a peer: `connect` and `listen` take whatever says where."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP4ClientEndpoint,
    TCP6ClientEndpoint,
    clientFromString,
    serverFromString,
)
from twisted.internet.interfaces import IListeningPort, IStreamClientEndpoint, IStreamServerEndpoint

from peerproto.errors import ConnectFailed, LocalError
from peerproto.peer.ending import why_not_connected
from peerproto.peer.factory import PeerFactory
from peerproto.peer.protocol import PeerProtocol

_HOST_PORT = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<host>[^:\[\]/=]+))(?::(?P<port>\d+))?")


def connect(
    reactor: Any, where: str | IStreamClientEndpoint, factory: PeerFactory, *, timeout: float = 10.0
) -> Deferred[PeerProtocol]:
    """Connect to a peer; fires as soon as there is a connection (then wait for `when_ready`).

    :param where: `host:port` (no port: the network's own), `[IPv6]:port`, an endpoint string
        (`tls:example.org:443`), or an endpoint.
    :param timeout: seconds, for an address; an endpoint has its own.

    Fails with ConnectFailed. Raises LocalError if `where` says nothing.
    """
    endpoint = client_endpoint(reactor, where, factory.network.port, timeout)
    factory.use_clock(reactor)
    connecting: Deferred[PeerProtocol] = endpoint.connect(factory)
    return connecting.addErrback(_not_connected, where)


def _not_connected(reason: Any, where: object) -> Any:
    if reason.check(LocalError):
        return reason
    error = why_not_connected(reason)
    raise ConnectFailed(f"{where}: {error}", error.reason) from reason.value


def listen(reactor: Any, where: str | IStreamServerEndpoint, factory: PeerFactory) -> Deferred[IListeningPort]:
    """Accept peers; fires with the port when it is bound.

    :param where: an endpoint string (`tcp:19444:interface=127.0.0.1`) or an endpoint.

    Raises LocalError if `where` says nothing.
    """
    factory.use_clock(reactor)
    port: Deferred[IListeningPort] = server_endpoint(reactor, where).listen(factory.inbound())
    return port


def client_endpoint(reactor: Any, where: str | IStreamClientEndpoint, port: int, timeout: float) -> Any:
    """The endpoint that `where` says. Raises LocalError."""
    if not isinstance(where, str):
        return where
    match = _HOST_PORT.fullmatch(where)
    try:
        if match is None:
            return clientFromString(reactor, where)
        return _tcp(reactor, match["six"] or match["host"], _port(match["port"], port), timeout)
    except (ValueError, TypeError, KeyError) as error:
        raise LocalError(f"{where!r} is no HOST:PORT and no endpoint string: {error}") from None


def _port(text: str | None, default: int) -> int:
    port = int(text) if text else default
    if not 0 < port < 65536:
        raise ValueError(f"port {port}, 1 to 65535 are allowed")
    return port


def _tcp(reactor: Any, host: str, port: int, timeout: float) -> IStreamClientEndpoint:
    try:
        version = ip_address(host).version
    except ValueError:
        return HostnameEndpoint(reactor, host, port, timeout=timeout)
    kind = TCP4ClientEndpoint if version == 4 else TCP6ClientEndpoint
    return kind(reactor, host, port, timeout=timeout)


def server_endpoint(reactor: Any, where: str | IStreamServerEndpoint) -> Any:
    """The endpoint that `where` says. Raises LocalError."""
    if not isinstance(where, str):
        return where
    try:
        return serverFromString(reactor, where)
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise LocalError(f"{where!r} is no endpoint string such as tcp:19444: {error}") from None
