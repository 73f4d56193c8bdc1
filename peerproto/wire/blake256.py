"""BLAKE-256, Decred's hash: the finalist of the SHA-3 competition, 14 rounds, no salt; Python's `hashlib` has it not.

The C file beside this one is used where it has been compiled; `pure` here is its twin, some hundred times slower.
Written from the specification (J.-P. Aumasson, L. Henzen, W. Meier, R. C.-W. Phan: "SHA-3 proposal BLAKE", version
1.3, section 2): big-endian words of 32 bits, blocks of 64 bytes, the padding of the finalist.

The four columns of the state are mixed alike and do not touch each other, so a row of four words is one Python
number: each word has a lane of 64 bits, and one addition, exclusive or or shift of the number does it to all four.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter, xor
from struct import Struct

__all__ = ["COMPILED", "blake256", "blake256_checksum", "blake256_checksum_of_pieces", "pure", "pure_pieces"]

_PI = (
    0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344, 0xA4093822, 0x299F31D0, 0x082EFA98, 0xEC4E6C89,
    0x452821E6, 0x38D01377, 0xBE5466CF, 0x34E90C6C, 0xC0AC29B7, 0xC97C50DD, 0x3F84D5B5, 0xB5470917,
)  # fmt: skip
"""The first 512 bits of pi behind the point; as words of the state they stand for nothing up the sleeve."""

_START = (
    0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19,
)  # fmt: skip
"""As SHA-256 begins."""

_ORDER = """
    0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15
    14 10 4 8 9 15 13 6 1 12 0 2 11 7 5 3
    11 8 12 0 5 2 15 13 10 14 3 6 7 1 9 4
    7 9 3 1 13 12 11 14 2 6 5 10 4 0 15 8
    9 0 5 7 2 4 10 15 14 1 11 12 6 8 3 13
    2 12 6 10 0 11 8 3 4 13 7 5 15 14 1 9
    12 5 1 15 14 13 4 10 0 7 6 3 9 2 8 11
    13 11 7 14 12 1 3 9 5 0 15 4 8 6 2 10
    6 15 14 9 11 3 0 8 12 2 13 7 1 4 10 5
    10 2 8 4 7 6 1 5 15 11 9 14 3 12 13 0
