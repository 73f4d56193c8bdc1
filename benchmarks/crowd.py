"""How much a thousand peers cost: memory, handshakes, a broadcast, and a quiet peer beside a loud one.

python -m benchmarks.crowd [--peers 1000] [--rounds 5]

One process has a `PeerFactory` that listens; another plays all who call, with prepared frames.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from statistics import median
from subprocess import PIPE, Popen
from typing import Any

from benchmarks.table import show
from benchmarks.throughput import ENV, ROOT

HEAD = ("what", "least", "median", "most", "to reach")
GOALS = {
    "handshakes a second": "-",
    "KiB an idle ready peer": "under 32",
    "KiB with full known inventory": "under 150",
    "ms, one inv to all": "under 100",
    "ms, 99 % of a quiet peer's pings": "under 100",
}


@dataclass
class End:
    """One of the two processes; each line to it is a command, each line from it the answer."""

    process: Popen[str]

    @classmethod
    def start(cls, module: str, *arguments: str, env: dict[str, str] = ENV) -> End:
        """Run a module of ours."""
        command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
        return cls(Popen(command, stdin=PIPE, stdout=PIPE, text=True, cwd=ROOT, env=env))

    def tell(self, command: str) -> None:
        """Have it do something."""
        assert self.process.stdin is not None
        print(command, file=self.process.stdin, flush=True)

    def hear(self) -> dict[str, Any]:
        """What it has measured. Raises RuntimeError if it has ended."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args!r} has ended")
        found: dict[str, Any] = json.loads(line)
        return found

    def ask(self, command: str) -> dict[str, Any]:
        """Both."""
        self.tell(command)
        return self.hear()


def sample(peers: int) -> dict[str, float]:
    """One run, by the names of `GOALS`."""
    server = End.start("crowd_server")
    try:
        port = server.hear()["port"]
        before = server.ask("memory")["bytes"]
        clients = End.start("crowd_clients", str(port), str(peers))
        try:
            return _measure(server, clients, peers, before)
        finally:
            clients.process.kill()
    finally:
        server.process.kill()


def _measure(server: End, clients: End, peers: int, before: int) -> dict[str, float]:
    seconds = clients.ask("connect")["seconds"]
    idle = server.ask("memory")["bytes"]
    clients.ask("announce")
    full = server.ask("known")["bytes"]
    clients.tell("await inv")
    begun = server.ask("broadcast")["begun"]
    ended = clients.hear()["ended"]
    return {
        "handshakes a second": peers / seconds,
        "KiB an idle ready peer": (idle - before) / peers / 1024,
        "KiB with full known inventory": (full - before) / peers / 1024,
        "ms, one inv to all": (ended - begun) * 1000,
        "ms, 99 % of a quiet peer's pings": clients.ask("ping beside a flood")["seconds"] * 1000,
    }


def table(samples: list[dict[str, float]]) -> str:
    """All figures of all runs."""
    rows = []
    for name, goal in GOALS.items():
        values = [each[name] for each in samples]
        rows.append((name, f"{min(values):.4g}", f"{median(values):.4g}", f"{max(values):.4g}", goal))
    return show(HEAD, rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="what many peers of one process cost")
    parser.add_argument("--peers", type=int, default=1000, help="how many call")
    parser.add_argument("--rounds", type=int, default=5, help="runs; the median counts")
    options = parser.parse_args()
    print(table([sample(options.peers) for _ in range(options.rounds)]))


if __name__ == "__main__":
    main()
