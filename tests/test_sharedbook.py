"""Tests of the book of a node that shares it, without a server; tests/interop has those with one."""

from __future__ import annotations

from random import Random
from typing import Any

from peerproto.errors import PeerLost, Reason
from peerproto.node.bans import Ban
from peerproto.node.bookrows import row_of
from peerproto.node.entries import DAY, HOUR
from peerproto.node.groups import Groups
from peerproto.node.pgbook import Answer
from peerproto.node.places import Place
from peerproto.node.sharedbook import AHEAD, MOST_AHEAD, MOST_TOLD, SharedBook
from tests.book_case import NOW, BookCase, peer, spread

NOTHING = Answer([], [], [], frozenset(), frozenset())
LEASE = 180.0


class SharedBookCase(BookCase):
    """`self.book` at `self.now`."""

    book: SharedBook

    def setUp(self) -> None:
        super().setUp()
        self.book = self.shared()
        self.used: list[Place] = []
        self.book.in_use = lambda: self.used
        self.shorts: list[float] = []
        self.book.short = lambda: self.shorts.append(self.now)
        self.book.candidates(0, ())  # somebody asks now and then

    def shared(self, seed: int = 1) -> SharedBook:
        return SharedBook(Groups(), lease=LEASE, now=lambda: self.now, secret=bytes(32), random=Random(seed))

    def round(self, *taken: Place) -> list[Place]:
        """A round with a server that has nothing to tell, and leases all that is wanted; what that is."""
        news = self.book.news()
        kept = frozenset(news.keeps) & frozenset(self.book.leased)
        self.book.take_in(NOTHING._replace(leased=kept, taken=frozenset(taken)))
        wanted = self.book.to_lease()
        self.book.lease(wanted)
        return wanted

    def knows(self, book: SharedBook, place: Place) -> Any:
        entry = book.get(place)
        assert entry is not None
        return entry


