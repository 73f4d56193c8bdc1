"""NEO's chains of headers: what is checked of them, and what is believed."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from typing import Any
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.chain.rules import ChainRules, HeaderFields
from peerproto.errors import InvalidHeaders, LocalError, MalformedMessage
from peerproto.networks.neo import Block, BlockHeader, Witness, chains
from peerproto.networks.neo.hash160 import hash160, ripemd160
from peerproto.networks.neo.records import header_kind
from peerproto.node.headerchain import Added, HeaderChain
from peerproto.node.headerstore import HeaderStore
from peerproto.node.mining import mine
from tests.neo_vectors import by_label, codec_of, frame_of

PRIVNET = chains.PRIVNET
NOW = 2e9


def changed(header: bytes, **values: Any) -> bytes:
    """A serialized header with other values in it."""
    made: bytes = header_kind.writer(chains.unpack(header)._replace(**values), None)
    return made


class HashTests(SynchronousTestCase):
    """The hash of scripts."""

    def test_ripemd160(self) -> None:
        """The digests are those of its authors, and go on over the ends of blocks."""
        known = {
            b"": "9c1185a5c5e9fc54612808977ee8f548b2258d31",
            b"abc": "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc",
            b"message digest": "5d0689ef49d2fae572b881b123a85ffa21595f36",
            b"1234567890" * 8: "9b752e45573d4b39f4dbd3323cab82bf63326bfb",
            b"a" * 1000: "aa69deee9a8922e92f8105e007f76110f381e9cf",
        }
        for data, digest in known.items():
            self.assertEqual(ripemd160(data).hex(), digest)

    def test_without_openssl(self) -> None:
        """A script has the same hash where OpenSSL has no RIPEMD-160."""
        script = chains.script_of("02b3622bf4017bdfe317c58aed5f4c753f206b7db896046fa7d774bbc4bf7f8dc2")
        there = hash160.__wrapped__(script)
        with mock.patch.object(hashlib, "new", side_effect=ValueError("unsupported hash type")):
            self.assertEqual(hash160.__wrapped__(script), there)
        self.assertEqual(there.hex(), "d8057774ee7a7f7117a0bea98f10609d88df29de")

    def test_validators(self) -> None:
        """More than two thirds of the validators must sign; the main net's were these seven."""
        keys = (
            "024c7b7fb6c310fccf1ba33b082519d82964ea93868d676662d4a59ad548df0e7d",
            "02aaec38470f6aad0042c6e877cfd8087d2676b0f516fddd362801b9bd3936399e",
            "02486fd15702c4490a26703112a5cc1d0923fd697a33406bd5a1c00e0013b09a70",
            "02ca0e27697b9c248f6f16e085fd0061e26f44da85b58ee835c110caa5ec3ba554",
            "02df48f60e8f3e01c48ff40b9b7f1310d7a8b2a193188befe1c2e3df740e895093",
            "03b209fd4f53a7170ea4444e0cb0a6bb6a53c2bd016926989cf85f9b0fba17a70c",
            "03b8d9d5771d8f513aa0869b9cc8d50986403b78c6da36890638c3d46a5adce04a",
        )
        self.assertEqual({script[0] for script in map(chains.script_of, keys)}, {0x51})
        script = chains.script_of(*sorted(keys, key=lambda key: key[2:]))
        self.assertEqual((script[0], script[-2:]), (0x55, b"\x57\xae"))
        self.assertEqual(hash160(script), chains.unpack(chains.MAINNET.genesis).next_consensus)


