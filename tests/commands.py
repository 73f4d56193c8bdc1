"""Runs commands inside this process, with what the vectors ask for."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple
from unittest.mock import patch

from peerproto.cli import main
from tests.bitcoin_vectors import network_of


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


def options_of(entry: dict[str, Any], policy: str = "") -> list[str]:
    """The options with which a vector is decoded, by the policy of who wrote it unless one is given."""
    network = network_of(entry, policy)
    return [
        *("--network", network.name, "--policy", network.policy.name),
        *("--pver", str(entry["pver"]), "--encoding", entry["encoding"]),
    ]
