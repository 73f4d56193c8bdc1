"""Tests of Decred's messages against frames that dcrd refuses.

All 500 are here. Two have another outcome than with dcrd HEAD, see `READ_ALL_THE_SAME`.
"""

from __future__ import annotations

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
from tests.decred_vectors import Entry, bad, codec_of, frame_of

READ_ALL_THE_SAME = ("reject at pver 1", "reject at pver 8")
"""`reject` exists up to protocol version 8, and the golden frames of it are to be read there. dcrd HEAD has struck it
out at every version, but speaks with nobody below 9, where it is unknown here too.
"""

_ERRORS: dict[str, type[MalformedMessage]] = {
    "ErrWrongNetwork": WrongNetwork,
    "ErrPayloadChecksum": BadChecksum,
    "ErrUnknownCmd": UnknownCommand,
}


def kind_of_error(entry: Entry) -> type[MalformedMessage]:
    """The error that dcrd's stands for."""
    if entry["kind"] == "incomplete":
        return Incomplete
    if entry["error"] == "ErrPayloadTooLarge":
        size = int.from_bytes(frame_of(entry)[16:20], "little")
        return Oversize if size > codec_of(entry).envelope.most else OversizeCommand
    return _ERRORS.get(entry["error"], MalformedMessage)


def refused() -> list[Entry]:
    """The vectors but for the two."""
    return [entry for entry in bad() if entry["label"] not in READ_ALL_THE_SAME]


class BadTests(SynchronousTestCase):
    """Frames that dcrd refuses."""

    def test_all_are_here(self) -> None:
        """There are vectors of each kind."""
        self.assertEqual(len(bad()), 500)
        self.assertEqual(len(refused()), 498)
        self.assertEqual(Counter(entry["kind"] for entry in bad()), {"reject": 491, "incomplete": 9})
        wanted = {*_ERRORS.values(), Incomplete, Oversize, OversizeCommand, MalformedMessage}
        self.assertEqual({kind_of_error(entry) for entry in bad()}, wanted)

    def test_decoded(self) -> None:
        """Each is refused for the reason that dcrd tells."""
        for entry in refused():
            error = self.assertRaises(MalformedMessage, codec_of(entry).decode, frame_of(entry))
            self.assertIs(type(error), kind_of_error(entry), entry["label"])
            self.assertLessEqual(error.offset, len(frame_of(entry)), entry["label"])

    def test_read_all_the_same(self) -> None:
        """The two are read, as they are by dcrd of old."""
        for entry in bad():
            if entry["label"] in READ_ALL_THE_SAME:
                self.assertEqual(entry["older_readers"]["wire 1.4.0"], "ok")
                self.assertEqual(codec_of(entry).decode(frame_of(entry)).command, "reject")

    def test_trailing_bytes_of_old(self) -> None:
        """What dcrd 1.x reads although bytes are left over is read by its policy."""
        trailing = [entry for entry in bad() if entry["error"] == "ErrTrailingBytes"]
        self.assertEqual(len(trailing), 57)
        for entry in trailing:
            codec_of(entry, "dcrd1").decode(frame_of(entry))

    def test_out_of_the_reader(self) -> None:
        """In a stream each is refused at any chunking, at the latest on first use; for what is cut it waits."""
        for entry in refused():
            frame = frame_of(entry)
            for chunks in ([frame], [bytes((byte,)) for byte in frame]):
                reader = Reader(codec_of(entry))
                try:
                    for chunk in chunks:
                        for found in reader.feed(chunk):
                            assert isinstance(found, Message) and found.is_untouched() is not None
                            found.load()
                except MalformedMessage as error:
                    self.assertIs(type(error), kind_of_error(entry), entry["label"])
                else:
                    self.assertEqual(entry["kind"], "incomplete", entry["label"])
                    self.assertEqual(reader.waiting, len(frame), entry["label"])

    def test_as_soon_as_dcrd_knows(self) -> None:
        """A refusal for which dcrd looks at no more than the header does not wait for the payload."""
        early = [entry for entry in refused() if entry["kind"] == "reject" and entry["consumed"] == 24]
        self.assertEqual(len(early), 111)
        for entry in early:
            frame = frame_of(entry)
            reader = Reader(codec_of(entry))
            self.assertEqual(list(reader.feed(frame[:23])), [])
            error = self.assertRaises(MalformedMessage, self.feed, reader, frame[23:24])
            self.assertIs(type(error), kind_of_error(entry), entry["label"])

    def test_not_sooner(self) -> None:
        """What dcrd reads to the end is refused when the last byte is there, not before."""
        for entry in refused():
            if entry["kind"] == "reject" and entry["consumed"] > 24:
                self.assertEqual(entry["consumed"], len(frame_of(entry)), entry["label"])
                reader = Reader(codec_of(entry))
                self.assertEqual(list(reader.feed(frame_of(entry)[:-1])), [], entry["label"])

    def feed(self, reader: Reader, data: bytes) -> None:
        """Everything that the data completes, every field of it looked at."""
        for found in reader.feed(data):
            assert isinstance(found, Message)
            found.load()
