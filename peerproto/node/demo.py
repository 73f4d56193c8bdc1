"""The demonstration: two nodes on loopback; one serves what it has made, the other syncs it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TextIO, cast

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred, succeed
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from peerproto import networks
from peerproto.chain.rules import display
from peerproto.errors import LocalError, PeerError
from peerproto.network import Network
from peerproto.node.growing import NOW, fault_of, grow, nets_that_grow
from peerproto.node.keeping import Chain, count_of, kept_in_memory, what_is_kept
from peerproto.node.node import Node
from peerproto.node.patience import Patience
from peerproto.node.report import ProgressLine, peer_table
from peerproto.peer.connecting import connect, listen
from peerproto.peer.factory import Nonces
from peerproto.peer.logs import Logger
from peerproto.peer.protocol import PeerProtocol

NETWORK = "bitcoin-regtest"
AMOUNTS = {"headers": 6000, "blocks": 600}
"""How much is to be synced."""

MINING = 5.0
"""Seconds after which no more is made: a slow proof of work makes a shorter chain."""

PATIENCE = 15.0
"""Seconds without any progress after which the demonstration has failed."""


class DemoService(Service):
    """Runs the demonstration once. The constructor raises LocalError for a network on which there is nothing to show.

    :param leave: called at the end with an exit code, which is 0 if both nodes have the same.
    :param network: the one to show. :param amount: how much to make at most.
    :param out: where to show it; by default the process's standard output, past Twisted's log.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        leave: Callable[[int], object],
        *,
        network: Network | None = None,
        amount: int | None = None,
        out: TextIO | None = None,
    ) -> None:
        self.reactor = reactor
        self.network = network = network or networks.named(NETWORK)
        fault = fault_of(network)
        if fault:
            others = nets_that_grow(network.name.partition("-")[0])
            raise LocalError(f"{fault}; {', '.join(others) or 'no net of this network'} can be shown")
        self._what = what_is_kept(network)
        self._amount = AMOUNTS[self._what] if amount is None else amount
        self._leave = leave
        self._out: TextIO = out or cast(TextIO, sys.__stdout__)
        self._line = ProgressLine(self._out, self._what, every=max(self._amount // 6, 1))
        self._patience = Patience(reactor, PATIENCE, f"no {self._what} came")
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
        network = self.network
        with kept_in_memory(network, NOW) as made, kept_in_memory(network, NOW) as synced:
            await self._make(made)
            server, client = self._node(made, "server"), self._client(synced)
            port: Any = await listen(self.reactor, "tcp:0:interface=127.0.0.1", server.factory)
            try:
                await self._sync(server, client, f"127.0.0.1:{port.getHost().port}")
            finally:
                await _end(client)
                await _ended(server)
                await maybeDeferred(port.stopListening)

    async def _make(self, chain: Chain) -> None:
        """Fill a chain or a graph, and let the reactor do other things meanwhile."""
        sync = self.network.graph_sync
        work = " (without their work, which takes minutes)" if sync and not sync.grows_work else ""
        self._say(f"Making up to {self._amount} {self._what} of {self.network.name}{work} ...")
        until = self.reactor.seconds() + MINING
        for _ in grow(self.network, chain, self._amount):
            await deferLater(self.reactor, 0)
            if self.reactor.seconds() >= until:
                return

    async def _sync(self, server: Node, client: Node, where: str) -> None:
        peer = await connect(self.reactor, where, client.factory)
        begun = self.reactor.seconds()
        self._say(f"Connected to {peer.address}; shaking hands and syncing {self._what} ...")
        await self._patience.until(
            client.follower.synced.when(), peer.when_disconnected(), client.trouble.happened.when()
        )
        seconds = self.reactor.seconds() - begun
        self._line.end()
        there, here = server.chain, client.chain
        if here.tip != there.tip:
            raise LocalError(f"what was synced ends at {here.height}, not at {there.height}")
        self._say(f"Synced {count_of(here)} {self._what} in {seconds:.2f} s, tip {display(here.tip)}\n")
        await self._tell(peer, *server.factory.peers.values())

    async def _tell(self, *peers: PeerProtocol) -> None:
        """Show what each side saw of the other."""
        for peer in peers:
            await peer.ping()
        self._say(f"{peer_table([peer.snapshot() for peer in peers])}\n")

    def _client(self, chain: Chain) -> Node:
        def progressed(peer: PeerProtocol) -> None:
            self._patience.renew()
            self._line.show(node.so_far(), node.total(peer))

        node = self._node(chain, "client", progressed=progressed)
        return node

    def _node(self, chain: Chain, name: str, **options: Any) -> Node:
        """A node that takes the other one of its process for somebody else."""
        sync = self.network.graph_sync
        if sync is not None and not sync.grows_work:
            options["follower"] = {"proven": False}
        agent = f"/demo-{name}:1.0/"
        return Node(self.reactor, self.network, chain, user_agent=agent, nonces=Nonces(), **options)

    def _say(self, text: str) -> None:
        self._out.write(f"{text}\n")
        self._out.flush()


async def _end(node: Node) -> None:
    for peer in list(node.factory.peers.values()):
        peer.disconnect()
    await _ended(node)


async def _ended(node: Node) -> None:
    for peer in list(node.factory.peers.values()):
        await peer.when_disconnected()
