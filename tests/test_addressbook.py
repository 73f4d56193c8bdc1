"""Tests of the book of addresses: what it takes in, whom it gives to call, and what it tells others."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from peerproto.errors import LocalError, PeerLost, Reason
from peerproto.forms.gossip import Known
from peerproto.node.addressbook import AddressBook
from peerproto.node.bans import Bans
from peerproto.node.entries import DAY, HOUR, Entry
from peerproto.node.groups import Groups
from peerproto.node.places import Book, Place
from tests.book_case import NOW, BookCase, known, peer, places, spread


class TakingInTests(BookCase):
    """What is stored of what is told."""

    def test_stored(self) -> None:
        """An address is stored with who told of it, and two hours older than that one says."""
        self.assertEqual(self.book.add([known("8.8.8.8", 8333, 9, age=100)], "9.9.9.9"), 1)
        (entry,) = self.book
        self.assertEqual((entry.place, entry.source, entry.services), (Place("8.8.8.8", 8333), "9.9.9.9", 9))
        self.assertEqual((entry.seen, len(self.book)), (NOW - 100 - 2 * HOUR, 1))
        self.assertIs(self.book.get(Place("8.8.8.8", 8333)), entry)
        self.assertIsNone(self.book.get(Place("8.8.8.8", 8334)))

    def test_of_itself(self) -> None:
        """Who tells of itself is believed."""
        self.book.add([known("8.8.8.8", age=100)], "8.8.8.8")
        self.assertEqual([entry.seen for entry in self.book], [NOW - 100])

    def test_times(self) -> None:
        """A time that cannot be is taken as five days ago."""
        for timestamp in (0, 100_000_000, int(NOW) + 601, 2**63):
            book = self.make()
            book.add([Known("8.8.8.8", 1, 0, timestamp)], "8.8.8.8")
            self.assertEqual([entry.seen for entry in book], [NOW - 5 * DAY])

    def test_told_again(self) -> None:
        """What is told again is not stored again; services are gathered, and the time follows when it is newer."""
        self.book.add([known("8.8.8.8", services=1, age=9 * HOUR)], "9.9.9.9")
        self.book.shelves.changed.clear()
        self.assertEqual(self.book.add([known("8.8.8.8", services=1, age=9 * HOUR)], "9.9.9.9"), 0)
        self.assertEqual(self.book.shelves.changed, set())
        self.book.add([known("8.8.8.8", services=8, age=99 * HOUR)], "7.7.7.7")
        (entry,) = self.book
        self.assertEqual((entry.services, entry.seen), (9, NOW - 11 * HOUR))
        self.book.add([known("8.8.8.8", services=0, age=1 * HOUR)], "7.7.7.7")
        self.assertEqual((entry.services, entry.seen), (9, NOW - 3 * HOUR))
        self.assertEqual(self.book.counts, {"stored": 1, "known": 3})

    def test_row_36_addr_1000_every_second(self) -> None:
        """Of a thousand addresses each second the first thousand are looked at, then one in ten seconds."""
        stored = []
        for _ in range(22):
            stored.append(self.book.heard(spread(1000), "9.9.9.9"))
            self.now += 1
        counts = self.book.counts
        self.assertEqual(stored[0], counts["stored"])
        self.assertGreater(stored[0], 850)
        self.assertEqual(counts["stored"] + counts["known"] + counts["crowded-out"], 1002)
        self.assertEqual(counts["limited"], 22_000 - 1002)
        self.assertGreater(self.book.heard(spread(10, first=50), "9.9.8.8"), 0)

    def test_row_36_after_our_getaddr(self) -> None:
        """When we have asked, a thousand more are looked at."""
        self.book.asked("9.9.9.9")
        self.book.heard(spread(2500), "9.9.9.9")
        self.assertEqual(self.book.counts["limited"], 500)

    def test_row_37_unroutable_loopback_own_port_0(self) -> None:
        """None of these is stored; each is counted."""
        self.book.own(Place("8.8.8.8", 8333))
        self.book.ban("7.7.0.0/16", NOW + 1, "", "")
        told = [
            *(known(host) for host in ("127.0.0.1", "10.0.0.1", "::1", "nonsense", "224.0.0.1")),
            *(known("8.8.4.4", port) for port in (0, 65536, -1)),
            *(known("8.8.8.8"), known("::ffff:8.8.8.8")),
            known("7.7.7.7"),
        ]
        self.assertEqual(self.book.heard(told, "9.9.9.9"), 0)
        self.assertEqual(
            self.book.counts - self.book.counts.__class__(limited=0),
            {
                "unroutable": 5,
                "no-port": 3,
                "own": 2,
                "banned": 1,
            },
        )
        self.assertEqual((len(self.book), self.book.shelves.changed), (0, set()))

    def test_row_37_on_a_local_net(self) -> None:
        """On a net that is at home on one machine loopback is stored, each address a group by itself."""
        book = self.make(local=True)
        self.assertEqual(book.add([known("127.0.0.1", port) for port in range(1, 6)], "127.0.0.1"), 5)
        self.assertEqual(book.group_of(Place("127.0.0.1", 3)), "127.0.0.1:3")
        self.assertEqual(len(book.candidates(9, ())), 5)

    def test_row_38_100000_addresses_of_one_group(self) -> None:
        """100,000 addresses of one /16 that one source tells of touch one new bucket, of as many groups 64."""
        told = (known(f"8.8.{n // 250}.{n % 250}", 8333 + m) for n in range(50_000) for m in range(2))
        self.book.add(told, "9.9.9.9")
        self.assertEqual(len(self.book.shelves.new.used), 1)
        self.assertLessEqual(len(self.book), 64)
        self.assertEqual(sum(self.book.counts.values()), 100_000)
        self.book.add(spread(20_000), "9.9.1.1")
        self.assertTrue(50 < len(self.book.shelves.new.used) <= 64)
        self.assertLessEqual(len(self.book), 64 * 64)

    def test_many_sources(self) -> None:
        """An address that many tell of stands in at most eight buckets, and is one address."""
        for number in range(3000):
            self.book.add([known("8.8.8.8")], f"{11 + number // 250}.{number % 250}.1.1")
        (entry,) = self.book
        self.assertEqual((len(entry.buckets), len(self.book.shelves.new)), (8, 8))

    def neighbours(self) -> tuple[Known, Known]:
        """Two addresses that want the same slot among the new, as 9.9.9.9 tells of them."""
        keyed, seen = self.book.shelves.keyed, {}
        for port in range(1, 65536):
            slot = keyed.slot("new", keyed.new_bucket("8.8.0.0/16", "9.9.0.0/16"), Place("8.8.8.8", port))
            if slot in seen:
                return known("8.8.8.8", seen[slot]), known("8.8.8.8", port)
            seen[slot] = port
        raise AssertionError("no two of them meet")

    def test_crowded_out(self) -> None:
        """Who stands in a slot stays there, unless it is worthless."""
        first, second = self.neighbours()
        self.assertEqual([self.book.add([told], "9.9.9.9") for told in (first, second)], [1, 0])
        self.assertEqual((self.book.counts["crowded-out"], len(self.book)), (1, 1))
        self.now += 31 * DAY
        self.assertEqual(self.book.add([second], "9.9.9.9"), 1)
        self.assertEqual({entry.place for entry in self.book}, places([second]))

    def test_spare(self) -> None:
        """... or stands elsewhere too, and who comes stands nowhere yet."""
        first, second = self.neighbours()
        for number in range(100):
            self.book.add([first], f"9.{number}.9.9")
        self.assertEqual(self.book.add([second], "9.9.9.9"), 1)
        self.assertEqual(len(self.book), 2)

    def test_own_later(self) -> None:
        """What turns out to be ourselves is forgotten, wherever it stands."""
        new, tried = self.add("8.8.8.8", "7.7.7.7")
        self.good(tried)
        self.book.shelves.changed.clear()
        self.book.own(new)
        self.book.own(tried)
        self.assertEqual(
            (len(self.book), len(self.book.shelves.new), len(self.book.shelves.tried)), (0, 0, 0)
        )
        self.assertEqual(self.book.shelves.changed, {new, tried})

    @settings(max_examples=50)
    @given(
        st.lists(
            st.builds(
                Known,
                st.ip_addresses().map(str) | st.text(max_size=20),
                st.integers(-9, 70_000),
                st.integers(0, 2**64 - 1),
                st.integers(-(2**63), 2**63),
            ),
            max_size=50,
        ),
        st.lists(st.sampled_from(["tried", "failed", "self", "connected", "later", "candidates", "feeler"])),
    )
    def test_random_lives(self, told: list[Known], steps: list[str]) -> None:
        """Whatever is told and called: what stands in the tables is the book, and all of it can be called."""
        self.now = NOW
        for local in (False, True):
            book = self.make(local=local)
            book.heard(told, "9.9.9.9")
            random = Random(len(told))
            for step in steps:
                place = random.choice(sorted(places(told)) or [Place("8.8.8.8", 1)])
                if step == "later":
                    self.now += HOUR
                elif step == "candidates":
                    found = book.candidates(8, ["8.8.0.0/16"])
                    groups = {book.group_of(each) for each in found}
                    self.assertEqual(len(groups), len(found))
                elif step == "feeler":
                    book.feeler()
                elif step == "tried":
                    book.tried(place)
                elif step == "connected":
                    book.connected(place, peer())
                else:
                    book.failed(place, step)
            standing = sum(len(entry.buckets) + entry.is_tried for entry in book)
            self.assertEqual(standing, len(book.shelves.new) + len(book.shelves.tried))
            for entry in book:
                self.assertEqual(book.groups.host(entry.place.host), entry.place.host)
                self.assertTrue(bool(entry.buckets) != entry.is_tried and 0 < entry.place.port < 65536)


class CallingTests(BookCase):
    """Whom it gives to call."""

    def test_is_a_book(self) -> None:
        """It is what the manager of peers asks for."""
        book: Book = self.book
        self.assertEqual(book.candidates(8, []), [])

    def test_groups(self) -> None:
        """Of each group one at most, and none of those to be avoided."""
        self.add("8.8.8.8", "8.8.4.4", "7.7.7.7", "7.7.1.1", "6.6.6.6")
        found = self.book.candidates(9, {"6.6.0.0/16"})
        self.assertEqual({self.book.group_of(place) for place in found}, {"8.8.0.0/16", "7.7.0.0/16"})
        self.assertEqual(len(found), 2)
        self.assertEqual(len(self.book.candidates(1, ())), 1)
        self.assertEqual(self.book.candidates(0, ()), [])

    def test_both_tables(self) -> None:
        """A few good ones are drawn as often as all the others together."""
        self.add(*(item.host for item in spread(400)))
        for place in (good := self.add("8.8.8.8", "7.7.7.7")):
            self.good(place)
        self.now += 60
        first = [self.book.candidates(1, ())[0] in good for _ in range(400)]
        self.assertTrue(140 < sum(first) < 260, sum(first))

    def test_not_too_lately(self) -> None:
        """What was called is not given again for a time that grows with each failure."""
        (place,) = self.add("8.8.8.8")
        self.book.tried(place)
        self.assertEqual(self.book.candidates(1, ()), [])
        for wait in (30, 60, 120, 240, 480, 600, 600):
            self.bad(place)
            self.now += wait - 1
            self.assertEqual(self.book.candidates(1, ()), [])
            self.now += 1
            self.assertEqual(self.book.candidates(1, ()), [place])

    def test_services(self) -> None:
        """Whoever is said not to offer what is wanted is never given; of whom nothing is known only when nobody is."""
        book = self.make(wanted=9)
        offers = {"8.8.8.8": 9, "7.7.7.7": 1, "6.6.6.6": 0x409, "5.5.5.5": 0, "4.4.4.4": 0x400, "8.8.4.4": 0}
        book.add([known(host, services=offers[host]) for host in offers], "9.9.9.9")
        for _ in range(50):
            self.assertEqual({place.host for place in book.candidates(2, ())}, {"8.8.8.8", "6.6.6.6"})
            found = [place.host for place in book.candidates(9, ())]
            self.assertEqual((set(found[:2]), found[2:]), ({"8.8.8.8", "6.6.6.6"}, ["5.5.5.5"]))
            feeler = book.feeler()
            assert feeler is not None
            self.assertIn(feeler.host, {"8.8.8.8", "8.8.4.4", "6.6.6.6", "5.5.5.5"})
        self.assertEqual(book.candidates(9, ("8.8.0.0/16", "6.6.0.0/16", "5.5.0.0/16")), [])

    def test_services_found_out(self) -> None:
        """What a peer offered when it was called counts as what others say of it."""
        book = self.make(wanted=9)
        book.add([known("8.8.8.8", services=1)], "9.9.9.9")
        self.assertEqual(book.candidates(9, ()), [])
        book.connected(Place("8.8.8.8", 8333), peer(), services=9)
        self.now += 60
        self.assertEqual(book.candidates(9, ()), [Place("8.8.8.8", 8333)])

    def test_useless(self) -> None:
        """Who speaks for another network, is too old or is known under another address is left alone for a day."""
        for reason in (Reason.DUPLICATE, Reason.WRONG_NETWORK, Reason.OBSOLETE, Reason.SERVICES):
            (place,) = self.add("8.8.8.8")
            self.bad(place, reason)
            self.now += DAY - 1
            self.assertEqual(self.book.candidates(1, ()), [])
            self.now += 1
            self.assertEqual(self.book.candidates(1, ()), [place])

    def test_ourselves(self) -> None:
        """Ourselves we never call again, and store no more."""
        (place,) = self.add("8.8.8.8")
        self.bad(place, Reason.SELF)
        self.assertEqual((len(self.book), self.add("8.8.8.8")), (0, [place]))
        self.assertEqual((len(self.book), self.book.counts["own"]), (0, 1))
        self.book.connected(place, peer())
        self.assertEqual(len(self.book), 0)

    def test_banned(self) -> None:
        """Who is banned is not given, until that is over."""
        places = self.add("8.8.8.8", "7.7.7.7")
        self.good(places[1])
        self.now += 60
        self.book.ban("0.0.0.0/0", self.now + 60, "a test", "operator")
        self.assertEqual((self.book.is_banned("8.8.8.8"), self.book.candidates(9, ())), (True, []))
        self.now += 60
        self.assertEqual(set(self.book.candidates(9, ())), set(places))
        with self.assertRaises(LocalError):
            self.book.ban("nonsense", 0, "", "")

    def test_row_70_allow_listed_peer_in_a_banned_net(self) -> None:
        """Who is allowed is given all the same."""
        book = self.make(allowed=["8.8.8.8"])
        places = self.add("8.8.8.8", "8.8.4.4", book=book)
        book.ban("8.8.0.0/16", NOW + 60, "", "")
        self.assertEqual(book.candidates(9, ()), places[:1])

    def test_good(self) -> None:
        """A good call moves a place to the tried ones and keeps what the peer said of itself."""
        (place,) = self.add("8.8.8.8")
        self.now += 5
        self.book.tried(place)
        self.book.connected(place, peer(), services=9)
        (entry,) = self.book
        self.assertTrue(entry.is_tried)
        self.assertEqual((entry.buckets, entry.services, entry.about.agent), (set(), 9, "/them:1/"))
        self.assertEqual((entry.tries, entry.last_success, entry.seen), (1, self.now, self.now))
        self.good(place, user_agent="/newer/")
        self.assertEqual((entry.about.agent, len(self.book.shelves.tried)), ("/newer/", 1))
        self.add("8.8.8.8", source="6.6.6.6")
        self.assertEqual((entry.buckets, len(self.book)), (set(), 1))

    def test_written_otherwise(self) -> None:
        """However an address is written, it is the same."""
        place, other = Place("8.8.8.8", 1), Place("::ffff:8.8.8.8", 1)
        self.good(other)
        self.bad(other)
        self.assertEqual([(entry.place, entry.fails, entry.tries) for entry in self.book], [(place, 1, 1)])
        self.assertEqual(self.book.shelves.changed, {place})
        self.book.own(other)
        self.add("8.8.8.8")
        self.assertEqual([entry.place.port for entry in self.book], [8333])

    def test_good_and_unknown(self) -> None:
        """Who was called by the operator's wish gets into the book too, if it is routable."""
        self.good(Place("8.8.8.8", 1))
        self.good(Place("127.0.0.1", 1))
        self.good(Place("8.8.8.8", 0))
        self.bad(Place("7.7.7.7", 1))
        self.assertEqual([entry.place for entry in self.book], [Place("8.8.8.8", 1)])
        self.assertEqual([entry.is_tried for entry in self.book], [True])

    def test_good_where_no_room_is(self) -> None:
        """... and if there is room where it would stand."""
        random = Random(1)
        for _ in range(4000):
            self.add(f"8.8.{random.randrange(256)}.{random.randrange(256)}", source="8.8.1.1")
        self.assertEqual(len(self.book), 64)
        self.good(Place("8.8.0.0", 5))
        self.assertIsNone(self.book.get(Place("8.8.0.0", 5)))

    def test_network_down(self) -> None:
        """While nothing at all answers no address becomes worthless."""
        told = self.add(*(item.host for item in spread(5)))
        for _ in range(10):
            for place in told:
                self.bad(place)
            self.now += 600
        self.assertEqual([entry.is_worthless(self.now) for entry in self.book], [False] * 5)
        for _ in range(3):
            self.good(Place("8.8.8.8", 1))
            self.now += 600
            self.bad(told[0])
            self.now += 600
        self.assertEqual(sum(entry.is_worthless(self.now) for entry in self.book), 1)


