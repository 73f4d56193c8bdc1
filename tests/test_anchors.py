"""Tests of the peers that a node calls first when it starts again."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import StoreError
from peerproto.node.anchors import MOST, add_table, take, write
from peerproto.node.groups import Groups
from peerproto.node.places import Place
from tests.test_bookfile import BookFileCase

PLACES = [Place(f"8.8.{number}.8", 8333) for number in range(5)]


class AnchorTests(SynchronousTestCase):
    """The table."""

    def setUp(self) -> None:
        self.db = sqlite3.connect(":memory:")
        self.addCleanup(self.db.close)
        add_table(self.db)

    def taken(self, *, local: bool = False) -> list[Place]:
        return take(self.db, Groups(local=local))

    def test_first_ones(self) -> None:
        """The first of those that are given are kept, and what was kept before is not."""
        write(self.db, PLACES)
        write(self.db, PLACES[2:])
        self.assertEqual(self.taken(), PLACES[2 : 2 + MOST])

    def test_told_once(self) -> None:
        """Once they are told they are gone: who makes us crash is not called first for ever."""
        write(self.db, PLACES)
        self.assertEqual((len(self.taken()), self.taken()), (MOST, []))

    def test_nonsense(self) -> None:
        """What is no place, or none that may be called, is left out."""
        rows: list[tuple[object, object]] = [("nonsense", 8333), ("8.8.8.8", 0), ("8.8.8.8", 65536)]
        rows += [(b"8.8.8.8", 1), ("8.8.8.8", "x"), ("::ffff:8.8.8.8", 1), ("127.0.0.1", 1)]
        self.db.executemany("INSERT INTO anchors VALUES (?, ?)", rows)
        self.assertEqual(self.taken(), [])
        self.db.executemany("INSERT INTO anchors VALUES (?, ?)", rows)
        self.assertEqual(self.taken(local=True), [Place("127.0.0.1", 1)])


class FileTests(BookFileCase):
    """The table in the book's file."""

    def test_kept(self) -> None:
        """What is kept at a stop is there at the next start, and at none after that."""
        with closing(self.opened()) as file:
            file.save_anchors(PLACES[:1])
        for expected in (PLACES[:1], []):
            with closing(self.opened(self.make(seed=2))) as file:
                self.assertEqual(file.take_anchors(Groups()), expected)

    def test_older_book(self) -> None:
        """A book that was made before there were any is brought up to date, and nothing in it is lost."""
        (place,) = self.add("8.8.8.8")
        self.saved()
        self.execute("DROP TABLE anchors", "PRAGMA user_version = 1")
        book = self.make(seed=3)
        with closing(self.opened(book)) as file:
            self.assertEqual(file.take_anchors(Groups()), [])
            file.save_anchors(PLACES)
        self.assertEqual([entry.place for entry in book], [place])
        with closing(self.opened(self.make(seed=4))) as file:
            self.assertEqual(len(file.take_anchors(Groups())), MOST)

    def test_closed(self) -> None:
        """What cannot be read or written is said."""
        file = self.opened()
        file.close()
        self.assertRaises(StoreError, file.take_anchors, Groups())
        self.assertRaises(StoreError, file.save_anchors, PLACES)
