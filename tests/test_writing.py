"""Tests of the source of functions that write."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from peerproto.wire.fields import Fixed, FixedRecord, Hash, Kind, ListOf, Tail, VarBytes, Varint, kind_of
from peerproto.wire.writing import WriteCode
from tests.test_tables import Dated, Place, Point


def body(**kinds: Kind) -> list[str]:
    """The lines that write these fields."""
    code = WriteCode()
    for name, kind in kinds.items():
        code.field = name
        kind.write(code, name)
    code.flush()
    return [line.strip() for line in code.lines]


class WriteCodeTests(SynchronousTestCase):
    """Writing."""

    def test_nothing(self) -> None:
        """A message without fields writes nothing."""
        self.assertEqual(body(), ["out = b''"])

    def test_fused(self) -> None:
        """Neighbours of fixed length are packed in one call; records are taken apart."""
        (line,) = body(first=Fixed("B"), place=kind_of(Place), hash=Fixed("32s"))
        self.assertRegex(
            line,
            r"^out = pack_\d+\(first, place\.point\.x, place\.point\.y, place\.port >> 8, place\.port & 255, "
            r"exact\(hash, 32\)\)$",
        )

    def test_joined(self) -> None:
        """Parts are joined once."""
        (line,) = body(first=Fixed("B"), second=Varint(), third=Fixed("B"))
        self.assertRegex(
            line, r"^out = b''\.join\(\(pack_\d+\(first\), write_varint\(second\), pack_\d+\(third\)\)\)$"
        )

    def test_branch(self) -> None:
        """What is before a branch is written before it."""
        lines = body(first=Varint(), second=Tail(Fixed("B"), since=5), third=Varint())
        self.assertEqual(lines[:2], ["out = write_varint(first)", "if codec.pver >= 5:"])
        self.assertRegex(lines[2], r"^out \+= pack_\d+\(second\)$")
        self.assertEqual(lines[3:], ["out += write_varint(third)"])

    def test_branch_first(self) -> None:
        """A message may begin with a branch, or with a string."""
        self.assertEqual(body(first=Tail(Varint(), since=5))[:2], ["out = b''", "if codec.pver >= 5:"])
        self.assertEqual(body(first=VarBytes(5))[:2], ["out = b''", "text = first"])

    def test_list_in_one_call(self) -> None:
        """A list of records that are as they are on the wire is packed without Python, and so are byte strings."""
        line = body(points=ListOf(kind_of(Point), 9))[-1]
        self.assertRegex(
            line, r"^out \+= b''\.join\(\(write_varint\(len\(points\)\), pack_records_\d+\(points\)\)\)$"
        )
        lines = body(hashes=ListOf(kind_of(Hash), 9))
        self.assertEqual(lines[-2], "all_exact(hashes, 32)")
        self.assertEqual(lines[-1], "out += b''.join(hashes)")

    def test_list_of_made(self) -> None:
        """Records with values that must be made are taken apart by their places."""
        line = body(dated=ListOf(FixedRecord(Dated, without=("time",)), 9))[-1]
        self.assertRegex(
            line, r"\[pack_\d+\(item_point\.x, item_point\.y\) for item_time, item_point, in dated\]\)\)\)$"
        )
