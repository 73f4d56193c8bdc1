"""Tests of Bitcoin's messages against frames that other implementations wrote."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from peerproto.networks.bitcoin import Block, Tx
from peerproto.wire.envelope import sha256d
from peerproto.wire.message import Message
from peerproto.wire.reader import Reader
from tests import goldens
from tests.bitcoin_vectors import Entry, by_label, codec_of, frame_of, golden

UNDERIVABLE = ("block_txids", "block_wtxids")
"""What stands among the fields of a compact block but cannot be told from it alone."""

WITH_TRANSACTIONS = ("tx", "block", "cmpctblock", "blocktxn")


def fields_of(entry: Entry) -> dict[str, Any]:
    """What the vector says that is in the frame."""
    return {name: value for name, value in entry["fields"].items() if name not in UNDERIVABLE}


def summed_up(fields: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """Fields in the form of a vector that only sums them up."""
    found: dict[str, Any] = {}
    for name in wanted:
        base, _, part = name.rpartition("_")
        if name.startswith("sha256_of_"):
            ids = "".join(
                tx[name.removeprefix("sha256_of_")[: -len("s_joined_hex")]] for tx in fields["transactions"]
            )
            found[name] = sha256(ids.encode()).hexdigest()
        elif base in fields and part in SUMMARIES:
            found[name] = SUMMARIES[part](fields[base])
        else:
            found[name] = fields[name]
    return found


SUMMARIES = {
    "count": len,
    "first": lambda items: items[0],
    "last": lambda items: items[-1],
    "len": lambda text: len(text) // 2,
    "sha256": lambda text: sha256(bytes.fromhex(text)).hexdigest(),
}


class GoldenTests(goldens.GoldenCase):
    """Frames that were written and read by their own reference."""

    def entries(self) -> list[Entry]:
        """All of them."""
        return golden()

    frame_of, codec_of, fields_of = staticmethod(frame_of), staticmethod(codec_of), staticmethod(fields_of)

    def shown(self, entry: Entry, message: Message) -> Any:
        """What is in it, summed up where the vector does so."""
        fields = message.to_fields()
        return summed_up(fields, fields_of(entry)) if entry.get("fields_are_summary") else fields

    def plain_of(self, entry: Entry, message: Message) -> Any:
        """All that we say of it: some vectors have no more than a summary, or more than is in the frame."""
        return message.to_fields()

    def written(self, entry: Entry) -> bytes:
        """Its own bytes, but where it was cut or changed in one place: then bytes that are read as the same."""
        codec, frame = codec_of(entry), frame_of(entry)
        if not entry.get("decode_only"):
            return frame
        again = codec.encode(codec.decode(frame))
        self.assertEqual(codec.encode(codec.decode(again)), again, entry["label"])
        return again

    def may_be_cut(self, entry: Entry) -> bool:
        """All behind the first address may be missing in a version."""
        return bool(entry["command"] == "version")

    def test_all_are_here(self) -> None:
        """There are vectors of every message of the network."""
        self.assertEqual(len(golden()), 217)
        kinds = codec_of(by_label("wtxidrelay-core")).kinds
        self.assertEqual({entry["command"] for entry in golden()}, set(kinds))

    def test_encoding_matters_for_transactions_only(self) -> None:
        """All but transactions read the same with witnesses and without."""
        for entry in golden():
            if entry["command"] not in WITH_TRANSACTIONS and not entry.get("fields_are_summary"):
                for encoding in ("base", "witness"):
                    found = codec_of({**entry, "encoding": encoding}).decode(frame_of(entry))
                    self.assertEqual(found.to_fields(), fields_of(entry), entry["label"])


class TransactionTests(SynchronousTestCase):
    """The two encodings of transactions."""

    def test_ids(self) -> None:
        """The ids are the hashes of the two encodings."""
        for entry in golden():
            if entry["command"] == "tx":
                codec = codec_of(entry)
                found = codec.decode(frame_of(entry))
                assert isinstance(found, Tx)
                for encoding, expected in (("base", found.txid), ("witness", found.wtxid)):
                    other = codec_of({**entry, "encoding": encoding})
                    self.assertEqual(sha256d(other.encode(found)[24:]), expected, entry["label"])

    def test_without_witness(self) -> None:
        """A block written for a peer that knows no witnesses is the block without them, and has the same hash."""
        entry = by_label("block-mainnet-1.2MB")
        codec, base = codec_of(entry), codec_of({**entry, "encoding": "base"})
        found = codec.decode(frame_of(entry))
        assert isinstance(found, Block)
        stripped = base.decode(base.encode(found))
        assert isinstance(stripped, Block)
        self.assertEqual(stripped.block_hash, found.block_hash)
        self.assertEqual([tx.txid for tx in stripped.transactions], [tx.txid for tx in found.transactions])
        self.assertFalse(any(item.witness for tx in stripped.transactions for item in tx.tx_in))
        self.assertEqual(base.encode(stripped), base.encode(found))


class SplitTests(SynchronousTestCase):
    """Streams of golden frames."""

    def test_big_ones(self) -> None:
        """The largest frames come through in the pieces that a socket gives."""
        for label in ("inv-50000", "block-mainnet-1.2MB"):
            entry = by_label(label)
            codec, frame = codec_of(entry), frame_of(entry)
            for step in (1_460, 65_536):
                reader = Reader(codec)
                (found,) = (
                    some for at in range(0, len(frame), step) for some in reader.feed(frame[at : at + step])
                )
                assert isinstance(found, Message)
                self.assertEqual(codec.encode(found), frame)
