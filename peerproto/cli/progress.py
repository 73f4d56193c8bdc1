"""Progress on a terminal by rich, if it is installed; as plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO

from peerproto.node.report import ProgressLine

__all__ = ["Bar", "RichBar", "progress_bar"]

PAUSE = 0.1
"""Seconds between two drawings: they cost more than the headers between them."""


class Bar(Protocol):
    """Something that shows how far a count has come."""

    def show(self, count: int, total: int) -> None:
        """Show a count of a total."""

    def end(self) -> None:
        """Leave what is shown as it is."""


@contextmanager
def progress_bar(out: TextIO, what: str = "headers") -> Iterator[Bar]:
    """What shows on `out`, while it is open, how far a count of something has come."""
    bar = _bar(out, what)
    try:
        yield bar
    finally:
        bar.end()


def _bar(out: TextIO, what: str) -> Bar:
    if not out.isatty():
        return ProgressLine(out, what)
    try:
        return RichBar(out, what)
    except ImportError:
        return ProgressLine(out, what)


class RichBar:
    """A bar of rich's, drawn when there is progress, without a thread of its own. Raises ImportError.

    :param what: is counted. :param clock: in seconds from whenever.
    """

    def __init__(
        self, out: TextIO, what: str = "headers", *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=Console(file=out), auto_refresh=False)
        self._task = self._progress.add_task(what, total=None)
        self._clock = clock
        self._next = clock()
        self._progress.start()

    def show(self, count: int, total: int) -> None:
        """Show a count of a total, now or soon."""
        now = self._clock()
        draw = now >= self._next
        if draw:
            self._next = now + PAUSE
        self._progress.update(self._task, completed=count, total=max(count, total), refresh=draw)

    def end(self) -> None:
        """Leave the bar, as it is at the end."""
        self._progress.stop()
