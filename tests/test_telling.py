"""Tests of what we tell those who ask for addresses."""

from __future__ import annotations

from peerproto.node.telling import KEPT, Teller
from tests.book_case import BookCase, known, places, spread


class TellerTests(BookCase):
    """Answers to those who ask."""

    def setUp(self) -> None:
        super().setUp()
        self.book.add(spread(300), "9.9.9.9")
        self.teller = Teller(self.book, 1000, lambda: self.now)

    def test_share(self) -> None:
        """Of 100 addresses 23 are told, and never more than the network allows."""
        total = len(self.book)
        self.assertEqual(len(self.teller.answer(1, "8.8.8.8", True)), -(-total * 23 // 100))
        self.assertEqual(len(Teller(self.book, 10, lambda: self.now).answer(1, "8.8.8.8", True)), 10)

    def test_row_39_getaddr_twice(self) -> None:
        """The second question of a connection is ignored; another connection gets an answer."""
        first = self.teller.answer(1, "8.8.8.8", True)
        self.assertEqual((self.teller.answer(1, "8.8.8.8", True), self.teller.ignored), ([], 1))
        self.assertEqual(self.teller.answer(2, "8.8.8.8", True), first)
        self.teller.forget(1)
        self.assertEqual(self.teller.answer(1, "8.8.8.8", True), first)

    def test_row_40_getaddr_from_an_outbound_peer(self) -> None:
        """Whom we called gets no answer."""
        self.assertEqual((self.teller.answer(1, "8.8.8.8", False), self.teller.ignored), ([], 1))

    def test_kept_for_a_day(self) -> None:
        """All who ask from the same kind of network get the same answer for a day."""
        four, six = self.teller.answer(1, "8.8.8.8", True), self.teller.answer(2, "2a01::1", True)
        self.assertNotEqual(four, six)
        self.now += KEPT - 1
        self.book.add(spread(300, first=60), "9.9.1.1")
        self.assertEqual(self.teller.answer(3, "7.7.7.7", True), four)
        self.assertEqual(self.teller.answer(4, "2a02::1", True), six)
        self.now += 1
        self.assertNotEqual(self.teller.answer(5, "7.7.7.7", True), four)

    def test_clock_set_back(self) -> None:
        """An answer from the future is not kept."""
        first = self.teller.answer(1, "8.8.8.8", True)
        self.now -= 1
        self.assertNotEqual(self.teller.answer(2, "8.8.8.8", True), first)

    def test_banned_since(self) -> None:
        """Who was banned since is not told."""
        first = self.teller.answer(1, "8.8.8.8", True)
        self.book.ban(first[0].host, self.now + 9, "", "")
        self.assertEqual(self.teller.answer(2, "8.8.8.8", True), first[1:])

    def test_nothing_known(self) -> None:
        """While there is nothing to tell nothing is, and that is not kept: not for a day, nor for this peer."""
        book = self.make()
        teller = Teller(book, 1000)
        self.assertEqual(teller.answer(1, "8.8.8.8", True), [])
        self.add("7.7.7.7", book=book)
        self.assertEqual(len(teller.answer(1, "8.8.8.8", True)), 1)

    def test_private(self) -> None:
        """What leads somewhere only here is told only here, and afresh each time."""
        book = self.make(local=True)
        book.add([known("127.0.0.1", port) for port in range(1, 5)], "127.0.0.1")
        teller = Teller(book, 1000, lambda: self.now)
        self.assertEqual(teller.answer(1, "8.8.8.8", True), [])
        answers = [teller.answer(number, "127.0.0.1", True) for number in range(2, 30)]
        self.assertEqual({len(answer) for answer in answers}, {1})
        self.assertEqual(len(set().union(*map(places, answers))), 4)
