"""What was asked, by when it is owed, and who waits for it: requests and stall detection in one table."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import lru_cache
from math import inf
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.python.failure import Failure

from peerproto.errors import Misled, NotFound, PeerError, PeerStalled
from peerproto.forms.conversation import Expectation, Key
from peerproto.network import Network
from peerproto.peer.notes import Notes
from peerproto.peer.quota import Quota
from peerproto.text import some_of
from peerproto.wire.message import Message


class Ask:
    """One thing asked.

    :ivar key: under which its answer is found. :ivar name: what to call it in errors.
    :ivar deadline: in seconds. :ivar waiter: who waits; None if nobody does, or does any more.
    """

    __slots__ = ("deadline", "key", "name", "waiter")

    def __init__(self, key: Hashable, name: str, deadline: float) -> None:
        self.key = key
        self.name = name
        self.deadline = deadline
        self.waiter: Deferred[Any] | None = None


class Item(Ask):
    """A thing asked by its vector."""

    __slots__ = ()


class Turn(Ask):
    """A message asked by its kind. Only its turn tells which answer is its own, so it keeps its place in the queue
    until its answer is here or overdue, whether somebody waits or not.

    :ivar asked: the message. :ivar parts: what has come of an answer in several messages.
    """

    __slots__ = ("asked", "parts")

    def __init__(self, key: Hashable, asked: Message, deadline: float) -> None:
        super().__init__(key, asked.command, deadline)
        self.asked = asked
        self.parts: list[Message] = []


class Pending:
    """The open requests of one peer. There are no request ids on these wires: a vector is answered by its hash,
    all else by the kind of the answer, first asked first answered.

    A request fails alone at its own deadline. Whether the *peer* is ended is told by `stalled`: for each kind of
    answer one deadline stands, moved by each request and struck out by any such answer, as in the Go peers.

    All times are in seconds on whatever clock the caller goes by.

    :param insists: whether the peer is ended that owes too long; if not, it may owe as much as is asked for.
    :param notes: where it is noted what is owed and overdue; None for nowhere.
    :ivar answers: which kinds of messages answer something. :ivar quota: how much may be asked for at a time.
    :ivar soonest: when something may be overdue: never later than the earliest deadline.
    """

    def __init__(self, network: Network, *, insists: bool = True, notes: Notes | None = None) -> None:
        self.network = network
        self._notes = notes
        self.answers = _answers(network)
        self.soonest = inf
        self._asks: dict[Hashable, deque[Ask]] = {}
        self._insisted: dict[Hashable, tuple[float, str]] = {}
        self._owed: dict[Key, float] = {}
        self.quota = Quota(network.backlog if insists else None, self._owed)
        self._open_items = 0

    def sent(self, message: Message, now: float) -> None:
        """Note that an answer to `message` is owed, though nobody waits for it."""
        expectation = self.network.expects[type(message)]
        self._insist(expectation, message, now)
        if not expectation.each:
            self._add(Turn(expectation.answers, message, now + expectation.seconds))

    def asked(self, message: Message, now: float, timeout: float | None = None) -> list[Deferred[Any]]:
        """Note that an answer to `message` is owed; a Deferred for each part of it, in its order.

        :param timeout: seconds, in place of the network's own, until they fail.
        """
        expectation = self.network.expects[type(message)]
        self._insist(expectation, message, now)
        deadline = now + (expectation.seconds if timeout is None else timeout)
        if not expectation.each:
            return [self._wait(Turn(expectation.answers, message, deadline))]
        return [self._wait(Item(key, _named(key), deadline)) for key in self.network.item_keys(message)]

    def wait(self, key: Hashable, name: str, deadline: float) -> Deferred[Any]:
        """A Deferred for what will be answered under `key`."""
        return self._wait(Ask(key, name, deadline))

    def received(self, message: Message) -> None:
        """Strike out what `message` answers, and fire who waits for it. Raises Misled for an answer without an end."""
        for expectation in self.answers[type(message)]:
            if not expectation.fits(message):
                continue
            self._insisted.pop(expectation.answers, None)
            if expectation.last is not None:
                self._answer_in_parts(expectation, expectation.last, message)
            elif not expectation.each:
                self.answer(expectation.answers, message)
            elif self._open_items or not expectation.grouped:
                self._answer_items(message)

    def _answer_in_parts(
        self, expectation: Expectation, is_last: Callable[[Any, Any], bool], message: Message
    ) -> None:
        key = expectation.answers
        asks = self._asks.get(key)
        if asks:
            turn = asks[0]
            assert isinstance(turn, Turn)
            if turn.waiter is not None:
                turn.parts.append(message)
            if len(turn.parts) > expectation.most:
                raise Misled(f"more than {expectation.most} {message.command} came for one {turn.name}")
            if is_last(turn.asked, message):
                self.answer(key, turn.parts)

    def _answer_items(self, message: Message) -> None:
        missing = type(message) is self.network.not_found
        for key in self.network.item_keys(message):
            self._owed.pop(key, None)
            self.answer(key, NotFound(f"{_named(key)}: the peer does not have it") if missing else message)
        self.quota.tell()

    def answer(self, key: Hashable, result: Any) -> None:
        """Fire the first who waits under `key`; an exception fails it. What nobody waits for is dropped."""
        asks = self._asks.get(key)
        if asks:
            ask = asks[0]
            self._strike(ask)
            _fire(ask, result)

    def owes(self, kind: type[Message], key: Key) -> bool:
        """Whether a message of this kind may be an answer about a thing: it was asked for, or nobody noted what was."""
        groups = (expectation.answers for expectation in self.answers.get(kind, ()))
        return key in self._asks or key in self._owed or any(group in self._insisted for group in groups)

    def expire(self, now: float) -> None:
        """Fail what is overdue, each alone."""
        late = [ask for ask in self._all() if ask.deadline <= now]
        if self._notes is not None:
            for ask in late:
                self._notes.overdue(ask.name)
        self._fail(late, lambda ask: PeerStalled(f"{ask.name} was not answered in time"))
        self.soonest = min((ask.deadline for ask in self._all()), default=inf)

    def stalled(self, now: float) -> PeerStalled | None:
        """Why the peer is to be ended, if something that the network insists on is overdue."""
        late = [command for deadline, command in self._insisted.values() if deadline <= now]
        late += [_named(key) for key, deadline in self._owed.items() if deadline <= now]
        return PeerStalled(f"no answer to {some_of(late)}") if late else None

    def fail_all(self, error: PeerError) -> None:
        """Fail all who wait, once: the peer has ended."""
        self._insisted.clear()
        self._owed.clear()
        self._fail(self._all(), lambda ask: error)
        self.quota.close(error)

    def __len__(self) -> int:
        """For how many things somebody waits."""
        return len(self.open())

    def open(self) -> list[Ask]:
        """The things that somebody waits for."""
        return [ask for ask in self._all() if ask.waiter is not None]

    def _insist(self, expectation: Expectation, message: Message, now: float) -> None:
        if self._notes is not None:
            self._notes.owed(message.command, expectation.seconds)
        if not expectation.ends_peer:
            return
        deadline = now + expectation.seconds
        if expectation.grouped:
            self._insisted[expectation.answers] = deadline, message.command
        else:
            self._owed.update(dict.fromkeys(self.network.item_keys(message), deadline))

    def _add(self, ask: Ask) -> None:
        self._asks.setdefault(ask.key, deque()).append(ask)
        self._open_items += isinstance(ask, Item)
        self.soonest = min(self.soonest, ask.deadline)

    def _wait(self, ask: Ask) -> Deferred[Any]:
        ask.waiter = Deferred(lambda _: self._forget(ask))
        self._add(ask)
        return ask.waiter

    def _all(self) -> list[Ask]:
        return [ask for asks in self._asks.values() for ask in asks]

    def _forget(self, ask: Ask) -> None:
        """Who waited has cancelled."""
        ask.waiter = None
        if not isinstance(ask, Turn):
            self._strike(ask)

    def _strike(self, ask: Ask) -> None:
        asks = self._asks.get(ask.key, ())
        if ask in asks:  # who waited may cancel while others are told
            asks.remove(ask)  # type: ignore[union-attr]
            self._open_items -= isinstance(ask, Item)
            if not asks:
                del self._asks[ask.key]

    def _fail(self, asks: Iterable[Ask], error: Callable[[Ask], PeerError]) -> None:
        """Strike out all before the first is told: what it does then finds the table in order."""
        for ask in asks:
            self._strike(ask)
        for ask in asks:
            _fire(ask, error(ask))


def _fire(ask: Ask, result: Any) -> None:
    waiter, ask.waiter = ask.waiter, None
    if waiter is not None:
        if isinstance(result, PeerError):
            waiter.errback(result)
        else:
            waiter.callback(result)


def _named(key: Key) -> str:
    return f"{key[0]} {key[1][::-1].hex()}"


@lru_cache(maxsize=64)  # 1.7 KB, and a good part of the time that a new peer takes
def _answers(network: Network) -> dict[type[Message], list[Expectation]]:
    """For each kind of answer, what it may answer; requests that share their answers are one."""
    distinct = {expectation.answers: expectation for expectation in network.expects.values()}
    found: dict[type[Message], list[Expectation]] = {}
    for expectation in distinct.values():
        for kind in expectation.answers:
            found.setdefault(kind, []).append(expectation)
    return found


def all_of(waiting: Sequence[Deferred[Any]], ended: Callable[[], PeerError | None]) -> Deferred[Any]:
    """One Deferred for many: a list of results and errors in their order.

    It fails as a whole only if the peer has ended, or if it was cancelled.
    """

    def sort_out(results: list[tuple[bool, Any]]) -> Any:
        error = ended()
        if error is not None:
            return Failure(error)
        if any(not fine and item.check(CancelledError) for fine, item in results):
            return Failure(CancelledError())
        return [item if fine else item.value for fine, item in results]

    many = DeferredList(waiting, consumeErrors=True)
    # a DeferredList hands no cancel on to what follows it
    one: Deferred[Any] = Deferred(lambda _: many.cancel())
    many.addCallback(sort_out).chainDeferred(one)
    return one
