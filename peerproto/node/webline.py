"""The way to a web server that is not trusted: so many bytes are taken from it and no more, and an end is an end.

Twisted's client of HTTP has no such limits: headers may go on for ever, and a connection that is to be closed waits
for the other side where there is TLS.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import wrapClientTLS
from twisted.internet.interfaces import IProtocolFactory, IStreamClientEndpoint
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.web.client import URI, Agent, BrowserLikePolicyForHTTPS
from twisted.web.iweb import IAgent, IAgentEndpointFactory, IPolicyForHTTPS
from zope.interface import implementer

from peerproto.peer.connecting import client_endpoint
from peerproto.peer.socks import Proxy

__all__ = ["MOST_BYTES", "web_agent"]

MOST_BYTES = 131_072
"""Of one answer, headers included."""


def web_agent(reactor: Any, proxy: Proxy | None = None, policy: IPolicyForHTTPS | None = None) -> IAgent:
    """What makes requests by HTTPS, each on a connection of its own.

    :param proxy: through which all goes; it alone looks up names then.
    :param policy: which certificates are good; None for those that the system trusts.

    Raises ImportError without the packages for TLS.
    """
    ways = _Ways(reactor, proxy, policy or BrowserLikePolicyForHTTPS())
    agent: IAgent = Agent.usingEndpointFactory(reactor, ways)
    return agent


@implementer(IAgentEndpointFactory)
class _Ways:
    """Says how a host is called."""

    def __init__(self, reactor: Any, proxy: Proxy | None, policy: IPolicyForHTTPS) -> None:
        self._reactor = reactor
        self._proxy = proxy
        self._policy = policy

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        """See IAgentEndpointFactory."""
        host = uri.host.decode("ascii")
        where = f"[{host}]:{uri.port}" if ":" in host else f"{host}:{uri.port}"
        way = client_endpoint(self._reactor, where, uri.port, proxy=self._proxy)
        return _Limited(wrapClientTLS(self._policy.creatorForNetloc(uri.host, uri.port), way))


@implementer(IStreamClientEndpoint)
class _Limited:
    """A way on which not more comes than is allowed."""

    def __init__(self, way: Any) -> None:
        self._way = way

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        """See IStreamClientEndpoint."""
        lines = _Lines(protocolFactory)  # type: ignore[no-untyped-call]
        connecting: Deferred[Any] = self._way.connect(lines)
        return connecting.addCallback(lambda line: line.wrappedProtocol)


class _Line(ProtocolWrapper):
    """A connection that is cut when too much has come, and as soon as it is to be closed."""

    _come = 0

    def dataReceived(self, data: bytes) -> None:
        """See IProtocol."""
        self._come += len(data)
        if self._come > MOST_BYTES:
            self.abortConnection()
        else:
            super().dataReceived(data)  # type: ignore[no-untyped-call]

    def loseConnection(self) -> None:
        """See ITransport."""
        self.abortConnection()


class _Lines(WrappingFactory):
    """Makes them."""

    noisy = False
    protocol = _Line
