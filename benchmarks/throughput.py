"""Messages a second over loopback, between two processes: the floor and peerproto, taking turns.

    python -m benchmarks.throughput [--case NAME ...] [--scale 0.1] [--rounds 5] [--json FILE]

Columns: `peerproto` and `read` receive from the floor's sender, so that they are what is measured; `read` has
a listener that looks at every field of each message, where `peerproto` hands messages over as they came.
`both ends` has peerproto's sender too, which encodes each message anew. `us` are CPU microseconds per
message: of the receivers, and of peerproto's sender.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from subprocess import PIPE, Popen, run

from benchmarks import inputs
from benchmarks.load import CASES, Case
from benchmarks.table import show, us

ROOT = Path(__file__).parent.parent
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(64 << 20), "MALLOC_TRIM_THRESHOLD_": str(256 << 20)}
"""Has glibc keep what is freed. Else it is the luck of each process's heap whether every megabyte of payload
is mapped and faulted in anew, which costs more than its two hashes."""
ENV = {**os.environ, **KEEP_MEMORY}
LIMIT = 330.0
"""Seconds that a process may take; above what it allows itself."""


@dataclass(frozen=True)
class Setup:
    """Who receives and who sends."""

    receiver: str
    sender: str


SETUPS = {
    "floor": Setup("floor", "floor"),
    "peerproto": Setup("peerproto", "floor"),
    "read": Setup("read", "floor"),
    "both": Setup("peerproto", "peerproto"),
}
HEAD = (
    "case", "frame bytes", "N", "floor/s", "peerproto/s", "ratio", "MB/s", "read/s", "both ends/s",
    "floor us", "peerproto us", "read us", "sender us",
)  # fmt: skip


@dataclass(frozen=True)
class Sample:
    """One run.

    :ivar seconds: from the first message to the pong behind the last.
    :ivar received: CPU seconds of the receiver. :ivar sent: CPU seconds of the sender.
    """

    seconds: float
    received: float
    sent: float


@dataclass(frozen=True)
class Figures:
    """A case in one setup: all samples, in the order in which they were taken."""

    case: str
    setup: str
    frame_bytes: int
    count: int
    samples: list[Sample]

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.count / median(sample.seconds for sample in self.samples)

    @property
    def cpu(self) -> float:
        """CPU seconds of the receiver, per message."""
        return median(sample.received for sample in self.samples) / self.count

    @property
    def cpu_sender(self) -> float:
        """CPU seconds of the sender, per message."""
        return median(sample.sent for sample in self.samples) / self.count

    def beside(self, other: Figures) -> float:
        """How many times as fast this is: the median over the rounds, in each of which both ran one after the other.

        The machine's own speed drifts more from round to round than between two runs of one.
        """
        pairs = zip(self.samples, other.samples, strict=True)
        return median(theirs.seconds / ours.seconds for ours, theirs in pairs)

    def plain(self) -> dict[str, object]:
        """For JSON."""
        derived = {"rate": self.rate, "cpu": self.cpu, "cpu_sender": self.cpu_sender}
        return {**asdict(self), **derived, "megabytes": self.rate * self.frame_bytes / 1e6}


def sample(case: Case, setup: Setup, count: int) -> Sample:
    """One run of two processes. Raises RuntimeError if not everything has arrived."""
    end = [sys.executable, "-m", "benchmarks.end"]
    with Popen([*end, "receive", setup.receiver], stdout=PIPE, text=True, cwd=ROOT, env=ENV) as receiver:
        try:
            assert receiver.stdout is not None
            port = json.loads(receiver.stdout.readline())["port"]
            command = [*end, "send", setup.sender, case.name, str(count), str(port)]
            sent = json.loads(_output(command))
            received = json.loads(receiver.communicate(timeout=LIMIT)[0])
        finally:
            receiver.kill()
    if "seconds" not in sent or received.get("pings" if case.is_ping else "count") != count:
        raise RuntimeError(f"{case.name}: {count} messages were to come: {sent}, {received}")
    return Sample(sent["seconds"], received["cpu"], sent["cpu"])


def _output(command: list[str]) -> str:
    return run(command, stdout=PIPE, text=True, cwd=ROOT, env=ENV, timeout=LIMIT, check=True).stdout


def measure(case: Case, *, scale: float, rounds: int) -> dict[str, Figures]:
    """All setups of a case, in turns, so that a busy moment of the machine hits all alike."""
    count = max(1, round(case.count * scale))
    samples: dict[str, list[Sample]] = {name: [] for name in SETUPS}
    for _ in range(rounds * case.repeats):
        for name, setup in SETUPS.items():
            samples[name].append(sample(case, setup, count))
    size = len(inputs.frame(case.frame))
    return {name: Figures(case.name, name, size, count, found) for name, found in samples.items()}


def row(figures: dict[str, Figures]) -> tuple[str, ...]:
    """A line of the table."""
    floor, peer, read, both = (figures[name] for name in SETUPS)
    return (
        floor.case,
        f"{floor.frame_bytes:,}",
        f"{floor.count:,}",
        f"{floor.rate:,.0f}",
        f"{peer.rate:,.0f}",
        f"{peer.beside(floor):.2f}",
        f"{peer.rate * peer.frame_bytes / 1e6:,.1f}",
        f"{read.rate:,.0f}",
        f"{both.rate:,.0f}",
        us(floor.cpu),
        us(peer.cpu),
        us(read.cpu),
        us(both.cpu_sender),
    )


def main() -> None:
    """Measure, print, and write JSON if asked."""
    parser = argparse.ArgumentParser(description="messages a second between two processes on this machine")
    parser.add_argument("--case", choices=CASES, action="append", help="only this case; repeatable")
    parser.add_argument("--scale", type=float, default=1.0, help="times as many messages as btcd was given")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each; the median counts")
    parser.add_argument("--json", metavar="FILE", help="where all samples are written to")
    options = parser.parse_args()
    cases = [CASES[name] for name in options.case or CASES]
    found = [measure(case, scale=options.scale, rounds=options.rounds) for case in cases]
    print(show(HEAD, map(row, found)))
    if options.json:
        with open(options.json, "w", encoding="ascii") as file:
            json.dump([figures.plain() for case in found for figures in case.values()], file, indent=1)


if __name__ == "__main__":
    main()
