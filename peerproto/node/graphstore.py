"""A graph of blocks on disk: one SQLite file, written by one process.

The file holds every block that was found good, with its rank and its parents, as it is on the wire (with witnesses,
where there are any); of the first block there is only its hash. Nothing of it is kept in memory but the selected tip; a
hash is found by its first eight bytes. Each block is one transaction: after a kill the file has it or has it not (after
a power cut perhaps some of the last ones are not there).
"""

from __future__ import annotations

import os
import sqlite3
import struct
from collections.abc import Iterable
from typing import Any

from peerproto.chain.graph import Vertex, order_of, selected_of
from peerproto.chain.rules import display
from peerproto.errors import MalformedMessage, StoreError
from peerproto.network import Network
from peerproto.node.storefile import Kind, StoreFile, told
from peerproto.wire.message import Message

__all__ = ["GraphStore"]

_TABLES = (
    """CREATE TABLE blocks (
        row INTEGER PRIMARY KEY, key INTEGER NOT NULL, hash BLOB NOT NULL, rank INTEGER NOT NULL,
        parents BLOB NOT NULL, raw BLOB)""",
    "CREATE INDEX keys ON blocks (key)",
    "CREATE INDEX ranks ON blocks (rank)",
)
_INSERT = "INSERT INTO blocks (row, key, hash, rank, parents, raw) VALUES (?, ?, ?, ?, ?, ?)"
_SELECT = "SELECT row, hash, rank, parents FROM blocks "
_TIPS = f"{_SELECT} WHERE rank = (SELECT max(rank) FROM blocks)"
_FIND = f"{_SELECT} WHERE key = ?"
_VERTEX = f"{_SELECT} WHERE row = ?"
_ABOVE = f"{_SELECT} WHERE rank > ? ORDER BY rank, row LIMIT ?"
_SINCE = f"{_SELECT} WHERE row >= ? ORDER BY row DESC LIMIT ?"


class GraphStore:
    """The blocks of one network in one file; begun with the first block if there is no file.

    It is a `peerproto.chain.graph.Graph`. May be used from any thread, by one at a time. Every method may raise
    `StoreError`.

    :param path: of the file; ":memory:" for none.
    :ivar path: the same. :ivar genesis: the hash of the first block, in wire order.
    :ivar selected: the tip that ranks highest.
    :raises LocalError: from the constructor, for a network without a graph; StoreError if there is a file that is not
        this network's block store, is damaged or is open elsewhere: it is left as it was.
    """

    def __init__(self, path: str | os.PathLike[str], network: Network) -> None:
        self._bringing = network.graph.bringing
        self._codec = network.codec(witness=True)
        self.genesis = network.genesis
        self._file = StoreFile(path, _kind(network))
        self.path = self._file.path
        try:
            self._rows: int = self._query("SELECT max(row) + 1 FROM blocks")[0][0]
            self.selected = selected_of(map(_vertex, self._query(_TIPS)))
        except (LookupError, ValueError):
            self.close()
            raise StoreError(f"{self.path}: damaged: it has no first block") from None
        except StoreError:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the file; a second time does nothing."""
        self._file.close()

    def __len__(self) -> int:
        """How many blocks there are, the first one among them."""
        return self._rows

    def __contains__(self, block_hash: object) -> bool:
        """Whether a block is here."""
        return isinstance(block_hash, bytes) and self.find(block_hash) is not None

    @property
    def height(self) -> int:
        """The rank of the selected tip."""
        return self.selected.rank

    @property
    def tip(self) -> bytes:
        """The hash of the selected tip, in wire order."""
        return self.selected.block_hash

    def find(self, block_hash: bytes) -> Vertex | None:
        """A block's place, if it is here."""
        found = map(_vertex, self._query(_FIND, _key(block_hash)))
        return next((vertex for vertex in found if vertex.block_hash == block_hash), None)

    def vertex(self, row: int) -> Vertex:
        """The block of a number."""
        found = self._query(_VERTEX, row)
        if not found:
            raise StoreError(f"{self.path}: damaged: it has no block {row}")
        return _vertex(found[0])

    def above(self, rank: int, most: int) -> list[Vertex]:
        """The blocks of higher ranks, lowest first, at most so many."""
        return list(map(_vertex, self._query(_ABOVE, rank, most)))

    def since(self, row: int, most: int) -> list[Vertex]:
        """The blocks from a number on, in the order in which they were added; of more than `most` the newest."""
        return list(map(_vertex, self._query(_SINCE, row, most)))[::-1]

    def block(self, vertex: Vertex) -> Message | None:
        """The message that brings a block; None for the first one."""
        ((raw,),) = self._query("SELECT raw FROM blocks WHERE row = ?", vertex.row)
        if raw is None:
            return None
        try:
            message: Message = self._bringing.read(raw, self._codec)
        except MalformedMessage as error:
            raise StoreError(f"{self.path}: damaged: block {display(vertex.block_hash)} {error}") from None
        return message

    def add(self, block_hash: bytes, block: Message, rank: int, parents: Iterable[Vertex]) -> Vertex:
        """Add a block that is not here."""
        raw = block.load().write(self._codec)
        rows = [parent.row for parent in sorted(parents, key=order_of, reverse=True)]
        vertex = Vertex(self._rows, block_hash, rank, tuple(rows))
        packed = struct.pack(f"<{len(rows)}q", *rows)
        with told(self.path):
            self._file.db.execute(_INSERT, (vertex.row, _key(block_hash), block_hash, rank, packed, raw))
        self._rows += 1
        self.selected = selected_of((self.selected, vertex))
        return vertex

    def _query(self, query: str, *values: int) -> list[tuple[Any, ...]]:
        with told(self.path):
            return self._file.db.execute(query, values).fetchall()


def _vertex(values: tuple[Any, ...]) -> Vertex:
    row, block_hash, rank, parents = values
    return Vertex(row, block_hash, rank, struct.unpack(f"<{len(parents) // 8}q", parents))


def _key(block_hash: bytes) -> int:
    return int.from_bytes(block_hash[:8], "little", signed=True)


def _kind(network: Network) -> Kind:
    def fill(db: sqlite3.Connection) -> None:
        for table in _TABLES:
            db.execute(table)
        db.execute(_INSERT, (0, _key(network.genesis), network.genesis, 0, b"", None))

    marks = {"network": network.name, "genesis": display(network.genesis)}
    return Kind("block store", 0x70706773, 1, marks, fill)
