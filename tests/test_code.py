"""Tests of source text in the making."""

from __future__ import annotations

import struct
from struct import Struct

from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import LocalError, MalformedMessage
from peerproto.wire.code import Code, all_exact, exact, over, records_packer, too_few, too_many, under
from peerproto.wire.fields import FixedRecord, kind_of, uint8, uint16
from tests.test_tables import Journey, Place, Point


class Lines(Code):
    """Code with nothing to fuse."""

    def flush(self) -> None:
        pass


class CodeTests(SynchronousTestCase):
    """Lines, names and fields."""

    def test_lines(self) -> None:
        """Lines stand as deep as their blocks; an empty block passes."""
        code = Lines()
        code.line("a = 1")
        code.branch("if a:", lambda: code.branch("if b:", lambda: code.line("a = 2")))
        code.branch("else:", lambda: None)
        self.assertEqual(
            code.source("def f():"),
            "def f():\n    a = 1\n    if a:\n        if b:\n            a = 2\n    else:\n        pass\n",
        )

    def test_fields(self) -> None:
        """Each line knows the field that it is about."""
        code = Lines()
        for field in ("first", "second"):
            code.field = field
            code.branch("if a:", lambda: None)
        self.assertEqual(code.fields, ["first", "first", "second", "second"])
        self.assertEqual(len(code.fields), len(code.lines))

    def test_constants(self) -> None:
        """Any value gets a name that Python can read, and no two the same."""
        code = Lines()
        names = [code.constant(value) for value in (len, lambda: None, 5, len)]
        self.assertEqual(len(set(names)), 4)
        self.assertTrue(all(name.isidentifier() for name in names), names)
        self.assertEqual([code.names[name] for name in names[::3]], [len, len])

    def test_struct(self) -> None:
        """Neighbours are one struct, and the records in them are known by name, however deep."""
        code = Lines()
        form = code.struct([kind_of(uint8), FixedRecord(Journey), kind_of(uint16)])
        self.assertEqual(form.format, "<BBHBBBHBB?H")
        self.assertEqual(
            [code.names[kind.__name__] for kind in (Journey, Place, Point)], [Journey, Place, Point]
        )

    def test_must_be_told_what_to_fuse(self) -> None:
        """Reading and writing say themselves what they fuse."""
        self.assertRaises(NotImplementedError, Code().line, "pass")


class CheckTests(SynchronousTestCase):
    """What the generated code calls."""

    def test_exact(self) -> None:
        """A value of the right length goes through; another says both lengths."""
        self.assertEqual(exact(b"abc", 3), b"abc")
        all_exact([], 3)
        all_exact([b"abc", b"def"], 3)
        with self.assertRaisesRegex(ValueError, "^2 bytes where 3 belong$"):
            exact(b"ab", 3)
        with self.assertRaisesRegex(ValueError, "^4 bytes where 3 belong$"):
            all_exact(iter([b"abc", b"abcd"]), 3)

    def test_records(self) -> None:
        """Records are packed alike, however many there are, and none with a byte string of another length."""
        form = Struct("<H2s")
        pack = records_packer(form, 2, [(1, 2)])
        for count in (0, 1, 31, 32, 33, 64, 100):
            records = [(number, b"ab") for number in range(count)]
            self.assertEqual(pack(records), b"".join(form.pack(*record) for record in records))
            for wrong in (b"a", b"abc"):
                with self.assertRaisesRegex(ValueError, " bytes where 2 belong$"):
                    pack([*records, (1, wrong), *records])
            self.assertRaises(struct.error, pack, [*records, (1, b"ab", 2)])

    def test_over(self) -> None:
        """What is over its cap is their fault when it is read, ours when it is written."""
        theirs = over(5, 4, "entries", 7)
        self.assertIsInstance(theirs, MalformedMessage)
        self.assertEqual((theirs.text, theirs.offset), ("5 entries announced, at most 4 allowed", 7))
        ours = too_many("hashes", 5, 4, "entries")
        self.assertIsInstance(ours, LocalError)
        self.assertEqual(str(ours), "hashes: 5 entries, at most 4 allowed")

    def test_under(self) -> None:
        """So is what is less than must be there."""
        theirs = under(1, 2, "entries", 7)
        self.assertEqual((theirs.text, theirs.offset), ("1 entries announced, at least 2 required", 7))
        self.assertEqual(str(too_few("hashes", 1, 2, "entries")), "hashes: 1 entries, at least 2 required")