class FeelerTests(BookCase):
    """Whom it gives to look at, and who gives way to whom."""

    def rivals(self, book: AddressBook) -> tuple[Place, Place]:
        """Two places that want the same slot among the tried."""
        seen: dict[tuple[int, int], Place] = {}
        for port in range(1, 65536):
            place = Place("8.8.8.8", port)
            bucket = book.shelves.keyed.tried_bucket(place, "8.8.0.0/16")
            slot = bucket, book.shelves.keyed.slot("tried", bucket, place)
            if slot in seen:
                return seen[slot], place
            seen[slot] = place
        raise AssertionError("no two of them meet")

    def meet(self) -> tuple[Place, Place]:
        """The second of two was good, and waits for the first, which was good long ago."""
        first, second = self.rivals(self.book)
        self.good(first)
        self.now += 5 * HOUR
        self.book.add([known(*second)], "6.6.6.6")
        self.good(second)
        self.assertEqual(self.standing(), [first])
        return first, second

    def standing(self) -> list[Place]:
        return [entry.place for entry in self.book if entry.is_tried]

    def test_new(self) -> None:
        """One of the new ones, not one of the tried, nor one that was called lately."""
        self.assertIsNone(self.book.feeler())
        good, new = self.add("8.8.8.8", "7.7.7.7")
        self.good(good)
        self.now += 60
        self.assertEqual([self.book.feeler() for _ in range(9)], [new] * 9)
        self.book.tried(new)
        self.assertIsNone(self.book.feeler())

    def test_rival_fails(self) -> None:
        """Who stands in the way is looked at; when that fails it gives way, back to the new ones."""
        first, second = self.meet()
        self.assertEqual(self.book.feeler(), first)
        self.bad(first)
        self.assertNotEqual(self.book.feeler(), first)
        self.assertEqual(self.standing(), [second])
        self.assertEqual({entry.place for entry in self.book}, {first, second})

    def test_rival_is_good(self) -> None:
        """When it is good it stays, and who waited is one of the new ones."""
        first, second = self.meet()
        self.good(first)
        self.now += 60
        self.assertEqual(self.book.feeler(), second)
        self.assertEqual(self.standing(), [first])

    def test_rival_was_good_lately(self) -> None:
        """It stays without being asked if it was good lately."""
        first, second = self.rivals(self.book)
        self.good(first)
        self.good(second)
        self.now += 60
        self.assertEqual((self.book.feeler(), self.standing()), (second, [first]))

    def test_nobody_looks(self) -> None:
        """Whom nobody has looked at in forty minutes gives way."""
        first, second = self.meet()
        self.now += 2400
        self.book.candidates(0, ())
        self.assertEqual(self.standing(), [first])
        self.now += 1
        self.book.candidates(0, ())
        self.assertEqual(self.standing(), [second])

    def test_being_looked_at(self) -> None:
        """While it is called another is looked at."""
        first, second = self.meet()
        self.now += 60
        self.book.tried(first)
        self.assertEqual((self.book.feeler(), self.standing()), (second, [first]))

    def test_rival_is_gone(self) -> None:
        """When who stands there is forgotten, who waits comes in."""
        first, second = self.meet()
        self.book.own(first)
        self.book.candidates(0, ())
        self.assertEqual(self.standing(), [second])

    def test_who_waits_is_gone(self) -> None:
        """When who waits is forgotten nothing happens."""
        first, second = self.meet()
        self.book.own(second)
        self.now += 60
        self.assertEqual(
            (self.book.shelves.in_the_way(), self.book.feeler(), self.standing()), ([], None, [first])
        )

    def test_ten_wait(self) -> None:
        """No more than ten wait."""
        told = spread(3000) + spread(3000, first=60)
        book = self.make()
        for item in told:
            self.good(Place(item.host, item.port), book)
        self.now += 5 * HOUR
        for number in range(3000):
            self.good(Place(f"8.8.{number % 250}.{number // 250}", 8333), book)
        self.assertEqual(len(book.shelves.in_the_way()), 10)

    def test_comes_back_where_another_stands(self) -> None:
        """Who gives way among the tried displaces whoever stands among the new where it comes from."""
        first, second = self.meet()
        random = Random(1)
        for _ in range(4000):
            host = f"8.8.{random.randrange(256)}.{random.randrange(256)}"
            self.add(host, source=first.host)
        before = len(self.book)
        self.bad(first)
        self.book.candidates(0, ())
        self.assertEqual((self.standing(), len(self.book)), ([second], before - 1))
        found = self.book.get(first)
        self.assertTrue(found is not None and found.buckets)


