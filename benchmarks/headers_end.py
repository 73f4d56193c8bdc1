"""A node that is brought headers by a peer in memory, in a process of its own.

`python -m benchmarks.headers_end NETWORK FRAMES STORE LEAST` writes what it has measured as one line of JSON. FRAMES is
what `benchmarks.headers` has made; LEAST is how many headers must be shown before any is stored. Nothing waits: the
clock stands still, and each question is answered at once, so that what is measured is our own work.
"""

from __future__ import annotations

import hashlib
import json
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from twisted.internet.task import Clock

from benchmarks.headers import FRAME, NOW, network_of
from peerproto.network import Network
from peerproto.node.headerchain import HeaderChain
from peerproto.node.headerstore import HeaderStore
from peerproto.node.node import Node
from peerproto.testing import RawPeer

SCRYPTS = 1000
"""So many are timed before and after what they are compared with."""


def scrypts() -> float:
    """Seconds of CPU that they take, with nothing around them."""
    header, begun = bytes(80), time.process_time()
    for number in range(SCRYPTS):
        hashlib.scrypt(header, salt=number.to_bytes(80), n=1024, r=1, p=1, maxmem=1 << 20, dklen=32)
    return time.process_time() - begun


def memory() -> int:
    """The most that the system has given us yet, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def bytes_read() -> int:
    """What we have read from files yet; 0 where the system does not tell."""
    told = Path("/proc/self/io")
    return int(told.read_text().split()[1]) if told.exists() else 0


def frames(path: str) -> Iterator[bytes]:
    """One after the other."""
    with open(path, "rb") as file:
        while head := file.read(FRAME.size):
            yield file.read(*FRAME.unpack(head))


def sync(network: Network, chain: HeaderChain, path: str, height: int) -> None:
    """Let a node be brought all there is, and again from the beginning if it asks for that."""
    node = Node(Clock(), network, chain, now=lambda: NOW)
    raw = RawPeer(node.factory)
    asked, source = raw.handshake(height=height), iter(())
    genesis = network.genesis
    source = frames(path)
    while questions := [each for each in asked if isinstance(each, network.headers.asking)]:
        if network.headers.asked(questions[-1])[0][0] == genesis:
            source = frames(path)
        raw.send(next(source))
        asked = raw.read()
    assert chain.height == height, f"{chain.height} of {height} are there"


def restart(network: Network, store: str) -> dict[str, float]:
    """Open what is stored, and be ready to ask and to check the next header."""
    begun, had = time.perf_counter(), bytes_read()
    with closing(HeaderStore(store, network.chain)) as opened:
        chain = HeaderChain(opened, network.chain, lambda: NOW)
        chain.locator()
        chain.lineage_of(opened.tip)
        return {"restart": time.perf_counter() - begun, "restart_bytes": bytes_read() - had}


def main(name: str, path: str, store: str, least: str, height: str) -> None:
    """Measure."""
    network = network_of(name)
    work = network.chain.weigh(network.chain.read(network.chain.genesis)) * (int(least) + 1)
    network = replace(network, chain=replace(network.chain, least_work=work if int(least) else 0))
    beside = scrypts()
    with closing(HeaderStore(store, network.chain)) as opened:
        chain = HeaderChain(opened, network.chain, lambda: NOW)
        had, wall, cpu = memory(), time.perf_counter(), time.process_time()
        sync(network, chain, path, int(height))
        found = {"cpu": time.process_time() - cpu, "memory": memory() - had}
    found["seconds"] = time.perf_counter() - wall
    found["scrypt"] = (beside + scrypts()) / 2 / SCRYPTS
    found["file"] = Path(store).stat().st_size
    print(json.dumps({**found, **restart(network, store)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
