"""Text from the network is hostile: it is escaped before it is shown."""

from __future__ import annotations


def printable(text: str) -> str:
    """The text with everything but printable ASCII escaped, backslashes too, so that nothing can be mistaken."""
    return text.encode("unicode_escape", "backslashreplace").decode("ascii")


def writable(text: str) -> str:
    """The text with only that escaped which no file can hold: what the library itself says, or its user."""
    return text.encode("utf-8", "backslashreplace").decode()
