"""What it costs to read and to write the golden frames of each network, hashing aside.

    python -m benchmarks.golden [--network NAME ...] [--command NAME ...] [--rounds 15] [--over] [--frames]

A frame is read (every field) and its message written again. Both together may take 5 us, and so many more for each
kilobyte (1000 bytes): `LISTS` for lists of fixed records, `OTHERS` for transactions, blocks and all else. No checksum
is computed, and what a message hashes to check itself is looked up, after the first time.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from functools import lru_cache
from importlib import import_module
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from benchmarks.codec import cpu, often_enough
from benchmarks.table import show, us
from peerproto.errors import LocalError
from peerproto.wire.codec import Codec

NETWORKS = ("bitcoin", "decred", "soter", "kaspa", "neo")
FIXED = 5e-6
"""Seconds that each frame may take, however short it is."""
LISTS, OTHERS = 15e-6, 45e-6
"""Seconds that each kilobyte may take on top."""
OF_FIXED_RECORDS = frozenset(
    (
        *("addr", "addrcache", "cfcheckpt", "cfheaders", "getblocks", "getdata", "getheaders", "headers"),
        *("initstate", "inv", "locator", "miningstate", "notfound"),
    )
)
"""The commands whose frames are lists of fixed records; NEO's headers are none, as they end in scripts."""
HEAD = ("messages", "frames", "bytes", "read us", "write us", "us/kB", "limit", "frames over")
LEAST = 0.0005
"""CPU seconds that one timing takes at least: short ones meet a moment when nothing else runs."""


class Times(NamedTuple):
    """One golden frame, and the CPU seconds that it takes; `allowed` are seconds for each kilobyte."""

    command: str
    label: str
    size: int
    allowed: float
    read: float
    write: float

    def is_over(self) -> bool:
        """Whether it takes longer than it may."""
        return self.read + self.write > FIXED + self.allowed * self.size / 1000


def unhashed(codec: Codec) -> Codec:
    """The same codec, with a checksum that costs nothing."""
    envelope = replace(codec.envelope, checksum=lambda payload: bytes(4))
    return Codec(tuple(codec.kinds.values()), envelope, codec.policy, codec.pver, codec.witness)


def measure(
    network: str, *, rounds: int, least: float = LEAST, commands: Collection[str] = ()
) -> list[Times]:
    """The golden frames of a network (of some commands), by command; the shortest of `rounds` timings of each.

    A round goes through all frames, so that a busy moment of the machine spoils one timing of each at most.
    """
    vectors: Any = import_module(f"tests.{network}_vectors")
    entries = [entry for entry in vectors.golden() if not commands or entry["command"] in commands]
    entries.sort(key=itemgetter("command"))
    jobs = [
        job for entry in entries for job in _jobs(unhashed(vectors.codec_of(entry)), vectors.frame_of(entry))
    ]
    counts = [often_enough(job, least) for job in jobs]
    passes = [[cpu(job, times) for job, times in zip(jobs, counts, strict=True)] for _ in range(rounds)]
    shortest = map(min, zip(*passes, strict=True))
    return [
        Times(
            entry["command"],
            entry["label"],
            len(vectors.frame_of(entry)),
            _allowed(network, entry),
            read,
            write,
        )
        for entry, read, write in zip(entries, shortest, shortest, strict=True)
    ]


def _allowed(network: str, entry: dict[str, Any]) -> float:
    fixed = entry["command"] in OF_FIXED_RECORDS and (network, entry["command"]) != ("neo", "headers")
    return LISTS if fixed else OTHERS


def _jobs(codec: Codec, whole: bytes) -> tuple[Callable[[], object], Callable[[], object]]:
    """Reads and writes a frame; a few messages are read but, being too long, not written."""
    frame = whole[:20] + bytes(4) + whole[24:]
    message = codec.decode(frame)

    def write() -> object:
        try:
            return codec.encode(message)
        except LocalError:
            return None

    return lambda: codec.decode(frame), write


def hash_once() -> None:
    """Reading a NEO block hashes its transactions; let that be looked up."""
    blocks: Any = import_module("peerproto.networks.neo.blocks")
    blocks.sha256d = lru_cache(maxsize=4096)(blocks.sha256d)


def row(name: str, times: list[Times]) -> tuple[str, ...]:
    """A line of the table: all these frames together."""
    size = sum(item.size for item in times)
    read, write = sum(item.read for item in times), sum(item.write for item in times)
    beyond = max(0.0, read + write - FIXED * len(times)) / size * 1000
    over = sum(item.is_over() for item in times)
    return (
        name,
        f"{len(times)}",
        f"{size:,}",
        us(read),
        us(write),
        us(beyond),
        us(times[0].allowed),
        f"{over}",
    )


def rows(
    network: str, measured: list[Times], *, over: bool = False, frames: bool = False
) -> Iterator[tuple[str, ...]]:
    """The lines of a network: its commands, or single frames; all of them, or those over their limits; then totals."""
    key = (lambda item: item.label) if frames else (lambda item: item.command)
    for name, group in groupby(measured, key):
        times = list(group)
        if not over or any(item.is_over() for item in times):
            yield row(f"{network} {name}", times)
    for allowed, name in ((LISTS, "all lists"), (OTHERS, "all others")):
        times = [item for item in measured if item.allowed == allowed]
        if times:
            yield row(f"{network}: {name}", times)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="CPU time of the golden frames, hashing aside")
    parser.add_argument("--network", choices=NETWORKS, action="append", help="only this; repeatable")
    parser.add_argument("--command", action="append", default=[], help="only this; repeatable")
    parser.add_argument("--rounds", type=int, default=15, help="timings of each; the shortest counts")
    parser.add_argument("--over", action="store_true", help="leave out what is within its limit")
    parser.add_argument("--frames", action="store_true", help="a line for each frame, not for each command")
    options = parser.parse_args()
    hash_once()
    lines: list[tuple[str, ...]] = []
    for network in options.network or NETWORKS:
        measured = measure(network, rounds=options.rounds, commands=options.command)
        lines += rows(network, measured, over=options.over, frames=options.frames)
    print(show(HEAD, lines))


if __name__ == "__main__":
    main()
