"""`peerproto encode`: one JSON object a line in, one frame a line out, in hexadecimal digits."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any

from peerproto.cli.options import add_codec, codec_of
from peerproto.cli.streams import chunks, lines, opened, output
from peerproto.errors import LocalError
from peerproto.networks import nearest
from peerproto.wire.codec import Codec
from peerproto.wire.message import Message
from peerproto.wire.plain import Plain, brief

MOST_LINE = 1 << 28
"""The longest line, in bytes. Only of a frame of many megabytes of empty things can what decode prints be longer."""

_DESCRIPTION = """\
Reads what `peerproto decode` prints, one JSON object a line, and writes the
frame of each as a line of hexadecimal digits: decode's inverse with the same
options. "fields" says all; what follows from the fields, such as the hashes of
blocks and transactions, is ignored. A line that cannot be encoded is told on
standard error, with its number, the field and what is allowed there, and the
next one is taken.
"""
_EPILOG = """\
Exit code: 0 if every line was encoded, 1 if any was refused, 2 for a wrong
option or a file that cannot be read.
"""


def add_parser(subparsers: Any) -> None:
    """Describe the options."""
    parser = subparsers.add_parser("encode", help="JSON to frames", description=_DESCRIPTION, epilog=_EPILOG)
    add_codec(parser)
    parser.add_argument("--raw", action="store_true", help="write the frames as they are, not in digits")
    parser.add_argument("file", nargs="?", metavar="FILE", help="what to read (default: standard input)")


def run(options: argparse.Namespace) -> int:
    """Encode all that comes. Returns 1 if anything was refused."""
    codec = codec_of(options)
    write = output().write
    refused = 0
    with opened(options.file) as stream:
        for number, line in enumerate(lines(chunks(stream), MOST_LINE), 1):
            if not line.strip():
                continue
            try:
                frame = encode_line(line, codec)
            except LocalError as error:
                refused += 1
                print(f"peerproto encode: line {number}: {error}", file=sys.stderr)
            else:
                write(frame if options.raw else frame.hex().encode() + b"\n")
    return 1 if refused else 0


def encode_line(line: bytes, codec: Codec) -> bytes:
    """The frame of a line. Raises LocalError naming the field and what is allowed."""
    command, fields = _command_and_fields(_object(line))
    kind = codec.kinds.get(command)
    if kind is None:
        raise LocalError(f"command: there is no {brief(command)}{nearest(command, codec.kinds)}")
    message = kind.from_fields(fields)
    try:
        return codec.encode(message)
    except LocalError as error:
        raise LocalError(_why_unwritable(message, codec, str(error))) from None


def _object(line: bytes) -> dict[str, Plain]:
    if len(line) > MOST_LINE:
        raise LocalError(f"more than {MOST_LINE} bytes, which no message has")
    try:
        found = json.loads(line)
    except json.JSONDecodeError as error:
        raise LocalError(f"no JSON: {error.msg} at character {error.pos + 1}") from None
    except (ValueError, RecursionError) as error:
        raise LocalError(f"no JSON: {error}") from None
    if not isinstance(found, dict):
        raise LocalError(f"{brief(found)} given, an object with command and fields allowed")
    return found


def _command_and_fields(given: dict[str, Plain]) -> tuple[str, dict[str, Plain]]:
    if "error" in given:
        raise LocalError(f"a refused frame ({brief(given['error'])}), no message")
    for name, kind, allowed in (("command", str, "text"), ("fields", dict, "an object")):
        if name not in given:
            raise LocalError(f"no {name!r} given: command and fields are needed")
        if not isinstance(given[name], kind):
            raise LocalError(f"{name}: {brief(given[name])} given, {allowed} allowed")
    return given["command"], given["fields"]


def _why_unwritable(message: Message, codec: Codec, text: str) -> str:
    """Names a field that is not there, or else says it in the codec's words."""
    for path, value in _parts(message):
        if value is None and "cannot be written" in text:
            return f"{message.command}: no {path} given; it is needed here at protocol version {codec.pver}"
    return text


def _parts(message: Message) -> Iterator[tuple[str, object]]:
    """The fields of a message and of the records in its lists."""
    for name in message.layout.kinds:
        value = getattr(message, name)
        yield name, value
        if isinstance(value, list):
            for index, item in enumerate(value):
                for part in getattr(item, "_fields", ()):
                    yield f"{name}[{index}].{part}", getattr(item, part)
