"""Runs all benchmarks and writes what they found to RESULTS.md.

python -m benchmarks.report [--scale 1.0] [--rounds 5]
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from pathlib import Path

import twisted

from benchmarks import codec, crowd, headers, imports, inputs, throughput
from benchmarks.load import CASES
from benchmarks.table import show, us

PEERS = 1000
RESULTS = Path(__file__).with_name("RESULTS.md")

BTCD = {
    "ping1": (10_162, 63.6),
    "ping100": (41_682, 20.4),
    "inv50": (71_756, 11.6),
    "inv50000": (284.6, 3_064),
    "headers2000": (2_120, 445),
    "block1MB": (405.7, 2_195),
    "tx250": (103_939, 7.9),
}
"""Messages a second, and CPU microseconds of the receiver per message; two processes."""
BTCD_NOTE = (
    "btcd 2c67bc29 with Go 1.27.3 at both ends, recorded earlier on a machine of the same kind, not in the "
    "same run. It decodes every message in full; peerproto does so when somebody looks (`read` above)."
)


def machine() -> str:
    """Where and when this ran."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text(encoding="ascii", errors="replace").splitlines()
        model = next((line.split(": ", 1)[1] for line in lines if line.startswith("model name")), model)
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return (
        f"{time.strftime('%Y-%m-%d', time.gmtime())}; {os.cpu_count()} cores, {model}; {platform.system()} "
        f"{platform.release()}; {python}; Twisted {twisted.__version__}"
    )


def beside_btcd(cases: list[dict[str, throughput.Figures]]) -> str:
    """peerproto at both ends, and what btcd made of the same frames."""
    head = ("case", "both ends/s", "btcd/s", "ratio", "receiver us", "btcd us")
    rows = []
    for case in cases:
        both = case["both"]
        rate, cpu = BTCD[both.case]
        ratio = f"{both.rate / rate:.2f}"
        rows.append((both.case, f"{both.rate:,.0f}", f"{rate:,.0f}", ratio, us(both.cpu), us(cpu / 1e6)))
    return show(head, rows)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description="run all benchmarks and write RESULTS.md")
    parser.add_argument("--scale", type=float, default=1.0, help="times as many messages as btcd was given")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each; the median counts")
    options = parser.parse_args()
    cases = [throughput.measure(case, scale=options.scale, rounds=options.rounds) for case in CASES.values()]
    messages = {name: codec.measure(name, rounds=7) for name in inputs.FRAMES}
    parts = (
        "# Results",
        f"Written by `python -m benchmarks.report`; README.rst says what is measured. {machine()}.",
        "## Between two processes, over loopback",
        show(throughput.HEAD, map(throughput.row, cases)),
        "## Beside btcd",
        BTCD_NOTE,
        beside_btcd(cases),
        "## One message, without sockets",
        show(codec.HEAD, (codec.row(name, times) for name, times in messages.items())),
        f"## {PEERS:,} peers of one process",
        crowd.table([crowd.sample(PEERS) for _ in range(options.rounds)]),
        "## Headers, checked and stored",
        headers.table(scale=1.0, rounds=3),  # of fewer the fixed costs are a good part
        "## To name a network, on top of the interpreter and Twisted",
        imports.table(rounds=11),
    )
    RESULTS.write_text("\n\n".join(parts) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
