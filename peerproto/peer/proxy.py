"""The way to a peer through a SOCKS5 proxy, which alone learns whom we call.

No name is looked up on our side but the proxy's own. What is told to a peer of its address is what was asked for,
never the proxy's. Of our own, because txtorcon's knows no passwords, cuts IPv6 addresses short, and keeps back what a
peer says at once.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any, NamedTuple

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectingCancelledError
from twisted.internet.interfaces import IAddress, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import directlyProvides, implementer, providedBy

from peerproto.errors import ConnectFailed, Reason
from peerproto.peer.ending import why_not_connected
from peerproto.peer.socks import Proxy, negotiation, target_of


@implementer(IAddress)
class Place(NamedTuple):
    """Where a peer was asked for by name; only the proxy knows where that is."""

    host: str
    port: int


def place_of(host: str, port: int) -> IAddress:
    """What is known here of where a peer is."""
    try:
        address = ip_address(host)
    except ValueError:
        return Place(host, port)
    kind = IPv4Address if address.version == 4 else IPv6Address
    return kind("TCP", str(address), port)


@implementer(IStreamClientEndpoint)
class ProxyEndpoint:
    """A peer that is called through a proxy.

    :param way: the endpoint of the proxy itself. :param timeout: seconds, for all of it.

    `connect` fails with ConnectFailed for the reason `proxy`, whatever it is. Raises LocalError for what cannot be the
    name of a host.
    """

    def __init__(
        self,
        reactor: Any,
        way: Any,
        proxy: Proxy,
        host: str,
        port: int,
        timeout: float,
    ) -> None:
        self.proxy = proxy
        self.target = target_of(host, port)
        self.place = place_of(host, port)
        self._reactor = reactor
        self._timeout = timeout
        self._way = way

    def connect(self, factory: IProtocolFactory) -> Deferred[Any]:
        """See IStreamClientEndpoint."""
        calling = Deferred.fromCoroutine(self._call(factory))
        return calling.addTimeout(self._timeout, self._reactor, self._too_late)

    async def _call(self, factory: IProtocolFactory) -> Any:
        try:
            negotiator = await self._way.connect(_Negotiators(self, factory))
            return await negotiator.done
        except (CancelledError, ConnectingCancelledError):
            raise
        except ConnectFailed as error:
            raise ConnectFailed(f"by the proxy {self.proxy}: {error}", Reason.PROXY) from None
        except Exception as error:
            text = f"the proxy {self.proxy} is not there: {why_not_connected(Failure())}"
            raise ConnectFailed(text, Reason.PROXY) from error

    def _too_late(self, *_: object) -> Failure:
        text = f"by the proxy {self.proxy}: no connection in {self._timeout:g} seconds"
        return Failure(ConnectFailed(text, Reason.PROXY))


class _Negotiators(Factory):
    """Makes what talks to the proxy."""

    noisy = False

    def __init__(self, endpoint: ProxyEndpoint, factory: IProtocolFactory) -> None:
        self._endpoint, self._factory = endpoint, factory

    def buildProtocol(self, addr: IAddress | None) -> Negotiator:
        """See IProtocolFactory."""
        return Negotiator(self._endpoint, self._factory)


class Negotiator(Protocol):
    """Talks to the proxy, and when that has connected us, stands aside for the peer's protocol.

    :ivar done: fires with the peer's protocol; fails with ConnectFailed.
    """

    def __init__(self, endpoint: ProxyEndpoint, factory: IProtocolFactory) -> None:
        self.done: Deferred[Any] = Deferred(lambda _: self._abort())
        self._place = endpoint.place
        self._steps = negotiation(self._write, endpoint.proxy, endpoint.target)
        self._factory = factory
        self._peer: Any = None
        self._data = b""
        self._wanted = 0

    def connectionMade(self) -> None:
        """See IProtocol."""
        self._wanted = next(self._steps)

    def dataReceived(self, data: bytes) -> None:
        """See IProtocol."""
        if self._peer is not None:
            self._peer.dataReceived(data)
        elif not self.done.called:
            self._data += data
            self._negotiate()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """See IProtocol."""
        if self._peer is not None:
            self._peer.connectionLost(reason)
        elif not self.done.called:
            self.done.errback(ConnectFailed("it hung up before there was a connection", Reason.PROXY))

    def _negotiate(self) -> None:
        try:
            while len(self._data) >= self._wanted:
                step, self._data = self._data[: self._wanted], self._data[self._wanted :]
                self._wanted = self._steps.send(step)
        except StopIteration:
            self._stand_aside()
        except ConnectFailed as error:
            self._abort()
            self.done.errback(error)

    def _stand_aside(self) -> None:
        peer: Any = self._factory.buildProtocol(self._place)
        self._peer = peer
        peer.makeConnection(Detour(self.transport, self._place))
        self.done.callback(peer)
        if self._data:
            peer.dataReceived(self._data)
            self._data = b""

    def _write(self, data: bytes) -> None:
        transport: Any = self.transport
        transport.write(data)

    def _abort(self) -> None:
        transport: Any = self.transport
        transport.abortConnection()


class Detour:
    """A transport whose other side is the peer, not the proxy."""

    def __init__(self, transport: Any, place: IAddress) -> None:
        self._transport = transport
        self._place = place
        self.write = transport.write
        directlyProvides(self, providedBy(transport))

    def getPeer(self) -> IAddress:
        """See ITransport."""
        return self._place

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
