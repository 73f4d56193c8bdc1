"""What it costs to read and to write one message, without sockets.

    python -m benchmarks.codec [--message NAME ...] [--rounds 7] [--json FILE]

`taken` is what a peer does on arrival: header, checksum, caps and fixed fields; a long tail is left until
somebody looks. `read` looks at every field. `written` encodes a message from its fields, checksum and header
included; `forwarded` encodes one that nobody has looked at.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from statistics import median

from benchmarks import inputs
from benchmarks.table import show, us
from peerproto import networks

LEAST = 0.05
"""CPU seconds that one timing takes at least, so that the clock's step does not matter."""
WAYS = ("taken", "read", "written", "forwarded")
HEAD = ("message", "frame bytes", *(f"{way} us" for way in WAYS))


def jobs(name: str) -> dict[str, Callable[[], object]]:
    """What is timed of a frame, by way."""
    codec = networks.named("bitcoin-regtest").codec(70016, True)
    frame = inputs.frame(name)
    message = codec.decode(frame, strict=True)
    untouched = codec.decode(frame, strict=False)
    return {
        "taken": lambda: codec.decode(frame, strict=False),
        "read": lambda: codec.decode(frame, strict=True),
        "written": lambda: codec.encode(message),
        "forwarded": lambda: codec.encode(untouched),
    }


def cpu(job: Callable[[], object], times: int) -> float:
    """CPU seconds of one call."""
    began = time.process_time()
    for _ in range(times):
        job()
    return (time.process_time() - began) / times


def often_enough(job: Callable[[], object], least: float) -> int:
    """How often to call it so that it takes `least` CPU seconds."""
    times = 1
    while cpu(job, times) * times < least:
        times *= 2
    return times


def measure(name: str, *, rounds: int, least: float = LEAST) -> dict[str, float]:
    """CPU seconds of each way, the median of `rounds` timings."""
    found = {}
    for way, job in jobs(name).items():
        times = often_enough(job, least)
        found[way] = median(cpu(job, times) for _ in range(rounds))
    return found


def row(name: str, times: dict[str, float]) -> tuple[str, ...]:
    """A line of the table."""
    return (name, f"{len(inputs.frame(name)):,}", *(us(times[way]) for way in WAYS))


def main() -> None:
    """Measure, print, and write JSON if asked."""
    parser = argparse.ArgumentParser(description="CPU time of reading and writing one message")
    parser.add_argument("--message", choices=inputs.FRAMES, action="append", help="only this; repeatable")
    parser.add_argument("--rounds", type=int, default=7, help="timings of each; the median counts")
    parser.add_argument("--json", metavar="FILE", help="where the CPU seconds are written to")
    options = parser.parse_args()
    found = {name: measure(name, rounds=options.rounds) for name in options.message or inputs.FRAMES}
    print(show(HEAD, (row(name, times) for name, times in found.items())))
    if options.json:
        with open(options.json, "w", encoding="ascii") as file:
            json.dump(found, file, indent=1)


if __name__ == "__main__":
    main()
