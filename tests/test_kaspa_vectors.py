"""Tests of Kaspa's messages against frames that kaspad wrote or read. No vector is left out."""

from __future__ import annotations

import json
from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import Incomplete, LocalError, MalformedMessage
from peerproto.networks.bitcoin import InvVect
from peerproto.wire.message import Message
from peerproto.wire.reader import Reader
from tests.kaspa_vectors import Entry, big, codec_of, frame_of, golden, odd

COMMANDS = {entry["command"] for entry in golden()}


class GoldenTests(SynchronousTestCase):
    """Frames that kaspad wrote and read."""

    maxDiff = 1000

    def test_all_are_here(self) -> None:
        """There are vectors of every message of the network."""
        self.assertEqual(len(golden()), 161)
        self.assertEqual(COMMANDS, set(codec_of(golden()[0]).kinds))
        self.assertEqual(len(COMMANDS), 22)

    def test_fields(self) -> None:
        """Every frame has the fields that it should have, derived ones and absent ones too, and nothing beside."""
        for entry in golden():
            found = codec_of(entry).decode(frame_of(entry))
            self.assertEqual(found.command, entry["command"])
            self.assertEqual(found.to_fields(), entry["fields"], entry["label"])
            self.assertEqual(found.extra(), {}, entry["label"])

    def test_written_again(self) -> None:
        """Every frame is written again from its fields to the same bytes, by way of JSON too."""
        for entry in golden():
            codec, frame = codec_of(entry), frame_of(entry)
            found = codec.decode(frame)
            self.assertIsNone(found.is_untouched())
            self.assertEqual(codec.encode(found), frame, entry["label"])
            again = type(found).from_fields(json.loads(json.dumps(entry["fields"])))
            self.assertEqual(again, found, entry["label"])
            self.assertEqual(codec.encode(again), frame, entry["label"])

    def test_what_is_absent_may_be_left_out(self) -> None:
        """Whoever writes JSON by hand need not say null."""
        for entry in golden():
            fields = {name: value for name, value in entry["fields"].items() if value is not None}
            codec = codec_of(entry)
            found = codec.kinds[entry["command"]].from_fields(fields)
            self.assertEqual(codec.encode(found), frame_of(entry), entry["label"])

    def test_out_of_the_reader(self) -> None:
        """Every frame comes out of a stream as the same message; unread it is the same bytes."""
        for entry in golden():
            codec, frame = codec_of(entry), frame_of(entry)
            (found,) = Reader(codec).feed(frame)
            assert isinstance(found, Message)
            self.assertEqual(found.is_untouched() is not None, type(found).lazy, entry["label"])
            if type(found).lazy:
                self.assertEqual(codec.encode(found), frame, entry["label"])
                self.assertIsNotNone(found.is_untouched(), entry["label"])
            self.assertEqual(found, codec.decode(frame), entry["label"])

    def test_cut_anywhere(self) -> None:
        """No frame that is cut comes through, wherever it is cut."""
        for entry in golden():
            codec, frame = codec_of(entry), frame_of(entry)
            for end in {*range(24), *range(24, len(frame), 1 + len(frame) // 50), len(frame) - 1}:
                self.assertRaises(Incomplete, codec.decode, frame[:end])

    def test_cut_payload(self) -> None:
        """A payload that is cut, its header telling so, is malformed on arrival or on first use."""
        for entry in golden():
            codec, payload = codec_of(entry), frame_of(entry)[24:]
            for end in range(0, len(payload), 1 + len(payload) // 20):
                frame = codec.envelope.wrap(codec.envelope.command(entry["command"]), payload[:end])
                error = self.assertRaises(MalformedMessage, codec.decode, frame)
                self.assertRegex(str(error), f"^{entry['command']}: ")
                self.assertLessEqual(error.offset, len(frame))


class OddTests(SynchronousTestCase):
    """Frames that kaspad reads, and would write otherwise or not at all."""

    def test_all_are_here(self) -> None:
        """There are so many."""
        self.assertEqual(len(odd()), 21)

    def test_read(self) -> None:
        """Each is read, on a stream too, and has the fields that kaspad finds."""
        for entry in odd():
            codec, frame = codec_of(entry), frame_of(entry)
            found = codec.decode(frame)
            self.assertEqual(found.to_fields(), entry["fields"], entry["label"])
            self.assertEqual(list(Reader(codec).feed(frame)), [found], entry["label"])

    def test_written(self) -> None:
        """Each is written as kaspad does it, or not at all; unread it is sent on as it came."""
        for entry in odd():
            codec, frame = codec_of(entry), frame_of(entry)
            (unread,) = Reader(codec).feed(frame)
            assert isinstance(unread, Message)
            if type(unread).lazy:
                self.assertEqual(codec.encode(unread), frame, entry["label"])
            for message in (unread.load(), type(unread).from_fields(entry["fields"])):
                if entry["reencoded"] == "error":
                    self.assertRaisesRegex(LocalError, "^tx: gas 5 on a built-in", codec.encode, message)
                else:
                    self.assertEqual(codec.encode(message).hex(), entry["reencoded"], entry["label"])


class BigTests(SynchronousTestCase):
    """The longest inventories."""

    def frame(self, entry: Entry) -> bytes:
        """The frame by its recipe, written by us."""
        vectors = [
            InvVect(entry["type"], sha256(f"{entry['seed']}/{number}".encode()).digest())
            for number in range(entry["count"])
        ]
        codec = codec_of(entry)
        kind = codec.kinds[entry["command"]]
        return codec.encode(kind(vectors))  # type: ignore[call-arg]

    def test_both_ways(self) -> None:
        """Each is written to the bytes that it should be, and read in pieces, and read again the same."""
        self.assertEqual(len(big()), 6)
        for entry in big():
            codec, frame = codec_of(entry), self.frame(entry)
            self.assertEqual(len(frame), entry["frame_length"], entry["label"])
            self.assertEqual(frame[:24].hex(), entry["header"], entry["label"])
            self.assertEqual(sha256(frame).hexdigest(), entry["frame_sha256"], entry["label"])
            reader = Reader(codec)
            pieces = [frame[at : at + 65_536] for at in range(0, len(frame), 65_536)]
            (found,) = (some for piece in pieces for some in reader.feed(piece))
            assert isinstance(found, Message)
            self.assertEqual(codec.encode(found.load()), frame)

    def test_one_more(self) -> None:
        """One more entry is neither written nor read."""
        entry = next(entry for entry in big() if entry["count"] == 131_072)
        codec = codec_of(entry)
        self.assertRaisesRegex(
            LocalError, "131073 entries, at most 131072", self.frame, {**entry, "count": 131_073}
        )
        frame = codec.envelope.wrap(codec.envelope.command("inv"), b"\xfe\x01\x00\x02\x00" + bytes(100))
        self.assertRaisesRegex(MalformedMessage, "131073 entries", codec.decode, frame, strict=False)


SMALL = [entry for entry in golden() if entry["net"] == "simnet" and len(entry["frame"]) < 10_000]


class StreamTests(SynchronousTestCase):
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