"""
"""In which order a round takes the words of a block; the eleventh round begins anew."""

_ROUNDS = [list(map(int, line.split())) for line in _ORDER.strip().splitlines()]
_WORDS = Struct(">16I").unpack
_DIGEST = Struct(">8I").pack
_LENGTH = Struct(">Q").pack
_LANES = Struct("<160Q").pack


def _row(*words: int) -> int:
    """Four words as one number, the first in its lowest lane."""
    return sum(word << 64 * lane for lane, word in enumerate(words))


def _schedule() -> tuple[list[int], list[int]]:
    """Which word of the block goes into each lane of ten rounds, and with which constant it is mixed.

    A step takes two rows: in the first the pairs of the order as they are, in the second the other way round.
    """
    pairs = [
        (first, second) for order in _ROUNDS for first, second in zip(order[::2], order[1::2], strict=True)
    ]
    taken, mixed = [], []
    for step in range(0, len(pairs), 4):
        four = pairs[step : step + 4]
        taken += [first for first, _ in four] + [second for _, second in four]
        mixed += [_PI[second] for _, second in four] + [_PI[first] for first, _ in four]
    return taken, mixed


_TAKEN, _MIXED = _schedule()
_take = itemgetter(*_TAKEN)
_ALL = (1 << 256) - 1
_LOW = _row(*[0xFFFFFFFF] * 4)
_THIRD, _FOURTH = _row(*_PI[:4]), _row(*_PI[4:8])


def _compress(first: int, second: int, block: bytes, counted: int) -> tuple[int, int]:
    """The chaining value after a block of 64 bytes.

    :param counted: bits of the message up to and with this block; 0 if none of them is in it.
    """
    lanes = _LANES(*map(xor, _take(_WORDS(block)), _MIXED))
    rows = [int.from_bytes(lanes[at : at + 32], "little") for at in range(0, 1280, 32)]
    every, low = _ALL, _LOW
    a, b, c = first, second, _THIRD
    d = _FOURTH ^ (counted & 0xFFFFFFFF) * (1 | 1 << 64) ^ (counted >> 32) * (1 << 128 | 1 << 192)
    for at in (0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 0, 4, 8, 12):
        w, x, y, z = rows[at : at + 4]
        a = (a + b + w) & low
        d ^= a
        d = ((d | d << 32) >> 16) & low
        c = (c + d) & low
        b ^= c
        b = ((b | b << 32) >> 12) & low
        a = (a + b + x) & low
        d ^= a
        d = ((d | d << 32) >> 8) & low
        c = (c + d) & low
        b ^= c
        b = ((b | b << 32) >> 7) & low
        # The diagonals: the second row goes one lane down, the third two, the fourth three; then all back.
        b = b >> 64 | b << 192 & every
        c = c >> 128 | c << 128 & every
        d = d >> 192 | d << 64 & every
        a = (a + b + y) & low
        d ^= a
        d = ((d | d << 32) >> 16) & low
        c = (c + d) & low
        b ^= c
        b = ((b | b << 32) >> 12) & low
        a = (a + b + z) & low
        d ^= a
        d = ((d | d << 32) >> 8) & low
        c = (c + d) & low
        b ^= c
        b = ((b | b << 32) >> 7) & low
        b = b >> 192 | b << 64 & every
        c = c >> 128 | c << 128 & every
        d = d >> 64 | d << 192 & every
    return first ^ a ^ c, second ^ b ^ d


def pure(data: bytes) -> bytes:
    """The 32 bytes of the hash, by Python alone. Takes any contiguous buffer; raises TypeError for what is none."""
    return pure_pieces([data if type(data) is bytes else bytes(memoryview(data))])


def pure_pieces(pieces: Iterable[bytes]) -> bytes:
    """The same of pieces one behind the other, without joining them."""
    first, second = _row(*_START[:4]), _row(*_START[4:])
    hashed, rest = 0, b""
    for piece in pieces:
        message = rest + piece
        whole = len(message) & ~63
        for end in range(64, whole + 1, 64):
            first, second = _compress(first, second, message[end - 64 : end], 8 * (hashed + end))
        hashed, rest = hashed + whole, message[whole:]
    for block, counted in _last(rest, 8 * (hashed + len(rest))):
        first, second = _compress(first, second, block, counted)
    return _DIGEST(*(row >> 64 * lane & 0xFFFFFFFF for row in (first, second) for lane in range(4)))


def _last(rest: bytes, bits: int) -> list[tuple[bytes, int]]:
    """The padded end of a message of so many bits: a bit 1, zeros, a bit 1, the length; one block or two."""
    tail = b"\x01" + _LENGTH(bits)
    if len(rest) == 55:
        return [(rest + b"\x81" + tail[1:], bits)]
    if len(rest) < 55:
        return [(rest + b"\x80" + bytes(54 - len(rest)) + tail, bits if rest else 0)]
    return [(rest + b"\x80" + bytes(63 - len(rest)), bits), (bytes(55) + tail, 0)]


try:
    from peerproto.wire._blake256 import blake256, blake256_pieces

    COMPILED = True
except ImportError:
    blake256, blake256_pieces = pure, pure_pieces
    COMPILED = False


def blake256_checksum(payload: bytes) -> bytes:
    """The first four bytes of the hash: Decred's checksum, taken once."""
    return blake256(payload)[:4]


def blake256_checksum_of_pieces(pieces: Iterable[bytes]) -> bytes:
    """The same of a payload in pieces."""
    return blake256_pieces(pieces)[:4]
