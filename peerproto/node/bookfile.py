"""The book of addresses on disk: one SQLite file, written by one process.

It holds the addresses and what each peer was, the bans, the last connections that have ended, and the secret by which
the book is ordered. The book is in memory; what has changed in it is gathered at once and written later, by whatever
thread, in one transaction: after a kill the file is as before it or as after it.
"""

from __future__ import annotations

import os
import sqlite3
from collections import deque
from collections.abc import Iterable
from typing import Any, NamedTuple

from peerproto.chain.rules import display
from peerproto.errors import LocalError
from peerproto.network import Network
from peerproto.node import anchors
from peerproto.node.addressbook import AddressBook
from peerproto.node.aside import open_anew
from peerproto.node.bans import Ban
from peerproto.node.bookrows import NONSENSE, buckets_of, entry_of, plain, row_of
from peerproto.node.groups import Groups
from peerproto.node.history import MOST_KEPT, PER_HOST, Ended
from peerproto.node.places import Place
from peerproto.node.storefile import Kind, StoreFile, Unfit, told
from peerproto.peer.logs import Logger

__all__ = ["BookFile", "Changes", "gather", "open_book", "take_back"]

_TABLES = (
    "CREATE TABLE secret (secret BLOB NOT NULL)",
    """CREATE TABLE addresses (
        host TEXT, port INTEGER, source TEXT NOT NULL, services INTEGER NOT NULL, seen REAL NOT NULL,
        tries INTEGER NOT NULL, fails INTEGER NOT NULL, counts INTEGER NOT NULL, last_try REAL NOT NULL,
        last_success REAL NOT NULL, not_before REAL NOT NULL, tried INTEGER NOT NULL, buckets TEXT NOT NULL,
        names TEXT NOT NULL, agent TEXT NOT NULL, height INTEGER, version INTEGER, latency REAL,
        PRIMARY KEY (host, port)) WITHOUT ROWID""",
    """CREATE TABLE bans (
        what TEXT PRIMARY KEY, until REAL NOT NULL, reason TEXT NOT NULL, by TEXT NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE history (
        id INTEGER PRIMARY KEY, host TEXT NOT NULL, port INTEGER NOT NULL, inbound INTEGER NOT NULL,
        began REAL NOT NULL, ended REAL NOT NULL, reason TEXT NOT NULL, text TEXT NOT NULL, agent TEXT NOT NULL)""",
    "CREATE INDEX history_hosts ON history (host)",
    anchors.TABLE,
)
_WRITE = f"INSERT OR REPLACE INTO addresses VALUES ({', '.join('?' * 18)})"
_FORGET = "DELETE FROM addresses WHERE host = ? AND port = ?"
_BAN = "INSERT OR REPLACE INTO bans VALUES (?, ?, ?, ?)"
_UNBAN = "DELETE FROM bans WHERE what = ?"
_END = "INSERT INTO history (host, port, inbound, began, ended, reason, text, agent) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_ENDED = (
    "SELECT host, port, inbound, began, ended, reason, text, agent FROM history WHERE host = ? ORDER BY id"
)
_TRIM = f"""DELETE FROM history WHERE host = ?1 AND id <= (
    SELECT id FROM history WHERE host = ?1 ORDER BY id DESC LIMIT 1 OFFSET {PER_HOST})"""
_TRIM_ALL = f"DELETE FROM history WHERE id <= (SELECT max(id) FROM history) - {MOST_KEPT}"

_log = Logger()


class Changes(NamedTuple):
    """What is to be written: rows of addresses, places that are forgotten, bans, those taken back, connections."""

    rows: list[tuple[Any, ...]]
    gone: list[Place]
    bans: list[Ban]
    unbanned: list[str]
    ended: list[Ended]


def gather(book: AddressBook) -> Changes:
    """What has changed since the last time; the book then counts as written."""
    bans = {ban.what: ban for ban in book.bans}
    shelves, banned, over = book.shelves.changed, book.bans.changed, list(book.ended)
    book.shelves.changed, book.bans.changed = set(), set()
    book.ended.clear()
    entries = {place: book.get(place) for place in shelves}
    return Changes(
        [row_of(entry) for entry in entries.values() if entry is not None],
        [place for place, entry in entries.items() if entry is None],
        [bans[what] for what in banned if what in bans],
        [what for what in banned if what not in bans],
        over,
    )


def take_back(book: AddressBook, changes: Changes) -> None:
    """These were not written after all: they are to be gathered again."""
    book.shelves.changed.update([Place(*row[:2]) for row in changes.rows], changes.gone)
    book.bans.changed.update([ban.what for ban in changes.bans], changes.unbanned)
    book.ended = deque([*changes.ended, *book.ended], MOST_KEPT)


