"""Tests of the kinds of fields: how each stands on the wire, and as JSON."""

from __future__ import annotations

from typing import Annotated

from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import LocalError, MalformedMessage
from peerproto.wire.codec import Codec
from peerproto.wire.fields import (
    Count,
    Custom,
    Fixed,
    Hash,
    ListOf,
    VarBytes,
    Varint,
    VarText,
    uint8,
    uint16,
    varint,
)
from peerproto.wire.message import Message, message
from tests.small_network import read, written

MOST = 20_000


@message("numbers", most=MOST)
class Numbers(Message):
    first: uint8
    second: varint
    third: uint16


@message("strings", most=MOST)
class Strings(Message):
    fixed: Annotated[bytes, Fixed("3s")]
    raw: Annotated[bytes, VarBytes(4)]
    text: Annotated[str, VarText(5)]


@message("lists", most=MOST)
class Lists(Message):
    small: Annotated[list[uint8], Count(3)]
    varied: Annotated[list[varint], Count(3)]
    texts: Annotated[list[str], ListOf(VarText(3), 2)]
    hashes: Annotated[list[Hash], Count(300)]


@message("nested", most=MOST)
class Nested(Message):
    """Lists in lists in lists; the innermost is fused."""

    cubes: Annotated[list[list[list[int]]], ListOf(ListOf(ListOf(Varint(), 3), 3), 3)]
    rows: Annotated[list[list[int]], ListOf(ListOf(Fixed("B"), 3), 3)]


@message("bounded", most=MOST)
class Bounded(Message):
    """Some of it must be there."""

    few: Annotated[list[uint8], Count(3, least=2)]
    more: Annotated[list[int], ListOf(Varint(), 3, least=1)]


@message("relaxed", most=MOST)
class Relaxed(Message):
    """Its lengths need not be in their shortest form."""

    number: Annotated[int, Varint(any_form=True)]
    raw: Annotated[bytes, VarBytes(300, any_form=True)]
    text: Annotated[str, VarText(300, any_form=True)]
    items: Annotated[list[int], ListOf(Varint(), 3, any_form=True)]


def read_twice(buf: bytes, at: int, codec: Codec) -> tuple[int, int]:
    if buf[at] % 2:
        raise MalformedMessage(f"{buf[at]} is odd", offset=at)
    return buf[at] // 2 + codec.pver, at + 1


def write_twice(value: int, codec: Codec) -> bytes:
    return bytes(((value - codec.pver) * 2,))


@message("customs", most=MOST)
class Customs(Message):
    bare: Annotated[int, Custom(read_twice, write_twice)]
    shown: Annotated[int, Custom(read_twice, write_twice, plain=str, unplain=int)]


class KindTests(SynchronousTestCase):
    """What is read and written."""

    def test_numbers(self) -> None:
        """Numbers are little endian, before and behind a varint alike."""
        for numbers, payload in (
            (Numbers(1, 2, 3), "01020300"),
            (Numbers(255, 253, 65535), "fffdfd00ffff"),
            (Numbers(0, 1 << 32, 0x1234), "00ff00000000010000003412"),
        ):
            self.assertEqual(written(numbers), payload)
            self.assertEqual(read(Numbers, payload), numbers)

    def test_strings(self) -> None:
        """Bytes and text have their length before them, unless it is fixed."""
        strings = Strings(b"abc", b"\0\1", "é!")
        self.assertEqual(written(strings), "61626302000103c3a921")
        self.assertEqual(read(Strings, "61626302000103c3a921"), strings)

    def test_text_that_is_none(self) -> None:
        """Bytes that are no UTF-8 come through as they are."""
        strings = read(Strings, "6162630002ff41")
        self.assertEqual(strings.text, "\udcffA")
        self.assertEqual(written(strings), "6162630002ff41")

    def test_lists(self) -> None:
        """Lists have their count before them, whatever is in them."""
        lists = Lists([1, 255], [252, 253, 0x10000], ["", "abc"], [bytes(32)])
        payload = "0201ff03fcfdfd00fe0000010002000361626301" + "00" * 32
        self.assertEqual(written(lists), payload)
        self.assertEqual(read(Lists, payload), lists)
        self.assertEqual(written(Lists([], [], [], [])), "00000000")
        self.assertEqual(read(Lists, "00000000"), Lists([], [], [], []))

    def test_long_list(self) -> None:
        """A count of 253 and more takes three bytes."""
        lists = Lists([], [], [], [bytes([number % 256]) * 32 for number in range(300)])
        payload = "000000fd2c01" + "".join(item.hex() for item in lists.hashes)
        self.assertEqual(written(lists), payload)
        self.assertEqual(read(Lists, payload), lists)

    def test_lists_in_lists(self) -> None:
        """Lists in lists do not disturb each other."""
        nested = Nested([[[1, 2], [3]], [], [[253], [], [4, 5, 6]]], [[1], [2, 3], []])
        payload = "03020201020103000301fdfd00000304050603010102020300"
        self.assertEqual(written(nested), payload)
        self.assertEqual(read(Nested, payload), nested)

    def test_any_form(self) -> None:
        """Where the network is not strict, lengths are read in any form, and written in the shortest."""
        relaxed = Relaxed(5, b"a", "b", [7])
        self.assertEqual(read(Relaxed, "fd0500fe0100000061fd010062ff010000000000000007"), relaxed)
        self.assertEqual(written(relaxed), "05016101620107")
        self.assertEqual(read(Relaxed, "05016101620107"), relaxed)
        error = self.assertRaises(MalformedMessage, read, Relaxed, "05000001fd0700")
        self.assertEqual(error.text, "varint 0x7 is not in its shortest form (0xfd)")

    def test_by_hand(self) -> None:
        """A kind that is written by hand gets the bytes, the place and the codec."""
        self.assertEqual(read(Customs, "0406", pver=3), Customs(5, 6))
        self.assertEqual(written(Customs(5, 6), pver=3), "0406")
        error = self.assertRaises(MalformedMessage, read, Customs, "0405")
        self.assertEqual((error.text, error.offset), ("5 is odd", 24 + 1))


