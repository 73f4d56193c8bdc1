"""What a chain of block headers must know about its network, as data, and the arithmetic of targets.

A chain may do without proof of work (``work_hash`` is None): then bits say nothing, the longest branch counts, and
what a header must show for itself the network's ``judge`` knows.

Hashes are 32 bytes in wire order; as numbers they are little endian. Times are whole seconds since 1970, UTC.
A *target* is the largest hash, as a number, that a header may have; *bits* is a target in the four bytes
that a header has for it (Bitcoin Core calls it compact, ``arith_uint256.cpp``).

Sources: Bitcoin Core ``kernel/chainparams.cpp`` and ``pow.cpp``, BIP 94, btcd ``chaincfg/params.go``
(simnet), Litecoin Core 0.21 ``chainparams.cpp`` and ``pow.cpp``. What the numbers do is in
`peerproto.chain.difficulty`.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

from peerproto.errors import InvalidHeaders

__all__ = [
    "FUTURE_LIMIT",
    "MAX_TIMEWARP",
    "MEDIAN_SPAN",
    "Asert",
    "ChainRules",
    "HeaderFields",
    "bits_of",
    "display",
    "genesis_header",
    "scrypt_1024",
    "sha256d",
    "target_of",
    "work_of",
]

FUTURE_LIMIT = 2 * 60 * 60
"""How far a header's time may be ahead of the clock, in seconds."""

MEDIAN_SPAN = 11
"""A header's time must be after the median of this many headers before it, if the rules do not say otherwise."""

MAX_TIMEWARP = 600
"""How far the first header of a period may be before the one before it, in seconds (BIP 94)."""


class HeaderFields(NamedTuple):
    """What the rules look at in a header: the hash before it (wire order), its time in seconds, its bits (0 without
    proof of work), and its height where a header says that.
    """

    prev_block: bytes
    timestamp: int
    bits: int = 0
    height: int | None = None


class Asert(NamedTuple):
    """Targets that follow the time since a block, not that of a period (aserti3-2d; Decred's DCP0011).

    :ivar half_life: being so many seconds late makes a target twice as easy. :ivar anchor: the height of the block;
        up to the one after it headers have the limit's bits.
    """

    half_life: int
    anchor: int


def sha256d(data: bytes) -> bytes:
    """SHA-256 of SHA-256: 32 bytes, which is wire order."""
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()


def scrypt_1024(header: bytes) -> bytes:
    """Litecoin's proof of work: scrypt with N=1024, r=1, p=1, the header as its own salt; 32 bytes."""
    return hashlib.scrypt(header, salt=header, n=1024, r=1, p=1, maxmem=1 << 20, dklen=32)


def display(block_hash: bytes) -> str:
    """A hash as people write it: hexadecimal, the other way round than on the wire."""
    return block_hash[::-1].hex()


def target_of(bits: int) -> int:
    """The target that bits stand for; zero where the number is too small to show.

    :raises InvalidHeaders: where the number is negative or over 256 bits (``SetCompact``).
    """
    size, word = bits >> 24, bits & 0x007FFFFF
    target = word >> 8 * (3 - size) if size <= 3 else word << 8 * (size - 3)
    if bits & 0x00800000 and target:  # a zero has no sign
        raise InvalidHeaders(f"bits {bits:#010x} are negative")
    if target >> 256:
        raise InvalidHeaders(f"bits {bits:#010x} are over 256 bits")
    return target


def bits_of(target: int) -> int:
    """The bits that come nearest to a target from below: three bytes of it are kept (``GetCompact``)."""
    size = (target.bit_length() + 7) // 8
    word = target << 8 * (3 - size) if size <= 3 else target >> 8 * (size - 3)
    if word & 0x00800000:  # this bit is the sign
        word, size = word >> 8, size + 1
    return size << 24 | word


@lru_cache(maxsize=1024)
def work_of(target: int) -> int:
    """How many hashes it takes on average to meet a target."""
    return (1 << 256) // (target + 1)


_FIELDS_80 = struct.Struct("<4x32s32xII4x")
_HEADER_80 = struct.Struct("<I32s32sIII")


def _read_80(header: bytes) -> HeaderFields:
    return HeaderFields(*_FIELDS_80.unpack(header))


def _make_80(fields: HeaderFields, merkle_root: bytes, nonce: int) -> bytes:
    return _HEADER_80.pack(0x20000000, fields.prev_block, merkle_root, fields.timestamp, fields.bits, nonce)


