"""The peers that a node had when it stopped, which it calls first when it starts again.

Who waits for a restart to be all that we find must then have been there before, too (Bitcoin Core, anchors.dat). They
are written at a stop in good order only, and gone when they are read, so that nobody who makes a node crash is called
first again and again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from peerproto.node.groups import Groups
from peerproto.node.places import Place

__all__ = ["MOST", "TABLE", "add_table", "take", "write"]

MOST = 2
"""So many are kept."""

TABLE = "CREATE TABLE anchors (host TEXT, port INTEGER, PRIMARY KEY (host, port)) WITHOUT ROWID"


def add_table(db: sqlite3.Connection) -> None:
    """What a book without anchors lacks."""
    db.execute(TABLE)


def write(db: sqlite3.Connection, places: Iterable[Place]) -> None:
    """Keep the first of these, in place of what was kept. In a transaction."""
    db.execute("DELETE FROM anchors")
    db.executemany("INSERT OR REPLACE INTO anchors VALUES (?, ?)", list(places)[:MOST])


def take(db: sqlite3.Connection, groups: Groups) -> list[Place]:
    """What was kept, and is not any more. In a transaction. What makes no sense is left out."""
    rows = db.execute("SELECT host, port FROM anchors").fetchall()
    db.execute("DELETE FROM anchors")
    return [Place(host, port) for host, port in rows if _fits(host, port, groups)][:MOST]


def _fits(host: object, port: object, groups: Groups) -> bool:
    return isinstance(host, str) and isinstance(port, int) and groups.host(host) == host and 0 < port < 65536
