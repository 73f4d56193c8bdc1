"""A book on a real PostgreSQL server: what one node has learned, all others know."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from peerproto import networks
from peerproto.errors import StoreError
from peerproto.forms.gossip import Known
from peerproto.node.buckets import PER_SOURCE
from peerproto.node.entries import DAY
from peerproto.node.places import Place
from tests.book_case import peer, spread

from .members import NOW, RESET, Make, count
from .postgres import ask


def test_what_one_learns_others_know(member: Make) -> None:
    """Addresses, where they stand, what the peers were, bans and how connections ended: the next round brings them."""
    first, second = member(), member()
    first.book.add(spread(300), "9.9.9.9")
    places = [Place(item.host, item.port) for item in spread(3)]
    first.good(places[0])
    first.book.tried(places[1])
    first.book.failed(places[1], "connection-refused")
    first.book.ban("7.7.0.0/16", NOW + 99, "a test", "operator")
    first.book.over(peer(), RESET)
    assert (first.round(), second.round()) == (0, 0)
    assert second.shown() == first.shown()
    assert len(second.book) > 250
    assert list(second.book.bans) == list(first.book.bans)
    assert [ended.reason for ended in second.server.history("8.8.8.8")] == ["reset"]
    third = member()  # one that comes later
    assert third.shown() == first.shown()
    assert not any(third.book.news().changes)
    second.book.bans.unban("7.7.0.0/16")
    second.round()
    first.round()
    assert len(first.book.bans) == 0


def test_who_called_last_knows_best(member: Make) -> None:
    """What a node knows of a call holds over what another tells that has only heard of the address again."""
    first, second = member(), member()
    place = Place("11.0.1.1", 8333)
    first.book.add(spread(1), "9.9.9.9")
    first.round()
    second.round()
    first.now = second.now = NOW + 10
    second.good(place)
    first.book.add([Known(*place, 8, int(NOW + 9 * 3600))], "8.8.4.4")
    second.round()
    first.round()
    second.round()
    for each in (first, second):
        entry = each.book.get(place)
        assert entry is not None
        assert (entry.is_tried, entry.last_success, entry.services) == (True, NOW + 10, 9)


def test_who_calls_in_the_middle_of_a_round(member: Make) -> None:
    """What happens here while the server is asked is not undone by its answer."""
    first = member()
    place, other = Place("11.0.1.1", 8333), Place("11.1.1.1", 8333)
    first.book.add(spread(2), "9.9.9.9")
    answer = first.server.exchange(first.book.news())
    first.good(place)
    first.book.own(other)
    first.book.take_in(answer)
    first.book.learn(answer.rows)
    entry = first.book.get(place)
    assert entry is not None
    assert entry.is_tried
    assert first.book.get(other) is None
    first.round()
    assert member().book.get(place).is_tried  # type: ignore[union-attr]


def test_ourselves_are_others_to_others(member: Make) -> None:
    """An address that turns out to be a node's own is not called by it, and stays in the book for all others."""
    first = member()
    place = Place("11.0.1.1", 8333)
    first.book.add(spread(1), "9.9.9.9")
    first.round()
    first.book.own(place)
    first.round()
    first.round()
    assert first.book.get(place) is None
    assert member().book.get(place) is not None


def test_one_slot_is_for_one(member: Make, url: str) -> None:
    """Two nodes that give the same slots to different addresses agree in the end, each slot with one in it."""
    first, second = member(), member()
    for number in range(6):
        first.book.add(spread(1500, 11), f"{number + 60}.1.1.1")
        second.book.add(spread(1500, 30), f"{number + 60}.1.1.1")
    for each, start in ((first, 11), (second, 30)):
        for item in spread(400, start):
            each.good(Place(item.host, item.port))
    for _ in range(6):
        first.round()
        second.round()
    assert first.shown() == second.shown() == member().shown()
    assert count(url, "slots", "tried") == len(first.book.shelves.tried) > 700
    assert count(url, "slots", "NOT tried") == len(first.book.shelves.new) > 1000
    assert count(url, "addresses") == len(first.book)
    assert not any(first.book.news().changes)


