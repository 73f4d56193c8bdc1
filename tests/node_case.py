"""What the tests of nodes share: headers to fill a chain with, nodes on a clock, peers that are played by hand."""

from __future__ import annotations

from functools import cache
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.networks.bitcoin import GetHeaders
from peerproto.node.headerchain import HeaderChain
from peerproto.node.headerstore import HeaderStore
from peerproto.node.mining import mine
from peerproto.node.node import Node
from peerproto.peer.factory import Nonces
from peerproto.testing import RawPeer
from peerproto.wire.message import Message

NETWORK = networks.named("bitcoin-regtest")
NOW = 1_600_000_000.0


@cache
def mined(count: int, salt: bytes = b"", after: int = 0) -> list[bytes]:
    """So many headers, after genesis or after a height of the chain without salt; other salt, other headers."""
    start = mined(after)[-1] if after else None
    return list(mine(NETWORK.chain, count, salt=salt, start=start, height=after))


def bring(headers: list[bytes]) -> Message:
    """The message that brings serialized headers."""
    return NETWORK.headers.bring(headers)


class NodeCase(SynchronousTestCase):
    """Makes nodes and peers of theirs, and looks after each test whether a timer or a peer is left."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000.3)
        self._raws: list[RawPeer] = []
        self.logged: list[str] = []

        def observe(event: Any) -> None:
            text = str(event.get("log_format", ""))
            self.logged.append(text.format_map(event) if event.get("log_format") else "")

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)

    def tearDown(self) -> None:
        """No timer and no peer outlives its connection."""
        for raw in self._raws:
            if raw.peer.id in raw.peer.factory.peers:
                raw.close()
        for raw in self._raws:
            self.assertEqual(raw.peer.factory.peers, {})
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def turn(self) -> None:
        """One turn of the reactor: what is added meanwhile waits for the next."""
        due = [call for call in self.clock.getDelayedCalls() if call.getTime() <= self.clock.seconds()]
        for call in due:
            work, arguments = call.func, call.args  # type: ignore[attr-defined]
            call.cancel()
            work(*arguments)

    def chain(self, headers: list[bytes] | None = None) -> HeaderChain:
        """A chain in memory."""
        store = HeaderStore(":memory:", NETWORK.chain)
        self.addCleanup(store.close)
        chain = HeaderChain(store, NETWORK.chain, lambda: NOW)
        if headers:
            chain.add(headers)
        return chain

    def node(
        self, headers: list[bytes] | None = None, *, chain: HeaderChain | None = None, **options: Any
    ) -> Node:
        """A node with these headers, or with a chain that is there already."""
        options = {"now": lambda: NOW, "nonces": Nonces(), **options}
        return Node(self.clock, options.pop("network", NETWORK), chain or self.chain(headers), **options)

    def raw(self, node: Node, *, inbound: bool = False, host: str = "") -> RawPeer:
        """The other side of a new connection."""
        raw = RawPeer(node.factory, inbound=inbound)
        if host:
            place = IPv4Address("TCP", host, 8333)
            self.patch(raw.transport, "getPeer", lambda: place)
        self._raws.append(raw)
        return raw

    def peer(self, node: Node, *, inbound: bool = False, host: str = "", **says: Any) -> RawPeer:
        """The same, once it has shaken hands; what the node wrote until then, its first question too, is not read."""
        raw = self.raw(node, inbound=inbound, host=host)
        raw.handshake(**says)
        return raw


def asked(raw: RawPeer) -> list[GetHeaders]:
    """The questions for headers that have come since the last reading."""
    return [message for message in raw.read() if isinstance(message, GetHeaders)]
