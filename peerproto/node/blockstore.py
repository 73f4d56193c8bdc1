"""The newest blocks of a chain: what a store of them must do, and the one that is used if no other is given.

`BlockStore` is one SQLite file, written by one process. It holds at most so many blocks, one of each height, as they
are on the wire, with their witnesses where there are any. Each block is one transaction: after a kill the file has it
or has it not. What it lacks can be had again, so a file that is damaged is set aside, and an empty one begun.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure
from zope.interface import Attribute, Interface, implementer

from peerproto.chain.rules import display
from peerproto.errors import LocalError, StoreError
from peerproto.network import Network
from peerproto.node.aside import open_anew
from peerproto.node.storefile import Kind, StoreFile, told
from peerproto.peer.logs import Logger

__all__ = ["BlockPlace", "BlockStore", "IBlockStore", "ask_store", "open_block_store"]

_log = Logger()


class IBlockStore(Interface):
    """Keeps blocks by their hashes (32 bytes in wire order). Each method may return its result or a Deferred of it.

    Whatever one raises, or fails with, stops the node.
    """

    most = Attribute("How many of the newest blocks it keeps, at least 1.")

    def has(block_hash: bytes) -> bool:
        """Whether a block is here."""

    def get(block_hash: bytes) -> bytes | None:
        """The payload of the message that brings a block, with witnesses; None if it is not here."""

    def keep(block_hash: bytes, height: int, payload: bytes, best: int) -> None:
        """Keep the block that stands at a height of the main chain now, and forget all but the newest up to `best`.

        Another block of that height is of a branch that was left.
        """


_TABLES = (
    "CREATE TABLE blocks (height INTEGER PRIMARY KEY, hash BLOB NOT NULL, raw BLOB NOT NULL)",
    "CREATE INDEX hashes ON blocks (hash)",
)
_KEEP = "INSERT OR REPLACE INTO blocks (height, hash, raw) VALUES (?, ?, ?)"
_FORGET = "DELETE FROM blocks WHERE height <= ?1 - ?2 OR height > ?1"
_BEST = "SELECT max(height) FROM blocks"
_HAS = "SELECT 1 FROM blocks WHERE hash = ?"
_GET = "SELECT raw FROM blocks WHERE hash = ?"


@implementer(IBlockStore)
class BlockStore:
    """The newest blocks of one network in one file, made if it is not there.

    May be used from any thread, by one at a time. Every method may raise `StoreError`.

    :param path: of the file; ":memory:" for none. :param most: how many blocks it keeps.
    :ivar path: the same.
    :raises StoreError: from the constructor, if there is a file that is not this network's, is damaged (both
        `Unfit`) or is open elsewhere; it is left as it was.
    """

    def __init__(self, path: str | os.PathLike[str], network: Network, most: int) -> None:
        self.most = most
        self._file = StoreFile(path, _kind(network))
        self.path = self._file.path
        try:
            self._make_room()
        except StoreError:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the file; a second time does nothing."""
        self._file.close()

    def __len__(self) -> int:
        """How many blocks there are."""
        count: int = self._query("SELECT count(*) FROM blocks")[0][0]
        return count

    def has(self, block_hash: bytes) -> bool:
        """See IBlockStore."""
        return bool(self._query(_HAS, block_hash))

    def get(self, block_hash: bytes) -> bytes | None:
        """See IBlockStore."""
        found = self._query(_GET, block_hash)
        raw: bytes | None = found[0][0] if found else None
        return raw

    def keep(self, block_hash: bytes, height: int, payload: bytes, best: int) -> None:
        """See IBlockStore."""
        with told(self.path), self._file.db as db:
            db.execute("BEGIN IMMEDIATE")
            db.execute(_KEEP, (height, block_hash, payload))
            db.execute(_FORGET, (best, self.most))

    def _make_room(self) -> None:
        """Fewer blocks may be kept than the last time: then the file becomes smaller, too."""
        with told(self.path):
            db = self._file.db
            (best,) = db.execute(_BEST).fetchone()
            forgotten = db.execute(_FORGET, (best, self.most)).rowcount
            if forgotten:
                db.execute("VACUUM")

    def _query(self, query: str, *values: bytes) -> list[tuple[Any, ...]]:
        with told(self.path):
            return self._file.db.execute(query, values).fetchall()


def open_block_store(path: str | os.PathLike[str], network: Network, most: int) -> BlockStore:
    """Open the file; one that is damaged or another network's is kept beside it as PATH.bak, and an empty one is begun.

    :raises StoreError: if it is in use, may not be read, or none can be made.
    """
    return open_anew(path, "store of blocks", lambda: BlockStore(path, network, most))


class BlockPlace:
    """Where a node keeps its newest blocks: nowhere, in a file beside its store, or in a store of its user's.

    :param beside: the path of its store. :param most: how many; 0 for none. :param store: an `IBlockStore`, or None.
    :ivar path: of the file; empty if there is none. :ivar most: the same.

    Raises LocalError where no chain of headers is followed, or for a number below 0.
    """

    def __init__(self, network: Network, beside: str, most: int, store: Any = None) -> None:
        if most < 0:
            raise LocalError(f"{most} blocks cannot be kept: 0 or more are allowed")
        if most or store is not None:
            _ = network.block_trade
        self.most = most
        self.path = "" if not most or store is not None else beside_of(beside)
        self._network = network
        self._given = store
        self._file: BlockStore | None = None

    def open(self) -> Any:
        """The store, or None. Raises StoreError."""
        if self.path:
            self._file = open_block_store(self.path, self._network, self.most)
        return self._given if self._file is None else self._file

    def close(self) -> None:
        """Let go of the file, if there is one."""
        if self._file is not None:
            self._file.close()
        self._file = None


def beside_of(path: str) -> str:
    """The file of blocks that belongs to a store."""
    return path if path == ":memory:" else f"{path}.blocks"


def ask_store(call: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
    """Ask an `IBlockStore`; whatever it fails with is a StoreError, and logged if it was none."""
    return maybeDeferred(call, *arguments).addErrback(_as_store_error)


def _as_store_error(failure: Failure) -> Failure:
    if failure.check(StoreError):
        return failure
    _log.failure("the store of blocks failed", failure)
    return Failure(StoreError(f"the store of blocks failed: {failure.getErrorMessage()}"))


def _kind(network: Network) -> Kind:
    def fill(db: sqlite3.Connection) -> None:
        for table in _TABLES:
            db.execute(table)

    marks = {"network": network.name, "genesis": display(network.genesis)}
    return Kind("store of blocks", 0x70706B62, 1, marks, fill)
