"""Tests of messages as JSON."""

from __future__ import annotations

import json
from typing import Annotated, Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import LocalError
from peerproto.wire.fields import (
    Count,
    Hash,
    ListOf,
    VarBytes,
    VarText,
    boolean,
    ip_address,
    port,
    uint8,
    varint,
)
from peerproto.wire.layout import record
from peerproto.wire.message import Message, message
from peerproto.wire.plain import (
    Misfit,
    brief,
    fit_of,
    hex_bytes,
    list_from_plain,
    record_from_plain,
    shown,
    whole,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


class Part(NamedTuple):
    number: uint8
    raw: Annotated[bytes, VarBytes(9)]

    def derived(self) -> dict[str, object]:
        """What is shown beside the fields."""
        return {"twice": self.number * 2, "again": self.raw * 2}


@message("sheet", most=1000)
class Sheet(Message):
    hash: Hash
    flag: boolean
    text: Annotated[str, VarText(9)]
    count: varint
    ip: ip_address
    port: port
    parts: Annotated[list[Part], ListOf(record(Part), 5)]
    numbers: Annotated[list[uint8], Count(5)]


SHEET = Sheet(bytes(range(32)), True, "é\udcff", 7, "::1", 8333, [Part(1, b"a"), Part(2, b"bc")], [1, 2])
PLAIN: dict[str, Any] = {
    "hash": bytes(range(32)).hex(),
    "flag": True,
    "text": "é\udcff",
    "count": 7,
    "ip": "::1",
    "port": 8333,
    "parts": [
        {"number": 1, "raw": "61", "twice": 2, "again": "6161"},
        {"number": 2, "raw": "6263", "twice": 4, "again": "62636263"},
    ],
    "numbers": [1, 2],
}


class ShownTests(SynchronousTestCase):
    """Messages to JSON and back."""

    def test_inverse(self) -> None:
        """Fields are shown with what derives from them, survive JSON, and make the same message again."""
        self.assertEqual(SHEET.to_fields(), PLAIN)
        self.assertEqual(Sheet.from_fields(json.loads(json.dumps(PLAIN))), SHEET)

    def test_derived_is_ignored(self) -> None:
        """What derives from fields need not be given, and is not believed."""
        plain = {
            **PLAIN,
            "parts": [{"number": 1, "raw": "61"}, {"number": 2, "raw": "6263", "twice": 99}],
            "more": 1,
        }
        self.assertEqual(Sheet.from_fields(plain), SHEET)

    def test_shown(self) -> None:
        """Bytes are shown in hexadecimal, all else as it is."""
        self.assertEqual(shown({"a": b"\1\2", "b": 3, "c": None}), {"a": "0102", "b": 3, "c": None})


class MisfitTests(SynchronousTestCase):
    """JSON that is no message."""

    def refused(self, **changes: Any) -> str:
        """What is said of the sheet with other values."""
        return str(self.assertRaises(LocalError, Sheet.from_fields, {**PLAIN, **changes}))

    def test_values(self) -> None:
        """What is wrong is named, with what was given and what is allowed."""
        for name, value, text in (
            ("hash", "00" * 31, f"'{'0' * 27}...{'0' * 28}' given, 64 hexadecimal digits (32 bytes) allowed"),
            ("hash", 5, "5 given, 64 hexadecimal digits (32 bytes) allowed"),
            ("flag", 1, "1 given, true or false allowed"),
            ("flag", None, "null given, true or false allowed"),
            ("text", True, "true given, text allowed"),
            ("text", "a\ud800", "character 1 is a surrogate that stands for no byte"),
            ("count", -1, f"-1 given, a whole number from 0 to {2**64 - 1} allowed"),
            ("count", 1.5, f"1.5 given, a whole number from 0 to {2**64 - 1} allowed"),
            ("count", True, f"true given, a whole number from 0 to {2**64 - 1} allowed"),
            ("ip", "here", "'here' given, an IPv4 or IPv6 address allowed"),
            ("port", 65536, "65536 given, a whole number from 0 to 65535 allowed"),
            ("numbers", {}, "{} given, a list allowed"),
            ("parts", "no", "'no' given, a list allowed"),
        ):
            self.assertEqual(self.refused(**{name: value}), f"sheet: {name}: {text}")

    def test_path(self) -> None:
        """What is wrong inside is found by its path."""
        for path, changes in (
            ("numbers[1]: 256 given", {"numbers": [1, 256]}),
            ("parts[1].number: 'x' given", {"parts": [PLAIN["parts"][0], {"number": "x", "raw": ""}]}),
            ("parts[0].raw: '6' given, two hexadecimal digits", {"parts": [{"number": 1, "raw": "6"}]}),
            ("parts[0]: no field 'raw' given; it has number, raw", {"parts": [{"number": 1}]}),
            ("parts[0]: 1 given, an object with number, raw allowed", {"parts": [1]}),
        ):
            self.assertIn(f"sheet: {path}", self.refused(**changes))

    def test_missing(self) -> None:
        """A field that is not there is named, and so are those that should be."""
        with self.assertRaisesRegex(
            LocalError, "^sheet: no field 'hash' given; it has hash, flag, .*, numbers$"
        ):
            Sheet.from_fields({})
        with self.assertRaisesRegex(LocalError, r"^sheet: \[\] given, an object with hash, "):
            Sheet.from_fields([])  # type: ignore[arg-type]

    def test_no_fields(self) -> None:
        """Of an object without fields there is nothing to name."""
        self.assertEqual(record_from_plain({}, {"more": 1}), {})
        with self.assertRaisesRegex(Misfit, "^5 given, an object with nothing in it allowed$"):
            record_from_plain({}, 5)

    @given(st.dictionaries(st.sampled_from(list(PLAIN)), JSON))
    def test_any_json(self, changes: dict[str, Any]) -> None:
        """Whatever JSON is given, it is a message or a LocalError."""
        try:
            Sheet.from_fields({**PLAIN, **changes})
        except LocalError as error:
            self.assertTrue(str(error).isascii())
            self.assertLess(len(str(error)), 500)


class FitTests(SynchronousTestCase):
    """The single checks."""

    def test_brief(self) -> None:
        """Of a long value the ends are shown; all is ASCII."""
        self.assertLess(len(brief("x" * 1000)), 70)
        self.assertLess(len(brief(["x" * 100] * 100)), 250)
        self.assertLess(len(brief({"x" * 100 + str(key): "y" * 100 for key in range(9)})), 450)
        self.assertEqual(brief([[1, 2], {"a": 1}, [], 4]), "[[...], {...}, [], ...]")
        self.assertLess(len(brief(1 << 4000)), 70)
        self.assertLess(len(brief(1 << 40_000)), 70)
        self.assertEqual(brief("é"), r"'\xe9'")

    def test_formats(self) -> None:
        """What fits a struct format is known for all of them."""
        for form, good, wrong in (
            ("?", True, 1),
            ("B", 255, 256),
            ("i", -1, 1 << 31),
            ("4s", "00000000", "00"),
        ):
            fit_of(form)(good)
            self.assertRaises(Misfit, fit_of(form), wrong)

    def test_list(self) -> None:
        """A list is checked item by item."""
        self.assertEqual(list_from_plain(hex_bytes(), ["", "00ff"]), [b"", b"\0\xff"])
        error = self.assertRaises(Misfit, list_from_plain, whole(0, 5), [1, 2, 6])
        self.assertEqual((error.path, error.text), ("[2]", "6 given, a whole number from 0 to 5 allowed"))
