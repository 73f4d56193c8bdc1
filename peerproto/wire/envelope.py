"""The envelope that all the family shares: magic, command, length, checksum; then the payload."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from struct import Struct
from typing import ClassVar

from peerproto.errors import Incomplete, LocalError

HEADER = Struct("<4s12sI4s")


def sha256d(data: bytes) -> bytes:
    """SHA-256 of the SHA-256."""
    return sha256(sha256(data).digest()).digest()


def sha256d_checksum(payload: bytes) -> bytes:
    """The first four bytes of the double SHA-256."""
    return sha256(sha256(payload).digest()).digest()[:4]


@dataclass(frozen=True)
class Envelope:
    """How frames begin on one network.

    :ivar magic: four bytes in wire order.
    :ivar checksum: the four bytes that a payload must have in its header.
    :ivar most: the longest payload of any message, in bytes.
    :cvar size: the length of a header, in bytes.
    """

    magic: bytes
    checksum: Callable[[bytes], bytes] = sha256d_checksum
    most: int = 4_000_000
    size: ClassVar[int] = HEADER.size

    def command(self, name: str) -> bytes:
        """The twelve bytes of a command. Raises LocalError for one that is longer, or not ASCII."""
        if len(name) > 12 or not name.isascii():
            raise LocalError(f"command {name!r} has {len(name)} characters, at most 12 of ASCII allowed")
        return name.encode("ascii").ljust(12, b"\0")

    def header(self, frame: bytes, at: int = 0) -> tuple[bytes, bytes, int, bytes]:
        """Magic, command, payload length in bytes, checksum. Raises Incomplete."""
        if len(frame) - at < self.size:
            raise Incomplete(f"{len(frame) - at} of {self.size} bytes of header are there", offset=len(frame))
        header: tuple[bytes, bytes, int, bytes] = HEADER.unpack_from(frame, at)
        return header

    def wrap(self, command: bytes, payload: bytes) -> bytes:
        """A whole frame, of a command of twelve bytes."""
        return HEADER.pack(self.magic, command, len(payload), self.checksum(payload)) + payload
