"""Tests of fields that are not always there."""

from __future__ import annotations

from typing import Annotated

from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import LocalError, MalformedMessage
from peerproto.wire.fields import (
    Fixed,
    Hash,
    If,
    ListOf,
    Since,
    Tail,
    VarBytes,
    Varint,
    VarText,
    kind_of,
    uint8,
    uint16,
)
from peerproto.wire.message import Message, message
from tests.small_network import codec_for, framed, read, written


@message("since", most=100)
class WithSince(Message):
    first: uint8
    middle: Annotated[int | None, Since(5, Fixed("H"))] = None
    last: Annotated[int, Since(7, Fixed("I"), below=Fixed("H"))] = 0


@message("tail", most=100)
class WithTail(Message):
    first: uint8
    number: Annotated[int, Tail(Fixed("H"))]
    wide: Annotated[int, Tail(Varint())]
    raw: Annotated[bytes, Tail(VarBytes(9))]
    text: Annotated[str, Tail(VarText(9))]
    hash: Annotated[bytes, Tail(kind_of(Hash))]
    gated: Annotated[int | None, Tail(Since(5, Fixed("B")), since=5)]
    inner: Annotated[int, Tail(Tail(Fixed("B")))]
    items: Annotated[list[int], Tail(ListOf(Varint(), 3))]


@message("if", most=100)
class WithIf(Message):
    flag: uint8
    more: Annotated[int | None, If("self.flag == 1", Fixed("H"))] = None
    last: uint8 = 0


@message("lazyif", most=100, lazy=True)
class LazyIf(Message):
    flag: uint8
    more: Annotated[bytes | None, If("self.flag == 1", VarBytes(2))] = None
    last: uint8 = 0


@message("lazysince", most=100, lazy=True)
class LazySince(Message):
    first: Annotated[bytes | None, Since(5, VarBytes(2))]
    last: uint16


class SinceTests(SynchronousTestCase):
    """Fields by protocol version."""

    def test_versions(self) -> None:
        """A field is there from its version on; below stands another one, or nothing."""
        for pver, found, payload in (
            (7, WithSince(1, 2, 3), "01020003000000"),
            (6, WithSince(1, 2, 3), "0102000300"),
            (5, WithSince(1, 2, 3), "0102000300"),
            (4, WithSince(1, None, 3), "010300"),
        ):
            self.assertEqual(written(found, pver), payload)
            self.assertEqual(read(WithSince, payload, pver), found)

    def test_not_written(self) -> None:
        """A value for a field that an old peer does not know is left out."""
        self.assertEqual(written(WithSince(1, 2, 3), 4), "010300")

    def test_missing(self) -> None:
        """A field that must be there at this version cannot be None."""
        self.assertRaises(LocalError, written, WithSince(1, None, 3), 5)

    def test_plain(self) -> None:
        """What is not there is not shown, and need not be given."""
        found = WithSince(1, None, 3)
        self.assertEqual(found.to_fields(), {"first": 1, "last": 3})
        self.assertEqual(WithSince.from_fields({"first": 1, "last": 3}), found)

    def test_plain_of_either(self) -> None:
        """JSON may hold the form of any version; if it fits none, the newest says so."""
        self.assertEqual(
            WithSince.from_fields({"first": 1, "middle": 2, "last": 1 << 17}), WithSince(1, 2, 1 << 17)
        )
        with self.assertRaisesRegex(
            LocalError, "since: last: -1 given, a whole number from 0 to 4294967295 allowed"
        ):
            WithSince.from_fields({"first": 1, "last": -1})
        with self.assertRaisesRegex(
            LocalError, "since: middle: -1 given, a whole number from 0 to 65535 allowed"
        ):
            WithSince.from_fields({"first": 1, "middle": -1, "last": 1})

    def test_skim(self) -> None:
        """Lengths are checked by protocol version, without reading."""
        self.assertEqual(read(LazySince, "01610200"), LazySince(b"a", 2))
        self.assertEqual(read(LazySince, "0200", 4), LazySince(None, 2))
        frame = framed(LazySince, "0200")
        self.assertRaises(MalformedMessage, codec_for(LazySince).decode, frame, strict=False)


class TailTests(SynchronousTestCase):
    """Fields that may be cut off."""

    def test_cut(self) -> None:
        """A message may end before any field of its tail, which then has its zero value."""
        whole = WithTail(1, 2, 3, b"ab", "c", bytes(range(32)), 4, 5, [6])
        parts = ["01", "0200", "03", "026162", "0163", bytes(range(32)).hex(), "04", "05", "0106"]
        self.assertEqual(written(whole), "".join(parts))
        values = [1, 2, 3, b"ab", "c", bytes(range(32)), 4, 5, [6]]
        zeros = [None, 0, 0, b"", "", bytes(32), None, 0, []]
        for count in range(1, len(parts) + 1):
            found = read(WithTail, "".join(parts[:count]))
            self.assertEqual(found, WithTail(*values[:count], *zeros[count:]))

    def test_cut_inside(self) -> None:
        """A message may not end inside a field of its tail."""
        error = self.assertRaises(MalformedMessage, read, WithTail, "0102")
        self.assertEqual(error.text, "ends inside number: the payload has 2 bytes")

    def test_since(self) -> None:
        """A tail's field is not written for a peer that is too old."""
        whole = WithTail(1, 2, 3, b"", "", bytes(32), 4, 5, [])
        self.assertEqual(written(whole, 4), "010200030000" + "00" * 32 + "0500")

    def test_plain(self) -> None:
        """A tail is shown like any field."""
        whole = WithTail(1, 2, 3, b"ab", "c", bytes(range(32)), 4, 5, [6])
        self.assertEqual(WithTail.from_fields(whole.to_fields()), whole)


class IfTests(SynchronousTestCase):
    """Fields that depend on a field before them."""

    def test_condition(self) -> None:
        """The field is there if its condition holds."""
        for found, payload in ((WithIf(1, 2, 3), "01020003"), (WithIf(0, None, 3), "0003")):
            self.assertEqual(written(found), payload)
            self.assertEqual(read(WithIf, payload), found)
            self.assertEqual(WithIf.from_fields(found.to_fields()), found)

    def test_not_there(self) -> None:
        """A field whose condition holds must be given; one whose condition does not is left out."""
        self.assertRaises(LocalError, written, WithIf(1, None, 3))
        self.assertEqual(written(WithIf(0, 2, 3)), "0003")
        self.assertEqual(WithIf(0, None, 3).to_fields(), {"flag": 0, "last": 3})

    def test_lazy(self) -> None:
        """A lazy message leaves conditions to reading: it is not read just to check its length."""
        found = codec_for(LazyIf).decode(framed(LazyIf, "01016103"), strict=False)
        self.assertIsNotNone(found.is_untouched())
        self.assertEqual(found, LazyIf(1, b"a", 3))
        cut = codec_for(LazyIf).decode(framed(LazyIf, "010261"), strict=False)
        error = self.assertRaises(MalformedMessage, getattr, cut, "more")
        self.assertEqual(str(error), "lazyif: ends inside more: the payload has 3 bytes")
