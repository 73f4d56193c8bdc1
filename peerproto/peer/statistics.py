"""What is counted of one peer."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from peerproto.wire.codec import Unread


class Tally:
    """Messages and bytes of one command in one direction; and seconds in listeners, where they are measured."""

    __slots__ = ("bytes", "messages", "seconds")

    def __init__(self) -> None:
        self.messages = 0
        self.bytes = 0
        self.seconds = 0.0


class Statistics:
    """Counts by kind of message; frames that were not understood count together as `unread`."""

    __slots__ = ("bytes_received", "bytes_sent", "connected_at", "last_received", "received", "sent")

    def __init__(self, now: float) -> None:
        self.connected_at = now
        self.last_received = now
        self.bytes_received = 0
        self.bytes_sent = 0
        self.received: defaultdict[type, Tally] = defaultdict(Tally)
        self.sent: defaultdict[type, Tally] = defaultdict(Tally)


def by_command(tallies: dict[type, Tally], *, timed: bool = False) -> dict[str, dict[str, Any]]:
    """The tallies by command, most messages first; with seconds if they were measured."""
    names = ("messages", "bytes", "seconds") if timed else ("messages", "bytes")
    rows = sorted(tallies.items(), key=lambda item: (-item[1].messages, name_of(item[0])))
    return {name_of(kind): {name: getattr(tally, name) for name in names} for kind, tally in rows}


def name_of(kind: Any) -> str:
    """The command of a kind of message; `unread` for frames that were not understood."""
    return "unread" if kind is Unread else str(kind.command)