class TellingTests(BookCase):
    """What others are told."""

    def test_share(self) -> None:
        """A share of all, rounded up, at most so many."""
        told = spread(200)
        self.book.add(told, "9.9.9.9")
        total = len(self.book)
        found = self.book.sample(0.23, 1000, lambda host: True)
        self.assertEqual(len(found), -(-total * 23 // 100))
        self.assertEqual(len(places(found)), len(found))
        self.assertTrue(places(found) <= places(told))
        self.assertEqual(len(self.book.sample(0.23, 7, lambda host: True)), 7)
        self.assertEqual(self.make().sample(0.23, 7, lambda host: True), [])

    def test_worth(self) -> None:
        """Nobody is told of what is old, banned or not to be told."""
        self.book.add(
            [known("8.8.8.8", age=31 * DAY), known("7.7.7.7"), known("6.6.6.6"), known("5.5.5.5")], "9.9.9.9"
        )
        self.book.ban("7.7.7.7", NOW + 1, "", "")
        found = self.book.sample(1.0, 1000, lambda host: host != "6.6.6.6")
        self.assertEqual(found, [Known("5.5.5.5", 8333, 1, int(NOW - 2 * HOUR))])


class RestoringTests(BookCase):
    """What was written down comes back."""

    def copy(self, book: AddressBook) -> AddressBook:
        other = self.make(seed=2)
        for entry in self.book:
            buckets, is_tried = list(entry.buckets), entry.is_tried
            entry.buckets, entry.is_tried = set(), False
            self.assertTrue(other.restore(entry, is_tried, buckets))
        return other

    def test_all(self) -> None:
        """All stands where it stood, and nothing needs to be written."""
        for number in range(20):
            self.book.add(spread(300), f"{number + 60}.1.1.1")
        for item in spread(30):
            self.good(Place(item.host, item.port))
        before = [sorted((e.place, tuple(sorted(e.buckets)), e.is_tried) for e in self.book)]
        other = self.copy(self.book)
        self.assertEqual(before, [sorted((e.place, tuple(sorted(e.buckets)), e.is_tried) for e in other)])
        self.assertEqual(other.shelves.changed, set())

    def test_of_a_clock_that_was_ahead(self) -> None:
        """What was good in the future was so now at the latest: it does not make failures count for ever."""
        good, bad = Place("8.8.8.8", 8333), Place("7.7.7.7", 8333)
        self.assertTrue(self.book.restore(Entry(good, "9.9.9.9", last_success=NOW + 365 * DAY), True, []))
        self.assertTrue(self.book.restore(Entry(bad, "9.9.9.9"), False, []))
        for _ in range(3):
            self.now += HOUR
            self.bad(bad)
        self.assertEqual(
            [(entry.last_success, entry.fails, entry.counts) for entry in self.book],
            [(NOW, 0, 0), (0, 3, 1)],
        )

    def test_refused(self) -> None:
        """What is not routable here, ourselves, there already or nonsense is left out."""
        self.book.own(Place("6.6.6.6", 1))
        self.add("8.8.8.8")
        for place in (
            *(Place("127.0.0.1", 1), Place("6.6.6.6", 1), Place("8.8.8.8", 8333), Place("nonsense", 1)),
            *(Place("::ffff:8.8.8.8", 1), Place("7.7.7.7", 0), Place("7.7.7.7", 2**31)),
        ):
            other = self.make()
            self.add(place.host, book=other)
            self.assertFalse(self.book.restore(Entry(place, "9.9.9.9"), False, [5]), place)
        self.assertEqual(len(self.book), 1)

    def test_elsewhere(self) -> None:
        """Where its place is taken, or is none, it stands where its source puts it, or is left out."""
        place = Place("8.8.8.8", 8333)
        for is_tried, buckets in ((False, [-1, 1024, 2**31]), (False, []), (True, [])):
            book = self.make()
            self.assertTrue(book.restore(Entry(place, "9.9.9.9", seen=NOW), is_tried, buckets))
            self.assertEqual([entry.is_tried for entry in book], [is_tried])
        book = self.make()
        full = Random(1)
        for _ in range(4000):
            self.add(f"8.8.{full.randrange(256)}.{full.randrange(256)}", book=book)
        self.assertFalse(book.restore(Entry(Place("8.8.0.0", 5), "9.9.9.9"), False, []))

    def test_tried_slot_taken(self) -> None:
        """Of two that stood in one tried slot the second comes to the new ones."""
        first, second = FeelerTests.rivals(self, self.book)  # type: ignore[arg-type]
        for place in (first, second):
            self.assertTrue(self.book.restore(Entry(place, "9.9.9.9", seen=NOW), True, []))
        self.assertEqual([entry.is_tried for entry in self.book], [True, False])


class HistoryTests(BookCase):
    """Connections that are over."""

    def test_bounded(self) -> None:
        """They wait to be written down, the last 20,000 at most."""
        for number in range(20_010):
            self.now += 1
            self.book.over(peer(id=number), PeerLost("closed", Reason.RESET))
        self.assertEqual(len(self.book.ended), 20_000)
        self.assertEqual((self.book.ended[-1].ended, self.book.ended[0].ended), (NOW + 20_010, NOW + 11))


class DefaultTests(BookCase):
    """What need not be said."""

    def test_by_itself(self) -> None:
        """A book makes its own secret, each another, and has its own list of bans."""
        one, other = AddressBook(Groups()), AddressBook(Groups())
        self.assertEqual(len(one.shelves.keyed.secret), 32)
        self.assertNotEqual(one.shelves.keyed.secret, other.shelves.keyed.secret)
        one.ban("8.8.8.8", 2e10, "", "")
        self.assertEqual((one.is_banned("8.8.8.8"), other.is_banned("8.8.8.8")), (True, False))
        bans = Bans(lambda: 0.0)
        self.assertIs(AddressBook(Groups(), bans).bans, bans)
