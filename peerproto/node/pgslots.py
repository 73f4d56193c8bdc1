"""Where addresses stand in a book that is shared: one in each slot, and who knows of less gives way.

A node has decided in its own memory where its addresses stand, by what it knew. Here it gets the slots that are free;
what another node has changed in the meantime stays as that one left it, and the node hears of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from peerproto.node.places import Place

if TYPE_CHECKING:
    from psycopg import Connection

    Db = Connection[Any]

__all__ = ["Stand", "changed_since", "forget", "settle"]


class Stand(NamedTuple):
    """A slot: of the tried or of the new, in which bucket, and its number there."""

    tried: bool
    bucket: int
    slot: int


_CHANGED = """SELECT host, port FROM peerproto_addresses WHERE book = %(book)s AND revision > %(seen)s
    AND (host, port) IN (SELECT * FROM unnest(%(hosts)s::text[], %(ports)s::integer[]))"""
_VACATE = """DELETE FROM peerproto_slots
    WHERE book = %(book)s AND (host, port) IN (SELECT * FROM unnest(%(hosts)s::text[], %(ports)s::integer[]))
    RETURNING tried, bucket, slot, host, port"""
_VACATE_FREE = """DELETE FROM peerproto_slots s USING peerproto_addresses a
    WHERE s.book = %(book)s AND a.book = s.book AND a.host = s.host AND a.port = s.port
        AND (a.host, a.port) IN (SELECT * FROM unnest(%(hosts)s::text[], %(ports)s::integer[]))
        AND (a.lease_until IS NULL OR a.lease_until <= clock_timestamp())"""
_STAND = """INSERT INTO peerproto_slots (book, tried, bucket, slot, host, port)
    SELECT %(book)s, tried, bucket, slot, host, port FROM json_to_recordset(%(rows)s::json)
        AS new (tried boolean, bucket integer, slot integer, host text, port integer)
    ON CONFLICT DO NOTHING"""
_STANDING = """SELECT DISTINCT host, port FROM peerproto_slots
    WHERE book = %(book)s AND (host, port) IN (SELECT * FROM unnest(%(hosts)s::text[], %(ports)s::integer[]))"""
_FORGET = """DELETE FROM peerproto_addresses a
    WHERE book = %(book)s AND (host, port) IN (SELECT * FROM unnest(%(hosts)s::text[], %(ports)s::integer[]))
        AND (lease_until IS NULL OR lease_until <= clock_timestamp())
        AND NOT EXISTS (SELECT FROM peerproto_slots s
            WHERE s.book = a.book AND s.host = a.host AND s.port = a.port)"""


def changed_since(db: Db, book: int, places: Sequence[Place], seen: int) -> set[Place]:
    """Which of these somebody has changed after the revision that was seen."""
    return {Place(*row) for row in db.execute(_CHANGED, {**_values(book, places), "seen": seen}).fetchall()}


def settle(db: Db, book: int, stands: Mapping[Place, Sequence[Stand]], gone: Sequence[Place]) -> None:
    """Let addresses stand where they want to, as far as nobody else does; where none of it is free, as before.

    :param gone: those that are to make room, unless somebody has leased them.
    """
    db.execute(_VACATE_FREE, _values(book, gone))
    before = db.execute(_VACATE, _values(book, list(stands))).fetchall()
    _stand(db, book, [(*stand, *place) for place, many in stands.items() for stand in many])
    standing = {Place(*row) for row in db.execute(_STANDING, _values(book, list(stands))).fetchall()}
    _stand(db, book, [row for row in before if Place(*row[3:]) not in standing])


def _stand(db: Db, book: int, slots: Sequence[tuple[Any, ...]]) -> None:
    """Take these slots as far as they are free. :param slots: what `Stand` says, and host and port."""
    rows = [dict(zip((*Stand._fields, *Place._fields), slot, strict=True)) for slot in slots]
    db.execute(_STAND, {"book": book, "rows": json.dumps(rows)})


def forget(db: Db, book: int, places: Sequence[Place]) -> None:
    """Forget those of them that stand nowhere, but for what somebody has leased."""
    db.execute(_FORGET, _values(book, places))


def _values(book: int, places: Sequence[Place]) -> dict[str, Any]:
    return {
        "book": book,
        "hosts": [place.host for place in places],
        "ports": [place.port for place in places],
    }
