"""`peerproto decode`: frames in, one JSON object a line out."""

from __future__ import annotations

import argparse
import binascii
import re
from collections.abc import Iterable, Iterator
from typing import Any

from peerproto.cli.options import add_codec, codec_of
from peerproto.cli.streams import chunks, frames, json_writer, lines, opened
from peerproto.errors import MalformedMessage, Oversize, WrongNetwork
from peerproto.wire.codec import Codec
from peerproto.wire.plain import Plain, shown

_NO_HEX = re.compile(rb"[^0-9a-fA-F]")

_DESCRIPTION = """\
Reads frames, as hexadecimal digits one a line or as a stream of bytes, and
prints one JSON object a line:

  {"command": NAME, "fields": {...}, "extra": {...}}

Bytes and hashes are hexadecimal, in wire order. "extra" has what follows from
the fields. A frame that is refused gives

  {"error": KIND, "reason": TEXT, "offset": N}

N is the byte where it went wrong, counted from the frame's first byte, with
--raw from the stream's.
"""
_EPILOG = """\
KIND is one of wrong-network, oversize, bad-checksum, malformed,
unknown-command, incomplete.

Exit code: 0 if every frame was read, 1 if any was refused, 2 for a wrong
option or a file that cannot be read.
"""


def add_parser(subparsers: Any) -> None:
    """Describe the options."""
    parser = subparsers.add_parser("decode", help="frames to JSON", description=_DESCRIPTION, epilog=_EPILOG)
    add_codec(parser)
    parser.add_argument(
        "--raw", action="store_true", help="read a stream of bytes, as it crossed the wire in one way"
    )
    parser.add_argument("file", nargs="?", metavar="FILE", help="what to read (default: standard input)")


def run(options: argparse.Namespace) -> int:
    """Decode all that comes. Returns 1 if anything was refused."""
    codec = codec_of(options)
    decode = decode_stream if options.raw else decode_lines
    write = json_writer()
    refused = 0
    with opened(options.file) as stream:
        for result in decode(chunks(stream), codec):
            refused += "error" in result
            write(result)
    return 1 if refused else 0


def decode_lines(data: Iterable[bytes], codec: Codec) -> Iterator[dict[str, Plain]]:
    """What each line says: a message, or why it is none."""
    most = 2 * (codec.envelope.size + codec.envelope.most) + 1000
    for line in lines(data, most):
        digits = line.strip()
        if len(line) > most:
            yield refusal(MalformedMessage(f"a line of more than {most} characters", offset=most // 2))
        elif digits:
            yield _decode_digits(digits, codec)


def _decode_digits(digits: bytes, codec: Codec) -> dict[str, Plain]:
    try:
        return describe(binascii.unhexlify(digits), codec)
    except binascii.Error:
        return refusal(_why_no_hex(digits))
    except MalformedMessage as error:
        return refusal(error)


def _why_no_hex(digits: bytes) -> MalformedMessage:
    wrong = _NO_HEX.search(digits)
    if wrong is None:
        return MalformedMessage(
            f"{len(digits)} hexadecimal digits: half a byte too many", offset=len(digits) // 2
        )
    at = wrong.start()
    character = digits[at : at + 4].decode("utf-8", "replace")[0]
    return MalformedMessage(f"{character!a} (character {at + 1}) is no hexadecimal digit", offset=at // 2)


def decode_stream(data: Iterable[bytes], codec: Codec) -> Iterator[dict[str, Plain]]:
    """What each frame of a stream says, or why it is refused; ends where no next frame can be found."""
    start = 0
    for frame in frames(data, codec.envelope):
        try:
            yield describe(frame, codec)
        except MalformedMessage as error:
            lost = type(error) in (WrongNetwork, Oversize)
            yield refusal(error, start, "; the stream cannot be read on" if lost else "")
            if lost:
                return
        start += len(frame)


def describe(frame: bytes, codec: Codec) -> dict[str, Plain]:
    """What a frame says, every field looked at. Raises MalformedMessage."""
    message = codec.decode(frame)
    return {"command": message.command, "fields": message.to_fields(), "extra": shown(message.extra())}


def refusal(error: MalformedMessage, start: int = 0, more: str = "") -> dict[str, Plain]:
    """Why a frame is refused.

    :param start: the frame's place in its stream, in bytes. :param more: what else there is to say.
    """
    return {"error": error.reason.value, "reason": f"{error}{more}", "offset": start + error.offset}
