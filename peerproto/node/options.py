"""What a node can be told: every option by its long name, for the command line and for a file alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from peerproto.forms.conversation import Timing
from peerproto.node.bookkeeping import EVERY
from peerproto.node.demo import NETWORK as DEMO
from peerproto.node.outbound import TARGET
from peerproto.node.settings import SETTINGS, seconds
from peerproto.node.slots import Limits
from peerproto.peer.factory import USER_AGENT

__all__ = ["FLAGS", "NETWORK", "OPTIONS", "TIMES", "Option", "named"]

NETWORK = "bitcoin-mainnet"

MOST_OUTBOUND, MOST_INBOUND = 1000, 100_000
MOST_BLOCKS = 10_000_000


def as_it_is(given: Any) -> Any:
    """Whatever it is."""
    return given


def number_to(most: int) -> Callable[[str | int], int]:
    """Reads a whole number from 0 to `most`. What it gives raises ValueError."""

    def read(given: str | int) -> int:
        try:
            number = int(given)
        except ValueError:
            number = -1
        if not 0 <= number <= most:
            raise ValueError(f"{given!r} is no number from 0 to {most}")
        return number

    return read


@dataclass(frozen=True)
class Option:
    """One of them.

    :ivar kind: its type in a file, one of `peerproto.node.configfile.KINDS`.
    :ivar text: the explanation, with unit and default.
    :ivar read: its value, of what was given on the command line or in a file. Raises ValueError.
    """

    kind: str
    text: str
    default: Any = None
    read: Callable[[Any], Any] = as_it_is


def named(name: str, given: Any) -> Any:
    """The value of the option of that name; the errors of Twisted do not say which option it was.

    Raises ValueError.
    """
    try:
        return OPTIONS[name].read(given)
    except ValueError as error:
        raise ValueError(f"--{name}: {error}") from None


TIMES = {
    "handshake-timeout": ("handshake", "Seconds that the whole handshake may take."),
    "idle-timeout": ("idle", "Seconds without a complete message after which a peer is ended."),
    "ping-interval": ("ping", "Seconds between two pings."),
    "grace": ("grace", "Seconds that an ending connection may take."),
}
"""The options that are times: the field of `Timing`, and the explanation."""


def _time(field: str, text: str) -> Option:
    text = f"{text} [default: the network's own, for Bitcoin {getattr(Timing, field):g}]"
    return Option("seconds", text, read=seconds)


OPTIONS: dict[str, Option] = {
    "network": Option(
        "text",
        f"The network, one of those that `peerproto networks` lists. [default: {NETWORK}; {DEMO} with --demo]",
    ),
    "policy": Option(
        "text",
        "Whose way to follow where the references of a network differ, one of those that `peerproto networks` lists. "
        "[default: the network's first]",
    ),
    "connect": Option(
        "list",
        "A peer to keep connected, HOST[:PORT] or an endpoint string; may be given again. [default: none]",
    ),
    "listen": Option(
        "list", "Where to accept peers, an endpoint string; may be given again. [default: nowhere]"
    ),
    "store": Option(
        "text",
        "SQLite file of headers, or of a graph's blocks. [default: headers-NETWORK.sqlite, blocks-NETWORK.sqlite]",
    ),
    "outbound": Option(
        "number",
        "How many other peers to look for and call, at most one of each network group. "
        f"[default: {TARGET}, but none where --connect says whom to call]",
        read=number_to(MOST_OUTBOUND),
    ),
    "inbound": Option(
        "number",
        "How many peers that call us are let in at a time.",
        Limits.total,
        number_to(MOST_INBOUND),
    ),
    "keep-blocks": Option(
        "number",
        "How many of the newest blocks of a chain to keep and serve, in FILE.blocks beside the store.",
        0,
        number_to(MOST_BLOCKS),
    ),
    "book": Option(
        "text",
        "SQLite file of the addresses, bans and ended connections; or postgresql://USER@HOST/DATABASE, for many nodes "
        "that share them; `:memory:` forgets them. "
        "[default: book-NETWORK.sqlite where others are looked for, else none]",
    ),
    "book-every": Option(
        "seconds",
        "How often the book is written and, if it is shared, read: once in so many seconds.",
        EVERY,
        read=seconds,
    ),
    "peers-file": Option(
        "text", "What an empty book begins with, one HOST:PORT a line. [default: what comes with the network]"
    ),
    "seed": Option(
        "list",
        "Whom to ask for addresses in place of the network's seeds when the book does not do: HOST[:PORT] for DNS, or "
        "https://HOST[:PORT]; may be given again. [default: the network's]",
    ),
    "no-seeds": Option("flag", "Ask no seeds for addresses. [default: off]", False),
    "allow-local": Option(
        "flag", "Call addresses of private networks, too. [default: off but on local nets]", False
    ),
    "user-agent": Option("text", "What to call ourselves, at most 256 bytes.", USER_AGENT),
    **{name: Option(setting.kind, setting.text) for name, setting in SETTINGS.items()},
    **{name: _time(*row) for name, row in TIMES.items()},
    "log-level": Option(
        "list",
        "What is logged, NAMESPACE=LEVEL as in peerproto.messages=debug; may be given again. [default: info]",
    ),
    "demo": Option(
        "flag",
        "Let two nodes on loopback sync what is made here, show what each saw, and end. [default: off]",
        False,
    ),
}

FLAGS = ("demo", "no-seeds", "allow-local", "no-stall-handler")
"""Those that take no value on the command line."""
