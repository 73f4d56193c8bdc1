"""Bitcoin's variable length integer: written in its shortest form; whether others are read is the network's."""

from __future__ import annotations

from struct import Struct

from peerproto.errors import LocalError, MalformedMessage

_WIDE = {0xFD: (Struct("<H"), 0xFD), 0xFE: (Struct("<I"), 0x1_0000), 0xFF: (Struct("<Q"), 0x1_0000_0000)}
_SMALL = [bytes((value,)) for value in range(0xFD)]


def read_varint(buf: bytes, at: int) -> tuple[int, int]:
    """The integer at `at`, and the offset behind it.

    Raises MalformedMessage if a shorter form would do, IndexError or struct.error if bytes are missing.
    """
    first = buf[at]
    if first < 0xFD:
        return first, at + 1
    form, least = _WIDE[first]
    (value,) = form.unpack_from(buf, at + 1)
    if value < least:
        raise MalformedMessage(f"varint {value:#x} is not in its shortest form ({first:#x})", offset=at)
    return value, at + 1 + form.size


def read_any_varint(buf: bytes, at: int) -> tuple[int, int]:
    """As `read_varint`, for networks that take longer forms too (NEO)."""
    first = buf[at]
    if first < 0xFD:
        return first, at + 1
    form, _ = _WIDE[first]
    (value,) = form.unpack_from(buf, at + 1)
    return value, at + 1 + form.size


def write_varint(value: int) -> bytes:
    """The integer in its shortest form. Raises LocalError outside 0 to 2**64 - 1."""
    if 0 <= value < 0xFD:
        return _SMALL[value]
    for first, (form, least) in reversed(_WIDE.items()):
        if least <= value < 1 << 64:
            return bytes((first,)) + form.pack(value)
    raise LocalError(f"{value} does not fit a varint: 0 to 2**64 - 1 are allowed")
