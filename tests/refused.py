"""Frames that a reference refuses, passes over or waits for more of: one runner for every network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import (
    Incomplete,
    MalformedMessage,
    Oversize,
    OversizeCommand,
    UnknownCommand,
    WrongNetwork,
)
from peerproto.wire.codec import Codec, Unread
from peerproto.wire.message import Message
from peerproto.wire.reader import Reader

Entry = dict[str, Any]
Kind = type[MalformedMessage] | None
"""The class of the error that a frame must have; None for one that is taken."""

BY_THE_HEADER = (WrongNetwork, Oversize, OversizeCommand, UnknownCommand)


def read_all(reader: Reader, data: bytes) -> list[Message | Unread]:
    """What the data completes, every field of it looked at."""
    return [some.load() if isinstance(some, Message) else some for some in reader.feed(data)]


class RefusedCase(SynchronousTestCase):
    """Tries the bad frames of one network.

    :cvar bad_commands: the labels of frames whose command is malformed, which the header tells too.
    """

    bad_commands: ClassVar[tuple[str, ...]] = ()

    def entries(self) -> Sequence[Entry]:
        """The vectors."""
        raise NotImplementedError

    def frame_of(self, entry: Entry) -> bytes:
        """The whole frame."""
        raise NotImplementedError

    def codec_of(self, entry: Entry) -> Codec:
        """The codec that it was written for."""
        raise NotImplementedError

    def kind_of(self, entry: Entry) -> Kind:
        """Its outcome, by the reference's words or by its label."""
        raise NotImplementedError

    def test_decoded(self) -> None:
        """Each has the outcome, and the kind of reason, that the reference tells; the place lies in the frame."""
        for entry in self.entries():
            codec, frame, kind = self.codec_of(entry), self.frame_of(entry), self.kind_of(entry)
            if kind is None:
                codec.decode(frame)
                continue
            error = self.assertRaises(MalformedMessage, codec.decode, frame)
            # What lies behind the end of a frame belongs to the next one, on a stream.
            if "bytes behind the frame" not in error.text:
                self.assertIs(type(error), kind, entry["label"])
            self.assertTrue(0 <= error.offset <= len(frame), entry["label"])

    def test_out_of_the_reader(self) -> None:
        """On a stream each has the same outcome at any chunking, at the latest on first use."""
        for entry in self.entries():
            frame = self.frame_of(entry)
            for size in (len(frame) or 1, 1 if len(frame) < 20_000 else 2000):
                self.feed(entry, [frame[at : at + size] for at in range(0, len(frame), size)])

    def feed(self, entry: Entry, chunks: list[bytes]) -> None:
        """Feed a frame; behind one that is passed over or taken a good one goes on."""
        codec, kind = self.codec_of(entry), self.kind_of(entry)
        reader, found = Reader(codec), list[Message | Unread]()
        try:
            for chunk in chunks:
                found += read_all(reader, chunk)
        except MalformedMessage as error:
            self.assertIs(type(error), kind, entry["label"])
            self.assertNotIn(kind, (*codec.policy.tolerates, None, Incomplete), entry["label"])
            return
        if kind is Incomplete:
            self.assertEqual((found, reader.waiting), ([], sum(map(len, chunks))), entry["label"])
            return
        self.assertEqual(len(found), 1, entry["label"])
        self.assertIs(type(found[0].error) if isinstance(found[0], Unread) else None, kind, entry["label"])
        self.assertIn(kind, (*codec.policy.tolerates, None))
        verack = codec.kinds["verack"]()
        self.assertEqual(list(reader.feed(codec.encode(verack))), [verack])

    def test_by_the_header(self) -> None:
        """A refusal that the header decides does not wait for a byte of the payload, and comes with its last one."""
        decided = 0
        for entry in self.entries():
            codec, kind, head = self.codec_of(entry), self.kind_of(entry), self.frame_of(entry)[:24]
            if kind in codec.policy.tolerates or not self.is_decided(entry, kind):
                continue
            decided += 1
            reader = Reader(codec)
            if not codec.envelope.magic_first:
                self.assertEqual(list(reader.feed(head[:23])), [], entry["label"])
                head = head[23:]
            error = self.assertRaises(MalformedMessage, read_all, reader, head)
            self.assertIs(type(error), kind, entry["label"])
        self.assertGreater(decided, 5)

    def is_decided(self, entry: Entry, kind: Kind) -> bool:
        """Whether the header tells."""
        return kind in BY_THE_HEADER or entry["label"] in self.bad_commands

    def test_not_by_the_header(self) -> None:
        """Whatever the header does not tell is not told before the last byte."""
        for entry in self.entries():
            frame, kind = self.frame_of(entry), self.kind_of(entry)
            whole = len(frame) == 24 + int.from_bytes(frame[16:20], "little")
            if whole and kind is not None and not self.is_decided(entry, kind):
                self.assertEqual(list(Reader(self.codec_of(entry)).feed(frame[:-1])), [], entry["label"])

    def assert_on_arrival(self, entry: Entry) -> None:
        """It is refused before anybody looks into the message."""
        self.assertRaises(MalformedMessage, list, Reader(self.codec_of(entry)).feed(self.frame_of(entry)))
