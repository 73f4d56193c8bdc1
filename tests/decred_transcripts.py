"""The conversations of tests/vectors/decred/transcripts: what nodes said to one that tried them.

Only the nodes' side is there, with the seconds from the beginning. Long lines are cut; what a cut message said then
is made up, of the same kind, from the other vectors.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from typing import Any, NamedTuple

from peerproto import networks
from peerproto.networks import decred
from peerproto.networks.decred.records import HEADER
from peerproto.wire.message import Message
from tests.decred_vectors import FOLDER, by_label, codec_of, frame_of, load

NODES = ("1.6.2", "1.7.7", "2.1.6", "HEAD")

_SAID = re.compile(r" *(?P<time>\d+\.\d+) <- <?(?P<what>\w+)>? ?(?P<size>\d+(?= ))? ?(?P<fields>.*)")
_WAITED = re.compile(r" *(?P<time>\d+\.\d+) \(nothing more .*")
_HUNG_UP = ("EOF", "ConnectionResetError")


class Said(NamedTuple):
    """What a node said, or that it hung up; `message` is None then."""

    time: float
    message: Message | None


class Conversation(NamedTuple):
    """One try: what it was, and what the node said. `until` is when nobody listened any more, in seconds."""

    title: str
    said: list[Said]
    until: float

    @property
    def commands(self) -> list[str]:
        """The commands of what the node said, in order."""
        return [item.message.command for item in self.said if item.message is not None]

    @property
    def hung_up(self) -> float | None:
        """When the node hung up; None if it did not."""
        return next((item.time for item in self.said if item.message is None), None)


@cache
def conversations(name: str) -> list[Conversation]:
    """Those of a file; a second connection of the same try counts as a try of its own."""
    found: list[Conversation] = []
    for line in (FOLDER / "transcripts" / f"{name}.txt").read_text().splitlines():
        said, waited = _SAID.match(line), _WAITED.match(line)
        if said and found[-1].hung_up is None:
            found[-1].said.append(Said(float(said["time"]), _message(said["what"], said["fields"])))
        elif waited:
            found[-1] = found[-1]._replace(until=float(waited["time"]))
        elif not said:
            found.append(Conversation(line.strip(), [], 0.0))
    return [item for item in found if item.said]


def conversation(name: str, title: str) -> Conversation:
    """The one whose title begins so."""
    return next(item for item in conversations(name) if item.title.startswith(title))


def _message(what: str, shown: str) -> Message | None:
    if what in _HUNG_UP:
        return None
    if what == "version":
        return _version(shown)
    kind = networks.named("decred-simnet").codec().kinds[what]
    try:
        return kind.from_fields(ast.literal_eval(shown or "{}"))
    except (SyntaxError, ValueError):
        return decred.Ping(int.from_bytes(bytes.fromhex(shown), "little")) if what == "ping" else _like(what)


def _version(shown: str) -> Message:
    """A version of which the beginning is known."""
    numbers = [
        int(re.search(rf"'{name}': (\d+)", shown)[1])
        for name in ("protocol_version", "services", "timestamp")
    ]  # type: ignore[index]
    agent = re.search(r"'user_agent': '([^']*)'", shown)
    nobody = decred.NetAddress(numbers[1], "::", 0)
    return decred.Version(*numbers, nobody, nobody, 1, agent[1] if agent else "/cut:1/", 44, False)


def _like(command: str) -> Message:
    """A message of the same kind."""
    headers = [bytes.fromhex(entry["header"]) for entry in load("simnet-chain")]
    made: dict[str, Any] = {
        "headers": lambda: decred.Headers(
            [decred.BlockHeader._make(HEADER.unpack(raw)) for raw in headers[1:]]
        ),
        "getheaders": lambda: decred.GetHeaders(0, [bytes([index]) * 32 for index in range(17)], bytes(32)),
        "getinitstate": lambda: decred.GetInitState(["headblocks", "headblockvotes", "tspends"]),
        "block": lambda: _golden("block genesis simnet"),
        "cfiltersv2": lambda: _golden("cfiltersv2 2"),
    }
    message: Message = made[command]()
    return message


def _golden(label: str) -> Message:
    return codec_of(by_label(label)).decode(frame_of(by_label(label)))
