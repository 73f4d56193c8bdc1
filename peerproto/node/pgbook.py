"""The book of addresses of one network on a PostgreSQL server, shared by any number of nodes.

A node gives what it has learned and gets what others have, in one exchange. Every exchange that changes something
makes a new revision of the book; rows bear the one in which they were changed last. A revision is a time in
microseconds, so that none is used again on a server that was set back to an older state. Who writes has the row of the
book locked, so revisions come one after the other, and no two addresses stand in one slot (`peerproto.node.buckets`):
the secret by which the slots are found is the book's, and the same for all nodes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from peerproto.chain.rules import display
from peerproto.errors import StoreError
from peerproto.network import Network
from peerproto.node import pgleases, pgslots
from peerproto.node.bans import Ban
from peerproto.node.bookfile import Changes
from peerproto.node.bookrows import plain
from peerproto.node.history import MOST_KEPT, PER_HOST, Ended
from peerproto.node.migrations import migrate
from peerproto.node.pgleases import Lessee
from peerproto.node.pgserver import Server
from peerproto.node.pgslots import Stand
from peerproto.node.places import Place

if TYPE_CHECKING:
    from psycopg import Connection

    Db = Connection[Any]

__all__ = ["Answer", "News", "PgBook"]

_BEGIN = """INSERT INTO peerproto_books (network, genesis, secret) VALUES (%s, %s, %s)
    ON CONFLICT (network, genesis) DO NOTHING"""
_OPEN = "SELECT id, secret FROM peerproto_books WHERE network = %s AND genesis = %s"
_LOCK = "SELECT revision, secret FROM peerproto_books WHERE id = %s FOR UPDATE"
_REVISE = """UPDATE peerproto_books
    SET revision = greatest(revision + 1, (extract(epoch FROM clock_timestamp()) * 1e6)::bigint)
    WHERE id = %s RETURNING revision"""

_ROWS = """(SELECT host, port, source, services, least(seen, clock) AS seen, tries, fails, counts,
        least(last_try, clock) AS last_try, least(last_success, clock) AS last_success,
        not_before - greatest(0, last_try - clock) AS not_before, names, agent, height, version, latency, clock
    FROM json_to_recordset(%(rows)s::json) AS told (host text, port integer, source text, services bigint, seen float8,
            tries bigint, fails bigint, counts bigint, last_try float8, last_success float8, not_before float8,
            names text, agent text, height bigint, version bigint, latency float8),
        (SELECT extract(epoch FROM clock_timestamp())::float8 AS clock) AS server) AS new"""
"""What is told, as `Entry.cut` has it by the server's clock: a node whose own is ahead has not called last for ever."""
_JUDGE = f"""UPDATE peerproto_addresses old SET fails = new.fails, counts = new.counts, last_try = new.last_try,
        last_success = new.last_success, not_before = new.not_before, names = new.names, agent = new.agent,
        height = new.height, version = new.version, latency = new.latency
    FROM {_ROWS}
    WHERE book = %(book)s AND old.host = new.host AND old.port = new.port
        AND least(old.last_try, new.clock) <= new.last_try"""
_TELL = f"""INSERT INTO peerproto_addresses AS old (book, host, port, source, services, seen, tries, fails, counts,
        last_try, last_success, not_before, names, agent, height, version, latency, revision)
    SELECT %(book)s, host, port, source, services, seen, tries, fails, counts, last_try, last_success, not_before,
        names, agent, height, version, latency, %(revision)s FROM {_ROWS}
    ON CONFLICT (book, host, port) DO UPDATE SET services = old.services | excluded.services,
        seen = greatest(old.seen, excluded.seen), tries = greatest(old.tries, excluded.tries),
        revision = excluded.revision"""
_COLUMNS = (
    *("host", "port", "source", "services", "seen", "tries", "fails", "counts", "last_try", "last_success"),
    *("not_before", "tried", "buckets", "names", "agent", "height", "version", "latency"),
)

