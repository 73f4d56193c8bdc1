"""How fast headers are checked and stored, in what memory, and how much of them a restart reads.

    python -m benchmarks.headers [--scale 0.1] [--rounds 3]

A node in a process of its own is brought a chain of headers by a peer in memory, in frames made beforehand. On a `shown
first` line the chain must show all its work before any of it is stored, so it is brought twice. `of scrypt` compares
with the rate at which the same process does nothing but scrypt.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from struct import Struct
from subprocess import PIPE, run
from tempfile import TemporaryDirectory

from benchmarks.table import show
from benchmarks.throughput import ENV, LIMIT, ROOT
from peerproto import networks
from peerproto.network import Network
from peerproto.node.mining import mine

FRAME = Struct("<I")
"""In a file of frames before each: how many bytes it has."""

NOW = 2e9
"""The time that the node goes by, in seconds since 1970: after all headers."""

HEAD = (
    "case",
    "headers",
    "headers/s",
    "headers/CPU s",
    "of scrypt",
    "memory, bytes each",
    "file, bytes each",
    "restart ms",
    "restart KiB",
)
GOALS = ("to reach", "", "50,000", "", "0.80", "under 200", "", "", "")


@dataclass(frozen=True)
class Case:
    """What is brought: headers of a network, so many at scale 1; and whether their work must be shown first."""

    name: str
    network: str
    count: int
    first: bool = False

    @property
    def is_scrypt(self) -> bool:
        """Whether scrypt is what it mostly does."""
        return self.network.startswith("litecoin")


CASES = (
    Case("sha256d", "bitcoin-regtest", 1_000_000),
    Case("sha256d, shown first", "bitcoin-regtest", 1_000_000, first=True),
    Case("scrypt", "litecoin-regtest", 10_000),
    Case("scrypt, shown first", "litecoin-regtest", 10_000, first=True),
)


def network_of(name: str) -> Network:
    """As a node that follows it has it."""
    return networks.named(name, policy="core")


def make(name: str, count: int, path: Path) -> None:
    """Write frames that bring so many headers, the same each time; the last is not full, or empty."""
    network = network_of(name)
    sync, codec = network.headers, network.codec()
    headers = mine(network.chain, count, spacing=1)
    with path.open("wb") as file:
        full = True
        while full:
            batch = list(islice(headers, sync.most))
            frame = codec.encode(sync.bring(batch))
            file.write(FRAME.pack(len(frame)) + frame)
            full = len(batch) == sync.most


def sample(case: Case, count: int, frames: Path) -> dict[str, float]:
    """One run: seconds, CPU seconds, bytes."""
    with TemporaryDirectory() as folder:
        least = count if case.first else 0
        arguments = [case.network, str(frames), str(Path(folder, "headers")), str(least), str(count)]
        command = [sys.executable, "-m", "benchmarks.headers_end", *arguments]
        done = run(command, stdout=PIPE, text=True, cwd=ROOT, env=ENV, timeout=LIMIT, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def row(case: Case, count: int, samples: Sequence[dict[str, float]]) -> tuple[str, ...]:
    """A line of the table, each figure the median of its own."""

    def middle(name: str) -> float:
        return median(found[name] for found in samples)

    ratio = median(found["scrypt"] * count / found["cpu"] for found in samples)
    return (
        case.name,
        f"{count:,}",
        f"{count / middle('seconds'):,.0f}",
        f"{count / middle('cpu'):,.0f}",
        f"{ratio:.2f}" if case.is_scrypt else "",
        f"{middle('memory') / count:,.0f}",
        f"{middle('file') / count:,.0f}",
        f"{middle('restart') * 1000:.2f}",
        f"{middle('restart_bytes') / 1024:,.0f}",
    )


def table(*, scale: float, rounds: int) -> str:
    """All cases."""
    rows = []
    with TemporaryDirectory() as folder:
        for case in CASES:
            count, frames = max(1, round(case.count * scale)), Path(folder, case.network)
            if not frames.exists():
                make(case.network, count, frames)
            rows.append(row(case, count, [sample(case, count, frames) for _ in range(rounds)]))
    return show(HEAD, [*rows, GOALS])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="headers checked and stored in a second")
    parser.add_argument("--scale", type=float, default=1.0, help="times as many headers")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each; the median counts")
    options = parser.parse_args()
    print(table(scale=options.scale, rounds=options.rounds))


if __name__ == "__main__":
    main()
