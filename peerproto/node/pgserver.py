"""A connection to a PostgreSQL server: made when it is needed, made again when it was lost, cut when it hangs.

The package psycopg is imported only when there is something to connect to.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from peerproto.errors import LocalError, StoreError
from peerproto.text import printable

if TYPE_CHECKING:
    from psycopg import Connection

__all__ = ["Server", "is_url", "shown"]

T = TypeVar("T")

_SCHEMES = ("postgresql", "postgres")

CONNECT = 3
"""Seconds that a connection may take for each address of the server."""

_MOST_SHOWN = 300
"""Characters of what a server says of an error."""

_LIMITS = (
    "SET statement_timeout = '20s'",
    "SET lock_timeout = '10s'",
    "SET idle_in_transaction_session_timeout = '15s'",  # who is stopped in the middle must not hold all others up
)


def is_url(book: str) -> bool:
    """Whether a book is on a server, and not a file. Raises LocalError for a URL of any other kind."""
    scheme, is_there, _ = book.partition("://")
    if is_there and scheme not in _SCHEMES:
        raise LocalError(f"{scheme}:// is no book: a file or postgresql://USER@HOST/DATABASE is allowed")
    return bool(is_there)


def shown(url: str) -> str:
    """A URL for people, without what only the server may know. Raises LocalError for one that is none."""
    try:
        parts = urlsplit(url)
    except ValueError:  # its words would have the password in them
        raise LocalError("the URL of the book is none: postgresql://USER@HOST/DATABASE is allowed") from None
    login, at, host = parts.netloc.rpartition("@")
    if (
        "@" in login + parts.path + parts.query + parts.fragment
    ):  # what stands before one may be of a password
        text = "@ / ? # in a name or password are written as %40 %2F %3F %23"
        raise LocalError(f"the URL of the book: {text}")
    return printable(f"{parts.scheme}://{login.partition(':')[0]}{at}{host}{parts.path}")


class Server:
    """May be used from any thread, by one at a time; `cut` from any other at any time.

    :param url: `postgresql://USER:PASSWORD@HOST:PORT/DATABASE` and whatever else libpq understands.
    :param prepare: called with each new connection before it is used.
    :ivar name: the URL as it is shown to people.
    :raises LocalError: from the constructor, for a URL that is none or if psycopg is not installed.
    """

    def __init__(self, url: str, prepare: Callable[[Connection[Any]], object]) -> None:
        self.name = shown(url)
        self._url = url
        self._prepare = prepare
        self._db: Connection[Any] | None = None
        self._is_cut = False
        try:
            import psycopg
        except ImportError:
            text = "needs the package psycopg: pip install 'peerproto[postgres]'"
            raise LocalError(f"{self.name}: {text}") from None
        self._errors = psycopg.Error
        try:
            psycopg.conninfo.conninfo_to_dict(url)
        except psycopg.Error:
            raise LocalError(f"{self.name}: is no URL that PostgreSQL understands") from None

    def run(self, work: Callable[[Connection[Any]], T]) -> T:
        """What `work` gives, done in one transaction: all of it or, on error, nothing.

        :raises StoreError: one line that begins with the URL, if the server cannot be reached or does not do it.
        """
        self._is_cut = False
        with self._told():
            self._probe()
            db = self._connected()
            with db.transaction():
                return work(db)

    def cut(self) -> None:
        """End the connection at once, whatever is being waited for: who waits has an error then."""
        self._is_cut, db = True, self._db
        with suppress(OSError, self._errors):
            if db is not None:
                with socket.socket(fileno=os.dup(db.fileno())) as wire:
                    wire.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the server; a second time does nothing. What is run afterwards connects again."""
        db, self._db = self._db, None
        if db is not None:
            db.close()

    def _probe(self) -> None:
        """Let go of a connection that was lost while nobody used it: nothing that matters has been sent by it yet.

        One that is cut meanwhile is an error: who cuts has no time for another.
        """
        try:
            if self._db is not None:
                self._db.execute("SELECT")
        except self._errors:
            if self._is_cut:
                raise
            self.close()

    def _connected(self) -> Connection[Any]:
        import psycopg

        if self._db is None:
            self._db = psycopg.connect(
                self._url,
                autocommit=True,
                application_name="peerproto",
                client_encoding="UTF8",
                connect_timeout=CONNECT,
            )
            for statement in _LIMITS:
                self._db.execute(statement)
            self._prepare(self._db)
        return self._db

    @contextmanager
    def _told(self) -> Iterator[None]:
        """The server's errors become `StoreError`; after any of them the next one begins with a new connection."""
        try:
            yield
        except self._errors as error:
            self.close()
            raise StoreError(f"{self.name}: {_one_line(error)}") from None
        except StoreError as error:
            self.close()
            raise StoreError(f"{self.name}: {error}") from None


def _one_line(error: Exception) -> str:
    """What is said of an error, by libpq or the server."""
    text = " ".join(str(error).split()) or type(error).__name__
    return printable(text)[:_MOST_SHOWN]
