"""The frames that are measured: the same bytes on every machine.

Made with struct and hashlib only, so that no change of the library changes what it is measured with. All are
of the Bitcoin regtest network at protocol version 70016. Random bytes come from xorshift64 (13, 7, 17), eight
at a time, little endian, started anew for each frame. `inv50`, `inv50000`, `headers2000`, `block1MB` and
`tx250` are byte for byte those that btcd (Go) was timed with.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from struct import Struct, pack

MAGIC = bytes.fromhex("fabfb5da")
HEADER = Struct("<4s12sI4s")
START = 88172645463325252
TIME = 1_600_000_000
NONCE = 0xB16B00B5
"""What a ping carries."""

SHA256 = {
    "version": "1e6e0cd4c0e62638d55adbc62425b73c964aa3f632de1b519743c00645ec587e",
    "ping": "86a5fa4f4ff43b6fc127bef00be8bc7bfe1af3e4f6f62ee47a78409d91140003",
    "inv50": "aa2a14cccb80741075d4d046ce84d36b6f9ec4315122b8480e31b76ba1fd3bc8",
    "inv50000": "9c02a43853369f3d746388ec6394464e5688262dac3d02e7409f542f859b5303",
    "headers2000": "70c908d3a7a6f4a78df57516f43e133d2bdfcbcc44c5888157123b851f78bfd5",
    "block1MB": "6bb7695f5a43e9589e43b63cd1dd20ac43626eb5cb8ec22b5737cd80fa28882b",
    "tx250": "51e4a268357e95372e9edcabc8115a7a5771069af5167dc9a45dffde55dedfd1",
    "addr1000": "203ac2a6a82415e91babdf02060155ca636adf5478cf7a7e9cdad31874d71cc0",
}
"""Of the whole frame; those of version, ping and addr1000 are our own."""


class Random:
    """xorshift64, as George Marsaglia gave it."""

    def __init__(self) -> None:
        self._state = START

    def number(self) -> int:
        """The next 64 bits."""
        x = self._state
        x ^= x << 13 & 0xFFFF_FFFF_FFFF_FFFF
        x ^= x >> 7
        x ^= x << 17 & 0xFFFF_FFFF_FFFF_FFFF
        self._state = x
        return x

    def take(self, size: int) -> bytes:
        """`size` bytes; what is left of the last eight is dropped."""
        return b"".join(pack("<Q", self.number()) for _ in range(-(-size // 8)))[:size]


def wrap(command: str, payload: bytes) -> bytes:
    """A whole frame."""
    checksum = sha256(sha256(payload).digest()).digest()[:4]
    return HEADER.pack(MAGIC, command.encode(), len(payload), checksum) + payload


@lru_cache
def frame(name: str) -> bytes:
    """The frame of a name in `FRAMES`."""
    command, make = FRAMES[name]
    return wrap(command, make(Random()))


def _version(random: Random) -> bytes:
    address = pack(">Q16sH", 0, bytes(10) + b"\xff\xff\x7f\0\0\1", 18444)
    agent = b"/floor:1/"
    head = pack("<iQq", 70016, 9, TIME)
    return head + address * 2 + pack("<QB", random.number(), len(agent)) + agent + pack("<iB", 0, 1)


def _inv(random: Random, count: int) -> bytes:
    return _count(count) + b"".join(b"\1\0\0\0" + random.take(32) for _ in range(count))


def _header(random: Random, time: int, nonce: int | None = None) -> bytes:
    hashes = random.take(64)
    drawn = random.number() & 0xFFFF_FFFF if nonce is None else nonce
    return pack("<I64s3I", 0x2000_0000, hashes, time, 0x1D00_FFFF, drawn)


def _headers(random: Random) -> bytes:
    return _count(2000) + b"".join(_header(random, TIME + number) + b"\0" for number in range(2000))


def _tx(random: Random, size: int) -> bytes:
    """A script to spend that fills the transaction up to `size` bytes, and two outputs."""
    script = size - 119 - (2 if size - 119 > 252 else 0)
    spends = random.take(32) + pack("<I", 1) + _count(script) + random.take(script) + b"\xff" * 4
    outputs = b"".join(pack("<qB", 50_000 + number, 25) + random.take(25) for number in range(2))
    return pack("<i", 1) + b"\1" + spends + b"\2" + outputs + bytes(4)


def _block(random: Random) -> bytes:
    return _header(random, TIME, nonce=7) + _count(2000) + b"".join(_tx(random, 500) for _ in range(2000))


def _addr(random: Random) -> bytes:
    def address(number: int) -> bytes:
        ip = bytes(10) + b"\xff\xff" + random.take(4)
        return pack("<IQ", TIME + number, 9) + ip + (18444).to_bytes(2, "big")

    return _count(1000) + b"".join(address(number) for number in range(1000))


def _count(value: int) -> bytes:
    return bytes([value]) if value < 253 else b"\xfd" + pack("<H", value)


FRAMES: dict[str, tuple[str, Callable[[Random], bytes]]] = {
    "version": ("version", _version),
    "ping": ("ping", lambda random: pack("<Q", NONCE)),
    "inv50": ("inv", lambda random: _inv(random, 50)),
    "inv50000": ("inv", lambda random: _inv(random, 50_000)),
    "headers2000": ("headers", _headers),
    "block1MB": ("block", _block),
    "tx250": ("tx", lambda random: _tx(random, 250)),
    "addr1000": ("addr", _addr),
}
"""Name, to the command and what makes the payload."""
