"""The envelope that all the family shares: magic, command, length, checksum; then the payload."""

from __future__ import annotations

from collections.abc import Callable, Iterable
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


def sha256d_checksum_of_pieces(pieces: Iterable[bytes]) -> bytes:
    """The same of a payload in pieces, without joining them."""
    first = sha256()
    for piece in pieces:
        first.update(piece)
    return sha256(first.digest()).digest()[:4]


@dataclass(frozen=True)
class Envelope:
    """How frames begin on one network.

    :ivar magic: four bytes in wire order.
    :ivar checksum: the four bytes that a payload must have in its header.
    :ivar checksum_of_pieces: the same bytes of a payload that lies in pieces, which it does not join.
    :ivar most: the longest payload of any message, in bytes.
    :ivar strict_ascii: whether a command must be printable ASCII; if not, UTF-8 is enough.
    :ivar cuts_at_nul: whether a command ends at its first NUL; if not, only trailing NULs are cut.
    :ivar magic_first: whether a foreign magic is told before an oversize, and as soon as its bytes are there.
    :cvar size: the length of a header, in bytes.
    """

    magic: bytes
    checksum: Callable[[bytes], bytes] = sha256d_checksum
    checksum_of_pieces: Callable[[Iterable[bytes]], bytes] = sha256d_checksum_of_pieces
    most: int = 4_000_000
    strict_ascii: bool = False
    cuts_at_nul: bool = False
    magic_first: bool = False
    size: ClassVar[int] = HEADER.size

    def command(self, name: str) -> bytes:
        """The twelve bytes of a command. Raises LocalError for one that is longer, or not ASCII."""
        if len(name) > 12 or not name.isascii():
            raise LocalError(f"command {name!r} has {len(name)} characters, at most 12 of ASCII allowed")
        return name.encode("ascii").ljust(12, b"\0")

    def command_fault(self, command: bytes) -> str:
        """What is wrong with the twelve bytes of a command, whether it is known or not; empty if nothing is."""
        name = command.rstrip(b"\0")
        if self.strict_ascii:
            return "" if all(0x20 <= byte < 0x7F for byte in name) else "is not printable ASCII"
        try:
            name.decode()
        except UnicodeDecodeError:
            return "is not UTF-8"
        return ""

    def header(self, frame: bytes, at: int = 0) -> tuple[bytes, bytes, int, bytes]:
        """Magic, command, payload length in bytes, checksum. Raises Incomplete."""
        if len(frame) - at < self.size:
            raise Incomplete(f"{len(frame) - at} of {self.size} bytes of header are there", offset=len(frame))
        header: tuple[bytes, bytes, int, bytes] = HEADER.unpack_from(frame, at)
        return header

    def wrap(self, command: bytes, payload: bytes) -> bytes:
        """A whole frame, of a command of twelve bytes."""
        return HEADER.pack(self.magic, command, len(payload), self.checksum(payload)) + payload