class LeaseTests(SharedBookCase):
    """What is given out to be called."""

    def test_only_what_is_leased(self) -> None:
        """Before the first round there is nothing, and the book says that it is short; then what is leased."""
        self.book.add(spread(50), "9.9.9.9")
        self.assertEqual((self.book.candidates(3, ()), self.shorts), ([], [NOW]))
        leased = self.round()
        self.assertGreaterEqual(len(leased), 3)
        self.assertEqual(self.book.candidates(3, ()), leased[:3])
        self.assertEqual(len(self.shorts), 1)

    def test_as_many_as_are_asked_for(self) -> None:
        """What was asked for since the last round is leased ahead, up to a limit; otherwise a few."""
        self.book.add(spread(2000), "9.9.9.9")
        for number in range(60, 90):
            self.book.add(spread(2000), f"{number}.1.1.1")
        self.assertLessEqual(len(self.round()), AHEAD + 1)
        self.book.candidates(40, ())
        self.round()
        self.assertTrue(40 <= len(self.book.leased) <= 42)
        self.book.candidates(10_000, ())
        self.round()
        self.assertLessEqual(len(self.book.leased), MOST_AHEAD + 2)
        self.round()
        self.assertLessEqual(len(self.book.leased), AHEAD + 2)

    def test_who_never_asks(self) -> None:
        """A node that calls nobody of itself leases nothing."""
        self.book = self.shared()
        self.book.add(spread(50), "9.9.9.9")
        self.assertEqual((self.round(), self.round()), ([], []))

    def test_groups(self) -> None:
        """No two of a group, none of a group to avoid, none beside one that is in use."""
        first, second, third = self.add("8.8.8.8", "8.8.4.4", "7.7.7.7")
        self.book.candidates(9, ())
        self.assertEqual(len(self.round()), 2)
        self.assertEqual(self.book.candidates(9, {self.book.group_of(third)})[0].host[:4], "8.8.")
        self.book.lease([first, second, third])
        self.assertEqual(len(self.book.candidates(9, ())), 2)
        self.assertEqual(len(self.book.candidates(1, ())), 1)
        self.book.leased.clear()
        self.used = [third]
        self.book.candidates(9, ())
        self.assertEqual({place.host[:4] for place in self.round()}, {"8.8."})

    def test_taken(self) -> None:
        """What is another's is not even asked for."""
        first, second = self.add("8.8.8.8", "7.7.7.7")
        self.book.candidates(9, ())
        self.assertEqual(self.round(first), [second])

    def test_in_use(self) -> None:
        """What is being called is not given out again, nor given up; what was called waits until it may be again."""
        (place,) = self.add("8.8.8.8")
        self.round()
        self.used = [place]
        self.assertEqual(self.book.candidates(9, ()), [])
        self.book.tried(place)
        self.now += 1000
        self.assertEqual(self.book.news().keeps, [place])
        self.round()
        self.used = []
        self.book.tried(place)
        self.book.failed(place, "connection-refused")
        self.assertEqual((self.book.candidates(9, ()), self.book.news().keeps), ([], []))

    def test_banned(self) -> None:
        """What was banned meanwhile is not given out."""
        self.add("8.8.8.8")
        self.round()
        self.book.ban("8.8.8.8", NOW + 9, "", "")
        self.assertEqual((self.book.candidates(9, ()), self.book.to_lease()), ([], []))

    def test_given_up(self) -> None:
        """What nobody has called for as long as a lease is left to others; at the end all is."""
        (place,) = self.add("8.8.8.8")
        self.round()
        for _ in range(3):
            self.now += LEASE / 3 - 1
            self.assertEqual(self.book.news().keeps, [place])
            self.book.take_in(NOTHING._replace(leased=frozenset([place])))
        self.now += 9
        self.assertEqual(self.book.news().keeps, [])
        self.book.lease([place])
        self.assertEqual((self.book.news(keep=False).keeps, self.book.leased), ([], {}))

    def test_asleep(self) -> None:
        """After a sleep as long as a lease nothing is ours any more, until the server says so; likewise with a clock
        that was set back.
        """
        (place,) = self.add("8.8.8.8")
        self.round()
        self.assertEqual(self.book.candidates(9, ()), [place])
        self.now += LEASE
        self.assertEqual(self.book.candidates(9, ()), [])
        self.now = NOW - 1
        self.assertEqual(self.book.candidates(9, ()), [])

    def test_feeler(self) -> None:
        """One of those that are leased, rather a new one."""
        self.assertIsNone(self.book.feeler())
        good, new = self.add("8.8.8.8", "7.7.7.7")
        self.good(good)
        self.now += 1000
        self.book.candidates(9, ())
        self.round()
        self.assertEqual(set(self.book.leased), {good, new})
        self.assertEqual(self.book.feeler(), new)
        self.used = [new]
        self.assertEqual(self.book.feeler(), good)

    def test_feeler_for_one_in_the_way(self) -> None:
        """Who stands where another would be among the tried is leased though nobody asks, and comes before all."""
        places = self.add(*(item.host for item in spread(900)))
        for place in places[:600]:
            self.good(place)
        self.book.shelves.settle()
        self.now += 5 * 3600
        for place in places[600:]:
            if not self.book.shelves.in_the_way():
                self.good(place)
        (rival,) = {entry.place for entry in self.book.shelves.in_the_way()}
        self.book.candidates(1, ())
        self.assertIn(rival, self.round())
        self.assertGreater(len(self.book.leased), 1)
        self.assertEqual(self.book.feeler(), rival)
        self.round()
        self.assertIn(rival, self.book.leased)

    def test_alone(self) -> None:
        """While the server is away it is a book like any other, but for what is another's, as long as a lease lasts."""
        first, second = self.add("8.8.8.8", "7.7.7.7")
        self.round(first)
        self.book.is_alone = True
        self.now += LEASE - 1
        self.assertEqual((self.book.candidates(9, ()), self.book.feeler()), ([second], second))
        self.assertEqual(self.shorts, [])
        self.now += 1
        self.assertEqual(set(self.book.candidates(9, ())), {first, second})
        self.round()
        self.assertFalse(self.book.is_alone)


