"""Keeps the book of one node in step with those of all others, by a database that they share."""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Callable, Sequence
from itertools import islice
from math import inf
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from peerproto.errors import StoreError
from peerproto.network import Network
from peerproto.node.pgbook import PgBook
from peerproto.node.places import Place
from peerproto.node.sharedbook import SharedBook
from peerproto.peer.logs import Logger
from peerproto.peer.timers import Timers

__all__ = ["LEASE", "BookSharer", "open_shared"]

T = TypeVar("T")

LEASE = 3.0
"""A lease lasts so many times as long as it is from one round to the next: two rounds may fail."""

HURRY = 5.0
"""Seconds until a book that is short of places is looked after, if it is not its turn before."""

PATIENCE, LAST_PATIENCE = 30.0, 3.0
"""Seconds that the server may take for a round; and for the last one, when the node ends."""

AT_ONCE = 200
"""Rows that are taken in in one turn of the reactor: some milliseconds."""

_log = Logger()


class BookSharer:
    """Makes one round after the other, never two at the same time: it tells what is new here, hears what is new
    elsewhere, and leases what the node may call next. The node never waits for the server.

    :param server: an open book. :param every: seconds from one round to the next.
    :param now: the wall clock, in seconds since 1970. :param more: called when there is more to call than before.
    :param in_thread: runs a function elsewhere and fires when it is done.
    :ivar where: the server, for people.
    """

    def __init__(
        self,
        clock: IReactorTime,
        server: PgBook,
        book: SharedBook,
        *,
        every: float,
        now: Callable[[], float] = time.time,
        more: Callable[[], object] = lambda: None,
        in_thread: Callable[..., Deferred[Any]] = deferToThread,
    ) -> None:
        self._clock = clock
        self.where = server.name
        self._server = server
        self._book = book
        self._every = every
        self._now = now
        self._more = more
        self._in_thread = in_thread
        self._timers = Timers(clock)
        self._one_at_a_time = DeferredLock()
        self._ending = self._hangs = False
        book.short = self._hurry

    def take_anchors(self) -> list[Place]:
        """Nobody: whom a node had when it stopped is called by those that hold the lease by now."""
        return []

    def start(self) -> None:
        """Make the first round now."""
        self._timers.every("round", self._every, self._go_round)
        self.save()

    def stop(self, anchors: Sequence[Place] = ()) -> Deferred[None]:
        """Tell what is left to tell, give up all leases and let go of the server; fires when that is done, or has
        taken too long.

        :param anchors: not kept.
        """
        self._ending = True
        self._timers.cancel("round")
        self._timers.cancel("hurry")
        if self._timers.is_set("patience"):
            self._timers.later("patience", LAST_PATIENCE, self._cut)
        return self.save().addBoth(self._let_go)

    def _let_go(self, result: T) -> T:
        self._server.close()
        return result

    def abandon(self) -> None:
        """Let go of the server, if the node has not begun."""
        self._server.close()

    def save(self) -> Deferred[None]:
        """Make a round; fires when it is done. What the server does not take is told again the next time."""
        self._timers.cancel("hurry")
        return self._one_at_a_time.run(lambda: Deferred.fromCoroutine(self._round()))

    def _go_round(self) -> None:
        """It is time for a round, unless the last one still goes on."""
        if not self._one_at_a_time.locked:
            self.save()

    async def _round(self) -> None:
        if self._ending and self._hangs:
            return
        self._hangs = False
        was_alone = self._book.is_alone
        try:
            await self._exchange_all()
            if not self._ending:
                await self._lease()
        except StoreError as error:
            self._book.is_alone = True
            _log.error("the shared book is not reached: {error}", error=error)
        else:
            if was_alone:
                _log.info("the shared book is reached again: {name}", name=self._server.name)

    async def _exchange_all(self) -> None:
        """In portions; at the end only as many as there is time for."""
        until = self._clock.seconds() + LAST_PATIENCE
        await self._exchange()
        while self._book.has_more and not (self._ending and self._clock.seconds() > until):
            await self._exchange()

    async def _exchange(self) -> None:
        news = self._book.news(keep=not self._ending)
        try:
            answer = await self._ask(self._server.exchange, news)
        except StoreError:
            self._book.take_back(news)
            raise
        left_out, rows = self._book.take_in(answer), iter(answer.rows)
        while some := list(islice(rows, AT_ONCE)):
            left_out += self._book.learn(some)
            await deferLater(self._clock, 0)
        _tell_left_out(self._server, left_out)

    async def _lease(self) -> None:
        """Whom we called while the server was away is leased, too, if nobody else was faster."""
        now = self._now()
        called = [place for place in self._book.in_use() if place not in self._book.leased]
        wanted = self._book.to_lease()
        found: list[Place] = await self._ask(self._server.take, wanted, now) if wanted else []
        if called:
            self._book.lease(await self._ask(self._server.take, called, inf))
        self._book.lease(found)
        if found and not self._ending:
            self._more()

    async def _ask(self, work: Callable[..., T], *values: Any) -> T:
        """What the server says, if it says it in time."""
        self._timers.later("patience", LAST_PATIENCE if self._ending else PATIENCE, self._cut)
        try:
            result: T = await self._in_thread(work, *values)
            return result
        finally:
            self._timers.cancel("patience")

    def _cut(self) -> None:
        """Again and again: who is cut while he connects goes on with what he has then."""
        self._hangs = True
        self._timers.later("patience", LAST_PATIENCE, self._cut)
        self._server.cut()

    def _hurry(self) -> None:
        """The book is short of places: do not wait for the next round, unless the last one was in vain."""
        is_soon = self._one_at_a_time.locked or self._timers.is_set("hurry")
        if not (is_soon or self._ending or self._book.is_alone):
            self._timers.later("hurry", min(HURRY, self._every), self.save)


def open_shared(url: str, network: Network, book: SharedBook, every: float) -> PgBook:
    """Open a book on a server, which is begun if it is not there, and fill the empty one in memory from it.

    It waits for the server, for some seconds if that does not answer.

    :param every: seconds from one round to the next.
    :raises LocalError: for a URL that is none, or without psycopg.
    :raises StoreError: if the server cannot be reached, or its tables are not such a book's.
    """
    server = PgBook(url, network, owner_name(), LEASE * every)
    try:
        server.open(book.shelves.keyed.secret)
        book.use_secret(server.secret)
        answer = server.exchange(book.news())
        _tell_left_out(server, book.take_in(answer) + book.learn(answer.rows))
    except StoreError:
        server.close()
        raise
    return server


def owner_name() -> str:
    """A name of this node that no other has, by which people find its process."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(8)}"


def _tell_left_out(server: PgBook, count: int) -> None:
    if count:
        _log.warn("{name}: {count} rows are left out: they make no sense here", name=server.name, count=count)
