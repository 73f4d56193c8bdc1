"""Tables of a real PostgreSQL server that are older or newer than the program."""

from __future__ import annotations

from random import randbytes
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.threads import deferToThread

from peerproto.errors import StoreError
from peerproto.node import migrations
from peerproto.node.migrations import STEPS, migrate
from peerproto.node.pgserver import Server
from tests.book_case import spread

from .members import Make, Member, count
from .postgres import Postgres, ask
from .waiting import SECONDS, within

if TYPE_CHECKING:
    from psycopg import Connection


def version_of(url: str) -> list[Any]:
    """The versions that the tables have been through."""
    return [version for (version,) in ask(url, "SELECT version FROM peerproto_versions ORDER BY version")]


def test_older_tables_become_new_ones(member: Make, url: str) -> None:
    """A database of the first version is brought up to date with all that is in it, by the first node that comes."""

    def old(db: Connection[Any]) -> None:
        migrate(db, STEPS[:1])
        db.execute("INSERT INTO peerproto_books (network, genesis, secret) VALUES ('x', 'y', 'z')")

    server = Server(url, old)
    server.run(lambda db: None)
    server.close()
    assert version_of(url) == [1]
    first, second = member(), member()
    assert version_of(url) == [1, 2]
    assert count(url, "books") == 2
    first.book.add(spread(2), "9.9.9.9")
    first.round()
    second.round()
    assert len(first.lease()) > 0


async def test_two_that_start_at_once(url: str) -> None:
    """Only one of them makes the tables."""
    starting = [deferToThread(Member, url, secret=randbytes(32)) for _ in range(4)]
    members = [await within(each, SECONDS, "a node's start") for each in starting]
    assert len({each.server.secret for each in members}) == 1
    assert version_of(url) == list(range(1, len(STEPS) + 1))
    for each in members:
        each.server.close()


def test_newer_tables_are_left_alone(member: Make, url: str) -> None:
    """Tables of a version that is not made yet are refused in one line, and stay as they are."""
    member().server.close()
    ask(url, "INSERT INTO peerproto_versions (version) VALUES (99)")
    with pytest.raises(StoreError) as caught:
        member()
    said = f"the book there is of version 99, only {len(STEPS)} can be used"
    assert str(caught.value).endswith(said)
    assert str(caught.value).startswith("postgresql://peerproto@127.0.0.1:")
    assert version_of(url)[-1] == 99


def test_a_step_that_fails_changes_nothing(url: str) -> None:
    """All steps are one transaction."""
    server = Server(
        url, lambda db: migrate(db, [*STEPS, ("CREATE TABLE peerproto_x (id integer)", "nonsense")])
    )
    with pytest.raises(StoreError, match="syntax error at or near"):
        server.run(lambda db: None)
    ((tables,),) = ask(url, "SELECT count(*) FROM pg_tables WHERE tablename LIKE 'peerproto%%'")
    assert tables == 0
    assert migrations.STEPS is STEPS


def test_a_database_that_cannot_hold_every_text(member: Make, url: str, postgres: Postgres) -> None:
    """It is refused at the start: later a peer with an odd name would be enough to stop all writing."""
    ask(url, "CREATE DATABASE narrow ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    with pytest.raises(StoreError, match="the encoding of the database is LATIN1, only UTF8 can be used"):
        member(url=postgres.url("narrow"))
