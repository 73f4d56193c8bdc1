"""A node as a Twisted service: it listens, keeps its peers connected, follows the chain, and stops in time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger
from twisted.python.failure import Failure

from peerproto.chain.rules import display
from peerproto.errors import LocalError, PeerLost, Reason
from peerproto.network import Network
from peerproto.node.connector import PeerConnector
from peerproto.node.headerchain import HeaderChain
from peerproto.node.headerstore import HeaderStore
from peerproto.node.node import Node
from peerproto.peer.connecting import client_endpoint, connect, server_endpoint
from peerproto.peer.protocol import PeerProtocol
from peerproto.peer.timers import Timers

REPORT = 10.0
"""Seconds between two lines of progress in the log."""


class PeerNodeService(Service):
    """Follows the header chain of a network and serves it.

    Composes with any `MultiService`. `startService` raises LocalError if the store cannot be opened or a port not
    be bound; `stopService` ends within the network's grace time.

    :param reactor: for connections and timers.
    :param store: the path of the header store, `:memory:` for none.
    :param connect: peers to keep connected: `host:port`, endpoint strings or endpoints.
    :param listen: where to accept peers: endpoint strings or endpoints.
    :param options: go to `PeerFactory` as they are (user_agent, services, timing ...).
    :ivar node: there while the service runs.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        network: Network,
        *,
        store: str = ":memory:",
        connect: Sequence[Any] = (),
        listen: Sequence[Any] = (),
        **options: Any,
    ) -> None:
        self.reactor = reactor
        self.network = network
        self.node: Node | None = None
        self.ports: list[IListeningPort] = []
        self.connectors: list[PeerConnector] = []
        self._store_path = store
        self._connect = [_checked(reactor, where, network) for where in connect]
        self._listen = [(where, server_endpoint(reactor, where)) for where in listen]
        self._options = options
        self._timers = Timers(reactor)
        self._reported = -1
        self._store: HeaderStore | None = None

    def startService(self) -> None:
        """Open the store, bind the ports, call the peers. Raises LocalError."""
        self._store = HeaderStore(self._store_path, self.network.chain)
        try:
            chain = HeaderChain(self._store, self.network.chain, time.time)
            self.node = Node(self.reactor, self.network, chain, **self._options)
            for where, endpoint in self._listen:
                self._bind(where, endpoint, self.node)
        except LocalError:
            self._close()
            raise
        super().startService()  # type: ignore[no-untyped-call]
        self.connectors = [self._connector(self.node, where) for where in self._connect]
        for connector in self.connectors:
            connector.start()
        self._timers.every("report", REPORT, self._report)
        self._report()

    def stopService(self) -> Deferred[None]:
        """Stop listening, end all peers, close the store."""
        super().stopService()  # type: ignore[no-untyped-call]
        self._timers.cancel_all()
        assert self.node is not None
        self.node.follower.stop()
        ending: list[Deferred[Any]] = [connector.stop() for connector in self.connectors]
        ending += [Deferred.fromCoroutine(_stopped(port)) for port in self.ports]
        for peer in list(self.node.factory.peers.values()):
            ending.append(peer.when_disconnected())
            peer.disconnect(PeerLost("the node stops", Reason.SHUTDOWN))
        return DeferredList(ending, consumeErrors=True).addCallback(lambda _: self._close())

    def _bind(self, where: Any, endpoint: Any, node: Node) -> None:
        """Bind a port now: a node that cannot listen where it was told must not start."""
        failures: list[Failure] = []
        endpoint.listen(node.factory.inbound()).addCallbacks(self.ports.append, failures.append)
        if failures:
            raise LocalError(f"cannot listen on {where}: {failures[0].getErrorMessage()}")

    def _connector(self, node: Node, where: Any) -> PeerConnector:
        def dial() -> Deferred[PeerProtocol]:
            return connect(self.reactor, where, node.factory)

        return PeerConnector(self.reactor, str(where), dial)

    def _report(self) -> None:
        chain = self.node.chain if self.node else None
        if chain is not None and chain.height != self._reported:
            self._reported = chain.height
            self._log.info("height {height}, tip {tip}", height=chain.height, tip=display(chain.tip))

    def _close(self) -> None:
        self._report()
        for port in self.ports:
            port.stopListening()
        self.ports = []
        if self._store is not None:
            self._store.close()
        self.node = self._store = None


async def _stopped(port: IListeningPort) -> None:
    stopping = port.stopListening()
    if stopping is not None:
        await stopping


def _checked(reactor: Any, where: Any, network: Network) -> Any:
    """What was given, once it is known that it says where. Raises LocalError."""
    client_endpoint(reactor, where, network.port, 10.0)
    return where
