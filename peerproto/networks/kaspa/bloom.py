"""The arithmetic of bloom filters (BIP37), by which a light node says which transactions it wants.

MurmurHash3 is ours: it is fifteen lines, and a filter is tested some times per transaction, not per byte.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import log
from struct import Struct
from typing import Self

from peerproto.errors import LocalError
from peerproto.networks.bitcoin.filters import MOST_HASH_FUNCS
from peerproto.networks.kaspa.blocks import Tx
from peerproto.networks.kaspa.messages import MOST_FILTER, FilterLoad
from peerproto.networks.kaspa.records import OutPoint

UPDATE_NONE, UPDATE_ALL = 0, 1

_MASK = 0xFFFF_FFFF
_OUT_POINT = Struct("<32sI")


def murmur3(seed: int, data: bytes) -> int:
    """MurmurHash3 (x86, 32 bits) of data; the seed has 32 bits too."""
    value = seed
    for at in range(0, len(data), 4):
        block = data[at : at + 4]
        mixed = int.from_bytes(block, "little") * 0xCC9E2D51 & _MASK
        mixed = (mixed << 15 | mixed >> 17) * 0x1B873593 & _MASK
        value ^= mixed
        if len(block) == 4:
            value = (value << 13 | value >> 19) * 5 + 0xE6546B64 & _MASK
    value ^= len(data)
    value = (value ^ value >> 16) * 0x85EBCA6B & _MASK
    value = (value ^ value >> 13) * 0xC2B2AE35 & _MASK
    return value ^ value >> 16


class BloomFilter:
    """A set that may say yes to what was not put in, never no to what was.

    One of no bytes holds everything: nothing can be told of it.

    :param bits: the filter's bytes. :param hash_funcs: how many bits an element has.
    :param flags: UPDATE_ALL if the outputs that match are to match as inputs later.
    """

    def __init__(self, bits: bytes, hash_funcs: int, tweak: int, flags: int = UPDATE_NONE) -> None:
        self._bits = bytearray(bits)
        self.hash_funcs = hash_funcs
        self.tweak = tweak
        self.flags = flags

    @classmethod
    def sized(cls, elements: int, rate: float, tweak: int, flags: int = UPDATE_NONE) -> Self:
        """An empty one for so many elements, that says yes to others at a rate (kaspad util/bloom/filter.go).

        :param rate: of false positives; counted as at least 1e-9 and at most 1.

        Raises LocalError for less than one element.
        """
        if elements < 1:
            raise LocalError(f"a filter for {elements} elements, at least 1 allowed")
        rate = min(max(rate, 1e-9), 1.0)
        size = min(int(-elements * log(rate) / log(2) ** 2), MOST_FILTER * 8) // 8
        return cls(bytes(size), min(int(size * 8 / elements * log(2)), MOST_HASH_FUNCS), tweak, flags)

    @classmethod
    def of(cls, message: FilterLoad) -> Self:
        """The filter that a peer has loaded."""
        return cls(message.filter, message.hash_funcs, message.tweak, message.flags)

    def message(self) -> FilterLoad:
        """What loads it at a peer."""
        return FilterLoad(bytes(self._bits), self.hash_funcs, self.tweak, self.flags)

    def add(self, data: bytes) -> None:
        """Put something in."""
        for index in self._places(data):
            self._bits[index >> 3] |= 1 << (index & 7)

    def add_outpoint(self, outpoint: OutPoint) -> None:
        """Put an outpoint in."""
        self.add(_OUT_POINT.pack(*outpoint))

    def __contains__(self, data: bytes) -> bool:
        return all(self._bits[index >> 3] >> (index & 7) & 1 for index in self._places(data))

    def matches(self, tx: Tx) -> bool:
        """Whether a transaction is wanted: by its id, what its scripts push, or what it spends.

        With UPDATE_ALL its matching outputs are put in.
        """
        tx_id = tx.tx_id
        found = tx_id in self
        for index, output in enumerate(tx.tx_out):
            if any(data in self for data in pushed(output.script_pub_key)):
                found = True
                if self.flags == UPDATE_ALL:
                    self.add_outpoint(OutPoint(tx_id, index))
        return found or any(
            _OUT_POINT.pack(*item.previous_outpoint) in self
            or any(data in self for data in pushed(item.signature_script))
            for item in tx.tx_in
        )

    def _places(self, data: bytes) -> Iterator[int]:
        size = len(self._bits) * 8
        for number in range(self.hash_funcs if size else 0):
            yield murmur3(number * 0xFBA4C795 + self.tweak & _MASK, data) % size


_PUSH_SIZES = {0x4C: 1, 0x4D: 2, 0x4E: 4}


def pushed(script: bytes) -> list[bytes]:
    """What a script pushes, but for what is empty; nothing of a script that ends within a push."""
    found, at = [], 0
    while at < len(script):
        code = script[at]
        at += 1
        if code > 0x4E:
            continue
        wide = _PUSH_SIZES.get(code, 0)
        size = int.from_bytes(script[at : at + wide], "little") if wide else code
        at += wide
        if at + size > len(script):
            return []
        if size:
            found.append(script[at : at + size])
        at += size
    return found
