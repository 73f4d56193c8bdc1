"""Frames and lines of a stream that may have no end, and JSON on standard output.

What is here holds one frame or one line at a time, whatever comes.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import cast

from peerproto.errors import LocalError
from peerproto.wire.envelope import HEADER, Envelope

CHUNK = 1 << 16
"""How much is read at once, in bytes."""


@contextmanager
def opened(path: str | None) -> Iterator[io.BufferedIOBase]:
    """A file to read bytes from; standard input for None and `-`. Raises OSError."""
    if path is None or path == "-":
        if sys.stdin is None:
            raise LocalError("standard input is closed")
        yield cast(io.BufferedIOBase, sys.stdin.buffer)
    else:
        with open(path, "rb") as file:
            yield file


def chunks(stream: io.BufferedIOBase) -> Iterator[bytes]:
    """What has come, as it comes. Before anything is waited for, what has been written so far goes out."""
    write = output()
    while data := stream.read1(CHUNK):
        yield data
        write.flush()


def lines(data: Iterable[bytes], most: int) -> Iterator[bytes]:
    """The lines, without line feeds; of one over `most` bytes only a beginning that is over it too."""
    begun: list[bytes] = []
    size = 0
    for chunk in data:
        first, *others = chunk.split(b"\n")
        if size <= most:
            begun.append(first)
        size += len(first)
        if others:
            yield b"".join(begun)
            yield from others[:-1]
            begun, size = [others[-1]], len(others[-1])
    if size:
        yield b"".join(begun)


def frames(data: Iterable[bytes], envelope: Envelope) -> Iterator[bytes]:
    """The frames of a stream, each whole; at the end what remains.

    A header that is not to be believed (another magic, a payload longer than any) comes alone, and what comes
    after it means nothing.
    """
    held: list[bytes] = []
    size, needed = 0, envelope.size
    for chunk in data:
        held.append(chunk)
        size += len(chunk)
        if size < needed:
            continue
        joined, at = b"".join(held), 0
        needed = _frame_size(joined, at, envelope)
        while len(joined) - at >= needed:
            yield joined[at : at + needed]
            at += needed
            needed = _frame_size(joined, at, envelope)
        held, size = [joined[at:]], len(joined) - at
    if size:
        yield b"".join(held)


def _frame_size(data: bytes, at: int, envelope: Envelope) -> int:
    if len(data) - at < envelope.size:
        return envelope.size
    magic, _, size, _ = HEADER.unpack_from(data, at)
    return envelope.size + (size if magic == envelope.magic and size <= envelope.most else 0)


def output() -> io.BufferedIOBase:
    """Standard output, for bytes."""
    if sys.stdout is None:
        raise LocalError("standard output is closed")
    return cast(io.BufferedIOBase, sys.stdout.buffer)


def json_writer() -> Callable[[object], object]:
    """What writes an object as a line of JSON, in ASCII: hostile text is escaped."""
    write = output().write
    dump = json.JSONEncoder().encode
    return lambda value: write(dump(value).encode("ascii") + b"\n")
