"""Tests of bloom filters and compact block filters."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.errors import LocalError, MalformedMessage
from peerproto.networks.bitcoin import (
    BlockHeader,
    CFCheckpt,
    CFHeaders,
    CFilter,
    FilterAdd,
    FilterClear,
    FilterLoad,
    GetCFCheckpt,
    GetCFHeaders,
    GetCFilters,
    MerkleBlock,
)
from peerproto.wire.message import Message

NETWORK = networks.named("bitcoin-mainnet")
CODEC = NETWORK.codec()
HASH = bytes(range(32))
HEADER = BlockHeader(1, bytes(32), HASH, 2, 3, 4)

MERKLE = MerkleBlock(HEADER, 5, [HASH], b"\1")
LARGEST: tuple[Message, ...] = (
    FilterLoad(bytes(36_000), 50, 0xFFFF_FFFF, 255),
    FilterAdd(bytes(520)),
    CFilter(0, HASH, bytes(262_144)),
    CFHeaders(0, HASH, HASH, [HASH] * 2000),
    CFCheckpt(0, HASH, [HASH] * 100_000),
    GetCFilters(255, 0xFFFF_FFFF, HASH),
    GetCFHeaders(255, 0xFFFF_FFFF, HASH),
    GetCFCheckpt(255, HASH),
)


class FilterTests(SynchronousTestCase):
    """Filters and what goes with them."""

    def test_largest(self) -> None:
        """The largest of each is sent and read."""
        for message in LARGEST:
            self.assertEqual(CODEC.decode(CODEC.encode(message)), message)

    def test_larger(self) -> None:
        """One byte or hash more is not sent."""
        for wrong in (
            FilterLoad(bytes(36_001), 1, 0, 0),
            FilterLoad(b"", 51, 0, 0),
            FilterLoad(b"", -1, 0, 0),
            FilterAdd(bytes(521)),
            CFilter(0, HASH, bytes(262_145)),
            CFHeaders(0, HASH, HASH, [HASH] * 2001),
            CFCheckpt(0, HASH, [HASH] * 100_001),
            MerkleBlock(HEADER, 1, [], bytes(50_001)),
        ):
            self.assertRaises(LocalError, CODEC.encode, wrong)

    def test_hash_functions(self) -> None:
        """More than fifty hash functions are refused, sent, received, or given as JSON."""
        frame = CODEC.envelope.wrap(CODEC.envelope.command("filterload"), b"\0" + b"\x33" + bytes(8))
        error = self.assertRaises(MalformedMessage, CODEC.decode, frame)
        self.assertEqual(
            (str(error), error.offset), ("filterload: 51 hash functions, at most 50 allowed", 25)
        )
        with self.assertRaisesRegex(LocalError, "^filterload: hash_funcs: 51, at most 50 allowed$"):
            CODEC.encode(FilterLoad(b"", 51, 0, 0))
        with self.assertRaisesRegex(
            LocalError, "^filterload: hash_funcs: 51 given, .* from 0 to 50 allowed$"
        ):
            FilterLoad.from_fields({"filter": "", "hash_funcs": 51, "tweak": 0, "flags": 0})

    def test_merkle_block(self) -> None:
        """A merkle block bears the hash of the block that it is of, beside its fields."""
        self.assertEqual(CODEC.decode(CODEC.encode(MERKLE)), MERKLE)
        self.assertEqual(MERKLE.block_hash, HEADER.block_hash)
        self.assertEqual(MERKLE.extra(), {"block_hash": HEADER.block_hash})
        self.assertNotIn("block_hash", MERKLE.to_fields())

    def test_since(self) -> None:
        """Bloom filters came with version 70001."""
        for message in (MERKLE, FilterLoad(b"", 1, 0, 0), FilterAdd(b""), FilterClear()):
            self.assertEqual(NETWORK.codec(70001).decode(NETWORK.codec(70001).encode(message)), message)
            self.assertRaises(LocalError, NETWORK.codec(70000).encode, message)