def test_row_38_one_source_cannot_fill_a_shared_book(member: Make, url: str) -> None:
    """One group that tells all nodes of as many addresses as it likes reaches the same 64 buckets at all of them."""
    told = [
        Known(f"{n >> 8 & 255}.{n & 255}.{n % 200}.1", 8333, 1, int(NOW)) for n in range(256 * 20, 256 * 60)
    ]
    members = [member(), member()]
    for at, each in enumerate(members):
        each.book.add(told[at::2], f"99.98.{at}.1")
        each.round()
    ((buckets,),) = ask(url, "SELECT count(DISTINCT bucket) FROM peerproto_slots")
    assert 32 < buckets <= PER_SOURCE
    assert count(url, "slots") <= PER_SOURCE * 64


def test_networks_do_not_meet(member: Make, url: str) -> None:
    """Several networks share a database, each with a book and a secret of its own."""
    first, other = member(), member(network=networks.named("litecoin-mainnet"))
    first.book.add(spread(9), "9.9.9.9")
    first.book.ban("7.7.7.7", NOW + 99, "a test", "operator")
    first.book.over(peer(), RESET)
    first.round()
    other.round()
    assert (len(other.book), len(other.book.bans), other.server.history("8.8.8.8")) == (0, 0, [])
    assert first.server.secret != other.server.secret
    assert count(url, "books") == 2


def test_history_is_bounded(member: Make, url: str) -> None:
    """Of a host the last twenty, of whatever node."""
    members = [member(), member()]
    for number in range(30):
        each = members[number % 2]
        each.now = NOW + number
        each.book.over(peer(), RESET)
        each.book.over(peer(address=f"7.7.7.{number}:1", inbound=True), RESET)
        each.round()
    found = members[0].server.history("8.8.8.8")
    assert [ended.ended - NOW for ended in found] == list(range(10, 30))
    assert found[0][:3] == ("8.8.8.8", 8333, False)
    assert count(url, "history") == 50


def test_odd_values(member: Make) -> None:
    """Services of 64 bits, agents that are no Unicode or have a NUL, numbers that are not known: all can be told."""
    first = member()
    place = Place("8.8.8.8", 8333)
    first.book.add([Known(*place, 2**64 - 1, int(NOW))], "9.9.9.9")
    first.book.tried(place)
    about = peer(user_agent="/\udcff\0'x/", last_block=None, version=None, ping_least=None)
    first.book.connected(place, about)
    first.book.over(peer(user_agent="\0\udcff"), RESET)
    first.round()
    entry = member().book.get(place)
    assert entry is not None
    assert entry.services == 2**64 - 1
    assert entry.about == (("network",), "/\\udcff\\0'x/", None, None, None)


def test_one_clock_is_ahead(member: Make, url: str) -> None:
    """What a node with such a clock has called is, for all others, called now: they may call it as soon as if it was
    theirs, and what they find holds.
    """
    ahead, second, third = member(), member(), member()
    ahead.now += 100 * 365 * DAY
    places = [Place("11.0.1.1", 8333), Place("11.1.1.1", 8333)]
    ahead.book.add(spread(2), "9.9.9.9")
    ahead.good(places[0])
    ahead.book.tried(places[1])
    ahead.book.failed(places[1], "connection-refused")
    before = time.time()
    ahead.round()
    second.now = third.now = time.time()
    columns = "least(seen, last_try), greatest(seen, last_try, last_success), not_before - last_try"
    (good, bad) = ask(url, f"SELECT {columns} FROM peerproto_addresses ORDER BY last_success DESC")
    assert before <= good[0] <= good[1] <= second.now
    assert good[2] == bad[2] == pytest.approx(30)
    second.round()
    assert second.server.take(places, second.now) == []
    second.now += 31
    assert sorted(second.server.take(places, second.now)) == places
    for place in places:
        second.book.tried(place)
        second.book.failed(place, "connection-refused")
    second.round()
    third.now += 31
    third.round()
    assert [third.book.get(place).fails for place in places] == [1, 2]  # type: ignore[union-attr]


def test_a_clock_that_was_ahead(member: Make, url: str) -> None:
    """A row that was written while the server's own clock was ahead is judged anew by the next call."""
    first = member()
    first.book.add(spread(1), "9.9.9.9")
    first.round()
    ask(url, "UPDATE peerproto_addresses SET last_try = 9e12")
    first.now = time.time() + 99
    first.book.tried(Place("11.0.1.1", 8333))
    first.book.failed(Place("11.0.1.1", 8333), "connection-refused")
    first.round()
    assert ask(url, "SELECT fails FROM peerproto_addresses WHERE last_try < 9e12") == [(1,)]


