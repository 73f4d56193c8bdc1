"""Frames that references have written and read: one runner for every network."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import Any, ClassVar

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import Incomplete, LocalError, MalformedMessage
from peerproto.wire.codec import Codec
from peerproto.wire.message import Message
from peerproto.wire.reader import Reader

Entry = dict[str, Any]


class GoldenCase(SynchronousTestCase):
    """Tries the golden frames of one network.

    :cvar unwritable: how LocalError ends for what is read and never written.
    """

    maxDiff = 1000
    unwritable: ClassVar[str] = "nothing"

    def entries(self) -> Sequence[Entry]:
        """The vectors."""
        raise NotImplementedError

    def frame_of(self, entry: Entry) -> bytes:
        """The whole frame."""
        raise NotImplementedError

    def codec_of(self, entry: Entry) -> Codec:
        """The codec that it was written for."""
        raise NotImplementedError

    def fields_of(self, entry: Entry) -> Any:
        """What the vector says that is in it."""
        return entry["fields"]

    def shown(self, entry: Entry, message: Message) -> Any:
        """What we say that is in it, in the vector's form."""
        return message.to_fields()

    def written(self, entry: Entry) -> bytes | None:
        """What must be written of the fields; None if nothing may be."""
        return self.frame_of(entry)

    def plain_of(self, entry: Entry, message: Message) -> Any:
        """The same as JSON, of which the message can be made again."""
        return entry["fields"]

    def may_be_cut(self, entry: Entry) -> bool:
        """Whether its payload may end sooner, or is another command's then."""
        return False

    def test_fields(self) -> None:
        """Every frame has the command and the fields that it should have."""
        for entry in self.entries():
            found = self.codec_of(entry).decode(self.frame_of(entry))
            self.assertEqual(found.command, entry["command"])
            self.assertEqual(self.shown(entry, found), self.fields_of(entry), entry["label"])

    def test_written_again(self) -> None:
        """Every frame is written again from its fields as the reference does it, by way of JSON too."""
        for entry in self.entries():
            codec, frame = self.codec_of(entry), self.written(entry)
            found = codec.decode(self.frame_of(entry))
            self.assertIsNone(found.is_untouched())
            again = type(found).from_fields(json.loads(json.dumps(self.plain_of(entry, found))))
            self.assertEqual(again, found, entry["label"])
            for message in (found, again):
                if frame is None:
                    self.assertRaisesRegex(LocalError, self.unwritable, codec.encode, message)
                else:
                    self.assertEqual(codec.encode(message), frame, entry["label"])

    def test_out_of_the_reader(self) -> None:
        """Every frame comes out of a stream as the same message; unread it is the same bytes."""
        for entry in self.entries():
            codec, frame = self.codec_of(entry), self.frame_of(entry)
            (found,) = Reader(codec).feed(frame)
            assert isinstance(found, Message)
            self.assertEqual(found.is_untouched() is not None, type(found).lazy, entry["label"])
            if type(found).lazy:
                self.assertEqual(codec.encode(found), frame, entry["label"])
                self.assertIsNotNone(found.is_untouched(), entry["label"])
            self.assertEqual(found, codec.decode(frame), entry["label"])
            self.assertEqual(self.shown(entry, found), self.fields_of(entry), entry["label"])

    def test_cut_anywhere(self) -> None:
        """No frame that is cut comes through, wherever it is cut."""
        for entry in self.entries():
            codec, frame = self.codec_of(entry), self.frame_of(entry)
            for end in {*range(24), *range(24, len(frame), 1 + len(frame) // 50), len(frame) - 1}:
                self.assertRaises(Incomplete, codec.decode, frame[:end])

    def test_cut_payload(self) -> None:
        """A payload that is cut, its header telling so, is malformed, but of a message that may be shorter."""
        for entry in self.entries():
            codec, frame = self.codec_of(entry), self.frame_of(entry)
            for end in range(24, len(frame), 1 + len(frame) // 20):
                cut = codec.envelope.wrap(frame[4:16], frame[24:end])
                try:
                    found = codec.decode(cut)
                except MalformedMessage as error:
                    self.assertRegex(str(error), f"^{entry['command']}: ")
                    self.assertLessEqual(error.offset, len(cut))
                else:
                    self.assertTrue(self.may_be_cut(entry), entry["label"])
                    self.assertEqual(found.command, entry["command"])

    def test_any_chunks(self) -> None:
        """However a stream of golden frames is cut, the messages are the same."""
        found = [entry for entry in self.entries() if len(self.frame_of(entry)) < 5_000]
        streams = [list(some) for _, some in groupby(found, self.codec_of)]
        longest = max(streams, key=len)

        @settings(deadline=None)
        @given(
            st.lists(st.sampled_from(longest), min_size=1, max_size=5), st.lists(st.floats(0, 1), max_size=8)
        )
        def try_one(entries: list[Entry], places: list[float]) -> None:
            self.check_stream(entries, places)

        try_one()

    def check_stream(self, entries: list[Entry], places: list[float]) -> None:
        """Some frames one after the other, cut in some places."""
        reader = Reader(self.codec_of(entries[0]))
        stream = b"".join(map(self.frame_of, entries))
        marks = [0, *sorted(int(place * len(stream)) for place in places), len(stream)]
        found: list[Any] = []
        for begin, end in pairwise(marks):
            found += reader.feed(stream[begin:end])
        self.assertEqual(
            [self.shown(entry, some) for entry, some in zip(entries, found, strict=True)],
            [self.fields_of(entry) for entry in entries],
        )