class CapTests(SynchronousTestCase):
    """What is more than may be."""

    def test_announced(self) -> None:
        """A length or count over its cap is refused before anything of it is read, and told where."""
        for kind, payload, text, offset in (
            (Strings, "61626305", "5 bytes announced, at most 4 allowed", 4),
            (Strings, "6162630006", "6 bytes announced, at most 5 allowed", 5),
            (Lists, "04", "4 entries announced, at most 3 allowed", 1),
            (Lists, "0004", "4 entries announced, at most 3 allowed", 2),
            (Lists, "0000ffffffffffffffffff", f"{2**64 - 1} entries announced, at most 2 allowed", 11),
            (Lists, "00000104", "4 bytes announced, at most 3 allowed", 4),
        ):
            error = self.assertRaises(MalformedMessage, read, kind, payload)
            self.assertEqual((error.text, error.offset), (text, 24 + offset))

    def test_least(self) -> None:
        """A list that must hold something is refused if it does not, read or written."""
        self.assertEqual(read(Bounded, "0201020105"), Bounded([1, 2], [5]))
        for payload, text, offset in (
            ("01010105", "1 entries announced, at least 2 required", 1),
            ("02010200", "0 entries announced, at least 1 required", 4),
        ):
            error = self.assertRaises(MalformedMessage, read, Bounded, payload)
            self.assertEqual((error.text, error.offset), (text, 24 + offset))
        for wrong, text in (
            (Bounded([1], [5]), "bounded: few: 1 entries, at least 2 required"),
            (Bounded([1, 2], []), "bounded: more: 0 entries, at least 1 required"),
        ):
            self.assertEqual(str(self.assertRaises(LocalError, written, wrong)), text)

    def test_written(self) -> None:
        """What no peer would take is not written."""
        for wrong, text in (
            (Strings(b"abc", b"12345", ""), "strings: raw: 5 bytes, at most 4 allowed"),
            (Strings(b"abc", b"", "ééé"), "strings: text: 6 bytes, at most 5 allowed"),
            (Lists([1] * 4, [], [], []), "lists: small: 4 entries, at most 3 allowed"),
            (Lists([], [1] * 4, [], []), "lists: varied: 4 entries, at most 3 allowed"),
            (Lists([], [], ["abcd"], []), "lists: texts: 4 bytes, at most 3 allowed"),
        ):
            error = self.assertRaises(LocalError, written, wrong)
            self.assertEqual(str(error), text)

    def test_does_not_fit(self) -> None:
        """A value that does not fit its field is not written, be it out of range or of another type."""
        for wrong in (
            Numbers(256, 0, 0),
            Numbers(-1, 0, 0),
            Numbers(0, -1, 0),
            Numbers(0, 1 << 64, 0),
            Numbers("1", 0, 0),  # type: ignore[arg-type]
            Numbers(0, "1", 0),  # type: ignore[arg-type]
            Numbers(0, None, 0),  # type: ignore[arg-type]
            Numbers(0, 0.5, 0),  # type: ignore[arg-type]
            Strings(b"ab", b"", ""),
            Strings(b"abcd", b"", ""),
            Strings("abc", b"", ""),  # type: ignore[arg-type]
            Strings(b"abc", "ab", ""),  # type: ignore[arg-type]
            Strings(b"abc", b"", b"ab"),  # type: ignore[arg-type]
            Strings(b"abc", b"", "\ud800"),
            Lists(None, [], [], []),  # type: ignore[arg-type]
            Lists([256], [], [], []),
            Lists([], [], [], [bytes(31)]),
            Lists([], [], [], [bytes(33)]),
        ):
            with self.assertRaisesRegex(LocalError, r"cannot be written|does not fit"):
                written(wrong)


class PlainTests(SynchronousTestCase):
    """Fields as JSON."""

    def test_inverse(self) -> None:
        """What is shown can be read back."""
        for item, plain in (
            (Numbers(1, 2, 3), {"first": 1, "second": 2, "third": 3}),
            (Strings(b"abc", b"\0", "é"), {"fixed": "616263", "raw": "00", "text": "é"}),
            (
                Lists([1], [2], ["a"], [bytes(32)]),
                {"small": [1], "varied": [2], "texts": ["a"], "hashes": ["00" * 32]},
            ),
            (Customs(3, 4), {"bare": 3, "shown": "4"}),
        ):
            self.assertEqual(item.to_fields(), plain)
            self.assertEqual(type(item).from_fields(plain), item)
