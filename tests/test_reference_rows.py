"""Every row of the references' tests is shown by a test of ours, or it is said why it cannot be."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests import reference_rows as rows
from tests import reference_table as table
from tests import test_reference_rows_wire as wire

PEER_ROWS = {
    "btcd": [*rows.BTCD_PEER, *rows.BTCD_PEER_OLD],
    "dcrd": rows.DECRED_PEER,
    "soterd": rows.SOTER_PEER,
    "kaspad": rows.KASPA_PEER,
}
WIRE_ROWS = {
    "bitcoin": (rows.BTCD_WIRE, wire.BtcdWireRows),
    "decred": (rows.DECRED_WIRE, wire.DecredWireRows),
    "soter": (rows.SOTER_WIRE, wire.SoterWireRows),
    "kaspa": (rows.KASPA_WIRE, wire.KaspaWireRows),
}


def found(place: str) -> Any:
    """The test that stands there. Raises if there is none."""
    name, _, test = place.partition(":")
    if not name.startswith("tests."):
        name = f"tests.{name}" if name.startswith("test_") else f"tests.test_reference_rows_{name}"
    thing: Any = import_module(name)
    for part in test.split("."):
        thing = getattr(thing, part)
    return thing


class CompleteTests(SynchronousTestCase):
    """The lists, the table and the tests agree."""

    def test_counts(self) -> None:
        """The lists have as many rows as the references have tests."""
        self.assertEqual([len(each) for each in PEER_ROWS.values()], [19, 17, 12, 9])
        self.assertEqual([len(each) for each, _ in WIRE_ROWS.values()], [137, 186, 130, 112])
        for each in (*PEER_ROWS.values(), *(names for names, _ in WIRE_ROWS.values())):
            self.assertEqual(len(each), len(set(each)))

    def test_peer(self) -> None:
        """Of the packages `peer`, each row is in the table once, and nothing else is."""
        for reference, names in PEER_ROWS.items():
            here = set(table.PEER[reference])
            self.assertEqual(here | (set(names) & set(table.PEER_NOT_HERE)), set(names), reference)
            self.assertEqual(here & set(table.PEER_NOT_HERE), set())

    def test_wire(self) -> None:
        """Of the packages `wire`, each row has a test by its name, or one elsewhere, or a reason."""
        for family, (names, case) in WIRE_ROWS.items():
            elsewhere = set(table.WIRE_ELSEWHERE[family])
            by_name = {name for name in names if hasattr(case, f"test_{name}")}
            nowhere = set(names) & set(table.WIRE_NOT_HERE)
            self.assertEqual(by_name & (elsewhere | nowhere), set(), family)
            self.assertEqual(set(names) - by_name - nowhere - elsewhere, set(), family)
            self.assertGreater(len(by_name), 80)

    def test_neo(self) -> None:
        """Of neo-go's seed, each row is in the table, or has a reason, or its whole package has."""
        nowhere = {name for name in rows.NEO if name.partition(".")[0] in table.NEO_VALUES}
        self.assertEqual(set(table.NEO) | set(table.NEO_NOT_HERE) | nowhere, set(rows.NEO))
        self.assertEqual(set(table.NEO) & (set(table.NEO_NOT_HERE) | nowhere), set())
        self.assertEqual((len(rows.NEO), len(set(rows.NEO)), len(nowhere)), (59, 59, 15))

    def test_places(self) -> None:
        """Each place is a test."""
        tables = [*table.PEER.values(), *table.WIRE_ELSEWHERE.values(), table.NEO]
        for place in {place for each in tables for places in each.values() for place in places}:
            self.assertTrue(callable(found(place)), place)
            self.assertTrue(place.rpartition(".")[2].rpartition(":")[2].startswith("test_"), place)

    def test_reasons(self) -> None:
        """What is not here is a row, and has its reason."""
        known = {name for names in PEER_ROWS.values() for name in names}
        known |= {name for names, _ in WIRE_ROWS.values() for name in names}
        for name, reason in (table.PEER_NOT_HERE | table.WIRE_NOT_HERE).items():
            self.assertIn(name, known)
            self.assertGreater(len(reason), 20)
