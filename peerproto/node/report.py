"""Peers as a table of text, and a count that grows as a line of text, for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from peerproto.peer.snapshot import Snapshot
from peerproto.text import printable

WIDEST = 40
"""What a peer says of itself is cut there: it is not to spread the table."""


def peer_table(peers: Sequence[Snapshot]) -> str:
    """What each peer is and what passed with it, side by side; counts by command as received / sent."""
    rows = [["peer", *(peer.address for peer in peers)]]
    rows.append(["direction", *("inbound" if peer.inbound else "outbound" for peer in peers)])
    rows.append(["version", *(_version(peer) for peer in peers)])
    rows.append(["agent", *(shortened(printable(peer.user_agent)) or "-" for peer in peers)])
    rows.append(["services", *(shortened(" ".join(peer.services)) or "none" for peer in peers)])
    rows.append(["start height", *(_known(peer.starting_height) for peer in peers)])
    rows.append(["ping", *(milliseconds(peer.ping_last) for peer in peers)])
    rows.append(["bytes in / out", *(f"{peer.bytes_received:,} / {peer.bytes_sent:,}" for peer in peers)])
    rows.append(["", *("" for _ in peers)])
    rows.append(["messages in / out", *("" for _ in peers)])
    commands = sorted({command for peer in peers for command in (*peer.received, *peer.sent)})
    rows += [[f"  {command}", *(_counts(peer, command) for peer in peers)] for command in commands]
    return columns(rows)


def milliseconds(seconds: float | None) -> str:
    """A latency for people."""
    return "-" if seconds is None else f"{seconds * 1000:.2f} ms"


def shortened(text: str) -> str:
    """The text, or as much of it as a table bears."""
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 3]}..."


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as aligned lines."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _version(peer: Snapshot) -> str:
    return "-" if peer.version is None else f"{peer.version} (spoken: {peer.protocol_version})"


def _known(number: int | None) -> str:
    return "-" if number is None else str(number)


def _counts(peer: Snapshot, command: str) -> str:
    received = peer.received.get(command, {}).get("messages", 0)
    sent = peer.sent.get(command, {}).get("messages", 0)
    return f"{received} / {sent}"


class ProgressLine:
    """How far a count has come: a line that is written over on a terminal, a line now and then elsewhere.

    :param what: is counted.
    :param every: elsewhere than on a terminal, a line for so much progress.
    """

    def __init__(self, out: TextIO, what: str = "headers", *, every: int = 1000) -> None:
        self._out = out
        self._what = what
        self._every = every
        self._said = 0
        self._unsaid = ""
        self._over = out.isatty()
        self._open = False

    def show(self, count: int, total: int) -> None:
        """Show a count of a total, which may not be known rightly: it is never below the count."""
        total = max(total, count)
        text = f"{self._what} {count:,} of {total:,} ({100 * count // total if total else 100} %)"
        if self._over:
            self._open = True
            self._write(f"\r{text}\x1b[K")
        elif count - self._said >= self._every:
            self._said, self._unsaid = count, ""
            self._write(f"{text}\n")
        elif count > self._said:
            self._unsaid = f"{text}\n"

    def end(self) -> None:
        """Leave the line; elsewhere than on a terminal, say how far it came at last."""
        last = "\n" if self._open else self._unsaid
        self._open, self._unsaid = False, ""
        if last:
            self._write(last)

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()
