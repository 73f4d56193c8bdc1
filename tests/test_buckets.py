"""Tests of buckets and slots."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from peerproto.node.buckets import NEW, SLOTS, TRIED, Keyed, Table
from peerproto.node.entries import Entry
from peerproto.node.places import Place

PORTS = st.integers(1, 65535)
PLACES = st.builds(Place, st.ip_addresses().map(str), PORTS)


class KeyedTests(SynchronousTestCase):
    """Where a secret puts things."""

    def setUp(self) -> None:
        self.keyed = Keyed(bytes(32))

    def test_by_the_secret(self) -> None:
        """Another secret is another order; the same one is the same for ever."""
        self.assertEqual(self.keyed.number("a", "b"), 14851728651660939266)
        other = Keyed(b"\1" * 32)
        mine, theirs = ([keyed.new_bucket(f"{n}", "s") for n in range(99)] for keyed in (self.keyed, other))
        self.assertNotEqual(mine, theirs)
        self.assertNotEqual(self.keyed.number("a", "b"), self.keyed.number("ab", ""))

    def test_one_source(self) -> None:
        """A source reaches 64 new buckets, whatever it tells of; all sources together reach all."""
        one = {self.keyed.new_bucket(f"{n}.0.0.0/16", "source") for n in range(5000)}
        self.assertTrue(50 < len(one) <= 64, len(one))
        self.assertEqual(len({self.keyed.new_bucket("group", f"{n}") for n in range(20000)}), NEW)

    def test_one_group(self) -> None:
        """A group reaches 8 tried buckets; all groups together reach all."""
        one = {self.keyed.tried_bucket(Place("8.8.8.8", n), "group") for n in range(500)}
        self.assertTrue(4 < len(one) <= 8, len(one))
        self.assertEqual(len({self.keyed.tried_bucket(Place("", 1), f"{n}") for n in range(9000)}), TRIED)

    @given(st.binary(min_size=32, max_size=32), PLACES, st.text(), st.text())
    def test_in_bounds(self, secret: bytes, place: Place, group: str, source: str) -> None:
        """Every bucket and slot is one that there is."""
        keyed = Keyed(secret)
        self.assertIn(keyed.new_bucket(group, source), range(NEW))
        self.assertIn(keyed.tried_bucket(place, group), range(TRIED))
        self.assertIn(keyed.slot("new", 0, place), range(SLOTS))


class TableTests(SynchronousTestCase):
    """One table."""

    def setUp(self) -> None:
        self.table = Table("new", Keyed(bytes(32)))

    def test_slots(self) -> None:
        """What stands in a bucket is found by any place of the same slot, until it leaves."""
        entry = Entry(Place("8.8.8.8", 1), "")
        self.assertEqual((len(self.table), list(self.table.used)), (0, []))
        self.table.put(5, entry)
        self.assertIs(self.table.holder(5, entry.place), entry)
        self.assertIsNone(self.table.holder(6, entry.place))
        self.assertEqual((len(self.table), list(self.table.used)), (1, [5]))
        self.table.drop(5, entry)
        self.assertEqual(
            (len(self.table), list(self.table.used), self.table.holder(5, entry.place)), (0, [], None)
        )

    def test_drawn_by_bucket(self) -> None:
        """A crowded bucket is drawn no more often than one with a single address."""
        for port in range(1, 40):
            entry = Entry(Place("8.8.8.8", port), "")
            if self.table.holder(1, entry.place) is None:
                self.table.put(1, entry)
        alone = Entry(Place("9.9.9.9", 1), "")
        self.table.put(2, alone)
        random = Random(1)
        drawn = sum(self.table.draw(random) is alone for _ in range(1000))
        self.assertTrue(400 < drawn < 600, drawn)

    def test_used_after_change(self) -> None:
        """A bucket that is emptied while another is filled is not drawn from."""
        first, second = Entry(Place("8.8.8.8", 1), ""), Entry(Place("8.8.8.8", 2), "")
        self.table.put(1, first)
        self.assertEqual(list(self.table.used), [1])
        self.table.drop(1, first)
        self.table.put(2, second)
        self.assertEqual(list(self.table.used), [2])