_NEWER = """SELECT host, port, source, services, seen, tries, fails, counts, last_try, last_success, not_before,
        EXISTS (SELECT FROM peerproto_slots s
            WHERE s.book = a.book AND s.host = a.host AND s.port = a.port AND tried),
        coalesce((SELECT json_agg(bucket)::text FROM peerproto_slots s
            WHERE s.book = a.book AND s.host = a.host AND s.port = a.port AND NOT tried), '[]'),
        names, agent, height, version, latency
    FROM peerproto_addresses a WHERE book = %s AND revision > %s"""

_BAN = """INSERT INTO peerproto_bans (book, what, until, reason, by_whom, revision) VALUES (%s, %s, %s, %s, %s, %s)
    ON CONFLICT (book, what) DO UPDATE SET until = excluded.until, reason = excluded.reason,
        by_whom = excluded.by_whom, revision = excluded.revision"""
_UNBAN = (
    """UPDATE peerproto_bans SET until = 0, revision = %s WHERE book = %s AND what = %s AND revision <= %s"""
)
_OLD_BANS = """DELETE FROM peerproto_bans
    WHERE book = %s AND until < extract(epoch FROM now()) AND revision < %s - 30 * 86400 * 1000000::bigint"""
_NEW_BANS = "SELECT what, until, reason, by_whom FROM peerproto_bans WHERE book = %s AND revision > %s"

_END = """INSERT INTO peerproto_history (book, host, port, inbound, began, ended, reason, text, agent)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"""
_TRIM = """DELETE FROM peerproto_history WHERE book = %(book)s AND host = %(host)s AND id <= (
    SELECT id FROM peerproto_history WHERE book = %(book)s AND host = %(host)s
    ORDER BY id DESC OFFSET %(most)s LIMIT 1)"""
_TRIM_ALL = """DELETE FROM peerproto_history WHERE book = %(book)s AND id <= (
    SELECT id FROM peerproto_history WHERE book = %(book)s ORDER BY id DESC OFFSET %(most)s LIMIT 1)"""
_ENDED = """SELECT host, port, inbound, began, ended, reason, text, agent FROM peerproto_history
    WHERE book = %s AND host = %s ORDER BY id"""


class News(NamedTuple):
    """What a node has to say: what has changed in its book, where its changed addresses want to stand, and which of
    the places that it has leased it keeps.
    """

    changes: Changes
    stands: Mapping[Place, Sequence[Stand]]
    keeps: Sequence[Place]


class Answer(NamedTuple):
    """What it hears: rows of addresses that have changed, its own among them; those of its own for which there was no
    room; bans, those that are over too; places that it has leased still, and those that others have.
    """

    rows: list[tuple[Any, ...]]
    refused: list[Place]
    bans: list[Ban]
    leased: frozenset[Place]
    taken: frozenset[Place]


