"""Leases of addresses: who has one may call the place, and nobody else does for as long as it lasts.

A lease lasts until a time by the server's clock, so the clocks of the nodes do not matter. One that is not renewed
runs out: what a dead node had is free again then. Nobody waits for a lease: who is faster has it (SKIP LOCKED).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from peerproto.node.entries import DAY
from peerproto.node.places import Place

if TYPE_CHECKING:
    from psycopg import Connection

    Db = Connection[Any]

__all__ = ["Lessee", "renew", "take", "taken"]

_TAKE = f"""WITH free AS MATERIALIZED (
        SELECT host, port FROM peerproto_addresses
        WHERE book = %(book)s AND (not_before <= %(now)s OR not_before > %(now)s + {DAY})
            AND (host, port) IN (SELECT * FROM unnest(%(hosts)s::text[], %(ports)s::integer[]))
            AND (lease_owner IS NULL OR lease_owner = %(owner)s OR lease_until <= clock_timestamp())
        FOR UPDATE SKIP LOCKED)
    UPDATE peerproto_addresses a
    SET lease_owner = %(owner)s, lease_until = clock_timestamp() + make_interval(secs => %(seconds)s)
    FROM free WHERE a.book = %(book)s AND a.host = free.host AND a.port = free.port RETURNING a.host, a.port"""
_RENEW = """UPDATE peerproto_addresses
    SET lease_until = clock_timestamp() + make_interval(secs => %(seconds)s)
    WHERE book = %(book)s AND lease_owner = %(owner)s
        AND (host, port) IN (SELECT * FROM unnest(%(hosts)s::text[], %(ports)s::integer[]))
    RETURNING host, port"""
_LEAVE = """UPDATE peerproto_addresses SET lease_owner = NULL, lease_until = NULL
    WHERE book = %(book)s AND lease_owner = %(owner)s
        AND (host, port) NOT IN (SELECT * FROM unnest(%(hosts)s::text[], %(ports)s::integer[]))
    RETURNING host, port"""
_TAKEN = """SELECT host, port FROM peerproto_addresses
    WHERE book = %s AND lease_owner <> %s AND lease_until > clock_timestamp()"""


class Lessee(NamedTuple):
    """Who leases: of which book, by which name, for how many seconds."""

    book: int
    owner: str
    seconds: float

    def values(self, places: Sequence[Place], **more: Any) -> dict[str, Any]:
        """The values of a statement about some places."""
        hosts, ports = [place.host for place in places], [place.port for place in places]
        return {**self._asdict(), "hosts": hosts, "ports": ports, **more}


def take(db: Db, who: Lessee, places: Sequence[Place], now: float) -> list[Place]:
    """Lease those that are free and may be called now, as `Entry.may_be_called` has it; which they are."""
    rows = db.execute(_TAKE, who.values(places, now=now)).fetchall() if places else []
    return [Place(*row) for row in rows]


def renew(db: Db, who: Lessee, places: Sequence[Place]) -> tuple[frozenset[Place], list[Place]]:
    """Go on with the leases of these, as far as nobody else has them by now, and give up all others.

    :return: those that go on, and those that were given up.
    """
    values = who.values(places)
    kept = db.execute(_RENEW, values).fetchall()
    left = db.execute(_LEAVE, values).fetchall()
    return frozenset(Place(*row) for row in kept), [Place(*row) for row in left]


def taken(db: Db, who: Lessee) -> frozenset[Place]:
    """What others have leased."""
    return frozenset(Place(*row) for row in db.execute(_TAKEN, (who.book, who.owner)).fetchall())
