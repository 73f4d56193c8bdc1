"""The rounds that a node makes, with a real PostgreSQL server, under a clock."""

from __future__ import annotations

import pytest
from twisted.logger import capturedLogs

from peerproto.node.places import Place
from peerproto.node.sharedbook import AHEAD, MOST_TOLD
from tests.book_case import spread

from .members import Make, Rounds, count
from .postgres import END_ALL, Postgres, ask
from .waiting import until


def test_rounds(member: Make, url: str) -> None:
    """At once, each minute, and five seconds after the book was short; all is left behind in good order."""
    first, second, found = member(), member(), []
    rounds = Rounds(first, lambda: found.append(sorted(first.book.leased)))
    first.book.add(spread(500), "9.9.9.9")
    rounds.sharer.start()
    rounds.advance(0)
    second.round()
    assert len(second.book) == len(first.book) > 400
    assert len(found) == 1
    assert len(found[0]) in (AHEAD, AHEAD + 1)
    assert len(first.book.candidates(20, ())) < 20
    assert len(first.book.candidates(20, ())) < 20
    rounds.advance(4.9)
    assert len(found) == 1
    rounds.advance(0.1)
    assert len(found) == 2
    assert len(first.book.candidates(20, ())) == 20
    first.book.add(spread(1, 90), "8.8.4.4")
    rounds.advance(60)
    second.round()
    assert second.book.get(Place("90.0.1.1", 8333)) is not None
    first.book.add(spread(1, 91), "8.8.4.4")
    rounds.sharer.stop()
    rounds.advance(0)
    assert count(url, "addresses", "lease_owner IS NOT NULL") == 0
    assert count(url, "addresses", "host = '91.0.1.1'") == 1
    first.book.short()
    assert rounds.clock.getDelayedCalls() == []


async def test_rounds_while_the_server_is_away(member: Make, postgres: Postgres, url: str) -> None:
    """One complaint for each round, none in between; what was called meanwhile is leased afterwards."""
    first = member()
    rounds = Rounds(first)
    places, used = [Place(item.host, item.port) for item in spread(2)], list[Place]()
    first.book.in_use = lambda: used
    rounds.sharer.start()
    await postgres.stop()
    first.book.add(spread(2), "9.9.9.9")
    try:
        with capturedLogs() as logs:
            rounds.advance(60)
            assert sorted(first.book.candidates(9, ())) == places
            used.append(places[1])
            first.book.tried(places[1])
            rounds.advance(59)
            assert len(logs) == 1
            rounds.advance(1)
            assert len(logs) == 2
    finally:
        await postgres.go_on()
    with capturedLogs() as logs:
        rounds.advance(60)
    (said,) = [event["log_format"] for event in logs]
    assert said == "the shared book is reached again: {name}"
    assert sorted(first.book.leased) == places
    assert count(url, "addresses", "lease_owner IS NOT NULL") == 2
    rounds.sharer.stop()
    rounds.advance(0)


def test_connections_that_end_between_rounds(member: Make, url: str) -> None:
    """They cost no round, and at the end all leases are given back."""
    first = member()
    rounds = Rounds(first)
    first.book.add(spread(9), "9.9.9.9")
    rounds.sharer.start()
    rounds.advance(0)
    assert count(url, "addresses", "lease_owner IS NOT NULL") > 0
    with capturedLogs() as logs:
        ask(url, END_ALL)
        rounds.advance(60)
        assert not first.book.is_alone
        ask(url, END_ALL)
        rounds.sharer.stop()
        rounds.advance(0)
    assert list(logs) == []
    assert count(url, "addresses", "lease_owner IS NOT NULL") == 0


def test_much_to_tell(member: Make) -> None:
    """All of it is told in one round; at the end only what there is time for, but that whole."""
    first, second = member(), member()
    rounds = Rounds(first)
    for number in range(60, 90):
        first.book.add(spread(MOST_TOLD + 500), f"{number}.1.1.1")
    rounds.sharer.start()
    rounds.clock.pump([0] * 20)
    second.round()
    assert len(second.book) == len(first.book) == MOST_TOLD + 500
    for entry in first.book:
        first.book.tried(entry.place)
    rounds.sharer.stop()
    rounds.advance(9)
    second.round()
    assert sum(entry.tries for entry in second.book) == MOST_TOLD


async def test_our_own_mistake_in_the_last_round(
    member: Make, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the stop's failure, and the server is let go of all the same."""
    first = member()
    rounds = Rounds(first)
    monkeypatch.setattr(first.book, "news", lambda keep: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        await rounds.sharer.stop()
    connected = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'peerproto' AND datname = %s"
    name = url.rpartition("/")[2]
    await until(lambda: ask(url, connected, name) == [(0,)], "the end of the connection")


def test_left_out_in_a_round(member: Make, url: str) -> None:
    """What makes no sense is told once."""
    first, second = member(), member()
    first.book.add(spread(2), "9.9.9.9")
    first.round()
    ask(url, "UPDATE peerproto_addresses SET names = '5' WHERE host = '11.0.1.1'")
    rounds = Rounds(second)
    with capturedLogs() as logs:
        rounds.sharer.start()
        rounds.advance(0)
        rounds.advance(60)
    assert [event["count"] for event in logs if "left out" in event["log_format"]] == [1]
    rounds.sharer.stop()
    rounds.advance(0)
