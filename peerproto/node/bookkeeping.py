"""Writes the book of addresses down: now and then, and at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IReactorTime
from twisted.internet.threads import deferToThread

from peerproto.errors import StoreError
from peerproto.node.addressbook import AddressBook
from peerproto.node.bookfile import BookFile, gather, take_back
from peerproto.node.places import Place
from peerproto.peer.logs import Logger
from peerproto.peer.timers import Timers

__all__ = ["EVERY", "BookKeeper"]

T = TypeVar("T")

EVERY = 60.0
"""Seconds between two times; what a kill loses is not older."""


class BookKeeper:
    """Saves one book to one file, never twice at the same time; closes the file at the end.

    :param file: from `peerproto.node.bookfile.open_book`.
    :param in_thread: runs a function elsewhere and fires when it is done; the reactor does not wait for the disk.
    :ivar where: the file, for people.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        file: BookFile,
        book: AddressBook,
        *,
        every: float = EVERY,
        in_thread: Callable[..., Deferred[Any]] = deferToThread,
    ) -> None:
        self.where = file.path
        self._file = file
        self._book = book
        self._every = every
        self._in_thread = in_thread
        self._timers = Timers(clock)
        self._one_at_a_time = DeferredLock()

    def take_anchors(self) -> list[Place]:
        """Whom to call first. What cannot be taken away is not used: it would be there again after a crash."""
        try:
            return self._file.take_anchors(self._book.groups)
        except StoreError as error:
            self._log.error("whom to call first is not known: {error}", error=error)
            return []

    def start(self) -> None:
        """Save now and then."""
        self._timers.every("save", self._every, self.save)

    def stop(self, anchors: Sequence[Place] = ()) -> Deferred[None]:
        """Save for the last time and close the file; fires when that is done.

        :param anchors: whom to call first the next time.
        """
        self._timers.cancel_all()
        saving = self.save().addCallback(lambda _: Deferred.fromCoroutine(self._save_anchors(anchors)))
        return saving.addBoth(self._let_go)

    def _let_go(self, result: T) -> T:
        self._file.close()
        return result

    def abandon(self) -> None:
        """Let go of the file, if the node has not begun."""
        self._file.close()

    def save(self) -> Deferred[None]:
        """Save what has changed; fires when it is done. What cannot be written is tried again the next time."""
        return self._one_at_a_time.run(lambda: Deferred.fromCoroutine(self._save()))

    async def _save(self) -> None:
        changes = gather(self._book)
        if not any(changes):
            return
        try:
            await self._in_thread(self._file.save, changes)
        except StoreError as error:
            take_back(self._book, changes)
            self._log.error("the book of addresses is not saved: {error}", error=error)

    async def _save_anchors(self, anchors: Sequence[Place]) -> None:
        if not anchors:
            return
        try:
            await self._in_thread(self._file.save_anchors, anchors)
        except StoreError as error:
            self._log.error("whom to call first the next time is not saved: {error}", error=error)
