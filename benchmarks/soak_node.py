"""The side of `benchmarks.soak` that is measured: a `PeerNodeService` with a book and a store in files, and a log.

`python -m benchmarks.soak_node FOLDER PEERS CALLED`: for so many inbound peers, and so many that it calls.
"""

from __future__ import annotations

import gc
import os
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any, cast

from twisted.internet.protocol import Factory
from twisted.logger import globalLogBeginner, textFileLogObserver

from benchmarks.crowd_server import ANNOUNCED, memory, obey, tell
from benchmarks.peers import NETWORK, SERVICES
from peerproto import PeerProtocol
from peerproto.networks.bitcoin import Inv
from peerproto.node.manager import PeerManager
from peerproto.node.service import PeerNodeService
from peerproto.node.slots import Limits

SHOWN = 15
"""So many places in the source are told where most memory has come to be held."""


class Soaked:
    """The node, and what is asked about it."""

    def __init__(self, reactor: Any, folder: Path, peers: int, called: int) -> None:
        self._reactor = reactor
        self._marked: tracemalloc.Snapshot | None = None
        self._service = PeerNodeService(
            reactor,
            NETWORK,
            store=str(folder / "headers.sqlite"),
            listen=["tcp:0:interface=127.0.0.1:backlog=2000"],
            services=SERVICES,
            company={
                "outbound": called,
                "book": str(folder / "book.sqlite"),
                "peers_file": str(folder / "peers.txt"),
                "limits": Limits(total=peers),
            },
        )

    @property
    def _manager(self) -> PeerManager:
        assert self._service.company is not None
        return self._service.company.manager

    def start(self) -> dict[str, Any]:
        """Begin; tells what there was before, and the port."""
        before = self.look()
        self._service.startService()
        return {"before": before, "port": cast(Any, self._service.ports[0].getHost()).port}

    def look(self) -> dict[str, Any]:
        """What the process holds now: memory in bytes, timers, descriptors, peers, those of them that are connected."""
        found = memory()
        found["python"] = tracemalloc.get_traced_memory()[0]
        found["timers"] = len(self._reactor.getDelayedCalls())
        found["files"] = len(os.listdir("/proc/self/fd"))
        found["objects"] = sum(isinstance(each, PeerProtocol) for each in gc.get_objects())
        found["here"] = len(self._manager.factory.peers) if self._service.company is not None else 0
        return found

    def broadcast(self) -> dict[str, Any]:
        """Tell all of one thing; tells when that began, to how many it goes, and who did not take it."""
        begun = time.monotonic()
        told = self._manager.broadcast(Inv([ANNOUNCED]))
        return {"begun": begun, "told": told, "dropped": self._manager.dropped}

    def stop(self) -> None:
        """End; tells what that took, and a turn later what is left."""
        begun = time.monotonic()

        def stopped(_: object) -> None:
            seconds = time.monotonic() - begun
            self._reactor.callLater(0, lambda: tell({"seconds": seconds, **self.look()}))

        self._service.stopService().addCallback(stopped)

    def mark(self) -> dict[str, Any]:
        """Remember where memory is held now."""
        self._marked = tracemalloc.take_snapshot()
        return {}

    def compare(self) -> dict[str, Any]:
        """Where more of it is held than then."""
        assert self._marked is not None
        grown = tracemalloc.take_snapshot().compare_to(self._marked, "traceback")
        most = sorted(grown, key=lambda found: -found.size_diff)[:SHOWN]
        return {"grown": [f"{found}\n" + "\n".join(found.traceback.format()) for found in most]}


def main(folder: str, peers: str, called: str) -> None:
    """Do what is commanded."""
    from twisted.internet import reactor

    log = open(Path(folder, "log.txt"), "w", encoding="utf-8")  # noqa: SIM115
    globalLogBeginner.beginLoggingTo([textFileLogObserver(log)], redirectStandardIO=False)
    # Twisted keeps a descriptor from its first port on, for the day on which there are no others.
    reactor.listenTCP(0, Factory(), interface="127.0.0.1").stopListening()  # type: ignore[attr-defined]
    node = Soaked(reactor, Path(folder), int(peers), int(called))
    commands = {
        "start": node.start,
        "look": node.look,
        "broadcast": node.broadcast,
        "stop": node.stop,
        "mark": node.mark,
        "compare": node.compare,
    }
    obey(reactor, commands)


if __name__ == "__main__":
    main(*sys.argv[1:])
