"""How many things may be under way to us from one peer, and who waits until some of them are here."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sized
from typing import Any

from twisted.internet.defer import Deferred

from peerproto.errors import LocalError, PeerError
from peerproto.forms.conversation import Backlog
from peerproto.wire.message import Message


class Quota:
    """The limit of one peer, and the line of those who want more.

    :param rule: None if there is no limit. :param owed: the things that are under way.
    """

    def __init__(self, rule: Backlog | None, owed: Sized) -> None:
        self._rule = rule
        self._owed = owed
        self._line: deque[tuple[int, Deferred[None]]] = deque()

    def check(self, message: Message) -> None:
        """Raises LocalError for a message that asks for too much now."""
        count = self._count(message)
        if not self._fits(count):
            assert self._rule is not None
            raise LocalError(
                f"{message.command} of {count} things, and {len(self._owed)} are under way, of {self._rule.ours} "
                "allowed: use request(), which waits"
            )

    def when(self, message: Message, ask: Callable[[], Deferred[Any]]) -> Deferred[Any]:
        """What `ask` gives, called now or, if the message asks for too much now, when its turn has come.

        Fails with the reason of the end if the peer ends before.
        """
        count = self._count(message)
        if not count or (not self._line and self._fits(count)):
            return ask()
        place: Deferred[None] = Deferred(self._leave)
        self._line.append((count, place))
        return place.addCallback(lambda _: ask())

    def tell(self) -> None:
        """Some things are here: whose turn it is may ask."""
        while self._line and self._fits(self._line[0][0]):
            self._line.popleft()[1].callback(None)

    def close(self, error: PeerError) -> None:
        """The peer has ended."""
        line, self._line = self._line, deque()
        for _, place in line:
            if not place.called:  # who has just been told may have cancelled it
                place.errback(error)

    def _count(self, message: Message) -> int:
        rule = self._rule
        return rule.count(message) if rule is not None and type(message) is rule.asking else 0

    def _fits(self, count: int) -> bool:
        """Whether so much may be asked for: always, if nothing is under way."""
        return self._rule is None or not self._owed or len(self._owed) + count <= self._rule.ours

    def _leave(self, place: Deferred[None]) -> None:
        """Who waited has cancelled."""
        self._line = deque(entry for entry in self._line if entry[1] is not place)
        self.tell()
