"""Which bits and which times the next header of a chain may have.

`Lineage` is the whole memory that this needs: it is pushed one header at a time and never looks back, so
a chain of any length is checked in the same small space.
Sources: Bitcoin Core ``pow.cpp`` and ``ContextualCheckBlockHeader``, Litecoin Core 0.21 ``pow.cpp``, BIP 94,
Decred's DCP0011.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Sequence

from peerproto.chain.rules import (
    MAX_TIMEWARP,
    Asert,
    ChainRules,
    HeaderFields,
    bits_of,
    target_of,
)

__all__ = ["Lineage", "absolute", "retargeted"]


def retargeted(rules: ChainRules, bits: int, took: int) -> int:
    """The bits of a new period.

    :param bits: those the old period is taken to have had.
    :param took: seconds that the old period took; counted as a quarter to four times of what it should.
    """
    took = min(max(took, rules.timespan // 4), rules.timespan * 4)
    target = target_of(bits)
    # Litecoin's sum may need 257 bits where Core's numbers have 256; the bit it drops shows in the result.
    shift = int(rules.shift_guard and target.bit_length() >= rules.pow_limit.bit_length())
    target = ((target >> shift) * took // rules.timespan) << shift
    return bits_of(min(target, rules.pow_limit))


def absolute(rules: ChainRules, half_life: int, took: int, blocks: int) -> int:
    """The bits after an anchor by `Asert`: the limit, halved for each half life that blocks came too soon.

    The power of two is a cubic in fixed point, so that all compute the same (DCP0011).

    :param took: seconds from the anchor to the last header; may be negative.
    :param blocks: headers from the anchor to the last one.
    """
    behind = (took - blocks * rules.spacing) << 16
    exponent = abs(behind) // half_life * (1 if behind > 0 else -1)  # rounded towards zero
    whole, part = exponent >> 16, exponent & 0xFFFF
    factor = (1 << 16) + (
        195_766_423_245_049 * part + 971_821_376 * part**2 + 5_127 * part**3 + (1 << 47) >> 48
    )
    shift = min(whole - 16, 256)  # what is over the limit is the limit, however far
    target = target_of(rules.pow_limit_bits) * factor
    target = target << shift if shift >= 0 else target >> -shift
    return bits_of(min(max(target, 1), rules.pow_limit))


class Lineage:
    """What the rules must know of a header and those before it, to judge the one after it.

    Begin with the genesis header, or with `of`, and `push` what follows.

    :ivar height: of the last header.
    :ivar bits: of the last header.
    """

    __slots__ = ("_anchor", "_before", "_first", "_rules", "_times", "_usual_bits", "bits", "height")

    def __init__(self, rules: ChainRules, height: int, header: HeaderFields) -> None:
        self._rules = rules
        self.height = height
        self.bits = header.bits
        self._times = deque([header.timestamp], rules.median_span)
        self._first = header
        self._before = header.timestamp
        self._usual_bits = header.bits
        self._anchor = header.timestamp

    @staticmethod
    def reach(rules: ChainRules, height: int) -> int:
        """How many headers, the one at `height` and those before it, `of` must be given."""
        if rules.asert is not None:
            return min(height + 1, max(rules.median_span, height + 1 - rules.asert.anchor))
        period = 1 if rules.work_hash is None else height % rules.interval + 2
        return min(height + 1, max(rules.median_span, period))

    @classmethod
    def of(cls, rules: ChainRules, height: int, headers: Sequence[HeaderFields]) -> Lineage:
        """The lineage of the last of some headers, oldest first: at least `reach` of them.

        :param height: of the last one.
        """
        lineage = cls(rules, height + 1 - len(headers), headers[0])
        for header in headers[1:]:
            lineage.push(header)
        return lineage

    def copy(self) -> Lineage:
        """Another one, to be pushed on its own."""
        other = copy.copy(self)
        other._times = self._times.copy()
        return other

    def push(self, header: HeaderFields) -> None:
        """The chain goes on with this header; what it says must have been checked."""
        self.height += 1
        begins = self.height % self._rules.interval == 0
        if begins:
            self._before = self._times[-1]
            self._first = header
        if begins or header.bits != self._rules.pow_limit_bits:
            self._usual_bits = header.bits
        if self._rules.asert is not None and self.height == self._rules.asert.anchor:
            self._anchor = header.timestamp
        self.bits = header.bits
        self._times.append(header.timestamp)

    def bits_fault(self, header: HeaderFields) -> str:
        """What is wrong with the bits of the next header; empty if nothing is. Raises InvalidHeaders."""
        rules = self._rules
        if not rules.any_bits:
            required = self.required_bits(header.timestamp)
            return "" if header.bits == required else _unlike(header.bits, f"{required:#010x}")
        hard = 0 < target_of(header.bits) <= rules.pow_limit
        return "" if hard else _unlike(header.bits, f"{rules.pow_limit_bits:#010x} or harder")

    def required_bits(self, timestamp: int) -> int:
        """The bits that the next header must have, if that is its time in seconds; 0 without proof of work."""
        rules = self._rules
        if rules.work_hash is None:
            return 0
        if rules.asert is not None:
            return self._by_anchor(rules.asert)
        if not rules.retarget:
            return self.bits
        if (self.height + 1) % rules.interval == 0:
            return self._next_period()
        if rules.min_difficulty_after is None:
            return self.bits
        if timestamp > self._times[-1] + rules.min_difficulty_after:
            return rules.pow_limit_bits
        return self._usual_bits

    def _next_period(self) -> int:
        since = self._before if self._rules.whole_period else self._first.timestamp
        bits = self._first.bits if self._rules.bip94 else self.bits
        return retargeted(self._rules, bits, self._times[-1] - since)

    def _by_anchor(self, asert: Asert) -> int:
        blocks = self.height - asert.anchor
        if blocks < 0:
            return self._rules.pow_limit_bits
        return absolute(self._rules, asert.half_life, self._times[-1] - self._anchor, blocks)

    def median_time(self) -> int:
        """The median time past: of the last headers (eleven mostly), in seconds; the upper one of an even number."""
        return sorted(self._times)[len(self._times) // 2]

    def earliest(self) -> int:
        """The earliest time that the next header may have, in seconds."""
        earliest = self.median_time() + 1
        if self._rules.bip94 and (self.height + 1) % self._rules.interval == 0:
            return max(earliest, self._times[-1] - MAX_TIMEWARP)
        return earliest


def _unlike(bits: int, wanted: str) -> str:
    return f"has bits {bits:#010x}, must have {wanted}"