def test_rows_that_make_no_sense(member: Make, url: str) -> None:
    """They are left out, and nothing else is: the database may have been through other hands."""
    first = member()
    first.book.add(spread(9), "9.9.9.9")
    first.book.ban("7.7.7.7", NOW + 99, "a test", "operator")
    first.round()
    ask(url, "UPDATE peerproto_addresses SET names = '5' WHERE host = '11.0.1.1'")
    ask(url, "UPDATE peerproto_addresses SET seen = 'NaN' WHERE host = '11.1.1.1'")
    ask(url, "UPDATE peerproto_addresses SET names = repeat('[', 100000) WHERE host = '11.2.1.1'")
    ask(url, "INSERT INTO peerproto_bans VALUES (1, 'nonsense', 4e9, '', '', 1)")
    second = member()
    assert {entry.place.host for entry in first.book} - {entry.place.host for entry in second.book} == {
        "11.0.1.1",
        "11.1.1.1",
        "11.2.1.1",
    }
    assert [ban.what for ban in second.book.bans] == ["7.7.7.7/32"]


def test_what_the_guide_asks(member: Make, url: str) -> None:
    """The queries of the guide give what it says of them, and it describes the columns that there are."""
    guide = (Path(__file__).parents[2] / "docs/guide/sharing.rst").read_text("utf-8")
    addresses, agents, filters, leases = re.findall(r"code-block:: sql\n\n((?:   .*\n)+)", guide)
    first = member()
    first.now = time.time()
    told = [
        Known(item.host, 8333, 1, int(first.now)) for item in (*spread(5), Known("2600:1::1", 8333, 1, 0))
    ]
    first.book.add(told, "9.9.9.9")
    place = Place(told[0].host, 8333)
    first.book.tried(place)
    first.book.connected(place, peer(services=["NETWORK", "COMPACT_FILTERS"], user_agent="/x:1/"))
    first.book.candidates(9, ())
    first.round()
    leased = len(first.lease())
    assert ask(url, addresses) == [("bitcoin-mainnet", False, 5, 1), ("bitcoin-mainnet", True, 1, 0)]
    assert ask(url, agents) == [("/x:1/", 1, peer().last_block)]
    ((host, port, last, latency),) = ask(url, filters)
    assert (host, port, latency) == (*place, peer().ping_least)
    assert abs(last.timestamp() - first.now) < 0.001
    assert [row[1] for row in ask(url, leases)] == [leased]
    columns = ask(
        url, "SELECT column_name FROM information_schema.columns WHERE table_name = 'peerproto_addresses'"
    )
    described = set(re.findall(r"``(\w+)``", "".join(re.findall(r"^(``.*?)  ", guide, re.MULTILINE))))
    assert described == {name for (name,) in columns}


def test_another_book_than_before(member: Make, url: str) -> None:
    """A node does not go on with a book that was begun anew behind its back: its addresses stand elsewhere there."""
    first = member()
    first.book.add(spread(3), "9.9.9.9")
    first.round()
    ask(url, "UPDATE peerproto_books SET secret = 'another'")
    with pytest.raises(StoreError, match="another one than before"):
        first.round()
    ask(url, "TRUNCATE peerproto_books CASCADE")
    with pytest.raises(StoreError, match="another one than before"):
        first.round()


def test_an_older_state_of_the_server(member: Make, url: str) -> None:
    """On a server that was set back nobody misses what is told from then on."""
    first, second = member(), member()
    first.book.add(spread(3), "9.9.9.9")
    first.round()
    ((revision,),) = ask(url, "SELECT revision FROM peerproto_books")
    first.book.add(spread(6), "9.9.9.9")
    first.round()
    ask(url, "DELETE FROM peerproto_addresses WHERE revision > %s", revision)
    ask(url, "UPDATE peerproto_books SET revision = %s", revision)
    second.round()
    second.book.add(spread(2, 40), "9.9.9.9")
    second.round()
    first.round()
    assert len(first.book) == 8
    assert len(second.book) == 5
