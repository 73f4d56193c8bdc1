"""The side of `benchmarks.crowd` that is measured: one `PeerFactory` that listens."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable
from typing import Any

from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.interfaces import IListeningPort
from twisted.internet.stdio import StandardIO
from twisted.protocols.basic import LineOnlyReceiver

from benchmarks.peers import NETWORK
from peerproto import PeerFactory
from peerproto.networks.bitcoin import InvVect

ANNOUNCED = InvVect(1, b"\x99" * 32)


class Commands(LineOnlyReceiver):
    """A line is a command, with a word for it behind a colon; what it gives is told as a line of JSON, unless that is
    nothing.
    """

    delimiter = b"\n"

    def __init__(self, reactor: Any, commands: dict[str, Callable[..., dict[str, Any] | None]]) -> None:
        self._reactor = reactor
        self._commands = commands

    def lineReceived(self, line: bytes) -> None:
        """Do it."""
        name, _, word = line.decode().partition(":")
        found = self._commands[name](*filter(None, [word]))
        if found is not None:
            tell(found)

    def connectionLost(self, reason: Any = None) -> None:
        """Nobody commands any more."""
        self._reactor.stop()


def obey(reactor: Any, commands: dict[str, Callable[..., dict[str, Any] | None]]) -> None:
    """Do what standard input says, until its end."""
    StandardIO(Commands(reactor, commands))
    reactor.run()


def tell(found: dict[str, Any]) -> None:
    """A line of JSON."""
    print(json.dumps(found), flush=True)


def memory() -> dict[str, Any]:
    """What the process holds in memory now, in bytes."""
    gc.collect()
    with open("/proc/self/statm", encoding="ascii") as file:
        return {"bytes": int(file.read().split()[1]) * 4096}


def main() -> None:
    """Serve until nobody commands any more."""
    from twisted.internet import reactor

    factory = PeerFactory(NETWORK, clock=reactor)  # type: ignore[arg-type]

    def known() -> dict[str, Any]:
        for peer in factory.peers.values():
            peer.is_known_inventory(ANNOUNCED)
        return memory()

    def broadcast() -> dict[str, Any]:
        begun = time.monotonic()
        for peer in factory.peers.values():
            peer.queue_inventory_immediate(ANNOUNCED)
        return {"begun": begun}

    def bound(port: IListeningPort) -> None:
        tell({"port": port.getHost().port})  # type: ignore[attr-defined]

    endpoint = TCP4ServerEndpoint(reactor, 0, backlog=2000, interface="127.0.0.1")
    endpoint.listen(factory.inbound()).addCallback(bound)
    obey(reactor, {"memory": memory, "known": known, "broadcast": broadcast})


if __name__ == "__main__":
    main()
