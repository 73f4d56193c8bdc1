"""Places."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from peerproto.node.places import Book, Place
from tests.manager_case import MemoryBook


class PlaceTests(SynchronousTestCase):
    """Where a node listens."""

    def test_text(self) -> None:
        """As text it is what `connect` takes."""
        self.assertEqual(str(Place("192.0.2.1", 8333)), "192.0.2.1:8333")
        self.assertEqual(str(Place("2001:db8::1", 8333)), "[2001:db8::1]:8333")

    def test_book(self) -> None:
        """A book has the methods that the manager calls, no others are asked for."""
        asked = {name for name in vars(Book) if not name.startswith("_")}
        self.assertEqual({name for name in asked if hasattr(MemoryBook, name)}, asked)
