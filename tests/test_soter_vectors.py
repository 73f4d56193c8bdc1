"""Tests of Soter's messages against frames that soterd wrote. No vector is left out."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import MalformedMessage
from peerproto.networks.soter import Block, Tx
from peerproto.wire.envelope import sha256d
from tests import goldens
from tests.soter_vectors import Entry, by_label, codec_of, frame_of, golden, mined, network_of

WITH_TRANSACTIONS = ("tx", "block")


def written(entry: Entry) -> bytes | None:
    """What soterd's encoder makes of the fields of a frame; None if it makes nothing."""
    if "reencode_error" in entry:
        return None
    return bytes.fromhex(entry.get("reencoded_frame", entry["frame"]))


class GoldenTests(goldens.GoldenCase):
    """Frames that were written and read by soterd."""

    def entries(self) -> list[Entry]:
        """All of them."""
        return golden()

    frame_of, codec_of, written = staticmethod(frame_of), staticmethod(codec_of), staticmethod(written)
    unwritable = "at most 358 allowed"

    def may_be_cut(self, entry: Entry) -> bool:
        """Where a cut changes nothing that is read."""
        return entry["label"] in CUT_CHANGES_NOTHING

    def test_nothing_beside(self) -> None:
        """All that is shown stands among the fields."""
        for entry in golden():
            self.assertEqual(codec_of(entry).decode(frame_of(entry)).extra(), {}, entry["label"])

    def test_all_are_here(self) -> None:
        """There are vectors of every message of the network."""
        self.assertEqual(len(golden()), 205)
        kinds = codec_of(by_label("verack-simnet")).kinds
        self.assertEqual({entry["command"] for entry in golden()}, set(kinds))
        self.assertEqual(len(kinds), 31)

    def test_canonical(self) -> None:
        """Which frames come back otherwise than they were is known."""
        changed = {entry["label"] for entry in golden() if written(entry) != frame_of(entry)}
        self.assertEqual(changed, {entry["label"] for entry in golden() if not entry["canonical"]})

    def test_encoding_matters_for_transactions_only(self) -> None:
        """All but transactions read the same with witnesses and without."""
        for entry in golden():
            if entry["command"] not in WITH_TRANSACTIONS:
                for encoding in ("base", "witness"):
                    found = codec_of({**entry, "encoding": encoding}).decode(frame_of(entry))
                    self.assertEqual(found.to_fields(), entry["fields"], entry["label"])

    def test_other_nets(self) -> None:
        """The same payloads in the envelopes of the other nets are the same messages."""
        for net in ("mainnet", "testnet", "regtest", "simnet"):
            for entry in golden()[::7]:
                other = codec_of({**entry, "net": net})
                frame = other.envelope.wrap(other.envelope.command(entry["command"]), frame_of(entry)[24:])
                self.assertEqual(other.decode(frame).to_fields(), entry["fields"], entry["label"])
                if net != entry["net"]:
                    self.assertRaises(MalformedMessage, other.decode, frame_of(entry))


CUT_CHANGES_NOTHING = {
    *(entry["label"] for entry in golden() if entry["command"] == "version" or "trailing" in entry["label"]),
    "tx-witness-read-base",
}
"""Frames with bytes behind the message that is read, and versions, of which all behind `addr_you` may be missing."""


class TransactionTests(SynchronousTestCase):
    """The two encodings of transactions."""

    def test_ids(self) -> None:
        """The ids are the hashes of the two encodings."""
        for entry in golden():
            if entry["command"] == "tx":
                found = codec_of(entry).decode(frame_of(entry))
                assert isinstance(found, Tx)
                for encoding, expected in (("base", found.tx_hash), ("witness", found.witness_hash)):
                    other = codec_of({**entry, "encoding": encoding})
                    self.assertEqual(sha256d(other.encode(found)[24:]), expected, entry["label"])

    def test_without_witness(self) -> None:
        """A block written for a peer that knows no witnesses is the block without them, and has the same hash."""
        entry = by_label("block-witness-txs")
        codec, base = codec_of(entry), codec_of({**entry, "encoding": "base"})
        found = codec.decode(frame_of(entry))
        stripped = base.decode(base.encode(found))
        assert isinstance(found, Block) and isinstance(stripped, Block)
        self.assertTrue(any(tx.has_witness for tx in found.transactions))
        self.assertFalse(any(tx.has_witness for tx in stripped.transactions))
        self.assertEqual(stripped.block_hash, found.block_hash)
        self.assertEqual(
            [tx.tx_hash for tx in stripped.transactions], [tx.tx_hash for tx in found.transactions]
        )
        self.assertEqual(base.encode(stripped), base.encode(found))


class MinedTests(SynchronousTestCase):
    """Blocks that a node has mined."""

    def blocks(self) -> list[tuple[Entry, Block, bytes]]:
        """Each with its bytes."""
        found = []
        for entry in mined():
            raw = bytes.fromhex(entry["block"])
            codec = network_of(entry).codec(witness=True)
            block = codec.decode(codec.envelope.wrap(codec.envelope.command("block"), raw))
            assert isinstance(block, Block)
            found.append((entry, block, raw))
        return found

    def test_blocks(self) -> None:
        """They are read and written, and have the hash, the parents and the time that the node tells."""
        self.assertEqual(len(mined()), 6)
        for entry, block, raw in self.blocks():
            codec = network_of(entry).codec(witness=True)
            self.assertEqual(block.block_hash[::-1].hex(), entry["hash"])
            self.assertEqual([item.hash[::-1].hex() for item in block.parents.parents], entry["parents"])
            self.assertEqual(block.header.timestamp, entry["time"])
            self.assertEqual(len(block.verification.cycle_nonces), 20)
            self.assertEqual(codec.encode(block)[24:], raw)

    def test_graph(self) -> None:
        """Each names its parents in `prev_block`, and is one higher than the highest of them."""
        heights = {network_of(mined()[0]).genesis: 0}
        for entry, block, _ in self.blocks():
            self.assertTrue(block.has_its_parents)
            highest = max(heights[parent.hash] for parent in block.parents.parents)
            self.assertEqual(entry["height"], highest + 1)
            heights[block.block_hash] = entry["height"]
        self.assertIn(2, {len(entry["parents"]) for entry in mined()})

    def test_false_parents(self) -> None:
        """With other parents a block has the same hash; only what the header names tells them."""
        for _, block, _ in self.blocks():
            seen = block.block_hash
            block.parents.parents.append(block.parents.parents[0]._replace(hash=bytes(32)))
            self.assertEqual((block.block_hash, block.has_its_parents), (seen, False))

    def test_genesis(self) -> None:
        """The genesis block has no parents, and names none."""
        for label in ("block-genesis-mainnet", "block-genesis-simnet"):
            entry = by_label(label)
            block = codec_of(entry).decode(frame_of(entry))
            assert isinstance(block, Block)
            self.assertEqual(block.block_hash, network_of(entry).genesis)
            self.assertEqual(block.header.pack(), network_of(entry).chain.genesis)
            self.assertTrue(block.has_its_parents)
            self.assertEqual((block.parents.size, block.verification.size), (0, 0))
