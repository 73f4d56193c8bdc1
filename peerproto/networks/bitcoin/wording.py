"""What is said of a message in one line of a log, for the shapes that messages of several networks have.

Each function gives a few words on a message; what is said is dcrd's (peer/log.go, messageSummary). Text of a peer's own
is as received: who shows it escapes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from peerproto.chain.rules import display
from peerproto.forms.conversation import Key
from peerproto.forms.introduction import Introduction

Summary = Callable[[Any], str]

LOCK_TIME_IS_TIME = 500_000_000
"""From here on the lock time of a transaction is in seconds since 1970, below it is a height."""
MOST_KINDS = 8
"""A list may name any number of types that do not exist; so many kinds are told apart."""
MOST_TEXT = 250
"""Of text that a peer has worded so much is shown."""


def moment(timestamp: int) -> str:
    """A time in seconds since 1970, as people read it; the number, where no calendar goes."""
    try:
        return f"{datetime.fromtimestamp(timestamp, UTC):%Y-%m-%d %H:%M:%S}"
    except (OverflowError, ValueError, OSError):
        return str(timestamp)


def introduced(read_version: Callable[[Any], Introduction]) -> Summary:
    """For a version: who it is, and how far."""

    def summary(message: Any) -> str:
        said = read_version(message)
        best = f"block {said.height}" if said.tip is None else f"tip {display(said.tip)}"
        return f"agent {said.user_agent}, pver {said.protocol_version}, {best}"

    return summary


def counted(name: str, what: str) -> Summary:
    """For a list: how many there are in it."""
    return lambda message: f"{len(getattr(message, name))} {what}"


def hashed(name: str, what: str = "hash") -> Summary:
    """For what is named by one hash."""
    return lambda message: f"{what} {display(getattr(message, name))}"


def things(item_keys: Callable[[Any], Collection[Key]]) -> Summary:
    """For a list of vectors: the only one, or how many there are of each kind, most first."""

    def summary(message: Any) -> str:
        keys = item_keys(message)
        if len(keys) < 2:
            return "".join(f"{kind} {display(item)}" for kind, item in keys) or "empty"
        counts = Counter(kind for kind, _ in keys)
        words = [f"{count} {kind}" for kind, count in counts.most_common(MOST_KINDS)]
        rest = len(keys) - sum(count for _, count in counts.most_common(MOST_KINDS))
        return ", ".join([*words, f"{rest} of other types"] if rest else words)

    return summary


def located(starts: str, stops: str = "hash_stop") -> Summary:
    """For a question behind a locator: its newest hash, and where to stop."""

    def summary(message: Any) -> str:
        locator, stop = getattr(message, starts), display(getattr(message, stops))
        return f"from {_place(locator[0])}, stop {stop}" if locator else f"stop {stop}"

    return summary


def _place(start: bytes | int) -> str:
    return display(start) if isinstance(start, bytes) else f"height {start}"


def headers(message: Any) -> str:
    """For headers: how many, and the last of them."""
    found = message.headers
    if not found:
        return "0 headers"
    last = found[-1]
    height = getattr(last, "height", getattr(last, "index", None))
    at = "" if callable(height) or height is None else f", height {height}"
    return f"{len(found)} headers, the last {display(last.block_hash)}{at}"


def transaction(tx_hash: str, inputs: str = "tx_in", outputs: str = "tx_out") -> Summary:
    """For a transaction: its hash, how many go in and out, and from when on it counts if that is said."""

    def summary(message: Any) -> str:
        ins, outs = len(getattr(message, inputs)), len(getattr(message, outputs))
        words = f"hash {display(getattr(message, tx_hash))}, {ins} inputs, {outs} outputs"
        return f"{words}{_lock(getattr(message, 'lock_time', 0))}"

    return summary


def _lock(lock_time: int) -> str:
    if not lock_time:
        return ""
    return f", lock {moment(lock_time) if lock_time >= LOCK_TIME_IS_TIME else f'height {lock_time}'}"


def block(message: Any) -> str:
    """For a block: its hash, version, how many transactions, and its time."""
    head = message.header
    words = f"hash {display(message.block_hash)}, ver {head.version}, {_count(message.transactions)} tx"
    return f"{words}, {moment(head.timestamp)}"


def _count(transactions: int | Collection[Any]) -> int:
    """Merkle blocks tell the number alone."""
    return transactions if isinstance(transactions, int) else len(transactions)


REJECT_CODES = {
    0x01: "malformed",
    0x10: "invalid",
    0x11: "obsolete",
    0x12: "duplicate",
    0x40: "nonstandard",
    0x41: "dust",
    0x42: "insufficient fee",
    0x43: "checkpoint",
}
"""What the codes of rejects mean (BIP61)."""


def rejecting(codes: Mapping[int, str] = REJECT_CODES) -> Summary:
    """For a reject, by what its codes mean: of which command, and why."""

    def summary(message: Any) -> str:
        about = f", hash {display(message.hash)}" if message.hash and any(message.hash) else ""
        code = codes.get(message.code, "unknown")
        return f"cmd {message.cmd[:12]}, code {message.code:#04x} {code}, reason {message.reason[:MOST_TEXT]}{about}"

    return summary


rejected = rejecting()


def named(kinds: Iterable[type[Any]], summary: Summary) -> dict[type[Any], Summary]:
    """The same for several kinds of messages."""
    return dict.fromkeys(kinds, summary)
