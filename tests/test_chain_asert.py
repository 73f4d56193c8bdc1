"""Tests of targets that follow the time since an anchor, and of bits that are only checked against the limit."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from peerproto.chain.difficulty import Lineage, absolute
from peerproto.chain.rules import Asert, HeaderFields, bits_of, target_of
from peerproto.errors import InvalidHeaders
from peerproto.networks.bitcoin import chains

LIMIT = chains.REGTEST.pow_limit
RULES = replace(chains.REGTEST, spacing=10, asert=Asert(half_life=60, anchor=1))


def header(timestamp: int, bits: int = RULES.pow_limit_bits) -> HeaderFields:
    return HeaderFields(bytes(32), timestamp, bits)


class AbsoluteTests(SynchronousTestCase):
    """The arithmetic."""

    def ratio(self, took: int, blocks: int) -> float:
        """How much of the limit the target is."""
        return target_of(absolute(RULES, 60, took, blocks)) / LIMIT

    def test_half_lives(self) -> None:
        """On time is the limit; each half life too soon halves it, but for what bits cannot show."""
        for halved in range(20):
            blocks = 6 * halved
            self.assertLess(abs(self.ratio(0, blocks) / 0.5**halved - 1), 1e-4)

    def test_between(self) -> None:
        """Between half lives the curve is that of the powers of two, to a part in ten thousand."""
        for soon in range(60):
            self.assertLess(abs(self.ratio(600 - soon, 60) / 0.5 ** (soon / 60) - 1), 2e-4)

    def test_too_late(self) -> None:
        """It never gets easier than the limit, however late it is."""
        for late in (1, 59, 60, 10**6, 2**32):
            self.assertEqual(absolute(RULES, 60, 100 + late, 10), RULES.pow_limit_bits)

    def test_far_too_soon(self) -> None:
        """The hardest target is 1, and is reached without any trouble."""
        self.assertEqual(absolute(RULES, 60, -(2**32), 10), bits_of(1))

    def test_rounding(self) -> None:
        """The exponent is rounded towards zero: a second too soon is not two."""
        self.assertEqual(absolute(RULES, 1 << 40, 99, 10), RULES.pow_limit_bits)


class LineageTests(SynchronousTestCase):
    """Headers in a row."""

    def test_first_blocks(self) -> None:
        """Up to the one after the anchor all have the limit's bits, however long ago genesis was."""
        lineage = Lineage(RULES, 0, header(0))
        self.assertEqual(lineage.required_bits(10**9), RULES.pow_limit_bits)
        lineage.push(header(10**9))
        self.assertEqual(lineage.required_bits(10**9 + 1), RULES.pow_limit_bits)
        lineage.push(header(10**9 + 1))
        self.assertLess(target_of(lineage.required_bits(0)), LIMIT)

    @given(st.lists(st.integers(-30, 100), max_size=40))
    def test_cut(self, gaps: list[int]) -> None:
        """What is remembered of the last `reach` headers asks for the same as what is remembered of all."""
        headers, lineage = [header(1000)], Lineage(RULES, 0, header(1000))
        for gap in gaps:
            headers.append(header(headers[-1].timestamp + gap, lineage.required_bits(0)))
            lineage.push(headers[-1])
        height = len(headers) - 1
        cut = Lineage.of(RULES, height, headers[-Lineage.reach(RULES, height) :])
        self.assertEqual(cut.required_bits(0), lineage.required_bits(0))
        self.assertEqual(cut.median_time(), lineage.median_time())


class AnyBitsTests(SynchronousTestCase):
    """Rules that let bits be."""

    lineage = Lineage(replace(chains.REGTEST, any_bits=True), 0, header(0))

    def test_no_easier_than_the_limit(self) -> None:
        """Any target will do that is not above the limit, and not zero."""
        for bits in (RULES.pow_limit_bits, 0x1D00FFFF, 0x03000001):
            self.assertEqual(self.lineage.bits_fault(header(1, bits)), "")
        for bits in (0x2100FFFF, 0x03000000, 0):
            fault = f"has bits {bits:#010x}, must have 0x207fffff or harder"
            self.assertEqual(self.lineage.bits_fault(header(1, bits)), fault)

    def test_no_number(self) -> None:
        """Bits that stand for no target are refused as everywhere."""
        self.assertRaises(InvalidHeaders, self.lineage.bits_fault, header(1, 0x1D80FFFF))

    def test_elsewhere(self) -> None:
        """Other rules ask for certain bits."""
        lineage = Lineage(chains.REGTEST, 0, header(0))
        self.assertEqual(lineage.bits_fault(header(1)), "")
        fault = lineage.bits_fault(header(1, 0x1D00FFFF))
        self.assertEqual(fault, "has bits 0x1d00ffff, must have 0x207fffff")
