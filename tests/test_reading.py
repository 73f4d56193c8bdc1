"""Tests of the source of functions that read, and of those that only check lengths."""

from __future__ import annotations

from typing import Annotated

from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import MalformedMessage
from peerproto.wire.codec import Codec
from peerproto.wire.fields import (
    Count,
    Custom,
    Fixed,
    Hash,
    If,
    Kind,
    ListOf,
    Since,
    Tail,
    VarBytes,
    Varint,
    VarText,
    kind_of,
    uint8,
    uint16,
    varint,
)
from peerproto.wire.message import Message, message
from peerproto.wire.reading import ReadCode, SkimCode
from tests.small_network import codec_for, framed
from tests.test_tables import Place, Point


def body(code: ReadCode, **kinds: Kind) -> list[str]:
    """The lines that read these fields."""
    for name, kind in kinds.items():
        code.field = name
        kind.read(code, name)
    code.flush()
    return [line.strip() for line in code.lines[1:]]


class ReadCodeTests(SynchronousTestCase):
    """Reading."""

    def test_fused(self) -> None:
        """Neighbours of fixed length are one call, and their line bears all their names."""
        code = ReadCode()
        lines = body(code, first=Fixed("B"), second=kind_of(Place), third=Fixed("I"))
        self.assertEqual(len(lines), 3)
        self.assertRegex(lines[0], r"^first, v1_0, v1_1, v1_2, v1_3, third, = unpack_from_\d+\(buf, at\)$")
        self.assertEqual(
            lines[1:],
            ["second = new(Place, (new(Point, (v1_0, v1_1,)), v1_2 << 8 | v1_3,))", "at += 10"],
        )
        self.assertEqual(set(code.fields[1:]), {"first to third"})

    def test_fields_of_lines(self) -> None:
        """A varint between them parts what is fused."""
        code = ReadCode()
        lines = body(code, first=Fixed("B"), second=Varint(), third=Fixed("I"))
        self.assertEqual(
            [code.fields[1 + lines.index(text)] for text in ("at += 1", "second = buf[at]", "at += 4")],
            ["first", "second", "third"],
        )

    def test_list_in_one_call(self) -> None:
        """A list of records that are as they are on the wire is made without Python."""
        lines = body(ReadCode(), points=ListOf(kind_of(Point), 9))
        self.assertRegex(
            lines[-2],
            r"^points = list\(map\(new, repeat\(Point\), iter_unpack_\d+\(buf\[at:end\]\)\)\) if count else \[\]$",
        )
        lines = body(ReadCode(), places=ListOf(kind_of(Place), 9))
        self.assertRegex(
            lines[-2],
            r"^places = \[new\(Place, .*\) for v0, v1, v2, v3, in iter_unpack_\d+\(buf\[at:end\]\)\]$",
        )


def read_pair(buf: bytes, at: int, codec: Codec) -> tuple[bytes, int]:
    return buf[at : at + 2], at + 2


def skim_pair(buf: bytes, at: int, codec: Codec) -> int:
    return at + 2


def write_pair(value: bytes, codec: Codec) -> bytes:
    return value


_pair = Custom(read_pair, write_pair, skim=skim_pair)
_opaque = Custom(read_pair, write_pair)


@message("wholly", most=500, lazy=True)
class Wholly(Message):
    """All of it can be checked without reading."""

    first: uint8
    hashes: Annotated[list[Hash], Count(3)]
    number: varint
    raw: Annotated[bytes, VarBytes(3)]
    pair: Annotated[bytes, _pair]
    points: Annotated[list[Point], Count(3)]
    newer: Annotated[int | None, Since(5, Fixed("H"))]
    text: Annotated[str, Tail(VarText(3))]


@message("partly", most=500, lazy=True)
class Partly(Message):
    """What is behind the list is not checked before it is read."""

    first: uint8
    numbers: Annotated[list[varint], Count(3)]
    last: uint16


