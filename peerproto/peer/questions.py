"""What a peer asks us for, one after the other, while all else of it is handled."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from peerproto.errors import TooManyRequests
from peerproto.forms.conversation import Backlog
from peerproto.peer.listener import started
from peerproto.wire.message import Message

if TYPE_CHECKING:
    from peerproto.peer.protocol import PeerProtocol


class Questions:
    """The open questions of one peer: one is answered by the listeners, the others wait (dcrd server.go, OnGetData).

    One is answered when the listeners are done with it and what the peer was sent is taken: so what one does not take
    is not looked up. The next has a turn of its own. All things of a question count until it is answered, where dcrd
    counts each until it is sent.
    """

    def __init__(self, peer: PeerProtocol, rule: Backlog) -> None:
        self._peer = peer
        self._rule = rule
        self._waiting: deque[tuple[Message, int]] = deque()
        self._items = 0
        self._busy = False

    def take(self, message: Message) -> None:
        """Have a question answered, at once if no other is. Raises TooManyRequests, and whatever a listener raises."""
        count = self._rule.count(message)
        self._judge(message, count)
        self._items += count
        self._waiting.append((message, count))
        if not self._busy:
            self._answer()

    def close(self) -> None:
        """Answer no more."""
        self._waiting.clear()

    def _judge(self, message: Message, count: int) -> None:
        rule = self._rule
        if len(self._waiting) == rule.messages:
            raise TooManyRequests(f"{rule.messages} {message.command} wait for their answer, no more may")
        if self._items + count > rule.items:
            raise TooManyRequests(
                f"{message.command} of {count} things, and {self._items} are not answered yet, of {rule.items} allowed"
            )

    def _answer(self, begun: float = 0.0) -> None:
        """The oldest one; a listener may have gone since it came."""
        self._busy = True
        message, count = self._waiting.popleft()
        handler = self._peer.audience.handlers.get(type(message))
        work = None if handler is None else started(handler(self._peer, message))
        if work is None:
            self._told(count)
        else:
            work.addErrback(self._peer.failed).addCallback(lambda _: self._told(count))

    def _told(self, count: int) -> None:
        """The listeners are done with it."""
        if self._peer.is_blocked:
            self._peer.drained().addCallbacks(lambda _: self._answered(count), _nothing)
        else:
            self._answered(count)

    def _answered(self, count: int) -> None:
        self._items -= count
        if self._waiting:
            self._peer.watch.timers.later("answer", 0, lambda: self._peer.handle(self._answer))
        else:
            self._busy = False


def _nothing(_: Any) -> None:
    """What there is to do when the peer has ended."""
