"""Tests of Kaspa's messages against frames that kaspad wrote or read. No vector is left out."""

from __future__ import annotations

from hashlib import sha256

from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import LocalError, MalformedMessage
from peerproto.networks.bitcoin import InvVect
from peerproto.wire.message import Message
from peerproto.wire.reader import Reader
from tests import goldens
from tests.kaspa_vectors import Entry, big, codec_of, frame_of, golden, odd

COMMANDS = {entry["command"] for entry in golden()}


class GoldenTests(goldens.GoldenCase):
    """Frames that kaspad wrote and read."""

    def entries(self) -> list[Entry]:
        """All of them."""
        return golden()

    frame_of, codec_of = staticmethod(frame_of), staticmethod(codec_of)

    def test_nothing_beside(self) -> None:
        """All that is shown stands among the fields."""
        for entry in golden():
            self.assertEqual(codec_of(entry).decode(frame_of(entry)).extra(), {}, entry["label"])

    def test_all_are_here(self) -> None:
        """There are vectors of every message of the network."""
        self.assertEqual(len(golden()), 161)
        self.assertEqual(COMMANDS, set(codec_of(golden()[0]).kinds))
        self.assertEqual(len(COMMANDS), 22)

    def test_what_is_absent_may_be_left_out(self) -> None:
        """Whoever writes JSON by hand need not say null."""
        for entry in golden():
            fields = {name: value for name, value in entry["fields"].items() if value is not None}
            codec = codec_of(entry)
            found = codec.kinds[entry["command"]].from_fields(fields)
            self.assertEqual(codec.encode(found), frame_of(entry), entry["label"])


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
