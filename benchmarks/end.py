"""One end of a run, in a process of its own.

`python -m benchmarks.end receive KIND` writes the port it listens on, then what it counted, as JSON lines;
`python -m benchmarks.end send KIND CASE COUNT PORT` writes how long it took. KIND is floor, peerproto or,
for a receiver that looks at every field, read.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint, connectProtocol
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory

from benchmarks.floor import Floor, FloorSender
from benchmarks.load import CASES, REST, Case, Load

LIMIT = 300.0
"""Seconds, after which an end gives up."""


class Watch:
    """What an end measures of itself, from the handshake to the end of the connection; then it stops."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self.result: dict[str, Any] = {}
        self._cpu = 0.0
        reactor.callLater(LIMIT, reactor.stop)

    def ready(self) -> None:
        """The handshake is done."""
        self._cpu = time.process_time()

    def lost(self, why: str) -> None:
        """The connection has ended."""
        self.result |= {"cpu": time.process_time() - self._cpu, "why": why}
        self._reactor.stop()


def receive(reactor: Any, kind: str) -> Watch:
    """Listen on a port of the system's choice, for one connection."""
    watch = Watch(reactor)

    def lost(why: str) -> None:
        watch.result |= {"count": end.count, "pings": end.pings}
        watch.lost(why)

    end: Any
    if kind == "floor":
        end = Floor(watch.ready, lost)
        factory = Factory.forProtocol(lambda: end)
    else:
        from benchmarks import peers

        end = peers.Receiver(watch.ready, lost, reads=kind == "read")
        factory = peers.factory(end).inbound()
    TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(factory).addCallback(_tell_port)
    return watch


def _tell_port(port: IListeningPort) -> None:
    print(json.dumps({"port": port.getHost().port}), flush=True)  # type: ignore[attr-defined]


def send(reactor: Any, kind: str, case: Case, count: int, port: int) -> Watch:
    """Connect, send, and note the seconds from the first message to the last pong."""
    watch = Watch(reactor)
    began = 0.0

    def ready() -> None:
        watch.ready()
        reactor.callLater(REST, begin)

    def begin() -> None:
        nonlocal began
        began = time.perf_counter()
        end.begin(Load(case, count, end, done))

    def done() -> None:
        watch.result["seconds"] = time.perf_counter() - began
        end.disconnect()

    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", port)
    end: Any
    if kind == "floor":
        end = FloorSender(ready, watch.lost, case, count)
        connectProtocol(endpoint, end)
    else:
        from benchmarks import peers

        end = peers.PeerSender(ready, watch.lost, case)
        endpoint.connect(peers.factory(end))
    return watch


def main(role: str, kind: str, *rest: str) -> None:
    """Run one end."""
    from twisted.internet import reactor

    if role == "receive":
        watch = receive(reactor, kind)
    else:
        name, count, port = rest
        watch = send(reactor, kind, CASES[name], int(count), int(port))
    reactor.run()
    print(json.dumps(watch.result), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
