"""Tests of Kaspa's messages against frames that kaspad refused. No vector is left out."""

from __future__ import annotations

import tracemalloc
from collections import Counter

from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import (
    BadChecksum,
    Incomplete,
    MalformedMessage,
    Oversize,
    OversizeCommand,
    UnknownCommand,
    WrongNetwork,
)
from peerproto.wire.message import Message
from peerproto.wire.reader import Reader
from tests.kaspa_vectors import Entry, bad, codec_of, frame_of

KINDS: dict[str, type[MalformedMessage]] = {
    "wrong-magic-": WrongNetwork,
    "bad-checksum-": BadChecksum,
    "unknown-command-": UnknownCommand,
    "command-invalid-utf8": MalformedMessage,
    "command-": UnknownCommand,
    "oversize-": Oversize,
    "over-message-max-": OversizeCommand,
    "trailing-byte-": OversizeCommand,
    "stream-": Incomplete,
}
"""What a frame's label says of its fault; all others have a payload that cannot be."""


def kind_of(entry: Entry) -> type[MalformedMessage]:
    """The class of the error that a frame must have."""
    for start, kind in KINDS.items():
        if entry["label"].startswith(start):
            return kind
    return MalformedMessage


class BadTests(SynchronousTestCase):
    """Frames that kaspad refuses."""

    def test_all_are_here(self) -> None:
        """There are vectors of each kind of error."""
        kinds = Counter(entry["error_kind"] for entry in bad())
        self.assertEqual(kinds, {"message_error": 95, "unexpected_eof": 40, "eof": 31, "panic": 1})

    def test_decoded(self) -> None:
        """Each is refused, for the reason that it has, and where it went wrong is a place in the frame."""
        for entry in bad():
            frame = frame_of(entry)
            error = self.assertRaises(MalformedMessage, codec_of(entry).decode, frame)
            self.assertIs(type(error), kind_of(entry), entry["label"])
            self.assertLessEqual(error.offset, len(frame), entry["label"])

    def test_kinds(self) -> None:
        """What ends too soon for kaspad is either a cut stream, or a payload that ends in the middle."""
        for entry in bad():
            if entry["error_kind"] in ("eof", "unexpected_eof"):
                self.assertIn(kind_of(entry), (Incomplete, MalformedMessage), entry["label"])
                error = self.assertRaises(MalformedMessage, codec_of(entry).decode, frame_of(entry))
                self.assertRegex(str(error), "ends (inside|too soon)|bytes of (header|payload) are there")

    def test_out_of_the_reader(self) -> None:
        """In a stream each ends it at any chunking, at the latest on first use; what is cut is waited for."""
        for entry in bad():
            frame = frame_of(entry)
            for chunks in ([frame], [bytes((byte,)) for byte in frame]):
                self.feed(entry, chunks)

    def feed(self, entry: Entry, chunks: list[bytes]) -> None:
        """Feed a bad frame."""
        reader = Reader(codec_of(entry))
        try:
            found = [some for chunk in chunks for some in reader.feed(chunk)]
            for some in found:
                assert isinstance(some, Message)
                some.load()
        except MalformedMessage as error:
            self.assertIs(type(error), kind_of(entry), entry["label"])
        else:
            self.assertIs(kind_of(entry), Incomplete, entry["label"])
            self.assertEqual((found, reader.waiting), ([], sum(map(len, chunks))), entry["label"])

    def test_header_decides(self) -> None:
        """What the header tells is told before the payload is there."""
        decides = (WrongNetwork, UnknownCommand, Oversize, OversizeCommand)
        for entry in bad():
            frame = frame_of(entry)
            if kind_of(entry) in decides or entry["label"] == "command-invalid-utf8":
                feed = Reader(codec_of(entry)).feed(frame[:24])
                self.assertRaises(kind_of(entry), list, feed)

    def test_counts_decide(self) -> None:
        """Counts and lengths that may not be are told on arrival, but for those inside transactions."""
        for entry in bad():
            if entry["label"].startswith(("over-count-", "over-length-", "over-hashfuncs-")):
                (command,) = {"tx"} & set(entry["label"].split("-")) or {""}
                reader = Reader(codec_of(entry))
                if command:
                    (found,) = reader.feed(frame_of(entry))
                    assert isinstance(found, Message)
                    self.assertRaises(MalformedMessage, found.load)
                else:
                    self.assertRaises(MalformedMessage, list, reader.feed(frame_of(entry)))

    def test_claims_take_no_memory(self) -> None:
        """A claim of gigabytes, which ends a whole kaspad, takes no memory."""
        claims = [entry for entry in bad() if "huge" in entry["label"] or entry["label"].startswith("over-")]
        self.assertIn("panic", [entry["error_kind"] for entry in claims])
        for entry in claims:
            codec, frame = codec_of(entry), frame_of(entry)
            tracemalloc.start()
            try:
                self.assertRaises(MalformedMessage, codec.decode, frame)
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            self.assertLess(peak, 100_000, entry["label"])

    def test_a_block_of_claims(self) -> None:
        """A block that announces more transactions than could be in it is refused on arrival."""
        codec = codec_of(bad()[0])
        payload = bytes(4) + b"\0" + bytes(116) + b"\xfe\x40\x42\x0f\x00" + bytes(1000)
        with self.assertRaisesRegex(MalformedMessage, "^block: ends inside transactions"):
            list(Reader(codec).feed(codec.envelope.wrap(codec.envelope.command("block"), payload)))
