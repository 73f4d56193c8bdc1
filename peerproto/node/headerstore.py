"""Headers on disk: one SQLite file, written by one process.

The file holds every header that was ever found valid, each with its height and the work of its whole chain,
and a list of which header stands at which height of the main chain. Nothing of it is kept in memory but the
tip; a hash is found by its first eight bytes, so that the index stays small. Hashes come in no order, and
each batch of them would rewrite a good part of a large index: so new ones go into a small one, which is
merged into the large one now and then (measured at a million headers: two to three times the rate).

Each `HeaderStore.append` is one transaction: after a kill the file is as before it or as after it (after a
power cut perhaps as some transactions earlier).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from typing import Any, NamedTuple

from peerproto.chain.rules import ChainRules, display
from peerproto.errors import StoreError
from peerproto.node.storefile import Kind, StoreFile, told

__all__ = ["HeaderStore", "StoredHeader"]

_TABLES = (
    """CREATE TABLE headers (
        row INTEGER PRIMARY KEY, parent INTEGER NOT NULL, height INTEGER NOT NULL,
        work BLOB NOT NULL, raw BLOB NOT NULL)""",
    "CREATE TABLE keys (key INTEGER, row INTEGER, PRIMARY KEY (key, row)) WITHOUT ROWID",
    "CREATE TABLE new_keys (key INTEGER, row INTEGER, PRIMARY KEY (key, row)) WITHOUT ROWID",
    "CREATE TABLE main (height INTEGER PRIMARY KEY, row INTEGER NOT NULL)",
)
_INSERT = "INSERT INTO headers (row, parent, height, work, raw) VALUES (?, ?, ?, ?, ?)"
_INSERT_KEY = "INSERT INTO new_keys (key, row) VALUES (?, ?)"
_INSERT_MAIN = "INSERT INTO main (height, row) VALUES (?, ?)"
_SELECT = "SELECT h.row, h.parent, h.height, h.work, h.raw FROM headers h "
_TIP = f"{_SELECT} JOIN main m USING (row) ORDER BY m.height DESC LIMIT 1"
_MAIN = "SELECT h.raw FROM main m JOIN headers h USING (row) WHERE m.height >= ? ORDER BY m.height LIMIT ?"
_FIND = f"""{_SELECT} WHERE row IN (
    SELECT row FROM new_keys WHERE key = ?1 UNION ALL SELECT row FROM keys WHERE key = ?1)"""
_MERGE = "INSERT INTO keys SELECT key, row FROM new_keys ORDER BY key"
_MERGE_EVERY = 32768

_BRANCH = """WITH RECURSIVE up(row, parent, height) AS (
    SELECT row, parent, height FROM headers WHERE row = ?
    UNION ALL
    SELECT h.row, h.parent, h.height FROM up JOIN headers h ON h.row = up.parent
    WHERE up.row IS NOT (SELECT row FROM main WHERE main.height = up.height)
) """
"""From the end of a branch back to the header of the main chain that it grows from, this included."""

_LINEAGE = """WITH RECURSIVE up(row, parent, raw) AS (
    SELECT row, parent, raw FROM headers WHERE row = ?
    UNION ALL
    SELECT h.row, h.parent, h.raw FROM up JOIN headers h ON h.row = up.parent
    LIMIT ?
) SELECT raw FROM up ORDER BY row"""


class StoredHeader(NamedTuple):
    """A header and its place.

    `row` is its number in the file, `parent` that of the header before it (-1: none), `work` what its chain up to
    itself weighs (the sum of its work), `block_hash` in wire order, `raw` the serialized header.
    """

    row: int
    parent: int
    height: int
    work: int
    block_hash: bytes
    raw: bytes


class HeaderStore:
    """The headers of one network in one file; begun with the genesis header if there is no file.

    May be used from any thread, by one at a time. Every method may raise `StoreError`.

    :param path: of the file; ":memory:" for none.
    :ivar path: the same.
    :ivar tip: the last header of the main chain.
    :ivar rows: how many headers there are on all branches, which is the next one's number.
    :raises StoreError: from the constructor, if there is a file that is not this network's header store, is
        damaged or is open elsewhere; it is left as it was.
    """

    def __init__(self, path: str | os.PathLike[str], rules: ChainRules) -> None:
        self._block_hash = rules.block_hash
        self._file = StoreFile(path, _kind(rules))
        self.path = self._file.path
        try:
            self.rows: int = self._query("SELECT max(row) + 1 FROM headers")[0][0]
            self.tip = self._header(self._query(_TIP)[0])
        except LookupError:
            self.close()
            raise StoreError(f"{self.path}: damaged: it has no main chain") from None
        except StoreError:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the file; a second time does nothing."""
        self._file.close()

    def find(self, block_hash: bytes) -> StoredHeader | None:
        """The header with this hash (wire order), on whatever branch."""
        for values in self._query(_FIND, _key(block_hash)):
            found = self._header(values)
            if found.block_hash == block_hash:
                return found
        return None

    def is_main(self, header: StoredHeader) -> bool:
        """Whether it is on the main chain."""
        return self._query("SELECT row FROM main WHERE height = ?", header.height) == [(header.row,)]

    def main(self, height: int, most: int = 1) -> list[bytes]:
        """Serialized headers of the main chain from a height on, at most so many."""
        return [raw for (raw,) in self._query(_MAIN, height, most)]

    def lineage(self, header: StoredHeader, most: int) -> list[bytes]:
        """Serialized headers that end with this one, oldest first, at most so many, whatever their branch."""
        return [raw for (raw,) in self._query(_LINEAGE, header.row, most)]

    def append(self, headers: Sequence[StoredHeader], *, main: bool) -> int:
        """Store headers, each the next one's parent, numbered from `rows` on; all of them or, on error, none.

        :param main: whether the last one becomes the tip.
        :return: how many headers left the main chain.
        """
        rows = self.rows + len(headers)
        with told(self.path), self._file.db as db:
            db.execute("BEGIN IMMEDIATE")
            db.executemany(_INSERT, [(h.row, h.parent, h.height, _packed(h.work), h.raw) for h in headers])
            db.executemany(_INSERT_KEY, [(_key(h.block_hash), h.row) for h in headers])
            if rows // _MERGE_EVERY > self.rows // _MERGE_EVERY:
                db.execute(_MERGE)
                db.execute("DELETE FROM new_keys")
            left = self._go_main(db, headers) if main else 0
        self.rows = rows
        self.tip = headers[-1] if main else self.tip
        return left

    def _go_main(self, db: sqlite3.Connection, headers: Sequence[StoredHeader]) -> int:
        last = headers[-1]
        if headers[0].parent == self.tip.row:
            db.executemany(_INSERT_MAIN, [(h.height, h.row) for h in headers])
            return 0
        fork: int = db.execute(f"{_BRANCH} SELECT min(height) FROM up", (last.row,)).fetchone()[0]
        db.execute(f"{_BRANCH} INSERT OR REPLACE INTO main SELECT height, row FROM up", (last.row,))
        db.execute("DELETE FROM main WHERE height > ?", (last.height,))
        return self.tip.height - fork

    def _query(self, query: str, *values: int) -> list[tuple[Any, ...]]:
        with told(self.path):
            return self._file.db.execute(query, values).fetchall()

    def _header(self, values: tuple[Any, ...]) -> StoredHeader:
        row, parent, height, work, raw = values
        return StoredHeader(row, parent, height, int.from_bytes(work, "big"), self._block_hash(raw), raw)


def _key(block_hash: bytes) -> int:
    return int.from_bytes(block_hash[:8], "little", signed=True)


def _packed(work: int) -> bytes:
    return work.to_bytes((work.bit_length() + 7) // 8, "big")


def _kind(rules: ChainRules) -> Kind:
    work = rules.weigh(rules.read(rules.genesis))

    def fill(db: sqlite3.Connection) -> None:
        for table in _TABLES:
            db.execute(table)
        db.execute(_INSERT, (0, -1, 0, _packed(work), rules.genesis))
        db.execute(_INSERT_KEY, (_key(rules.genesis_hash), 0))
        db.execute(_INSERT_MAIN, (0, 0))

    marks = {"network": rules.name, "genesis": display(rules.genesis_hash)}
    return Kind("header store", 0x70706873, 1, marks, fill)