@message("opaque", most=500, lazy=True)
class Opaque(Message):
    first: uint16
    pair: Annotated[bytes, Since(5, _opaque)]
    tail: Annotated[int, Tail(Fixed("H"))]
    more: Annotated[int | None, If("self.first", Fixed("B"))]


WHOLE = "0101" + "00" * 32 + "0501616263010102000300"


class SkimCodeTests(SynchronousTestCase):
    """Checking lengths only."""

    def lazy(self, kind: type[Message], payload: str, pver: int = 10) -> Message:
        """A message that came, and was not looked at yet."""
        found = codec_for(kind, pver=pver).decode(framed(kind, payload), strict=False)
        self.assertIsNotNone(found.is_untouched())
        return found

    def test_nothing_is_read(self) -> None:
        """A message is passed by its lengths alone; what is in it is read later."""
        for payload in (WHOLE, WHOLE + "0161"):
            found = self.lazy(Wholly, payload)
            self.assertEqual(codec_for(Wholly).decode(framed(Wholly, payload)), found)
        self.assertTrue(Wholly.layout.skims_all)
        self.assertNotIn("unpack", Wholly.layout.source.split("def skim")[1].split("def write")[0])

    def test_cut_anywhere(self) -> None:
        """However it is cut, it is found at once: where skimming stops, or at the end."""
        for end in range(0, len(WHOLE), 2):
            error = self.assertRaises(MalformedMessage, self.lazy, Wholly, WHOLE[:end])
            self.assertRegex(error.text, "^ends (inside [a-z]+|too soon): ")
            self.assertLessEqual(error.offset, 24 + end // 2)

    def test_trailing(self) -> None:
        """What is behind the last field is found at once as well."""
        error = self.assertRaises(MalformedMessage, self.lazy, Wholly, WHOLE + "016101")
        self.assertEqual(
            (error.text, error.offset), ("1 bytes behind the last field", 24 + len(WHOLE) // 2 + 2)
        )

    def test_caps(self) -> None:
        """Counts over their caps are found at once."""
        error = self.assertRaises(MalformedMessage, self.lazy, Wholly, "0104")
        self.assertEqual((error.text, error.offset), ("4 entries announced, at most 3 allowed", 24 + 2))

    def test_old_version(self) -> None:
        """Lengths are those of the protocol version."""
        self.lazy(Wholly, WHOLE[:-4], pver=4)
        self.assertRaises(MalformedMessage, self.lazy, Wholly, WHOLE[:-2], 4)

    def test_rest_is_left(self) -> None:
        """What cannot be skimmed is left to reading, and so is all behind it."""
        for kind, good, cut in (
            (Partly, "010201020300", "01020102"),
            (Opaque, "01006161050006", "010061610500"),
        ):
            self.assertFalse(kind.layout.skims_all)
            self.assertEqual(self.lazy(kind, good), codec_for(kind).decode(framed(kind, good)))
            self.assertRaises(MalformedMessage, self.lazy(kind, cut).load)
            self.assertRaises(MalformedMessage, self.lazy(kind, good + "00").load)
            self.assertRaises(MalformedMessage, self.lazy, kind, "")

    def test_ended_code(self) -> None:
        """After the end nothing is added, and what was begun still compiles."""
        code = SkimCode()
        lines = body(code, first=Fixed("H"), second=Since(5, ListOf(Varint(), 3)), third=Since(6, Fixed("H")))
        self.assertEqual(
            lines,
            ["at += 2", "if codec.pver >= 5:", "count = buf[at]", "at += 1",
             "if count > 252: count, at = read_varint(buf, at - 1)",
             "if count > 3: raise over(count, 3, 'entries', at)"],
        )  # fmt: skip
        code = SkimCode()
        lines = body(code, first=Since(5, _opaque), second=Fixed("H"))
        self.assertEqual(lines, ["if codec.pver >= 5:", "pass"])
        compile(code.source("def f():"), "f", "exec")
