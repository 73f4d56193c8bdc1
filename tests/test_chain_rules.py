"""Tests of the arithmetic of targets and of the networks' numbers."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from peerproto.chain import rules as chainrules
from peerproto.chain.rules import ChainRules, bits_of, display, sha256d, target_of, work_of
from peerproto.errors import InvalidHeaders
from peerproto.networks import litecoin
from peerproto.networks.bitcoin import chains

ALL = (
    (chains.MAINNET, "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"),
    (chains.TESTNET3, "000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943"),
    (chains.TESTNET4, "00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043"),
    (chains.SIGNET, "00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6"),
    (chains.REGTEST, "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206"),
    (chains.SIMNET, "683e86bd5c6d110d91b94b97137ba6bfe02dbbdb8e3dff722a669b5d69d77af6"),
    (litecoin.MAINNET, "12a765e31ffd4059bada1e25190f6e98c99d9714d334efa41a195a7e7e04bfe2"),
    (litecoin.TESTNET, "4966625a4b2851d9fdee139e56211a0d88575f59ed816ff5e6a63deb4e3e29a0"),
    (litecoin.REGTEST, "530827f38f93b43ed12af0b3ad25a288dc02ed74d6d7857862df51fc56c416f9"),
)


class TargetTests(SynchronousTestCase):
    """Bits, targets and work."""

    def test_known_bits(self) -> None:
        """Bits stand for the targets that Bitcoin Core reads in them."""
        known = {
            0x00000000: 0,
            0x00123456: 0,
            0x01003456: 0,
            0x02000056: 0,
            0x03000000: 0,
            0x04000000: 0,
            0x00923456: 0,
            0x01803456: 0,
            0x02800056: 0,
            0x03800000: 0,
            0x04800000: 0,
            0x01123456: 0x12,
            0x02008000: 0x80,
            0x02123456: 0x1234,
            0x03123456: 0x123456,
            0x04123456: 0x12345600,
            0x05009234: 0x92340000,
            0x20123456: 0x123456 << 232,
            0x1D00FFFF: 0xFFFF << 208,
            0x207FFFFF: 0x7FFFFF << 232,
            0x2200007F: 0x7F << 248,
            0xFF000000: 0,
        }
        self.assertEqual({bits: target_of(bits) for bits in known}, known)

    def test_negative(self) -> None:
        """Negative bits are refused, but zero has no sign."""
        for bits in (0x01FEDCBA, 0x04923456, 0x1D80FFFF, 0x03800001):
            with self.assertRaisesRegex(InvalidHeaders, f"{bits:#010x} are negative"):
                target_of(bits)

    def test_overflow(self) -> None:
        """Bits of more than 256 bits are refused."""
        for bits in (0xFF123456, 0x23000001, 0x22000100, 0x21010000):
            with self.assertRaisesRegex(InvalidHeaders, f"{bits:#010x} are over 256 bits"):
                target_of(bits)

    @given(st.integers(0, (1 << 256) - 1))
    def test_nearest_below(self, target: int) -> None:
        """From a target to bits and back loses nothing but what is below its first two or three bytes."""
        again = target_of(bits_of(target))
        self.assertLessEqual(again, target)
        self.assertLess(target - again, max(1, target >> 15))
        self.assertEqual(bits_of(again), bits_of(target))

    @given(st.integers(0, (1 << 32) - 1))
    def test_any_bits(self, bits: int) -> None:
        """Any four bytes are a target of at most 256 bits or `InvalidHeaders`, never another error."""
        try:
            target = target_of(bits)
        except InvalidHeaders:
            return
        self.assertEqual(target_of(bits_of(target)), target)
        self.assertLess(target, 1 << 256)

    def test_work(self) -> None:
        """Work is the mean number of hashes: two for the easiest bits, 2**32 and a bit for difficulty 1."""
        self.assertEqual(work_of(target_of(0x207FFFFF)), 2)
        self.assertEqual(work_of(target_of(0x1D00FFFF)), 0x100010001)
        self.assertEqual(work_of((1 << 256) - 1), 1)


class HashTests(SynchronousTestCase):
    """Hash functions."""

    def test_sha256d(self) -> None:
        """The double hash of nothing begins with the well-known checksum."""
        self.assertEqual(sha256d(b"")[:4].hex(), "5df6e0e2")

    def test_scrypt(self) -> None:
        """Litecoin's genesis header has its published proof of work."""
        self.assertEqual(
            display(chainrules.scrypt_1024(litecoin.MAINNET.genesis)),
            "0000050c34a64b415b6b15b37f2216634b5b1669cb9a2e38d76f7213b0671e00",
        )


class NetworkTests(SynchronousTestCase):
    """The networks' numbers."""

    def test_genesis(self) -> None:
        """Each genesis header has its network's published hash."""
        for rules, shown in ALL:
            self.assertEqual(display(rules.genesis_hash), shown, rules.name)

    def test_genesis_obeys(self) -> None:
        """Each genesis header has the size, bits and proof of work that its network demands."""
        for rules, _ in ALL:
            fields = rules.read(rules.genesis)
            target = target_of(fields.bits)
            self.assertEqual((len(rules.genesis), fields.prev_block), (rules.header_size, bytes(32)))
            self.assertLessEqual(target, rules.pow_limit)
            self.assertLessEqual(int.from_bytes(rules.work_hash(rules.genesis), "little"), target)

    def test_limits(self) -> None:
        """The easiest bits of Litecoin are not those of its genesis header, of the others they are."""
        limits = {rules.name: rules.pow_limit_bits for rules, _ in ALL}
        genesis = {rules.name: rules.read(rules.genesis).bits for rules, _ in ALL}
        for name in ("litecoin-mainnet", "litecoin-testnet"):
            self.assertEqual((limits.pop(name), genesis.pop(name)), (0x1E0FFFFF, 0x1E0FFFF0))
        self.assertEqual(limits, genesis)

    def test_period(self) -> None:
        """A period's headers at their spacing take the period's time."""
        for rules, _ in ALL:
            self.assertEqual(rules.interval * rules.spacing, rules.timespan)

    def test_names(self) -> None:
        """Each network has its own name."""
        self.assertEqual(len({rules.name for rules, _ in ALL}), len(ALL))

    def test_own_network(self) -> None:
        """A network of one's own may have other hashes and another header."""
        rules = ChainRules(
            name="own",
            genesis=b"four",
            pow_limit=1,
            header_size=4,
            block_hash=lambda header: hashlib.sha256(header).digest(),
            read=lambda header: chainrules.HeaderFields(bytes(32), header[0], header[1]),
        )
        self.assertEqual(rules.genesis_hash, hashlib.sha256(b"four").digest())
        self.assertEqual(rules.read(rules.genesis).timestamp, ord("f"))
