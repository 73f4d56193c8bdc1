"""Whether a node can be left running: a thousand peers that come and go, and what the node holds before and after.

    python -m benchmarks.soak [--minutes 10] [--peers 1000] [--churn 10] [--trace 1] [--json FILE]

One process has the node, a `PeerNodeService` with its book, store and log in files; another plays all its peers, each
from an address of its own (127.0.0.0/8, so it needs Linux). Ends with exit code 1 if a limit is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from benchmarks.crowd import End
from benchmarks.table import show

HEAD = ("what", "before", "after", "found", "at most")
EVERY = 5.0
"""Seconds between two looks at the node."""

LOOKS = 5
"""Memory is the median of so many looks: it goes up and down with who is there."""

WARM_UP, HASTE = 2.0, 4.0
"""Minutes of churn before the first look, or a fifth of the minutes if that is less; and how much faster it goes: what
is remembered of who was here (some thousand addresses) is to be full by then."""

ROUNDS = 5
"""So many things are told to all; the median counts."""

CALLED, CALLABLE = 8, 16
"""How many the node calls, and how many places it knows for that."""

SPARE = 100
"""Descriptors that a process needs beside those of its peers."""

Look = dict[str, Any]
TRACED = "MB of Python's objects"
RUNNING: dict[str, tuple[float, Callable[[Look], float]]] = {
    "MB of the process": (5.0, lambda look: look["bytes"] / 1e6),
    TRACED: (5.0, lambda look: look["python"] / 1e6),
    "timers for each peer": (0.5, lambda look: look["timers"] / look["objects"]),
    "descriptors beside those of peers": (20, lambda look: look["files"] - look["objects"]),
    "peers in memory that are gone": (20, lambda look: look["objects"] - look["here"]),
}
"""What is looked at: by how much it may grow, and how it is found."""


class Row(NamedTuple):
    """One line of what was found.

    :ivar before: and `after`: what was there, if the figure is a difference. :ivar most: that it may be; None if that
        is not for us to say.
    """

    name: str
    found: float
    most: float | None = None
    before: float | None = None
    after: float | None = None

    @property
    def is_missed(self) -> bool:
        """Whether it is more than it may be."""
        return self.most is not None and self.found > self.most

    def cells(self) -> tuple[str, ...]:
        """As the table shows it."""
        limit = _cell(self.most) + (" MISSED" if self.is_missed else "")
        return self.name, _cell(self.before), _cell(self.after), _cell(self.found), limit


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:,.4g}"


def table(rows: list[Row]) -> str:
    """All lines, with what was missed."""
    return show(HEAD, [row.cells() for row in rows])


def raise_limit(needed: int) -> None:
    """Let this process and those it starts have so many files, as many as the system allows.

    Raises SystemExit with one line if it does not.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        sys.exit(
            f"soak: {needed} open files are needed and {hard} allowed: raise `ulimit -Hn`, or take fewer --peers"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Soak:
    """One run.

    :param peers: how many call the node at a time. :param churn: how many others a second.
    :param trace: frames of each allocation that are remembered, to show where memory grows; 0 for no tracing, which
        makes the node some times slower.
    """

    def __init__(self, folder: Path, peers: int, churn: float, trace: int = 0) -> None:
        self.looks: list[Look] = []
        self.grown: list[str] = []
        self._churn = churn
        self._trace = trace
        self._crowd = End.start("soak_crowd", str(peers), str(CALLABLE), env=dict(os.environ))
        places = self._crowd.hear()["places"]
        (folder / "peers.txt").write_text("\n".join(places), encoding="ascii")
        env = {**os.environ, "PYTHONTRACEMALLOC": str(trace)}
        self._node = End.start("soak_node", str(folder), str(peers), str(CALLED), env=env)

    def __enter__(self) -> Soak:
        return self

    def __exit__(self, *error: object) -> None:
        """End both processes."""
        for end in (self._node, self._crowd):
            end.process.kill()
            end.process.communicate()

    def run(self, seconds: float) -> list[Row]:
        """Everything, with so many seconds between the warm-up and the end of the churn."""
        started = self._node.ask("start")
        gathered = self._crowd.ask(f"connect:{started['port']}")["seconds"]
        first = self._soaked(seconds)
        counts = self._crowd.ask("rest")
        told = self._told(ROUNDS)
        stopped = self._node.ask("stop")
        return [
            *self._growth(first),
            *_left(started["before"], stopped),
            Row("ms, one thing told to all", median(told) * 1000, 100.0),
            Row("s, stop with all", stopped["seconds"], 2.0),
            Row("s, all have gathered", gathered),
            *(Row(f"peers {what}", count) for what, count in counts.items()),
        ]

    def _soaked(self, seconds: float) -> list[Look]:
        """Look now and then until it is over; returns the looks of the beginning."""
        self._crowd.tell(f"churn:{HASTE * self._churn}")
        time.sleep(min(WARM_UP * 60, seconds / 5))
        self._crowd.tell(f"churn:{self._churn}")
        if self._trace:
            self._node.ask("mark")
        ends, every = time.monotonic() + seconds, min(EVERY, seconds / LOOKS / 2)
        while time.monotonic() < ends or len(self.looks) < 2 * LOOKS:
            self.looks.append(self._node.ask("look"))
            time.sleep(every)
        if self._trace:
            self.grown = self._node.ask("compare")["grown"]
        return self.looks[:LOOKS]

    def _growth(self, first: list[Look]) -> list[Row]:
        """What it holds while they come and go, at the beginning and at the end."""
        last = self.looks[-LOOKS:]
        rows = []
        for name, (most, amount) in RUNNING.items():
            before, after = (median(map(amount, looks)) for looks in (first, last))
            rows.append(Row(name, after - before, most, before, after))
        return rows if self._trace else [row for row in rows if row.name != TRACED]

    def _told(self, rounds: int) -> list[float]:
        """Seconds until the last has heard of a thing, for some things."""
        seconds, total = [], 0
        for _ in range(rounds):
            begun = self._node.ask("broadcast")
            total += begun["told"]
            seconds.append(self._crowd.ask(f"await inv:{total}")["ended"] - begun["begun"])
        return seconds


def _left(before: Look, after: Look) -> Iterator[Row]:
    """What is left of the node when it has stopped."""
    for name, key in {"timers": "timers", "descriptors": "files", "peers in memory": "objects"}.items():
        yield Row(f"{name}, stopped", after[key] - before[key], 0, before[key], after[key])


def main() -> None:
    """Run, print, and judge."""
    parser = argparse.ArgumentParser(description="what a node holds after many peers have come and gone")
    parser.add_argument("--minutes", type=float, default=10.0, help="behind the warm-up")
    parser.add_argument("--peers", type=int, default=1000, help="how many call at a time")
    parser.add_argument("--churn", type=float, default=10.0, help="how many others a second")
    parser.add_argument(
        "--trace", type=int, default=0, help="show where memory grows, with so many frames of each place"
    )
    parser.add_argument("--json", type=Path, help="a file for all looks")
    options = parser.parse_args()
    raise_limit(options.peers + SPARE)
    with (
        TemporaryDirectory() as folder,
        Soak(Path(folder), options.peers, options.churn, options.trace) as soak,
    ):
        rows = soak.run(options.minutes * 60)
    print(table(rows), *soak.grown, sep="\n")
    if options.json is not None:
        options.json.write_text(json.dumps(soak.looks), encoding="ascii")
    sys.exit(any(row.is_missed for row in rows))


if __name__ == "__main__":
    main()
