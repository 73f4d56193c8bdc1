"""Who hears of one peer: the node's listener, and those that were added to this peer alone."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator, Mapping, Sequence
from inspect import iscoroutine
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, FirstError, gatherResults

from peerproto.errors import LocalError
from peerproto.peer.listener import Handler, handlers_of, method_of, started
from peerproto.peer.stopwatch import Stopwatch

if TYPE_CHECKING:
    from peerproto.peer.factory import PeerFactory

Entry = tuple[object, Handler]
"""A listener that was added, or None for the node's own; and one of its methods."""


class Audience:
    """The listeners of one peer, each in the order of coming; looked up once, not per message.

    :param stopwatch: measures how long they take; None if nobody wants to know.
    :ivar handlers: who hears which kind of message of a ready peer. :ivar early: the same for the handshake's.
    :ivar on_ready: and its like are what is called, or None.
    """

    def __init__(self, factory: PeerFactory, stopwatch: Stopwatch | None = None) -> None:
        self._factory = factory
        self._stopwatch = stopwatch
        self._added: list[object] = list(factory.guests)
        self._build()

    def add(self, listener: object) -> None:
        """From now on this one hears too; what is being told just now it does not hear."""
        self._added.append(listener)
        self._build()

    def remove(self, listener: object) -> None:
        """From now on it hears nothing. Raises LocalError if it was not added."""
        left = [other for other in self._added if other is not listener]
        if len(left) == len(self._added):
            raise LocalError("this listener was not added to this peer")
        self._added = left
        self._build()

    def who_hears_of_the_end(self) -> Iterator[Handler]:
        """The `on_lost` of each listener: what one raises keeps it from nobody, as there is no second time."""
        return (call for who, call in list(self._on_lost) if who is None or self._is_here(who))

    def _share(self) -> None:
        factory = self._factory
        self.handlers: Mapping[type, Handler] = self._timed("handlers", factory.handlers)
        self.early: Mapping[type, Handler] = self._timed("handlers", factory.early_handlers)
        self.on_ready: Handler | None = factory.on_ready
        self._on_lost: list[Entry] = [] if factory.on_lost is None else [(None, factory.on_lost)]
        self.on_read: Handler | None = self._timed("on_read", factory.on_read)
        self.on_write: Handler | None = self._timed("on_write", factory.on_write)

    def _timed(self, name: str, what: Any) -> Any:
        """What the stopwatch makes of it, if there is one and it has something to do with it."""
        return getattr(self._stopwatch, name)(what) if hasattr(self._stopwatch, name) else what

    def _build(self) -> None:
        self._share()
        if not self._added:
            return
        network, late = self._factory.network, self._factory.late
        heard = [(who, self._timed("handlers", handlers_of(who, network))) for who in self._added]
        self.early = self._merged(self.early, heard)
        ready = [
            (who, {kind: call for kind, call in calls.items() if kind not in late}) for who, calls in heard
        ]
        self.handlers = self._merged(self.handlers, ready)
        told = [(who, method_of(who, "on_lost")) for who in self._added]
        self._on_lost += [(who, call) for who, call in told if call is not None]
        for name in ("on_ready", "on_read", "on_write"):
            found = [(who, self._timed(name, method_of(who, name))) for who in self._added]
            entries = [(None, getattr(self, name)), *found]
            setattr(self, name, self._together([entry for entry in entries if entry[1] is not None]))

    def _merged(
        self, own: Mapping[type, Handler], others: Sequence[tuple[object, Mapping[type, Handler]]]
    ) -> dict[type, Handler]:
        merged: dict[type, list[Entry]] = {kind: [(None, call)] for kind, call in own.items()}
        for listener, calls in others:
            for kind, call in calls.items():
                merged.setdefault(kind, []).append((listener, call))
        return {kind: self._together(entries) for kind, entries in merged.items()}  # type: ignore[misc]

    def _together(self, entries: list[Entry]) -> Handler | None:
        if len(entries) < 2:
            return entries[0][1] if entries else None

        def call_all(*what: Any) -> Coroutine[Any, Any, None] | None:
            results = [call(*what) for who, call in entries if who is None or self._is_here(who)]
            work = [each for each in results if isinstance(each, Deferred) or iscoroutine(each)]
            return together(work) if work else None

        return call_all

    def _is_here(self, listener: object) -> bool:
        """Whether nobody has removed it, in this very moment perhaps."""
        return any(other is listener for other in self._added)


async def together(work: Sequence[object]) -> None:
    """Wait for several listeners that are at work, coroutines among them begun only now: whose work it is, is known to
    who begins this one. Raises what the first to fail has failed with.
    """
    try:
        await gatherResults([each for each in map(started, work) if each is not None], consumeErrors=True)
    except FirstError as error:
        error.subFailure.raiseException()
