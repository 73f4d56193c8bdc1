"""Text from the network is hostile: it is escaped before it is shown, and what is many is cut short."""

from __future__ import annotations

from collections.abc import Sequence


def printable(text: str) -> str:
    """The text with everything but printable ASCII escaped, backslashes too, so that nothing can be mistaken."""
    return text.encode("unicode_escape", "backslashreplace").decode("ascii")


def writable(text: str) -> str:
    """The text with only that escaped which no file can hold: what the library itself says, or its user."""
    return text.encode("utf-8", "backslashreplace").decode()


def some_of(names: Sequence[str], most: int = 3) -> str:
    """The first few of these, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")
