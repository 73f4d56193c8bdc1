"""Progress on a terminal by rich, if it is installed; as plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO

from peerproto.node.report import ProgressLine


class Bar(Protocol):
    """Something that shows how far a count has come."""

    def show(self, count: int, total: int) -> None:
        """Show a count of a total."""


@contextmanager
def progress_bar(out: TextIO) -> Iterator[Bar]:
    """What shows progress on `out` while it is open."""
    rich_bar = _rich_bar(out) if out.isatty() else None
    line = rich_bar or ProgressLine(out)
    try:
        yield line
    finally:
        line.end()


def _rich_bar(out: TextIO) -> RichBar | None:
    try:
        return RichBar(out)
    except ImportError:
        return None


class RichBar:
    """A bar of rich's that is drawn when there is progress, without a thread of its own. Raises ImportError."""

    def __init__(self, out: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("headers"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=Console(file=out), auto_refresh=False)
        self._task = self._progress.add_task("headers", total=None)
        self._progress.start()

    def show(self, count: int, total: int) -> None:
        """Show a count of a total."""
        self._progress.update(self._task, completed=count, total=max(count, total), refresh=True)

    def end(self) -> None:
        """Leave the bar as it is."""
        self._progress.stop()