def _nothing_wrong(header: bytes, parent: bytes) -> str:
    """A network whose headers have nothing of their own to show."""
    return ""


@dataclass(frozen=True, kw_only=True)
class ChainRules:
    """One network's rules for its headers.

    :ivar name: as in "bitcoin-regtest"; a store file bears it.
    :ivar genesis: the first header, serialized.
    :ivar pow_limit: the easiest target; means nothing without proof of work.
    :ivar least_work: the work that the network's chain was known to have when that was written down; who brings less
        is behind, or has another chain. Zero where nobody says.
    :ivar spacing: seconds meant to lie between two blocks.
    :ivar interval: headers in a period; the bits change with a period's first.
    :ivar timespan: seconds that a period is meant to take.
    :ivar retarget: whether bits change at all; else all are the genesis block's.
    :ivar min_difficulty_after: seconds after which the next header, unless first of a period,
        must have the pow limit's bits (the test networks' rule); None where there is no such rule.
    :ivar bip94: testnet4's two rules: a period's bits come from the bits of the first header of the one
        before, and its first header's time is at most `MAX_TIMEWARP` before the last one's.
    :ivar whole_period: a period is measured from the last header of the period before it, not from its own
        first, but for the first period (Litecoin).
    :ivar shift_guard: a target that could outgrow 256 bits loses its last bit (Litecoin).
    :ivar asert: in place of periods; None where there are periods.
    :ivar any_bits: whether bits are only checked against the limit, since headers alone do not tell them.
    :ivar median_span: a header's time must be after the median of so many before it.
    :ivar header_size: bytes of a serialized header; of the shortest, where they differ.
    :ivar longest_header: bytes of the longest; None where all have the same size.
    :ivar block_hash: from a serialized header to its hash.
    :ivar work_hash: from a serialized header to the hash that must meet the target; None without proof of work.
    :ivar judge: what is wrong with a serialized header behind its serialized parent by rules of the network's own;
        empty if nothing is.
    :ivar read: from a serialized header, which must have its size, to what the rules look at.
    :ivar make: a serialized header of what the rules look at, a Merkle root and a nonce; all else is made up.
        Raises LocalError where that cannot be done.
    """

    name: str
    genesis: bytes
    pow_limit: int = 0
    least_work: int = 0
    spacing: int = 600
    interval: int = 2016
    timespan: int = 14 * 24 * 60 * 60
    retarget: bool = True
    min_difficulty_after: int | None = None
    bip94: bool = False
    whole_period: bool = False
    shift_guard: bool = False
    asert: Asert | None = None
    any_bits: bool = False
    median_span: int = MEDIAN_SPAN
    header_size: int = 80
    longest_header: int | None = None
    block_hash: Callable[[bytes], bytes] = sha256d
    work_hash: Callable[[bytes], bytes] | None = sha256d
    judge: Callable[[bytes, bytes], str] = _nothing_wrong
    read: Callable[[bytes], HeaderFields] = _read_80
    make: Callable[[HeaderFields, bytes, int], bytes] = _make_80

    @cached_property
    def genesis_hash(self) -> bytes:
        """The genesis block's hash in wire order."""
        return self.block_hash(self.genesis)

    @cached_property
    def pow_limit_bits(self) -> int:
        """The easiest target as bits."""
        return bits_of(self.pow_limit)

    @property
    def is_work_cheap(self) -> bool:
        """Whether checking the proof of work costs nothing beside the hash by which the header is known."""
        return self.work_hash is None or self.work_hash is self.block_hash

    def weigh(self, fields: HeaderFields) -> int:
        """What a header adds to its branch: the hashes that it took on average; without proof of work one."""
        return 1 if self.work_hash is None else work_of(target_of(fields.bits))

    def size_fault(self, header: bytes) -> str:
        """What is wrong with the size of a serialized header; empty if nothing is."""
        least, most = self.header_size, self.longest_header or self.header_size
        if least <= len(header) <= most:
            return ""
        allowed = f"{least}" if least == most else f"{least} to {most}"
        return f"has {len(header)} bytes, must have {allowed}"


def genesis_header(merkle_root: str, timestamp: int, bits: int, nonce: int) -> bytes:
    """A version 1 header after nothing; the Merkle root as it is displayed."""
    root = bytes.fromhex(merkle_root)[::-1]
    return _HEADER_80.pack(1, bytes(32), root, timestamp, bits, nonce)
