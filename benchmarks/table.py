"""Tables that read well in a terminal and in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def show(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table: names to the left, numbers to the right."""
    lines = [head, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join(_line(cells, widths) for cells in (head, rule, *lines[1:]))


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    name, *numbers = cells
    padded = [cell.rjust(width) for cell, width in zip(numbers, widths[1:], strict=True)]
    return f"| {' | '.join([name.ljust(widths[0]), *padded])} |"


def us(seconds: float) -> str:
    """Microseconds, with three digits that count."""
    value = seconds * 1e6
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
