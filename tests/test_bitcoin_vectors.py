"""Tests of Bitcoin's messages against frames that other implementations wrote."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import Incomplete, MalformedMessage, UnknownCommand
from peerproto.networks.bitcoin import Block, Tx
from peerproto.wire.envelope import sha256d
from peerproto.wire.message import Message
from peerproto.wire.reader import Reader
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


class GoldenTests(SynchronousTestCase):
    """Frames that were written and read by their own reference."""

    maxDiff = 1000

    def test_all_are_here(self) -> None:
        """There are vectors of every message of the network."""
        self.assertEqual(len(golden()), 217)
        kinds = codec_of(by_label("wtxidrelay-core")).kinds
        self.assertEqual({entry["command"] for entry in golden()}, set(kinds))

    def test_fields(self) -> None:
        """Every frame has the fields that it should have."""
        for entry in golden():
            fields = codec_of(entry).decode(frame_of(entry)).to_fields()
            wanted = fields_of(entry)
            if entry.get("fields_are_summary"):
                fields = summed_up(fields, wanted)
            self.assertEqual(fields, wanted, entry["label"])

    def test_written_again(self) -> None:
        """Every frame is written again from its fields to the same bytes, by way of JSON too."""
        for entry in golden():
            codec, frame = codec_of(entry), frame_of(entry)
            found = codec.decode(frame)
            again = type(found).from_fields(json.loads(json.dumps(found.to_fields())))
            self.assertEqual(again, found, entry["label"])
            if not entry.get("decode_only"):
                self.assertEqual(codec.encode(found), frame, entry["label"])
                self.assertEqual(codec.encode(again), frame, entry["label"])

    def test_out_of_the_reader(self) -> None:
        """Every frame comes out of a stream as the same message; unread it is the same bytes."""
        for entry in golden():
            codec, frame = codec_of(entry), frame_of(entry)
            (found,) = Reader(codec).feed(frame)
            assert isinstance(found, Message)
            self.assertEqual(found.command, entry["command"])
            self.assertEqual(found.is_untouched() is not None, type(found).lazy, entry["label"])
            if type(found).lazy:
                self.assertEqual(codec.encode(found), frame, entry["label"])
                self.assertIsNotNone(found.is_untouched(), entry["label"])
            self.assertEqual(found, codec.decode(frame), entry["label"])

    def test_encoding_matters_for_transactions_only(self) -> None:
        """All but transactions read the same with witnesses and without."""
        for entry in golden():
            if entry["command"] not in WITH_TRANSACTIONS and not entry.get("fields_are_summary"):
                for encoding in ("base", "witness"):
                    found = codec_of({**entry, "encoding": encoding}).decode(frame_of(entry))
                    self.assertEqual(found.to_fields(), fields_of(entry), entry["label"])

    def test_cut_anywhere(self) -> None:
        """No frame that is cut comes through, wherever it is cut."""
        for entry in golden():
            codec, frame = codec_of(entry), frame_of(entry)
            for end in {*range(24), *range(24, len(frame), 1 + len(frame) // 50), len(frame) - 1}:
                self.assertRaises(Incomplete, codec.decode, frame[:end])

    def test_cut_payload(self) -> None:
        """A payload that is cut, its header telling so, is malformed, or a message that may be shorter."""
        for entry in golden():
            codec, payload = codec_of(entry), frame_of(entry)[24:]
            for end in range(0, len(payload), 1 + len(payload) // 20):
                frame = codec.envelope.wrap(codec.envelope.command(entry["command"]), payload[:end])
                try:
                    found = codec.decode(frame)
                except UnknownCommand:
                    self.assertTrue(codec.kinds[entry["command"]].foreign, entry["label"])
                except MalformedMessage as error:
                    self.assertRegex(str(error), f"^{entry['command']}: ")
                    self.assertLessEqual(error.offset, len(frame))
                else:
                    self.assertEqual(found.command, "version", entry["label"])


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


SMALL = [
    entry
    for entry in golden()
    if (entry["net"], entry["pver"], entry["encoding"]) == ("mainnet", 70016, "witness")
    and entry["frame_len"] < 5_000
    and not entry.get("decode_only")
]


class SplitTests(SynchronousTestCase):
    """Streams of golden frames."""

    @given(
        st.lists(st.sampled_from(SMALL), min_size=1, max_size=5),
        st.lists(st.floats(0, 1), max_size=8),
    )
    def test_any_chunks(self, entries: list[Entry], places: list[float]) -> None:
        """However a stream of golden frames is cut, the messages are the same."""
        codec = codec_of(entries[0])
        stream = b"".join(map(frame_of, entries))
        marks = [0, *sorted(int(place * len(stream)) for place in places), len(stream)]
        reader = Reader(codec)
        found = [
            some for at in range(len(marks) - 1) for some in reader.feed(stream[marks[at] : marks[at + 1]])
        ]
        self.assertEqual([some.command for some in found], [entry["command"] for entry in entries])
        self.assertEqual(b"".join(codec.encode(some) for some in found if isinstance(some, Message)), stream)

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
