"""Nodes as processes of their own, on loopback, in a folder of their own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.commands import HOME

TWISTD = ("-c", "from twisted.scripts.twistd import run; run()", "-n", "peernode")
NODE = ("-m", "peerproto", "node")
SECONDS = 30.0
"""After so long whatever was waited for has failed."""


def _settings(folder: str) -> dict[str, Any]:
    environment = {**os.environ, "PYTHONPATH": str(HOME), "PYTHONUNBUFFERED": "1"}
    return {"cwd": folder, "env": environment, "stdin": subprocess.DEVNULL, "text": True}


def run(folder: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a Python process to its end."""
    return subprocess.run(
        [sys.executable, *words], capture_output=True, timeout=SECONDS, check=False, **_settings(folder)
    )


@contextmanager
def _heeding_interrupts() -> Iterator[None]:
    """A shell lets what it runs in the background ignore SIGINT, and so would what is started from there."""
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class Running:
    """A Python process that runs; what it prints goes to a file."""

    def __init__(self, folder: str, *words: str) -> None:
        self._path = Path(folder, f"output-{time.monotonic_ns()}.txt")
        command = [sys.executable, *words]
        with self._path.open("w") as out, _heeding_interrupts():
            self._process = subprocess.Popen(
                command, stdout=out, stderr=subprocess.STDOUT, **_settings(folder)
            )

    @property
    def output(self) -> str:
        """What it has printed."""
        return self._path.read_text()

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Wait until it has printed something. Raises AssertionError with all that it printed if it does not."""
        until = time.monotonic() + SECONDS
        while (found := re.search(pattern, self.output)) is None:
            if time.monotonic() > until or self._process.poll() is not None:
                raise AssertionError(f"no {pattern!r} in:\n{self.output}")
            time.sleep(0.02)
        return found

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, and return the exit code."""
        self._process.send_signal(number)
        return self._process.wait(SECONDS)

    def kill(self) -> None:
        """End it, if it has not ended."""
        self._process.kill()
        self._process.wait(SECONDS)
