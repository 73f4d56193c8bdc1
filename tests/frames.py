"""Frames for every network that are made by hand, right and wrong: names of ways are those of `tests.everywhere`."""

from __future__ import annotations

from typing import Any

from peerproto.testing import RawPeer
from tests.everywhere import WAYS

MIB = 1 << 20
VECTOR = {"soterd": 40, "neo-cli": 32}
"""Bytes of an inventory vector, where they are not 36."""
MOST = {"soterd": 45_000, "kaspad": 131_072, "neo-cli": 500}
"""Vectors of a message at most, where they are not 50,000."""


def frame(way: str, command: bytes, payload: bytes) -> bytes:
    """A frame with a right checksum, whatever its command and payload are."""
    return WAYS[way].envelope.wrap(command.ljust(12, b"\0"), payload)


def header(way: str, command: bytes, size: int) -> bytes:
    """The 24 bytes that begin a frame, with a checksum of zeros."""
    return frame(way, command, b"")[:16] + size.to_bytes(4, "little") + bytes(4)


def count(number: int) -> bytes:
    """A varint of three or five bytes."""
    return (
        b"\xfd" + number.to_bytes(2, "little") if number < 1 << 16 else b"\xfe" + number.to_bytes(4, "little")
    )


def vectors(way: str, counted: bytes, number: int = 0) -> bytes:
    """The payload of an inv or a getdata: a count, and so many vectors of zeros; NEO's have one type for all."""
    size = VECTOR.get(way, 36)
    return (b"\1" if way == "neo-cli" else b"") + counted + bytes(size * number)


def long(way: str, size: int = MIB) -> bytes:
    """A frame of about so many bytes, in one of the messages that may be so long and that nobody looks into here."""
    if way == "neo-cli":
        return frame(way, b"consensus", bytes(46) + count(size) + bytes(size) + b"\1\0\0")
    number = size // VECTOR.get(way, 36)
    return frame(way, b"inv", vectors(way, count(number), number))


def kept(raw: RawPeer, whole: bytes) -> Any:
    """The message of a frame, to be sent on as it is."""
    return raw.peer.codec.decode(whole, strict=False)
