"""Leases on a real PostgreSQL server: who may call what."""

from __future__ import annotations

from datetime import datetime
from math import inf

from twisted.internet.threads import deferToThread

from peerproto.node.entries import DAY
from peerproto.node.places import Place
from tests.book_case import spread

from .members import NOW, Make, Member, count
from .postgres import ask
from .waiting import SECONDS, within


async def test_no_address_is_leased_twice(member: Make, url: str) -> None:
    """Four nodes lease 1000 addresses at the same time, until there is nothing left: each is one's only."""
    members = [member(), *(member() for _ in range(3))]
    members[0].book.add(spread(1000), "9.9.9.9")
    for number in range(30):
        members[0].book.add(spread(1000), f"{number + 60}.1.1.1")
    for each in members:
        each.round()
    places = sorted(entry.place for entry in members[0].book)
    assert len(places) == 1000

    def lease_all(each: Member) -> list[Place]:
        wanted = [places[at : at + 7] for at in range(0, 1000, 5)]
        return [place for some in wanted for place in each.server.take(some, NOW)]

    work = [deferToThread(lease_all, each) for each in members]
    leased = [set(await within(each, SECONDS, "leases")) for each in work]
    assert sum(map(len, leased)) == len(set().union(*leased)) == 1000
    assert sum(map(bool, leased)) > 1  # they did work side by side
    assert count(url, "addresses", "lease_until > clock_timestamp()") == 1000


def lease_of(url: str, place: Place) -> datetime:
    """Until when a place is leased."""
    ((found,),) = ask(url, "SELECT lease_until FROM peerproto_addresses WHERE host = %s", place.host)
    assert isinstance(found, datetime)
    return found


def test_leases_run_out_and_are_renewed(member: Make, url: str) -> None:
    """What its owner renews nobody else gets; what he does not renew is free by the server's clock."""
    first, second = member(), member()
    first.book.add(spread(2), "9.9.9.9")
    first.round()
    second.round()
    held, lost = Place("11.0.1.1", 8333), Place("11.1.1.1", 8333)
    assert sorted(first.server.take([held, lost], NOW)) == [held, lost]
    assert second.server.take([held, lost], NOW) == []
    assert second.server.exchange(second.book.news()).taken == {held, lost}
    first.book.lease([held])
    first.book.in_use = lambda: [held]
    before = lease_of(url, held)
    first.round()
    assert lease_of(url, held) > before
    assert second.server.take([held, lost], NOW) == [lost]  # given up in that round
    ask(url, "UPDATE peerproto_addresses SET lease_until = clock_timestamp() WHERE host = %s", held.host)
    assert second.server.take([held], NOW) == [held]  # nobody has renewed it
    answer = first.server.exchange(first.book.news())
    assert (answer.leased, answer.taken) == (frozenset(), {held, lost})
    first.book.take_in(answer)
    assert first.book.leased == {}


def test_not_called_too_soon(member: Make) -> None:
    """What another has called just now cannot be leased, though its lease is over, before it may be called again."""
    first, second = member(), member()
    first.book.add(spread(1), "9.9.9.9")
    first.round()
    second.round()
    place = Place("11.0.1.1", 8333)
    assert first.lease() == [place]
    first.book.tried(place)
    first.book.failed(place, "connection-refused")
    first.round()
    assert second.server.take([place], NOW) == []
    assert second.server.take([place], NOW + 31) == [place]
    assert second.server.take([place], inf) == [place]  # again, by the same


def test_a_wait_that_makes_no_sense(member: Make, url: str) -> None:
    """It holds nobody off: who is to be called no sooner than in a day was written by a clock that was wrong."""
    first = member()
    first.book.add(spread(1), "9.9.9.9")
    first.round()
    place = Place("11.0.1.1", 8333)
    for wait, free in ((1.0, []), (DAY, []), (DAY + 1, [place]), (365 * DAY, [place])):
        ask(url, "UPDATE peerproto_addresses SET not_before = %s", NOW + wait)
        assert first.server.take([place], NOW) == free


def test_what_is_leased_is_not_forgotten(member: Make, url: str) -> None:
    """An address that makes room in one node's memory while another calls it keeps its slot, and its lease."""
    first, second = member(), member()
    first.book.add(spread(1), "9.9.9.9")
    first.round()
    second.round()
    place = Place("11.0.1.1", 8333)
    assert second.lease() == [place]
    entry = first.book.get(place)
    assert entry is not None
    first.book.shelves.remove(entry)
    first.round()
    assert count(url, "slots") == 1
    second.book.leased.clear()
    second.round()
    assert count(url, "addresses", "lease_owner IS NULL") == 1
