"""What it costs to name a network, in CPU seconds on top of the interpreter and Twisted.

    python -m benchmarks.imports [--rounds 11]

Each timing has an interpreter of its own. To name a network imports its family; `all` names every network.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from statistics import median

from benchmarks.table import show
from peerproto import networks

HEAD = ("networks", "least ms", "median ms", "most ms")
_BEGIN = (
    "import time, twisted.internet.protocol\nfrom peerproto import networks\nbegan = time.process_time()\n"
)
_END = "\nprint(time.process_time() - began)"


def families() -> list[str]:
    """Of networks, in their order."""
    return list(dict.fromkeys(name.partition("-")[0] for name in networks.names()))


def sample(family: str | None) -> float:
    """Seconds for one network of a family; None for all networks of all families."""
    naming = "networks.names()" if family is None else f"networks.named('{family}-mainnet')"
    done = subprocess.run([sys.executable, "-c", _BEGIN + naming + _END], capture_output=True, check=True)
    return float(done.stdout)


def table(rounds: int) -> str:
    """Of each family and of all, by turns, so that a busy moment hits all alike."""
    cases = [*families(), None]
    samples = [[sample(case) for case in cases] for _ in range(rounds)]
    rows = [
        (case or "all", *(f"{of(times) * 1000:,.0f}" for of in (min, median, max)))
        for case, times in zip(cases, zip(*samples, strict=True), strict=True)
    ]
    return show(HEAD, rows)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="CPU time of importing networks")
    parser.add_argument("--rounds", type=int, default=11, help="timings of each")
    print(table(parser.parse_args().rounds))


if __name__ == "__main__":
    main()
