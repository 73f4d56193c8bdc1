"""The tables of a book that many nodes share in PostgreSQL, and how those of an older version become ours.

Several networks may stand in one database: each has a row among the books, and everything else names its book. All
tables begin with `peerproto_`, in whatever schema the URL leads to, so that they get along with others there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, LiteralString

from peerproto.errors import StoreError

if TYPE_CHECKING:
    from psycopg import Connection

__all__ = ["STEPS", "migrate"]

_BOOKS = (
    """CREATE TABLE peerproto_books (
        id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, network text NOT NULL, genesis text NOT NULL,
        secret bytea NOT NULL, revision bigint NOT NULL DEFAULT 0, UNIQUE (network, genesis))""",
    """CREATE TABLE peerproto_addresses (
        book integer NOT NULL REFERENCES peerproto_books, host text, port integer, source text NOT NULL,
        services bigint NOT NULL, seen float8 NOT NULL, tries bigint NOT NULL, fails bigint NOT NULL,
        counts bigint NOT NULL, last_try float8 NOT NULL, last_success float8 NOT NULL,
        not_before float8 NOT NULL, names text NOT NULL, agent text NOT NULL, height bigint, version bigint,
        latency float8, revision bigint NOT NULL, PRIMARY KEY (book, host, port))""",
    "CREATE INDEX peerproto_addresses_revision ON peerproto_addresses (book, revision)",
    """CREATE TABLE peerproto_slots (
        book integer, tried boolean, bucket integer, slot integer, host text NOT NULL, port integer NOT NULL,
        PRIMARY KEY (book, tried, bucket, slot),
        FOREIGN KEY (book, host, port) REFERENCES peerproto_addresses ON DELETE CASCADE)""",
    "CREATE INDEX peerproto_slots_place ON peerproto_slots (book, host, port)",
    """CREATE TABLE peerproto_bans (
        book integer REFERENCES peerproto_books, what text, until float8 NOT NULL, reason text NOT NULL,
        by_whom text NOT NULL, revision bigint NOT NULL, PRIMARY KEY (book, what))""",
    """CREATE TABLE peerproto_history (
        id bigint GENERATED ALWAYS AS IDENTITY, book integer NOT NULL REFERENCES peerproto_books,
        host text NOT NULL, port integer NOT NULL, inbound boolean NOT NULL, began float8 NOT NULL,
        ended float8 NOT NULL, reason text NOT NULL, text text NOT NULL, agent text NOT NULL,
        PRIMARY KEY (book, id))""",
    "CREATE INDEX peerproto_history_host ON peerproto_history (book, host, id)",
)

_LEASES = (
    "ALTER TABLE peerproto_addresses ADD lease_owner text, ADD lease_until timestamptz",
    """CREATE INDEX peerproto_addresses_lease ON peerproto_addresses (book, lease_owner)
        WHERE lease_owner IS NOT NULL""",
)

STEPS: tuple[tuple[LiteralString, ...], ...] = (_BOOKS, _LEASES)
"""What makes the tables of each version, from 1 on, of those of the version before."""

_ONE_AT_A_TIME = 0x7070626B
"""The number of the advisory lock: of two nodes that start at once one waits for the other."""

_VERSIONS = """CREATE TABLE IF NOT EXISTS peerproto_versions (
    version integer PRIMARY KEY, made timestamptz NOT NULL DEFAULT now())"""


def migrate(db: Connection[Any], steps: Sequence[Sequence[LiteralString]] = STEPS) -> None:
    """Make the tables, or bring them up to date: all the way or, if a step fails, not at all.

    Raises StoreError for tables that are newer than this program, which are left alone, and for a database that cannot
    hold every text.
    """
    with db.transaction():
        (encoding,) = db.execute("SHOW server_encoding").fetchone() or ("",)
        if encoding != "UTF8":  # else one peer's name would keep all that comes with it from being written
            raise StoreError(f"the encoding of the database is {encoding}, only UTF8 can be used")
        db.execute("SELECT pg_advisory_xact_lock(%s)", (_ONE_AT_A_TIME,))
        found = _version(db)
        if found > len(steps):
            raise StoreError(f"the book there is of version {found}, only {len(steps)} can be used")
        for version, step in enumerate(steps[found:], found + 1):
            for statement in step:
                db.execute(statement)
            db.execute("INSERT INTO peerproto_versions (version) VALUES (%s)", (version,))


def _version(db: Connection[Any]) -> int:
    """That of the tables which are there; 0 for none."""
    (exists,) = db.execute("SELECT to_regclass('peerproto_versions') IS NOT NULL").fetchone() or (False,)
    if not exists:
        db.execute(_VERSIONS)
    (version,) = db.execute("SELECT coalesce(max(version), 0) FROM peerproto_versions").fetchone() or (0,)
    return int(version)