class NewsTests(SharedBookCase):
    """What is told, and what is heard."""

    def test_where_all_stand(self) -> None:
        """Slots in the new table for some, in the tried one for others; none for those who are gone."""
        first, second, third = self.add("8.8.8.8", "7.7.7.7", "6.6.6.6")
        self.good(first)
        self.book.shelves.remove(self.knows(self.book, third))
        news = self.book.news()
        self.assertEqual(
            [[stand.tried for stand in news.stands[place]] for place in (first, second)], [[True], [False]]
        )
        self.assertEqual((set(news.stands), news.changes.gone), ({first, second}, [third]))
        self.assertEqual(self.book.news().stands, {})

    def test_in_portions(self) -> None:
        """What is much is told in portions, beginning with what was called."""
        for number in range(60, 90):
            self.book.add(spread(3000), f"{number}.1.1.1")
        place = Place("22.100.1.1", 8333)
        self.book.tried(place)
        first = self.book.news()
        self.assertEqual((len(first.stands), Place(*first.changes.rows[0][:2])), (MOST_TOLD, place))
        self.assertTrue(self.book.has_more)
        second = self.book.news()
        self.assertFalse(self.book.has_more)
        self.assertEqual({*first.stands, *second.stands}, {entry.place for entry in self.book})
        self.assertEqual(len(self.book.news().stands), 0)

    def test_not_told(self) -> None:
        """What could not be told is told again."""
        (place,) = self.add("8.8.8.8")
        self.book.over(peer(), PeerLost("reset by the peer", Reason.RESET))
        news = self.book.news()
        self.book.take_back(news)
        again = self.book.news()
        self.assertEqual(([*again.stands], again.changes), ([place], news.changes))

    def test_heard(self) -> None:
        """Another's addresses stand here where they stand there, and who stood in the same slot gives way."""
        other = self.shared(seed=2)
        places = self.add(*(item.host for item in spread(900)), book=other)
        self.good(places[0], other)
        self.book.add(spread(900, 40), "9.9.9.9")
        self.book.news()
        before = len(self.book)
        rows = [row_of(entry) for entry in other]
        self.assertEqual(self.book.learn(rows), 0)
        for entry in other:
            ours = self.knows(self.book, entry.place)
            self.assertEqual((ours.is_tried, ours.buckets), (entry.is_tried, entry.buckets))
        self.assertTrue(len(other) < len(self.book) < before + len(other))
        self.assertEqual(len(self.book.shelves.new) + len(self.book.shelves.tried), len(self.book))

    def test_moved_elsewhere(self) -> None:
        """Who is among the tried there is so here, and the other way round; who stands nowhere stays where it is."""
        other = self.shared(seed=2)
        (place,) = self.add("8.8.8.8")
        self.add("8.8.8.8", book=other)
        self.book.news()
        new = row_of(self.knows(other, place))
        other.add(spread(1), "5.5.5.5")
        self.good(place, other)
        tried = row_of(self.knows(other, place))
        self.book.learn([tried])
        self.assertTrue(self.knows(self.book, place).is_tried)
        self.book.learn([tried])
        self.assertEqual(len(self.book.shelves.tried), 1)
        self.book.learn([(*new[:12], "[1, 2, 5000]", *new[13:])])
        ours = self.knows(self.book, place)
        self.assertEqual((ours.is_tried, ours.buckets, len(self.book.shelves.tried)), (False, {1, 2}, 0))
        self.book.learn([(*new[:12], "[2, 3]", *new[13:])])
        self.assertEqual((ours.buckets, len(self.book.shelves.new)), ({2, 3}, 2))
        self.book.learn([(*new[:12], "[]", *new[13:])])
        self.assertEqual(ours.buckets, {2, 3})
        self.assertFalse(any(self.book.news().changes))

    def test_a_rival_among_the_tried(self) -> None:
        """Who stands there where another is now goes back to the new ones, which is told."""
        places = self.add(*(item.host for item in spread(800)))
        for place in places[:700]:
            self.good(place)
        self.book.shelves.settle()
        self.book.news()
        other = self.shared(seed=2)
        for place in reversed(places):
            self.add(place.host, book=other)
            self.good(place, other)
        tried = {entry.place for entry in other if entry.is_tried} - {
            e.place for e in self.book if e.is_tried
        }
        self.book.learn([row_of(self.knows(other, place)) for place in tried])
        self.assertTrue(all(self.knows(self.book, place).is_tried for place in tried))
        moved = [place for place in self.book.news().stands if not self.knows(self.book, place).is_tried]
        self.assertGreater(len(moved), 0)

    def test_calls(self) -> None:
        """Of calls that holds what was found last; what happened here since it was told is later than what is told."""
        other = self.shared(seed=2)
        (place,) = self.add("8.8.8.8")
        self.add("8.8.8.8", book=other)
        self.book.tried(place)
        self.book.news()
        told = row_of(self.knows(self.book, place))
        self.book.failed(place, "connection-refused")
        self.book.learn([told])
        self.assertEqual(self.knows(self.book, place).fails, 1)
        self.now += 60
        self.good(place, other)
        self.book.learn([row_of(self.knows(other, place))])
        ours = self.knows(self.book, place)
        self.assertEqual((ours.fails, ours.last_success, ours.about.agent), (0, self.now, "/them:1/"))
        self.book.learn([told])
        self.assertEqual(ours.last_success, self.now)

    def test_clocks_that_are_ahead(self) -> None:
        """What another has written with a clock ahead of ours was done now at the latest; so was what we did when
        ours was.
        """
        other = self.shared(seed=2)
        theirs, ours = self.add("8.8.8.8", "7.7.7.7")
        self.add("8.8.8.8", "7.7.7.7", book=other)
        self.now += 365 * DAY
        self.good(theirs, other)
        self.good(ours)
        self.book.news()
        self.now = NOW + 60
        self.book.learn([row_of(self.knows(other, theirs))])
        entry = self.knows(self.book, theirs)
        self.assertEqual(
            (entry.last_try, entry.last_success, entry.not_before), (NOW + 60, NOW + 60, NOW + 90)
        )
        self.good(ours, other)
        self.book.learn([row_of(self.knows(other, ours))])
        self.assertEqual(self.knows(self.book, ours).last_try, NOW + 60)
        third = Place("6.6.6.6", 8333)
        self.add("6.6.6.6")
        for _ in range(3):
            self.now += HOUR
            self.bad(third)
        self.assertEqual(self.knows(self.book, third).counts, 1)

    def test_not_for_us(self) -> None:
        """Ourselves, ports that are none, hosts that are written otherwise, what was just forgotten, nonsense."""
        own, port, host, gone, odd, good = self.add(
            "8.8.8.8",
            "7.7.7.7",
            "6.6.6.6",
            "5.5.5.5",
            "4.4.4.4",
            "3.3.3.3",
            book=(other := self.shared(seed=2)),
        )
        rows = {place: row_of(self.knows(other, place)) for place in (own, port, host, gone, odd, good)}
        self.book.own(own)
        self.add("5.5.5.5")
        self.book.shelves.remove(self.knows(self.book, gone))
        rows[port] = (rows[port][0], 70_000, *rows[port][2:])
        rows[host] = ("10.0.0.1", *rows[host][1:])
        rows[odd] = (*rows[odd][:12], "nonsense", *rows[odd][13:])
        self.assertEqual(self.book.learn(rows.values()), 1)
        self.assertEqual([entry.place for entry in self.book], [good])

    def test_refused(self) -> None:
        """Who found no room is forgotten, unless something has happened to it since."""
        first, second = self.add("8.8.8.8", "7.7.7.7")
        self.book.news()
        self.book.tried(second)
        self.book.take_in(NOTHING._replace(refused=[first, second, Place("6.6.6.6", 1)]))
        self.assertEqual([entry.place for entry in self.book], [second])
        self.assertEqual([*self.book.news().stands], [second])

    def test_bans(self) -> None:
        """Bans of others hold here, and end when they take them back; who is about them is told, once."""
        told: list[str] = []
        self.book.bans.when_banned.append(lambda ban: told.append(ban.what))
        ban = Ban("8.8.8.0/24", NOW + 99, "a test", "operator")
        answer = NOTHING._replace(bans=[ban, Ban("nonsense", NOW + 99, "", "")])
        self.assertEqual([self.book.take_in(answer) for _ in range(2)], [1, 1])
        self.assertEqual((list(self.book.bans), told), ([ban], ["8.8.8.0/24"]))
        self.assertFalse(any(self.book.news().changes))
        self.book.take_in(NOTHING._replace(bans=[ban._replace(until=0.0)]))
        self.assertEqual(len(self.book.bans), 0)
        self.book.ban("8.8.8.0/24", NOW + 50, "ours", "")
        self.book.take_in(NOTHING._replace(bans=[ban]))
        self.assertEqual([each.reason for each in self.book.bans], ["ours"])
