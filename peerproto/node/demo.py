"""The demonstration: two nodes on loopback; one serves a chain that it has mined, the other syncs it."""

from __future__ import annotations

import os
import sys
import time
from typing import Any, TextIO, cast

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString

from peerproto import networks
from peerproto.chain.rules import display
from peerproto.node.headerchain import HeaderChain
from peerproto.node.headerstore import HeaderStore
from peerproto.node.mining import mine
from peerproto.node.node import Node
from peerproto.node.report import ProgressLine, peer_table
from peerproto.peer.connecting import connect
from peerproto.peer.factory import Nonces
from peerproto.peer.protocol import PeerProtocol

HEIGHT = 6000
PATIENCE = 60.0
"""Seconds after which the demonstration has failed."""


class DemoService(Service):
    """Runs the demonstration and ends the reactor; the exit code is 0 if both chains are the same at the end.

    :param out: where to show it; log lines go to Twisted's log as ever.
    """

    def __init__(self, reactor: Any, *, height: int = HEIGHT, out: TextIO | None = None) -> None:
        self.reactor = reactor
        self.height = height
        self._out: TextIO = out or cast(TextIO, sys.__stdout__)
        self._line = ProgressLine(self._out)
        self._failed = True

    def startService(self) -> None:
        """Begin as soon as the reactor runs."""
        super().startService()  # type: ignore[no-untyped-call]
        self.reactor.callWhenRunning(self._begin)

    def _begin(self) -> None:
        running = Deferred.fromCoroutine(self._run())
        running.addTimeout(PATIENCE, self.reactor)
        running.addErrback(lambda failure: self._say(f"failed: {failure.getErrorMessage()}"))
        running.addBoth(lambda _: self._end())

    async def _run(self) -> None:
        network = networks.named("bitcoin-regtest")
        self._say(f"Mining {self.height} headers of {network.name} ...")
        server, client = self._node(network, "/demo-server:1.0/"), self._node(network, "/demo-client:1.0/")
        self._client = client
        server.chain.add(list(mine(network.chain, self.height)), now=2e9)
        listening = serverFromString(self.reactor, "tcp:0:interface=127.0.0.1").listen(
            server.factory.inbound()
        )
        port = await listening
        begun = time.monotonic()
        peer = await connect(self.reactor, f"127.0.0.1:{port.getHost().port}", client.factory)
        self._say(f"Connected to {peer.address}; shaking hands and syncing headers ...")
        await client.follower.synced.when()
        seconds = time.monotonic() - begun
        self._line.end()
        (remote,) = server.factory.peers.values()
        await peer.ping()
        await remote.ping()
        self._say(
            f"Synced {client.chain.height} headers in {seconds:.2f} s, tip {display(client.chain.tip)}\n"
        )
        self._say(peer_table([peer.snapshot(), remote.snapshot()]))
        self._failed = client.chain.tip != server.chain.tip
        peer.disconnect()
        await peer.when_disconnected()
        await remote.when_disconnected()
        await port.stopListening()

    def _node(self, network: Any, user_agent: str) -> Node:
        chain = HeaderChain(HeaderStore(":memory:", network.chain), network.chain, lambda: 2e9)
        return Node(
            self.reactor, network, chain, progressed=self._progress, user_agent=user_agent, nonces=Nonces()
        )

    def _progress(self, peer: PeerProtocol) -> None:
        if peer.theirs is not None:
            self._line.show(self._client.chain.height, peer.theirs.height)

    def _say(self, text: str) -> None:
        self._out.write(f"{text}\n")
        self._out.flush()

    def _end(self) -> None:
        if self._failed:
            self.reactor.addSystemEventTrigger("after", "shutdown", _exit_failed)
        self.reactor.stop()


def _exit_failed() -> None:
    """twistd knows no exit code of its own; all is closed by now."""
    sys.stdout.flush()
    os._exit(1)
