"""A node as a Twisted service: it listens, keeps its peers connected, follows what they have, and stops in time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, DeferredList, maybeDeferred, succeed
from twisted.internet.interfaces import IListeningPort
from twisted.python.failure import Failure

from peerproto.errors import LocalError
from peerproto.network import Network
from peerproto.node.blockstore import BlockPlace
from peerproto.node.chainlog import ChainLog
from peerproto.node.company import Company
from peerproto.node.connector import PeerConnector
from peerproto.node.keeping import Store, chain_in, open_store, what_is_kept
from peerproto.node.keywords import check_keywords
from peerproto.node.manager import PeerManager
from peerproto.node.node import Node
from peerproto.peer.connecting import client_endpoint, listen, server_endpoint
from peerproto.peer.ending import where_is
from peerproto.peer.factory import PeerFactory
from peerproto.peer.logs import Logger
from peerproto.peer.once import Once
from peerproto.peer.protocol import PeerProtocol

LATE = 1.0
"""Seconds after the grace time from which on a stop waits for nobody."""


class PeerNodeService(Service):
    """Follows the header chain of a network, or its graph of blocks, and serves it.

    Composes with any `MultiService`. The constructor raises LocalError for a network that has neither and for places
    that are none, TypeError for a keyword that nobody takes. `startService` raises LocalError if the store cannot be
    opened or a port not be bound; then nothing stays open. `stopService` may be called at any time, also again; its
    Deferred fires when all connections have ended, for which it waits until a second after the grace time at the
    latest, and then the book of addresses is saved. That takes as long as the disk does. A PostgreSQL server that does
    not answer is cut off after 3 seconds, and while it is being called after 3 for each of its addresses; one that
    answers slowly may take a few more. Then the service can be started again.

    If the store fails while the service runs, that is logged, and the service stops by itself.

    :param reactor: for connections and timers.
    :param store: the path of the file where it is kept, `:memory:` for none.
    :param connect: peers to keep connected: `host:port`, endpoint strings or endpoints.
    :param listen: where to accept peers: endpoint strings or endpoints.
    :param keep_blocks: how many of the newest blocks of a chain are kept, in a file beside the store, and served;
        0 for none.
    :param block_store: an `IBlockStore` in place of that file, which is then the caller's to close.
    :param company: options of the node's `Company`: `outbound`, `book`, `book_every`, `peers_file`, `seeds`,
        `allow_local`, `limits`.
    :param failed: called with the LocalError when the service stops by itself.
    :param options: go to `Node` as they are (listener, user_agent, services, timing ...), and from there to
        `PeerFactory`.
    :ivar node: there while the service runs, else None.
    :ivar company: its peers and the book of addresses, likewise.
    :ivar ports: those that are bound.
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
        keep_blocks: int = 0,
        block_store: Any = None,
        company: Mapping[str, Any] | None = None,
        failed: Callable[[LocalError], object] = lambda error: None,
        **options: Any,
    ) -> None:
        check_keywords(options, Node, PeerFactory)
        check_keywords(company or {}, Company)
        self._kept = what_is_kept(network)
        self._blocks = BlockPlace(network, store, keep_blocks, block_store)
        for where in connect:
            client_endpoint(reactor, where, network.port, proxy=options.get("proxy"))
        for where in listen:
            server_endpoint(reactor, where)
        self.reactor = reactor
        self.network = network
        self.node: Node | None = None
        self.ports: list[IListeningPort] = []
        self.company: Company | None = None
        self._store_path = store
        self._connect, self._listen = tuple(connect), tuple(listen)
        self._options = {"manual": False, "progressed": _unheard, "finished": _unheard, **options}
        self._company_options = company or {}
        self._failed = failed
        self._fault: LocalError | None = None
        self._store: Store | None = None
        self._chain_log: ChainLog | None = None
        self._bindings: list[Deferred[None]] = []
        self._stopping: Once[None] | None = None

    @property
    def connectors(self) -> list[PeerConnector]:
        """One for each peer that is kept connected."""
        return [] if self.company is None else self.company.connectors

    def startService(self) -> None:
        """Open the store, bind the ports, call the peers. Raises LocalError."""
        if self.node is not None:
            raise LocalError("the node is running, or has not stopped yet")
        try:
            node = self._open()
            node.trouble.check()
        except BaseException:
            if self.company is not None:
                self.company.abandon()
            self._close()
            raise
        super().startService()  # type: ignore[no-untyped-call]
        node.trouble.happened.when().addCallback(self._in_trouble, node)
        self._begin(node)

    def stopService(self) -> Deferred[None]:
        """Stop listening, end all peers, close the store."""
        super().stopService()  # type: ignore[no-untyped-call]
        if self.node is None:
            return succeed(None)
        if self._stopping is None:
            stopping = self._stopping = Once()
            self._end(self.node).addErrback(self._not_saved).addCallback(self._ended, self.node, stopping)
            return stopping.when()
        return self._stopping.when()

    def _open(self) -> Node:
        store = self._store = open_store(self._store_path, self.network)
        chain = chain_in(store, self.network, time.time)
        self._chain_log = ChainLog(self.reactor, chain)
        options = {**self._options, **self._tellers(self._chain_log), "blocks": self._blocks.open()}
        node = self.node = Node(self.reactor, self.network, chain, **options)
        company = self.company = Company(
            self.reactor, node.factory, connect=self._connect, **self._company_options
        )
        for where in self._listen:
            self._bind(where, company.manager)
        return node

    def _tellers(self, log: ChainLog) -> dict[str, Callable[[PeerProtocol], object]]:
        """Who hears of progress and of its end: the log, and then who wanted to."""

        def progressed(peer: PeerProtocol) -> None:
            assert self.node is not None
            log.progressed(self.node.total(peer))
            self._options["progressed"](peer)

        def finished(peer: PeerProtocol) -> None:
            log.finished(peer)
            self._options["finished"](peer)

        return {"progressed": progressed, "finished": finished}

    def _begin(self, node: Node) -> None:
        assert self._chain_log is not None
        self._log.info(
            "{network}: {kept} are kept in {store}",
            network=self.network.name,
            kept=self._kept,
            store=self._store_path,
        )
        if self._blocks.path:
            kept = {"most": self._blocks.most, "path": self._blocks.path}
            self._log.info("the newest {most} blocks are kept in {path}", **kept)
        self._chain_log.start()
        if not self._connect and not self._listen and not self._company_options.get("outbound"):
            self._log.warn("nobody to connect to, and nowhere to accept peers: this node talks to nobody")
        assert self.company is not None
        self.company.start()

    def _bind(self, where: Any, manager: PeerManager) -> None:
        """Bind a port now: a node that cannot listen where it was told must not start."""
        self._fault = None
        binding = listen(self.reactor, where, manager).addCallbacks(self._bound, self._not_bound)
        self._bindings.append(binding)
        if self._fault is not None:
            raise self._fault

    def _bound(self, port: IListeningPort) -> None:
        self.ports.append(port)
        self._log.info("accepting peers at {where}", where=where_is(port.getHost()))

    def _not_bound(self, failure: Failure) -> None:
        """Most endpoints say it at once, and the service does not start; some need time to find out."""
        if failure.check(CancelledError):
            return
        error = failure.value
        self._fault = error if isinstance(error, LocalError) else LocalError(f"cannot listen: {error}")
        if self.running:
            self._give_up(self._fault)

    def _in_trouble(self, error: LocalError, node: Node) -> None:
        """A store has failed; one that does so when it is of use no more stops no node that was started since."""
        if node is self.node:
            self._give_up(error)

    def _give_up(self, error: LocalError) -> None:
        self._log.critical("{error}: the node stops", error=error)
        self.stopService()
        self._failed(error)

    def _end(self, node: Node) -> Deferred[Any]:
        """Ask all for their end; fires when they have, or when they have had their time."""
        node.stop()
        for binding in self._bindings:
            binding.cancel()
        ending: list[Deferred[Any]] = [maybeDeferred(port.stopListening) for port in self.ports]
        company = self.company
        assert company is not None
        ending.append(company.stop())
        ended = DeferredList(ending, consumeErrors=True)
        return ended.addTimeout(node.factory.timing.grace + LATE, self.reactor).addBoth(
            lambda _: company.close()
        )

    def _not_saved(self, failure: Failure) -> None:
        """Our own mistake; what can go wrong with a disk or a server is told by who writes there."""
        self._log.failure("the book of addresses is not saved at the end", failure)

    def _ended(self, _: object, node: Node, stopping: Once[None]) -> None:
        for peer in node.factory.peers.values():
            self._log.warn("{peer} has not ended in time, and is left behind", peer=peer)
        self._stopping = None
        self._close()
        stopping.fire(None)

    def _close(self) -> None:
        """Let go of everything; what still listens after a failed start is closed within a turn of the reactor."""
        if self._chain_log is not None:
            self._chain_log.stop()
        for port in self.ports:
            maybeDeferred(port.stopListening)
        self._blocks.close()
        if self._store is not None:
            self._store.close()
        self.node = self.company = self._store = self._chain_log = None
        self.ports, self._bindings = [], []


def _unheard(peer: PeerProtocol) -> None:
    """Nobody wants to hear it."""
