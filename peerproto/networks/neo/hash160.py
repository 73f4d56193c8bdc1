"""The hash of a script: RIPEMD-160 of SHA-256, in 20 bytes. RIPEMD-160 is written out here too, for an OpenSSL that
has been built or configured without it.

Source: H. Dobbertin, A. Bosselaers, B. Preneel, "RIPEMD-160: A Strengthened Version of RIPEMD" (1996), appendix A.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from struct import Struct, pack

_WORDS = Struct("<16I")
_START = 0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0
_MASK = 0xFFFF_FFFF

# The order of the words, the shifts and the constant of each of the five rounds, in the left line and in the right.
_PERMUTED = 7, 4, 13, 1, 10, 6, 15, 3, 12, 0, 9, 5, 2, 14, 11, 8
_SHIFTS = (
    (11, 14, 15, 12, 5, 8, 7, 9, 11, 13, 14, 15, 6, 7, 9, 8),
    (12, 13, 11, 15, 6, 9, 9, 7, 12, 15, 11, 13, 7, 8, 7, 7),
    (13, 15, 14, 11, 7, 7, 6, 8, 13, 14, 13, 12, 5, 5, 6, 9),
    (14, 11, 12, 14, 8, 6, 5, 5, 15, 12, 15, 14, 9, 9, 8, 6),
    (15, 12, 13, 13, 9, 5, 8, 6, 14, 11, 12, 11, 8, 6, 5, 5),
)
_LEFT = 0x00000000, 0x5A827999, 0x6ED9EBA1, 0x8F1BBCDC, 0xA953FD4E
_RIGHT = 0x50A28BE6, 0x5C4DD124, 0x6D703EF3, 0x7A6D76E9, 0x00000000


def _mixed(number: int, x: int, y: int, z: int) -> int:
    """One of the five functions of three words."""
    if number == 0:
        return x ^ y ^ z
    if number == 1:
        return x & y | ~x & z
    if number == 2:
        return (x | ~y) ^ z
    return x & z | y & ~z if number == 3 else x ^ (y | ~z)


def _line(
    state: tuple[int, ...], words: tuple[int, ...], order: list[int], *, right: bool
) -> tuple[int, ...]:
    """Eighty steps over a block of sixteen words."""
    a, b, c, d, e = state
    for number in range(5):
        constant = (_RIGHT if right else _LEFT)[number]
        for index in order:
            mixed = a + _mixed(4 - number if right else number, b, c, d) + words[index] + constant & _MASK
            shift = _SHIFTS[number][index]
            turned = (mixed << shift | mixed >> 32 - shift) + e & _MASK
            a, b, c, d, e = e, turned, b, (c << 10 | c >> 22) & _MASK, d
        order = [_PERMUTED[index] for index in order]
    return a, b, c, d, e


def ripemd160(data: bytes) -> bytes:
    """RIPEMD-160 in Python: 20 bytes."""
    padded = data + b"\x80" + bytes(-(len(data) + 9) % 64) + pack("<Q", len(data) * 8 & (1 << 64) - 1)
    state: tuple[int, ...] = _START
    for words in _WORDS.iter_unpack(padded):
        left = _line(state, words, list(range(16)), right=False)
        right = _line(state, words, [(9 * index + 5) % 16 for index in range(16)], right=True)
        state = tuple(
            state[(at + 1) % 5] + left[(at + 2) % 5] + right[(at + 3) % 5] & _MASK for at in range(5)
        )
    return pack("<5I", *state)


@lru_cache(maxsize=16)
def hash160(script: bytes) -> bytes:
    """The hash of a script, in wire order; of the last few scripts it is remembered, for a chain has the same one
    again and again.
    """
    digest = hashlib.sha256(script).digest()
    try:
        return hashlib.new("ripemd160", digest).digest()
    except ValueError:
        return ripemd160(digest)