class BookFile:
    """The book of one network. May be used from any thread, by one at a time.

    :param path: of the file, made if it is not there; ":memory:" for none.
    :ivar path: the same.
    :raises StoreError: from the constructor and every method; `Unfit` if the file itself is to blame.
    """

    def __init__(self, path: str | os.PathLike[str], network: Network, secret: bytes) -> None:
        self._file = StoreFile(path, _kind(network, secret))
        self.path = self._file.path
        self._file.db.text_factory = _text

    def close(self) -> None:
        """Let go of the file; a second time does nothing."""
        self._file.close()

    def load(self, book: AddressBook) -> int:
        """Fill an empty book; how many rows were left out because they make no sense or have no place here."""
        faults = [fault for (fault,) in self._rows("PRAGMA quick_check(1)") if fault != "ok"]
        secrets = self._rows("SELECT secret FROM secret")
        addresses, bans = self._rows("SELECT * FROM addresses"), self._rows("SELECT * FROM bans")
        if faults or len(secrets) != 1 or not isinstance(secrets[0][0], bytes) or len(secrets[0][0]) != 32:
            raise Unfit(f"{self.path}: damaged: {(faults or ['it has no secret'])[0]}")
        book.use_secret(secrets[0][0])
        kept = [_restore(book, row) for row in addresses] + [_restore_ban(book, row) for row in bans]
        return kept.count(False)

    def save(self, changes: Changes) -> None:
        """Write what has changed: all of it or, on error, nothing."""
        with told(self.path), self._file.db as db:
            db.execute("BEGIN IMMEDIATE")
            db.executemany(_FORGET, changes.gone)
            db.executemany(_WRITE, changes.rows)
            db.executemany(_UNBAN, [(what,) for what in changes.unbanned])
            db.executemany(_BAN, [tuple(map(plain, ban)) for ban in changes.bans])
            db.executemany(_END, [tuple(map(plain, ended)) for ended in changes.ended])
            db.executemany(_TRIM, {(plain(ended.host),) for ended in changes.ended})
            db.execute(_TRIM_ALL)

    def history(self, host: str) -> list[Ended]:
        """The last connections with a host that have ended, the newest last, as far as they are written."""
        rows = self._rows(_ENDED, host)
        return [Ended(row[0], row[1], bool(row[2]), *row[3:]) for row in rows]

    def save_anchors(self, places: Iterable[Place]) -> None:
        """Keep whom to call first the next time; see `peerproto.node.anchors`."""
        with told(self.path), self._file.db as db:
            db.execute("BEGIN IMMEDIATE")
            anchors.write(db, places)

    def take_anchors(self, groups: Groups) -> list[Place]:
        """Whom to call first; they are told once only."""
        with told(self.path), self._file.db as db:
            db.execute("BEGIN IMMEDIATE")
            return anchors.take(db, groups)

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with told(self.path):
            return self._file.db.execute(query, values).fetchall()


def open_book(path: str | os.PathLike[str], network: Network, book: AddressBook) -> BookFile:
    """Open the file and fill the book from it.

    A file that is not this network's book, or is damaged, is kept beside it as PATH.bak, and an empty one is begun.

    :raises StoreError: if it is in use, may not be read, or none can be made.
    """
    return open_anew(path, "book", lambda: _opened(path, network, book))


def _opened(path: str | os.PathLike[str], network: Network, book: AddressBook) -> BookFile:
    file = BookFile(path, network, book.shelves.keyed.secret)
    try:
        left_out = file.load(book)
    except BaseException:
        file.close()
        raise
    if left_out:
        _log.warn(
            "{path}: {left_out} rows are left out: they make no sense here", path=path, left_out=left_out
        )
    return file


def _kind(network: Network, secret: bytes) -> Kind:
    def fill(db: sqlite3.Connection) -> None:
        for table in _TABLES:
            db.execute(table)
        db.execute("INSERT INTO secret VALUES (?)", (secret,))

    return Kind(
        "book of addresses",
        0x7070626B,
        2,
        {"network": network.name, "genesis": display(network.genesis)},
        fill,
        {1: anchors.add_table},
    )


def _text(raw: bytes) -> str:
    """Text that was damaged is nonsense, and not an error that is none of SQLite's."""
    return raw.decode("utf-8", "replace")


def _restore(book: AddressBook, row: tuple[Any, ...]) -> bool:
    """Put an address into the book, if there is sense in it; the file may have been through other hands."""
    try:
        return book.restore(entry_of(row), *buckets_of(row))
    except NONSENSE:
        return False


def _restore_ban(book: AddressBook, row: tuple[Any, ...]) -> bool:
    try:
        book.bans.restore(Ban(str(row[0]), float(row[1]), str(row[2]), str(row[3])))
    except (LocalError, *NONSENSE):
        return False
    return True
