"""Tests of which bits and times the next header may have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from peerproto.chain.difficulty import Lineage, retargeted
from peerproto.chain.rules import ChainRules, HeaderFields, bits_of, target_of
from peerproto.networks import litecoin
from peerproto.networks.bitcoin import chains

LIMIT = chains.MAINNET.pow_limit_bits
HARDER = 0x1C0FFFFF


def header(timestamp: int, bits: int = LIMIT) -> HeaderFields:
    return HeaderFields(bytes(32), timestamp, bits)


def by_looking_back(rules: ChainRules, headers: Sequence[HeaderFields], timestamp: int) -> int:
    """The same question answered as the full nodes do it: with the whole chain, walking back in it."""
    last = len(headers) - 1
    if not rules.retarget:
        return headers[last].bits
    if len(headers) % rules.interval:
        if rules.min_difficulty_after is None:
            return headers[last].bits
        if timestamp - headers[last].timestamp > rules.min_difficulty_after:
            return rules.pow_limit_bits
        while last % rules.interval and headers[last].bits == rules.pow_limit_bits:
            last -= 1
        return headers[last].bits
    back = rules.interval - 1
    if rules.whole_period and len(headers) != rules.interval:
        back += 1
    first = headers[len(headers) - rules.interval]
    bits = first.bits if rules.bip94 else headers[last].bits
    return retargeted(rules, bits, headers[last].timestamp - headers[last - back].timestamp)


def short(rules: ChainRules) -> ChainRules:
    """The same rules with periods of six headers."""
    return replace(rules, interval=6, timespan=6 * rules.spacing)


SHORT = [
    short(rules)
    for rules in (
        chains.MAINNET,
        chains.TESTNET3,
        chains.TESTNET4,
        chains.SIGNET,
        chains.REGTEST,
        chains.SIMNET,
        litecoin.MAINNET,
        litecoin.TESTNET,
        litecoin.REGTEST,
    )
]

GAPS = st.integers(-300, 2400)


class RetargetTests(SynchronousTestCase):
    """The bits of a new period, with numbers of the real chains."""

    def test_mainnet(self) -> None:
        """Heights 32256 (nothing bounds it), 2016 (the limit does), 68544 (a quarter), 46368 (four times)."""
        for bits, first, last, expected in (
            (0x1D00FFFF, 1261130161, 1262152739, 0x1D00D86A),
            (0x1D00FFFF, 1231006505, 1233061996, 0x1D00FFFF),
            (0x1C05A3F4, 1279008237, 1279297671, 0x1C0168FD),
            (0x1C387F6F, 1263163443, 1269211443, 0x1D00E1FD),
        ):
            self.assertEqual(retargeted(chains.MAINNET, bits, last - first), expected)

    def test_litecoin(self) -> None:
        """Litecoin's heights 280224, 2016, 578592 and one of four times."""
        for bits, first, last, expected in (
            (0x1C0AC141, 1358118740, 1358378777, 0x1C093F8D),
            (0x1E0FFFF0, 1317972665, 1318480354, 0x1E0FFFFF),
            (0x1B075CF1, 1401682934, 1401757934, 0x1B01D73C),
            (0x1B015318, 1463690315, 1464900315, 0x1B054C60),
        ):
            self.assertEqual(retargeted(litecoin.MAINNET, bits, last - first), expected)

    def test_shift(self) -> None:
        """Where Litecoin's sum could outgrow 256 bits the target's last bit is lost."""
        limit = 0x7FFFFF
        guarded = replace(litecoin.MAINNET, pow_limit=limit)
        exact = replace(guarded, shift_guard=False)
        for target, after in ((limit, limit - 1), (limit >> 1, limit >> 1)):
            self.assertEqual(target_of(retargeted(guarded, bits_of(target), guarded.timespan)), after)
            self.assertEqual(target_of(retargeted(exact, bits_of(target), exact.timespan)), target)

    def test_backwards(self) -> None:
        """A period whose last header is before its first counts as a quarter."""
        self.assertEqual(target_of(retargeted(chains.MAINNET, LIMIT, -5)), target_of(LIMIT) // 4)


class LineageTests(SynchronousTestCase):
    """What a lineage asks of the next header."""

    def grown(self, rules: ChainRules, *headers: HeaderFields, height: int = 0) -> Lineage:
        return Lineage.of(rules, height + len(headers) - 1, headers)

    def test_same_bits_within_period(self) -> None:
        """Within a period the bits stay, however late a header is."""
        lineage = self.grown(short(chains.MAINNET), header(0, HARDER), header(600, HARDER))
        self.assertEqual(lineage.required_bits(10**9), HARDER)

    def test_real_period(self) -> None:
        """The period of mainnet that ends at 32255 leads to the bits that 32256 has."""
        times = [1261130161, *(1261130161 + 507 * n for n in range(1, 2015)), 1262152739]
        lineage = self.grown(chains.MAINNET, *map(header, times), height=30240)
        self.assertEqual((lineage.height, lineage.required_bits(1262153464)), (32255, 0x1D00D86A))

    def test_no_retarget(self) -> None:
        """Regtest's bits never change, neither with a period nor after a pause."""
        lineage = self.grown(short(chains.REGTEST), *(header(n, 0x207FFFFF) for n in range(6)))
        self.assertEqual(lineage.required_bits(6), 0x207FFFFF)
        self.assertEqual(lineage.required_bits(10**9), 0x207FFFFF)

    def test_twenty_minutes(self) -> None:
        """Testnet: over twenty minutes after the last header the easiest bits are a must, not a choice."""
        lineage = self.grown(chains.TESTNET3, header(0, HARDER), header(600, HARDER))
        self.assertEqual(lineage.required_bits(1800), HARDER)
        self.assertEqual(lineage.required_bits(1801), LIMIT)

    def test_five_minutes(self) -> None:
        """Litecoin's testnet: over five minutes."""
        lineage = self.grown(litecoin.TESTNET, header(0, HARDER), header(150, HARDER))
        self.assertEqual(lineage.required_bits(450), HARDER)
        self.assertEqual(lineage.required_bits(451), 0x1E0FFFFF)

    def test_walk_back(self) -> None:
        """Testnet: after easy headers the bits are again those of the last that was not easy."""
        rules = short(chains.TESTNET3)
        headers = [header(0), header(1, HARDER), header(1300), header(2600), header(3900)]
        lineage = self.grown(rules, *headers, height=6)
        self.assertEqual(lineage.required_bits(4000), HARDER)

    def test_walk_back_ends_with_the_period(self) -> None:
        """Testnet: the way back ends at the first header of the period, even if that is easy."""
        rules = short(chains.TESTNET3)
        lineage = self.grown(rules, header(0, HARDER), header(600), header(1200), height=5)
        self.assertEqual(lineage.required_bits(1300), LIMIT)

    def test_testnet3_forgets(self) -> None:
        """Testnet3: an easy header at a period's end makes the next one easy; BIP 94 does away with that."""
        headers = [header(600 * n, HARDER) for n in range(5)] + [header(3600)]
        self.assertEqual(self.grown(short(chains.TESTNET3), *headers).required_bits(4200), LIMIT)
        self.assertEqual(
            self.grown(short(chains.TESTNET4), *headers).required_bits(4200),
            retargeted(short(chains.TESTNET4), HARDER, 3600),
        )

    def test_easy_bits_not_at_period_begin(self) -> None:
        """The first header of a period may not have easy bits however late it is."""
        headers = [header(600 * n, HARDER) for n in range(6)]
        rules = short(chains.TESTNET4)
        lineage = self.grown(rules, *headers)
        self.assertEqual(lineage.required_bits(10**9), retargeted(rules, HARDER, 3000))

    def test_litecoin_looks_one_further(self) -> None:
        """Litecoin measures from the last header of the period before; the first period from genesis."""
        rules = short(litecoin.MAINNET)
        times = [0, 150, 300, 450, 600, 750, 1000, 1150, 1300, 1450, 1600, 1750]
        headers = [header(time, 0x1D0FFFFF) for time in times]
        bitcoin = replace(rules, whole_period=False)
        for lineage, took in (
            (self.grown(rules, *headers[:6]), 750),
            (self.grown(rules, *headers), 1000),
            (self.grown(bitcoin, *headers), 750),
        ):
            self.assertEqual(lineage.required_bits(1900), retargeted(rules, 0x1D0FFFFF, took))

    def test_median(self) -> None:
        """The median is of the last eleven, the upper one while their number is even."""
        lineage = Lineage(chains.MAINNET, 0, header(100))
        self.assertEqual(lineage.median_time(), 100)
        lineage.push(header(200))
        self.assertEqual((lineage.median_time(), lineage.earliest()), (200, 201))
        for time in (50, 60, 70, 80, 90, 10, 20, 30, 40, 1000):
            lineage.push(header(time))
        self.assertEqual(lineage.median_time(), 60)

    def test_timewarp(self) -> None:
        """Testnet4: a period begins at most 600 seconds before the last header; elsewhere it may be more."""
        headers = [header(n, HARDER) for n in range(5)] + [header(5000, HARDER)]
        self.assertEqual(self.grown(short(chains.TESTNET4), *headers).earliest(), 4400)
        self.assertEqual(self.grown(short(chains.TESTNET4), *headers[:5]).earliest(), 3)
        self.assertEqual(self.grown(short(chains.TESTNET3), *headers).earliest(), 4)
        steady = [header(600 * n, HARDER) for n in range(4)] + [header(2400, HARDER)] * 2
        self.assertEqual(self.grown(short(chains.TESTNET4), *steady).earliest(), 1801)

    def test_copy(self) -> None:
        """A copy goes its own way."""
        lineage = Lineage(chains.MAINNET, 0, header(100))
        lineage.copy().push(header(300, HARDER))
        self.assertEqual((lineage.height, lineage.bits, lineage.median_time()), (0, LIMIT, 100))

    @given(st.sampled_from(SHORT), st.lists(GAPS, max_size=30), GAPS)
    def test_as_with_the_whole_chain(self, rules: ChainRules, gaps: list[int], last: int) -> None:
        """A lineage asks for what looking back finds, also if made of the last `reach` headers only."""
        fields = rules.read(rules.genesis)
        headers, lineage = [fields], Lineage(rules, 0, fields)
        for gap in gaps:
            time = headers[-1].timestamp + gap
            headers.append(header(time, by_looking_back(rules, headers, time)))
            lineage.push(headers[-1])
        later = headers[-1].timestamp + last
        height = len(headers) - 1
        cut = Lineage.of(rules, height, headers[-Lineage.reach(rules, height) :])
        for found in (lineage, cut, lineage.copy()):
            self.assertEqual(found.required_bits(later), by_looking_back(rules, headers, later))
            self.assertEqual(found.earliest(), lineage.earliest())
            self.assertEqual((found.height, found.bits), (height, headers[-1].bits))
        times = sorted(found.timestamp for found in headers[-11:])
        self.assertEqual(lineage.median_time(), times[len(times) // 2])