class RuleTests(SynchronousTestCase):
    """What a header must be."""

    def setUp(self) -> None:
        self.headers = list(mine(PRIVNET, 20))
        self.chain = self.opened()

    def opened(self, rules: ChainRules = PRIVNET, path: str = ":memory:") -> HeaderChain:
        """A chain in a file, or in memory."""
        store = HeaderStore(path, rules)
        self.addCleanup(store.close)
        return HeaderChain(store, rules, lambda: NOW)

    def refused(self, *headers: bytes, text: str) -> None:
        """The chain does not take them."""
        with self.assertRaisesRegex(InvalidHeaders, text):
            self.chain.add(headers)

    def test_chain(self) -> None:
        """Headers that follow one another are taken; without proof of work each counts as one."""
        self.assertEqual(self.chain.add(self.headers), Added(20, 20, 0))
        self.assertEqual((self.chain.work, self.chain.header_at(20)), (21, self.headers[-1]))
        fields = PRIVNET.read(self.headers[4])
        self.assertEqual((fields.bits, fields.height), (0, 5))
        self.assertEqual(fields.timestamp, PRIVNET.read(PRIVNET.genesis).timestamp + 5 * 15)

    def test_height_and_time(self) -> None:
        """A header says its height, and is later than the one before it."""
        parent = PRIVNET.read(self.headers[0]).timestamp
        for index in (0, 1, 3):
            self.refused(self.headers[0], changed(self.headers[1], index=index), text=f"height is {index}$")
        for early in (0, 1):
            late = changed(self.headers[1], timestamp=parent - early)
            self.refused(self.headers[0], late, text=f"must have {parent + 1} or later")
        soon = changed(self.headers[1], timestamp=parent + 1)
        self.assertEqual(self.chain.add([self.headers[0], soon]).height, 2)

    def test_witness(self) -> None:
        """Its script is the one whose hash the parent names; who has signed is not looked at."""
        script = chains.unpack(self.headers[0]).witness.verification_script
        for other in (b"", b"\x51", script + b"\0"):
            bad = changed(self.headers[0], witness=Witness(b"", other))
            self.refused(bad, text=f"script with the hash {hash160(other).hex()}, must have .* be48d3a3f5")
        signed = changed(self.headers[0], witness=Witness(b"\x40" + bytes(64), script))
        self.assertEqual(self.chain.add([signed]).height, 1)

    def test_other_validators(self) -> None:
        """The next header must be of those whom this one names."""
        script = chains.script_of("03" + "11" * 32)
        first = changed(self.headers[0], next_consensus=hash160(script))
        follows = {"prev_hash": PRIVNET.block_hash(first)}
        self.refused(
            first, changed(self.headers[1], **follows), text="must have the one that the parent names"
        )
        second = changed(self.headers[1], **follows, witness=Witness(b"", script))
        self.assertEqual(self.chain.add([first, second]).height, 2)

    def test_form(self) -> None:
        """A header ends where its witness does, and has not more bytes than one can have."""
        base = self.headers[0][:104]
        self.refused(base, text="the first header has 104 bytes, must have 107 to 131195$")
        self.refused(self.headers[0] + bytes(1 << 17), text="must have 107 to 131195$")
        self.refused(base + b"\2\0\0", text="cannot be read: 2 witnesses announced")
        for raw in (self.headers[0] + b"\0", self.headers[0][:-1], base + b"\1\xff\0"):
            self.refused(raw, text="cannot be read: its witness does not end where the header does")
            self.assertRaises(MalformedMessage, chains.unpack, raw)

    def test_longest(self) -> None:
        """The longest branch counts, of equal ones the first seen."""
        self.chain.add(self.headers)
        branch = list(mine(PRIVNET, 12, start=self.headers[9], height=10, salt=b"other"))
        self.assertEqual(self.chain.add(branch[:10]), Added(10, 20, 0))
        self.assertEqual(self.chain.add(branch[10:]), Added(2, 22, 10))

    def test_file(self) -> None:
        """Headers of different sizes are kept, and found again by the next run."""
        script = chains.unpack(self.headers[0]).witness.verification_script
        long = changed(self.headers[-1], witness=Witness(bytes(60_000), script))
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        path = os.path.join(folder, "headers")
        chain = self.opened(path=path)
        chain.add([*self.headers[:-1], long])
        chain._store.close()
        again = self.opened(path=path)
        self.assertEqual((again.height, again.header_at(20), again.work), (20, long, 21))
        self.assertEqual(again.add(mine_more(long)), Added(3, 23, 0))

    def test_real_block(self) -> None:
        """A block of the main net shows the script of the validators that its genesis block names already."""
        entry = by_label("block/real-0")
        block = codec_of(entry).decode(frame_of(entry))
        assert isinstance(block, Block)
        raw = header_kind.writer(block.header, None)
        self.assertEqual((block.index, chains.block_hash(raw)), (2_000_000, block.block_hash))
        self.assertEqual(chains.judge(raw, chains.MAINNET.genesis), "")
        self.assertIn("must have the one", chains.judge(raw, chains.TESTNET.genesis))


def mine_more(start: bytes) -> list[bytes]:
    """Three more headers."""
    return list(mine(PRIVNET, 3, start=start, height=20))


class MineTests(SynchronousTestCase):
    """Headers made here."""

    def test_private(self) -> None:
        """The headers of private nets can be made, for nobody's signature is missed."""
        for rules in (chains.PRIVNET, chains.SINGLE):
            header = chains.unpack(next(mine(rules, 1)))
            self.assertIsInstance(header, BlockHeader)
            self.assertEqual(header.witness.invocation_script, b"")

    def test_public(self) -> None:
        """Those of the public nets cannot: their validators sign them."""
        for rules in (chains.MAINNET, chains.TESTNET):
            with self.assertRaisesRegex(LocalError, "need the signatures of its validators"):
                next(mine(rules, 1))

    def test_make_without_height(self) -> None:
        """Who names no height makes a header of height 0."""
        made = PRIVNET.make(HeaderFields(bytes(32), 7), bytes(32), 0)
        self.assertEqual(PRIVNET.read(made).height, 0)

    def test_names(self) -> None:
        """Each net's rules are its own."""
        for name in networks.names():
            if name.startswith("neo-"):
                rules = networks.named(name).chain
                self.assertEqual((rules.name, rules.block_hash(rules.genesis)), (name, rules.genesis_hash))
