"""When seeds are asked: not as long as the book may do, and a few at a time, so that none of them chooses our peers.

The numbers are Bitcoin Core's (net.cpp, ThreadDNSAddressSeed). Core asks each seed once in its life; a node that has
lost all its peers asks again here, and less and less often.
"""

from __future__ import annotations

import random as chance
from collections.abc import Callable, Iterable
from typing import NamedTuple

from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.interfaces import IReactorTime

from peerproto.forms.gossip import Known
from peerproto.node.addressbook import AddressBook
from peerproto.node.backoff import Backoff
from peerproto.node.entries import DAY
from peerproto.peer.logs import Logger
from peerproto.peer.timers import Timers
from peerproto.text import printable

__all__ = ["ENOUGH", "MOST", "SeedFailed", "Seeding", "Source", "seen_lately"]

ENOUGH = 2
"""With so many ready peers that we have called no seed is needed."""

AT_ONCE, FEW_WAIT, MANY_WAIT, MANY = 3, 11.0, 300.0, 1000
"""How many seeds are asked at once; after how many seconds without enough peers, and after how many when the book has
so many addresses. All at once, without waiting, when it has none."""

FIRST_REST, LAST_REST = 120.0, 3600.0
"""Seconds at most until all are asked anew that did not help; twice as long each time."""

LOOK = 1.0
"""Seconds from one look to the next."""

MOST = 256
"""Addresses that are taken of one seed at a time."""


class SeedFailed(Exception):
    """A seed gave no answer, or none that makes sense; the text, one line, says why."""


class Source(NamedTuple):
    """A seed: its name, and what asks it for addresses. That fails with SeedFailed."""

    name: str
    ask: Callable[[], Deferred[list[Known]]]


def seen_lately(now: float, random: Callable[[], float]) -> int:
    """A time at which an address of a seed may have been seen: 3 to 7 days ago, so that what peers tell is newer."""
    return int(now - DAY * (3.0 + 4.0 * random()))


class Seeding:
    """Puts what seeds tell into a book, for as long as there are not enough peers.

    :param sources: the seeds; the name of each counts as who told. :param enough: whether there are peers enough.
    :param found: called when the book has something new. :param random: gives numbers from 0 to 1.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        sources: Iterable[Source],
        book: AddressBook,
        *,
        enough: Callable[[], bool],
        found: Callable[[], object],
        random: Callable[[], float] = chance.random,
    ) -> None:
        self.sources = list(sources)
        self._book = book
        self._enough = enough
        self._found = found
        self._random = random
        self._timers = Timers(clock)
        self._rests = Backoff(random, first=FIRST_REST, most=LAST_REST)
        self._left: list[Source] = []
        self._rest = 0.0
        self._since = 0.0
        self._asking: dict[str, Deferred[None]] = {}

    def start(self) -> None:
        """Look whether seeds are needed, and again and again."""
        if self.sources:
            self._since = self._timers.seconds()
            self._left = self._shuffled()
            self._timers.every("look", LOOK, self._look)
            self._look()

    def stop(self) -> Deferred[None]:
        """Ask nobody any more; fires when nobody is being asked."""
        self._timers.cancel_all()
        asking = list(self._asking.values())
        ended = DeferredList(asking, consumeErrors=True)
        for one in asking:
            one.cancel()
        return ended.addCallback(lambda _: None)

    def _look(self) -> None:
        now = self._timers.seconds()
        if self._enough():
            self._since = now
            self._rests.reset()
            self._rest = min(self._rest, FIRST_REST)
        elif now - self._since >= self._patience() - LOOK / 2:
            self._since = now
            self._ask_some()

    def _patience(self) -> float:
        """After how many seconds without enough peers seeds are asked."""
        if not self._left:
            return self._rest
        if not len(self._book):
            return 0.0
        return MANY_WAIT if len(self._book) >= MANY else FEW_WAIT

    def _ask_some(self) -> None:
        self._left = self._left or self._shuffled()
        count = AT_ONCE if len(self._book) else len(self._left)
        asked, self._left = self._left[:count], self._left[count:]
        if not self._left:
            self._rest = self._rests.next()
        for source in asked:
            if source.name not in self._asking:
                self._begin(source)

    def _shuffled(self) -> list[Source]:
        return sorted(self.sources, key=lambda _: self._random())

    def _begin(self, source: Source) -> None:
        asking = self._asking[source.name] = Deferred.fromCoroutine(self._ask(source))
        asking.addBoth(lambda _: self._over(source.name))

    def _over(self, name: str) -> None:
        del self._asking[name]
        is_going_on = self._timers.is_set("look")
        if is_going_on and not (self._asking or self._left or len(self._book)):
            text = (
                "no seed has told of anybody, and nobody is known: all are asked again in {rest:.0f} seconds"
            )
            self._log.warn(text, rest=self._rest)

    async def _ask(self, source: Source) -> None:
        try:
            known = await source.ask()
        except SeedFailed as error:
            self._log.info("seed {name}: {error}", name=source.name, error=printable(str(error)))
        except CancelledError:
            pass
        except Exception:
            self._log.failure("seed {name} cannot be asked", name=source.name)
        else:
            self._take(source.name, known)

    def _take(self, name: str, known: list[Known]) -> None:
        new = self._book.add(known[:MOST], name)
        self._log.info(
            "seed {name}: {count} addresses, {new} of them new", name=name, count=len(known[:MOST]), new=new
        )
        if new:
            self._found()
