"""Tests of compiled tables: what they say when bytes are missing, and how they show in tracebacks."""

from __future__ import annotations

import linecache
import traceback
from typing import Annotated, NamedTuple

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import MalformedMessage
from peerproto.wire.fields import (
    Count,
    Custom,
    Hash,
    ListOf,
    VarBytes,
    VarText,
    int64,
    ip_address,
    port,
    uint8,
    uint16,
    uint32,
    varint,
)
from peerproto.wire.layout import TOO_SHORT, compile_layout, cut_short, record
from peerproto.wire.message import Message, message
from tests.small_network import codec_for, framed, read, written


class Item(NamedTuple):
    """Its fields bear names that the generated code needs itself."""

    at: uint8
    size: Annotated[bytes, VarBytes(3)]
    buf: varint
    end: uint16
    codec: uint8


@message("long", most=1000)
class Long(Message):
    number: uint8
    time: int64
    where: ip_address
    port: port
    name: Annotated[str, VarText(9)]
    hashes: Annotated[list[Hash], Count(4)]
    items: Annotated[list[Item], ListOf(record(Item), 3)]
    height: uint32


LONG = Long(1, 2, "::1", 3, "ab", [bytes(32), b"\1" * 32], [Item(1, b"x", 2, 3, 4), Item(5, b"", 6, 7, 8)], 9)
ENDS = {
    0: ("number to port", 0),
    26: ("number to port", 0),
    27: ("name", 27),
    29: ("name", 28),
    30: ("hashes", 30),
    31: ("hashes", 31),
    94: ("hashes", 31),
    95: ("items", 95),
    96: ("items.at", 96),
    97: ("items.size", 97),
    98: ("items.size", 98),
    99: ("items.buf", 99),
    100: ("items.end to codec", 100),
    103: ("items.at", 103),
    109: ("height", 109),
    112: ("height", 109),
}
"""Where a payload may be cut, and what is told of it: the field, and the place where it begins."""


class CutShortTests(SynchronousTestCase):
    """What is said of a payload that ends too soon."""

    def test_ends(self) -> None:
        """The field in which the bytes end is named, and the place in the frame where its reading began."""
        payload = written(LONG)
        self.assertEqual(len(payload) // 2, 113)
        for end, (field, offset) in ENDS.items():
            error = self.assertRaises(MalformedMessage, read, Long, payload[: 2 * end])
            self.assertEqual(str(error), f"long: ends inside {field}: the payload has {end} bytes")
            self.assertEqual(error.offset, 24 + offset)

    @given(st.integers(0, 112))
    def test_cut_anywhere(self, end: int) -> None:
        """Wherever it is cut, it is no message, and the place is inside the frame."""
        error = self.assertRaises(MalformedMessage, read, Long, written(LONG)[: 2 * end])
        self.assertRegex(error.text, "^ends inside ")
        self.assertLessEqual(error.offset, 24 + end)

    def test_whole(self) -> None:
        """Uncut, it is the message; names that the code needs itself are good names of fields."""
        self.assertEqual(read(Long, written(LONG)), LONG)
        self.assertEqual(Long.from_fields(LONG.to_fields()), LONG)

    def test_by_hand(self) -> None:
        """Of what is read by hand at least the place is told."""
        error = self.assertRaises(MalformedMessage, read, ByHand, "000000")
        self.assertEqual((error.text, error.offset), ("ends too soon: the payload has 3 bytes", 24 + 2))

    def test_never_behind_the_end(self) -> None:
        """The place is never behind the bytes that there are."""
        try:
            read_by_hand(ByHand(0), b"", 5, None)
        except TOO_SHORT as error:
            self.assertEqual(cut_short(error, 3).offset, 3)


def read_by_hand(self: ByHand, buf: bytes, at: int, codec: object) -> int:
    at += 2
    self.number = buf[at] + buf[at + 1]
    return at + 2


def write_by_hand(self: ByHand, codec: object) -> bytes:
    return bytes((0, 0, self.number, 0))


@message("byhand", most=9, by_hand=(read_by_hand, write_by_hand))
class ByHand(Message):
    number: uint8


def fail(*_: object) -> bytes:
    raise ZeroDivisionError


@message("failing", most=9)
class Failing(Message):
    first: uint8
    wrong: Annotated[bytes, Custom(fail, fail)]


class SourceTests(SynchronousTestCase):
    """The generated code can be looked at."""

    def test_source(self) -> None:
        """A layout has the source of its functions."""
        for head in (
            "def read(self, buf, at, codec):",
            "def skim(self, buf, at, codec):",
            "def write(self, codec):",
        ):
            self.assertIn(head, Long.layout.source)
        compile(Long.layout.source, "source", "exec")

    def test_traceback(self) -> None:
        """A traceback shows the generated line, reading and writing."""
        for what, line in (
            (lambda: read(Failing, "00"), "self.wrong, at = "),
            (lambda: written(Failing(1, b"")), "out = "),
        ):
            try:
                what()
            except ZeroDivisionError as error:
                shown = "".join(traceback.format_exception(error))
            self.assertRegex(
                shown, rf'File "<{__name__}\.Failing\.(read|write)>", line \d+, in (read|write)\n +{line}'
            )
        linecache.checkcache()
        self.assertIn("def read(self", linecache.getline(f"<{__name__}.Failing.read>", 1))

    def test_by_hand(self) -> None:
        """Functions written by hand take the place of compiled ones."""
        self.assertEqual(written(ByHand(5)), "00000500")
        self.assertEqual(read(ByHand, "00000500"), ByHand(5))
        self.assertIsNone(ByHand.layout.skim)

    def test_again(self) -> None:
        """Compiling is a matter of the annotations alone."""
        again = compile_layout(Long)
        self.assertEqual((again.source, list(again.kinds)), (Long.layout.source, list(Long.layout.kinds)))

    def test_one_struct(self) -> None:
        """Fields of fixed length that stand together are read with one call."""
        self.assertEqual(Long.layout.source.split("def skim")[0].count("unpack_from"), 2)

    def test_nothing(self) -> None:
        """A message without fields is read and written without any."""
        self.assertEqual(written(Empty()), "")
        self.assertEqual(read(Empty, ""), Empty())
        error = self.assertRaises(MalformedMessage, codec_for(Empty).decode, framed(Empty, "00"))
        self.assertEqual(str(error), "empty: 1 bytes behind the last field")


@message("empty", most=1)
class Empty(Message):
    """Nothing."""
