"""Tests of how annotations say what stands on the wire."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, NamedTuple

from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import LocalError
from peerproto.wire.fields import (
    Count,
    Fixed,
    FixedRecord,
    Hash,
    ListOf,
    Since,
    Tail,
    VarBytes,
    boolean,
    kind_of,
    port,
    uint8,
    uint16,
)
from peerproto.wire.message import Message, message
from peerproto.wire.tables import fixed_kinds_of, kinds_of
from tests.small_network import read, written


class Point(NamedTuple):
    """A record that is on the wire as it is: C code alone makes lists of it."""

    x: uint8
    y: uint16


class Named(NamedTuple):
    """A record with a byte string."""

    kind: uint8
    hash: Hash


class Place(NamedTuple):
    """A record with a record in it, and a value that must be made."""

    point: Point
    port: port


class Journey(NamedTuple):
    """A record in a record in a record."""

    begin: Place
    end: Place
    done: boolean


class Dated(NamedTuple):
    """A record of which older peers know less."""

    time: uint16
    point: Point


class Loose(NamedTuple):
    """A record that has no fixed length."""

    raw: Annotated[bytes, VarBytes(3)]


@message("records", most=10_000)
class Records(Message):
    kinds_known: ClassVar[int] = 2

    point: Point
    places: Annotated[list[Place], Count(3)]
    points: Annotated[list[Point], Count(3)]
    named: Annotated[list[Named], Count(3)]
    journey: Journey


_old = FixedRecord(Dated, without=("time",))


@message("dated", most=100)
class DatedList(Message):
    dated: Annotated[list[Dated], Since(5, ListOf(FixedRecord(Dated), 3), below=ListOf(_old, 3))]
    last: Annotated[Dated, Tail(FixedRecord(Dated))]
    older: Annotated[Dated, Tail(_old)]


HOME = Place(Point(1, 2), 0x0304)
RECORDS = Records(
    Point(255, 256),
    [HOME, Place(Point(0, 0), 0)],
    [Point(1, 2), Point(3, 4)],
    [Named(1, bytes(range(32)))],
    Journey(HOME, Place(Point(9, 9), 8333), True),
)
PAYLOAD = (
    "ff0001"
    "02" "010200" "0304" "000000" "0000"
    "02" "010200" "030400"
    "01" "01" + bytes(range(32)).hex() +
    "010200" "0304" "090900" "208d" "01"
)  # fmt: skip


class RecordTests(SynchronousTestCase):
    """Records of fixed fields."""

    def test_round_trip(self) -> None:
        """Records stand in records and in lists; ports are in network order."""
        self.assertEqual(written(RECORDS), PAYLOAD)
        found = read(Records, PAYLOAD)
        self.assertEqual(found, RECORDS)
        for record in (found.point, found.places[1], found.places[1].point, found.points[1], found.named[0]):
            self.assertIsInstance(record, (Point, Place, Named))
        self.assertIsInstance(found.journey.end.point, Point)

    def test_plain(self) -> None:
        """Records are objects in JSON."""
        plain = RECORDS.to_fields()
        self.assertEqual(plain["places"][0], {"point": {"x": 1, "y": 2}, "port": 0x0304})
        self.assertEqual(Records.from_fields(plain), RECORDS)

    def test_without(self) -> None:
        """A field that older peers do not know reads as None, and need not be there to write for them."""
        new = DatedList([Dated(7, Point(1, 2))], Dated(8, Point(3, 4)), Dated(None, Point(5, 6)))  # type: ignore[arg-type]
        payload = "0107000102000800030400050600"
        self.assertEqual(written(new), payload)
        self.assertEqual(read(DatedList, payload), new)
        old = DatedList([Dated(None, Point(1, 2))], new.last, new.older)  # type: ignore[arg-type]
        payload = "010102000800030400050600"
        self.assertEqual(written(old, pver=4), payload)
        self.assertEqual(read(DatedList, payload, pver=4), old)
        self.assertEqual(DatedList.from_fields(old.to_fields()), old)
        self.assertNotIn("time", old.to_fields()["dated"][0])

    def test_absent(self) -> None:
        """A record that is not there is all zeros; what is never on the wire is None."""
        found = read(DatedList, "00")
        self.assertEqual(found.last, Dated(0, Point(0, 0)))
        self.assertEqual(found.older, Dated(None, Point(0, 0)))  # type: ignore[arg-type]

    def test_exact_length(self) -> None:
        """A byte string of another length is not cut or filled, in a record as in a list of records."""
        for size in (31, 33):
            RECORDS.named.append(Named(2, bytes(size)))
            error = self.assertRaises(LocalError, written, RECORDS)
            RECORDS.named.pop()
            self.assertEqual(str(error), f"records: cannot be written: {size} bytes where 32 belong")


class KindOfTests(SynchronousTestCase):
    """Annotations."""

    def test_order(self) -> None:
        """Fields are in the order of the class; what is the class's own is no field."""
        self.assertEqual(list(kinds_of(Records)), ["point", "places", "points", "named", "journey"])

    def test_kinds(self) -> None:
        """A kind is found among the notes of an annotation; a bare record is fixed."""
        self.assertEqual(kind_of(Annotated[int, "seconds", Fixed("B")]), Fixed("B"))
        self.assertIsInstance(kind_of(Point), FixedRecord)
        found: Any = kind_of(Annotated[list[uint8], Count(5)])
        self.assertEqual((found.item.format, found.most), ("B", 5))

    def test_says_nothing(self) -> None:
        """An annotation without a kind is its author's mistake, found when the class is made."""
        for annotation in (int, list[int], Annotated[int, "seconds"], Annotated[list[int], Count(3)]):
            with self.assertRaisesRegex(TypeError, "says nothing of the wire"):
                kind_of(annotation)

    def test_not_fixed(self) -> None:
        """A record with a field of no fixed length cannot be fused."""
        with self.assertRaisesRegex(TypeError, "Loose has fields that are not fixed: {'raw'}"):
            fixed_kinds_of(Loose)
