"""The ends of a run that are real peers: `PeerFactory`, `PeerProtocol` and a listener."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks import inputs
from benchmarks.load import Case, Load
from peerproto import PeerError, PeerFactory, PeerListener, PeerProtocol, networks

NETWORK = networks.named("bitcoin-regtest")
PVER = 70016
SERVICES = 9
"""As btcd's peers were timed: a full node, with witnesses."""


class Receiver(PeerListener):
    """Counts what it is told of.

    :param reads: whether every field of each message is read too, or it is taken as it comes.
    """

    def __init__(self, on_ready: Callable[[], None], on_lost: Callable[[str], None], *, reads: bool) -> None:
        self.count = self.pings = 0
        self._on_ready, self._on_lost = on_ready, on_lost
        take = self._take_read if reads else self._take
        self.on_inv = self.on_headers = self.on_block = self.on_tx = take

    def on_ready(self, peer: PeerProtocol) -> None:
        """The handshake is done."""
        self._on_ready()

    def on_lost(self, peer: PeerProtocol, error: PeerError) -> None:
        """The run is over."""
        self._on_lost(error.reason)

    def on_ping(self, peer: PeerProtocol, message: Any) -> None:
        """The peer answers of itself."""
        self.pings += 1

    def _take(self, peer: PeerProtocol, message: Any) -> None:
        self.count += 1

    def _take_read(self, peer: PeerProtocol, message: Any) -> None:
        message.load()
        self.count += 1


class PeerSender(PeerListener):
    """Sends one message object again and again; each time it is encoded anew."""

    def __init__(self, on_ready: Callable[[], None], on_lost: Callable[[str], None], case: Case) -> None:
        self._on_ready, self._on_lost = on_ready, on_lost
        self._message = NETWORK.codec(PVER, True).decode(inputs.frame(case.frame), strict=True)
        self._ping: Any = NETWORK.ping
        self._load: Load | None = None

    def begin(self, load: Load) -> None:
        """Start to send."""
        self._load = load
        load.begin()

    def send(self, count: int) -> None:
        """The message, so many times."""
        for _ in range(count):
            self._peer.send(self._message)

    def ping(self) -> None:
        """Always the same one: pongs come in order."""
        self._peer.send(self._ping(nonce=inputs.NONCE))

    def disconnect(self) -> None:
        """The run is over."""
        self._peer.disconnect()

    def on_ready(self, peer: PeerProtocol) -> None:
        """The handshake is done."""
        self._peer = peer
        self._on_ready()

    def on_lost(self, peer: PeerProtocol, error: PeerError) -> None:
        """The run is over."""
        self._on_lost(error.reason)

    def on_pong(self, peer: PeerProtocol, message: Any) -> None:
        """Go on."""
        if self._load is not None:
            self._load.pong()


def factory(listener: object) -> PeerFactory:
    """What makes the peers, in and out."""
    return PeerFactory(NETWORK, listener, services=SERVICES)
