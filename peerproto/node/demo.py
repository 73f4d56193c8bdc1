"""The demonstration: two nodes on loopback; one serves a chain that it has mined, the other syncs it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from peerproto import networks
from peerproto.chain.rules import display
from peerproto.errors import LocalError, PeerError
from peerproto.network import Network
from peerproto.node.headerchain import HeaderChain
from peerproto.node.headerstore import HeaderStore
from peerproto.node.mining import mine
from peerproto.node.node import Node
from peerproto.node.patience import Patience
from peerproto.node.report import ProgressLine, peer_table
from peerproto.peer.connecting import connect, listen
from peerproto.peer.factory import Nonces
from peerproto.peer.protocol import PeerProtocol

HEIGHT = 6000
PATIENCE = 15.0
"""Seconds without any progress after which the demonstration has failed."""

NOW = 2e9
"""The time that both nodes go by, in seconds since 1970: late enough for every header that is mined."""


class DemoService(Service):
    """Runs the demonstration once.

    :param leave: called at the end with an exit code, which is 0 if both nodes have the same chain.
    :param height: how many headers to mine.
    :param out: where to show it; by default the process's standard output, past Twisted's log.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        leave: Callable[[int], object],
        *,
        height: int = HEIGHT,
        out: TextIO | None = None,
    ) -> None:
        self.reactor = reactor
        self.height = height
        self._leave = leave
        self._out: TextIO = out or cast(TextIO, sys.__stdout__)
        self._line = ProgressLine(self._out)
        self._patience = Patience(reactor, PATIENCE, "no headers came")
        self._showing: Deferred[None] = succeed(None)

    def startService(self) -> None:
        """Begin as soon as the reactor runs."""
        super().startService()  # type: ignore[no-untyped-call]
        self.reactor.callWhenRunning(self._begin)

    def stopService(self) -> Deferred[None]:
        """End it, wherever it is."""
        super().stopService()  # type: ignore[no-untyped-call]
        ended: Deferred[None] = Deferred()
        self._showing.addBoth(ended.callback)
        self._showing.cancel()
        return ended

    def _begin(self) -> None:
        if not self.running:  # it was stopped before the reactor ran
            return
        showing = self._showing = Deferred.fromCoroutine(self._show())
        showing.addCallbacks(lambda _: 0, self._why).addCallback(self._leave).addCallback(lambda _: None)

    def _why(self, failure: Failure) -> int:
        """Say what went wrong; of our own bugs, all that is known."""
        self._line.end()
        if failure.check(CancelledError):
            self._say("interrupted")
        elif failure.check(PeerError, LocalError):
            self._say(f"failed: {failure.getErrorMessage()}")
        else:
            self._log.failure("the demonstration failed", failure=failure)
        return 1

    async def _show(self) -> None:
        network = networks.named("bitcoin-regtest")
        with _chain(network) as mined, _chain(network) as synced:
            server, client = _node(self.reactor, network, mined, "server"), self._client(network, synced)
            self._say(f"Mining {self.height} headers of {network.name} ...")
            mined.add(list(mine(network.chain, self.height)))
            port: Any = await listen(self.reactor, "tcp:0:interface=127.0.0.1", server.factory)
            try:
                await self._sync(server, client, f"127.0.0.1:{port.getHost().port}")
            finally:
                await _end(client)
                await _ended(server)
                await maybeDeferred(port.stopListening)

    async def _sync(self, server: Node, client: Node, where: str) -> None:
        peer = await connect(self.reactor, where, client.factory)
        begun = self.reactor.seconds()
        self._say(f"Connected to {peer.address}; shaking hands and syncing headers ...")
        await self._patience.until(
            client.follower.synced.when(), peer.when_disconnected(), client.trouble.happened.when()
        )
        seconds = self.reactor.seconds() - begun
        self._line.end()
        if client.chain.tip != server.chain.tip:
            raise LocalError(f"the chain that was synced ends at {client.chain.height}, not at {self.height}")
        self._say(
            f"Synced {client.chain.height} headers in {seconds:.2f} s, tip {display(client.chain.tip)}\n"
        )
        await self._tell(peer, *server.factory.peers.values())

    async def _tell(self, *peers: PeerProtocol) -> None:
        """Show what each side saw of the other."""
        for peer in peers:
            await peer.ping()
        self._say(f"{peer_table([peer.snapshot() for peer in peers])}\n")

    def _client(self, network: Network, chain: HeaderChain) -> Node:
        def progressed(peer: PeerProtocol) -> None:
            self._patience.renew()
            self._line.show(chain.height, peer.theirs.height if peer.theirs else 0)

        return _node(self.reactor, network, chain, "client", progressed=progressed)

    def _say(self, text: str) -> None:
        self._out.write(f"{text}\n")
        self._out.flush()


@contextmanager
def _chain(network: Network) -> Iterator[HeaderChain]:
    store = HeaderStore(":memory:", network.chain)
    try:
        yield HeaderChain(store, network.chain, lambda: NOW)
    finally:
        store.close()


def _node(reactor: Any, network: Network, chain: HeaderChain, name: str, **options: Any) -> Node:
    """A node that takes the other one of its process for somebody else."""
    agent = f"/demo-{name}:1.0/"
    return Node(reactor, network, chain, user_agent=agent, nonces=Nonces(), **options)


async def _end(node: Node) -> None:
    for peer in list(node.factory.peers.values()):
        peer.disconnect()
    await _ended(node)


async def _ended(node: Node) -> None:
    for peer in list(node.factory.peers.values()):
        await peer.when_disconnected()