class PgBook:
    """May be used from any thread, by one at a time; `cut` from any other.

    :param url: of the database. :param owner: a name that no other node has, of who leases.
    :param lease: seconds that a lease lasts, by the server's clock.
    :ivar name: the URL as it is shown to people. :ivar secret: of the book, once it is open.
    :raises LocalError: from the constructor, for a URL that is none, or without psycopg.
    :raises StoreError: from every other method, if the server is away or its tables are not such a book's.
    """

    def __init__(self, url: str, network: Network, owner: str, lease: float) -> None:
        self._server = Server(url, migrate)
        self._marks = network.name, display(network.genesis)
        self._owner, self._lease = owner, lease
        self._seen = 0
        self._id = 0
        self.name = self._server.name
        self.secret = b""

    def open(self, secret: bytes) -> None:
        """Begin the book if it is not there; then the secret is its."""

        def work(db: Db) -> None:
            db.execute(_BEGIN, (*self._marks, secret))
            self._id, self.secret = _one(db, _OPEN, *self._marks)

        self._server.run(work)

    def cut(self) -> None:
        """End what is under way at once; it fails then."""
        self._server.cut()

    def close(self) -> None:
        """Let go of the server; a second time does nothing."""
        self._server.close()

    def exchange(self, news: News) -> Answer:
        """Tell what is new here, and hear what is new elsewhere."""
        revision, answer = self._server.run(lambda db: self._exchange(db, news))
        self._seen = revision
        return answer

    def take(self, places: Sequence[Place], now: float) -> list[Place]:
        """Lease as many of these as nobody else has, and nobody has called too lately; which they are.

        :param now: seconds since 1970; infinite if it does not matter when they were called.
        """
        return self._server.run(lambda db: pgleases.take(db, self._lessee(), places, now))

    def history(self, host: str) -> list[Ended]:
        """The last connections of all nodes with a host that have ended, the newest last."""
        rows = self._server.run(lambda db: db.execute(_ENDED, (self._id, host)).fetchall())
        return [Ended(*row) for row in rows]

    def _lessee(self) -> Lessee:
        return Lessee(self._id, self._owner, self._lease)

    def _exchange(self, db: Db, news: News) -> tuple[int, Answer]:
        revision, secret = _one(db, _LOCK, self._id, missing=(0, b""))
        if secret != self.secret:
            raise StoreError(
                "the book there is another one than before: the node must be started again for it"
            )
        seen = self._seen
        leased, left = pgleases.renew(db, self._lessee(), news.keeps)
        if any(news.changes) or left:
            (revision,) = _one(db, _REVISE, self._id)
            self._write(db, news, left, seen, revision)
        rows = db.execute(_NEWER, (self._id, seen)).fetchall()
        bans = [Ban(*row) for row in db.execute(_NEW_BANS, (self._id, seen)).fetchall()]
        refused = {Place(*row[:2]) for row in news.changes.rows} - {Place(*row[:2]) for row in rows}
        return revision, Answer(rows, sorted(refused), bans, leased, pgleases.taken(db, self._lessee()))

    def _write(self, db: Db, news: News, left: Sequence[Place], seen: int, revision: int) -> None:
        """All of it under the lock of the book."""
        changes = news.changes
        places = [Place(*row[:2]) for row in changes.rows]
        stale = pgslots.changed_since(db, self._id, [*places, *changes.gone], seen)
        rows = [dict(zip(_COLUMNS, map(_fit, row), strict=True)) for row in changes.rows]
        values = {"book": self._id, "revision": revision, "rows": json.dumps(rows)}
        db.execute(_JUDGE, values)
        db.execute(_TELL, values)
        stands = {place: news.stands[place] for place in places if place not in stale}
        pgslots.settle(db, self._id, stands, [place for place in changes.gone if place not in stale])
        pgslots.forget(db, self._id, [*places, *changes.gone, *left])
        self._write_bans(db, changes, seen, revision)
        self._write_history(db, changes.ended)

    def _write_bans(self, db: Db, changes: Changes, seen: int, revision: int) -> None:
        _many(db, _UNBAN, [(revision, self._id, what, seen) for what in changes.unbanned])
        _many(db, _BAN, [(self._id, *map(_fit, ban), revision) for ban in changes.bans])
        db.execute(_OLD_BANS, (self._id, revision))  # the others have had time to hear

    def _write_history(self, db: Db, ended: Sequence[Ended]) -> None:
        _many(db, _END, [(self._id, *map(_fit, one)) for one in ended])
        hosts = sorted({_fit(one.host) for one in ended})
        _many(db, _TRIM, [{"book": self._id, "host": host, "most": PER_HOST} for host in hosts])
        if ended:
            db.execute(_TRIM_ALL, {"book": self._id, "most": MOST_KEPT})


def _one(db: Db, query: Any, *values: Any, missing: tuple[Any, ...] = ()) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = db.execute(query, values).fetchone()
    return missing if row is None else row


def _many(db: Db, query: Any, rows: Sequence[Any]) -> None:
    with db.cursor() as cursor:
        cursor.executemany(query, rows)


def _fit(value: Any) -> Any:
    """As PostgreSQL can have it: no text of it may hold a NUL; whether is no number there."""
    if isinstance(value, str):
        return str(plain(value)).replace("\0", "\\0")
    return value if isinstance(value, bool) else plain(value)
