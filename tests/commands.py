"""Runs commands inside this process, with what the vectors ask for."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import peerproto
from peerproto.cli import main
from tests.bitcoin_vectors import network_of

HOME = Path(peerproto.__file__).parents[1]
"""Where processes are started, so that they find the package as it is here."""


class Ran(NamedTuple):
    """What a command did."""

    code: int
    out: bytes
    err: str

    def objects(self) -> list[dict[str, Any]]:
        """What it printed, as JSON."""
        return [json.loads(line) for line in self.out.splitlines()]


def run(argv: Sequence[str], given: bytes = b"") -> Ran:
    """Run a command with these bytes on its standard input."""
    stdin, out, err = io.TextIOWrapper(io.BytesIO(given)), io.TextIOWrapper(io.BytesIO()), io.StringIO()
    with (
        patch.object(sys, "stdin", stdin),
        patch.object(sys, "stdout", out),
        patch.object(sys, "stderr", err),
    ):
        code = main(argv)
    out.flush()
    return Ran(code, out.buffer.getvalue(), err.getvalue())  # type: ignore[attr-defined]


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a Python process to its end."""
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=HOME, capture_output=True, text=True, timeout=60, check=False)


def start(*arguments: str, **more: Any) -> subprocess.Popen[bytes]:
    """Start a Python process, with pipes to it unless others are given."""
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    return subprocess.Popen([sys.executable, *arguments], cwd=HOME, **pipes | more)


def options_of(entry: dict[str, Any], policy: str = "") -> list[str]:
    """The options with which a vector is decoded, by the policy of who wrote it unless one is given."""
    network = network_of(entry, policy)
    return [
        *("--network", network.name, "--policy", network.policy.name),
        *("--pver", str(entry["pver"]), "--encoding", entry["encoding"]),
    ]
