"""Answers to the questions of peers, no faster than each takes them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from peerproto.forms.sync import Answer
from peerproto.node.trouble import Trouble
from peerproto.peer.protocol import PeerProtocol
from peerproto.peer.timers import Timers
from peerproto.wire.message import Message

MOST_QUESTIONS = 10
MOST_BYTES = 5_000_000
"""So many questions of one peer may wait, of so many bytes together; more are not answered."""

MANY_QUESTIONS = 8
MANY_BYTES = 2_500_000
"""While so many wait nothing more of that peer is handled, where every question has to be answered."""

TURN = 0.01
"""For so many seconds a peer is answered in a turn."""


Step = Answer | Deferred[Any] | None
"""What a peer is told; or what is to be waited for before its question can be answered; or a moment's thought."""

Answering = Callable[[Any], Iterator[Step]]
"""Answers one peer's questions: `peerproto.forms.sync.Answers` is one that never waits."""


class Asker(Iterator[Step]):
    """A peer's questions, oldest first; iterating answers them, and can be left off and taken up again.

    :ivar waits: whether the peer has yet to take what it was sent.
    """

    def __init__(self, answers: Answering) -> None:
        self.questions: deque[Message] = deque()
        self.waits = False
        self._answers = answers
        self._answering: Iterator[Step] = iter(())
        self._size = 0
        self._waiters: list[Deferred[None]] = []

    def put(self, question: Message) -> None:
        """Keep a question, unless too much is kept. Raises MalformedMessage."""
        question.load()
        size = self._size + _size(question)
        if len(self.questions) < MOST_QUESTIONS and (not self.questions or size <= MOST_BYTES):
            self.questions.append(question)
            self._size = size

    def room(self) -> Deferred[None] | None:
        """Fires when not many questions wait any more; None if that is so now."""
        if not self._has_many:
            return None
        self._waiters.append(Deferred())
        return self._waiters[-1]

    @property
    def _has_many(self) -> bool:
        return len(self.questions) >= MANY_QUESTIONS or self._size > MANY_BYTES

    def _next_question(self) -> Message:
        question = self.questions.popleft()
        self._size -= _size(question)
        if self._waiters and not self._has_many:
            waiters, self._waiters = self._waiters, []
            for waiter in waiters:
                waiter.callback(None)
        return question

    def __next__(self) -> Step:
        while True:
            for step in self._answering:
                return step
            if not self.questions:
                raise StopIteration
            self._answering = self._answers(self._next_question())


class Server:
    """Answers questions.

    A question is small and its answer may be all that we have, so each peer is answered for a short time in a turn of
    the reactor, and not at all while what it was sent is still on its way.

    :param answers: makes what answers the questions of a peer. :param trouble: what a store that fails is told to.
    :param turn: seconds for which a peer is answered in a turn; it has one message at least.
    :param answers_all: whether a peer that has asked much is not heard until it is answered, as it relies on answers;
        otherwise what is too much is passed over.
    """

    def __init__(
        self,
        clock: IReactorTime,
        answers: Callable[[PeerProtocol], Answering],
        trouble: Trouble,
        *,
        turn: float = TURN,
        answers_all: bool = False,
    ) -> None:
        self._answers = answers
        self._clock = clock
        self._trouble = trouble
        self._turn = turn
        self._answers_all = answers_all
        self._timers = Timers(clock)
        self._askers: dict[PeerProtocol, Asker] = {}

    def stop(self) -> None:
        """Answer no more."""
        self._askers.clear()
        self._timers.cancel_all()

    def forget(self, peer: PeerProtocol) -> None:
        """The peer has ended."""
        self._askers.pop(peer, None)
        self._timers.cancel(f"answer {peer.id}")

    def take_question(self, peer: PeerProtocol, message: Any) -> Deferred[None] | None:
        """Answer in one of the next turns. Raises MalformedMessage."""
        asker = self._askers.get(peer)
        if asker is None:
            asker = self._askers[peer] = Asker(self._answers(peer))
        asker.put(message)
        self._soon(peer)
        return asker.room() if self._answers_all else None

    def _soon(self, peer: PeerProtocol) -> None:
        asker, timer = self._askers.get(peer), f"answer {peer.id}"
        if asker is not None and not asker.waits and not self._timers.is_set(timer):
            self._timers.later(timer, 0, lambda: self._answer(peer, asker))

    def _answer(self, peer: PeerProtocol, asker: Asker) -> None:
        """Answer for a while; then wait until it is taken, or for the next turn."""
        until = self._clock.seconds() + self._turn
        with self._trouble:
            for step in asker:
                if isinstance(step, Deferred):
                    self._wait(peer, asker, step)
                    return
                if step is not None:
                    peer.send(step.message, witness=step.witness)
                if peer.is_blocked:
                    self._wait(peer, asker, peer.drained())
                    return
                if self._clock.seconds() >= until:
                    self._soon(peer)
                    return

    def _wait(self, peer: PeerProtocol, asker: Asker, waiting: Deferred[Any]) -> None:
        """Go on when the peer has taken what it was sent, or what is needed for an answer is here."""
        asker.waits = True
        waiting.addCallbacks(lambda _: self._go_on(peer, asker), lambda _: None)

    def _go_on(self, peer: PeerProtocol, asker: Asker) -> None:
        asker.waits = False
        self._soon(peer)


def _size(question: Message) -> int:
    return len(question.payload or b"")
