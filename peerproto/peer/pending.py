"""What was asked, by when it is owed, and who waits for it: requests and stall detection in one table."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.python.failure import Failure

from peerproto.errors import NotFound, PeerError, PeerStalled
from peerproto.network import Expectation, Network
from peerproto.wire.message import Message


class Ask:
    """One thing asked.

    :ivar key: under which its answer is found. :ivar name: what to call it in errors.
    :ivar deadline: seconds on the protocol's clock. :ivar waiter: who waits; None if nobody does any more.
    """

    __slots__ = ("deadline", "key", "name", "waiter")

    def __init__(self, key: Hashable, name: str, deadline: float, waiter: Deferred[Any]) -> None:
        self.key = key
        self.name = name
        self.deadline = deadline
        self.waiter: Deferred[Any] | None = waiter


class Item(Ask):
    """One thing asked by its vector."""

    __slots__ = ()


class Pending:
    """The open requests of one peer. There are no request ids on these wires: a vector is answered by its hash,
    all else by the kind of the answer, first asked first answered.

    A request fails alone at its own deadline. Whether the *peer* is ended is told by `stalled`: for each kind of
    request one deadline stands, moved by each request and struck out by any of its answers, as in the Go peers.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.answers = _answers(network)
        self._asks: dict[Hashable, deque[Ask]] = {}
        self._verdicts: dict[type[Message], float] = {}
        self._open_items = 0

    def sent(self, message: Message, now: float) -> None:
        """Note that an answer to `message` is owed; called for each request that goes out."""
        kind = type(message)
        expectation = self.network.expects.get(kind)
        if expectation and expectation.ends_peer:
            self._verdicts[kind] = now + expectation.seconds

    def wait(self, key: Hashable, name: str, deadline: float, kind: type[Ask] = Ask) -> Deferred[Any]:
        """A Deferred for what will be answered under `key`. Cancelling it forgets the request."""
        waiter: Deferred[Any] = Deferred(lambda _: self._forget(ask))
        ask = kind(key, name, deadline, waiter)
        self._asks.setdefault(key, deque()).append(ask)
        return waiter

    def wait_answer(self, message: Message, expectation: Expectation, deadline: float) -> Deferred[Any]:
        """A Deferred for the one message that answers `message`."""
        return self.wait(expectation.answers, message.command, deadline)

    def wait_items(self, message: Message, deadline: float) -> list[Deferred[Any]]:
        """A Deferred for each thing that `message` asks for, in its order."""
        keys = self.network.item_keys(message)
        self._open_items += len(keys)
        return [self.wait(key, f"{key[0]} {key[1][::-1].hex()}", deadline, Item) for key in keys]

    def received(self, message: Message) -> None:
        """Strike out what `message` answers, and fire who waits for it."""
        for request, expectation in self.answers[type(message)]:
            self._verdicts.pop(request, None)
            if expectation.each:
                if self._open_items:
                    self._answer_items(message)
            elif expectation.answers in self._asks:
                self.answer(expectation.answers, message)

    def _answer_items(self, message: Message) -> None:
        for key in self.network.item_keys(message):
            if type(message) is self.network.not_found:
                self.answer(key, NotFound(f"{key[0]} {key[1][::-1].hex()}: the peer does not have it"))
            else:
                self.answer(key, message)

    def answer(self, key: Hashable, result: Any) -> None:
        """Fire the first who waits under `key`; an exception fails it. An answer that nobody waits for is dropped."""
        asks = self._asks.get(key)
        if asks:
            ask = asks[0]
            self._strike(ask)
            self._fire(ask, result)

    def expire(self, now: float) -> None:
        """Fail what is overdue, each alone."""
        for ask in [ask for ask in self._all() if ask.deadline <= now]:
            self._strike(ask)
            self._fire(ask, PeerStalled(f"{ask.name} was not answered in time"))

    def next_deadline(self) -> float | None:
        """When the next request is overdue, in seconds on the protocol's clock."""
        return min((ask.deadline for ask in self._all()), default=None)

    def stalled(self, now: float) -> PeerStalled | None:
        """Why the peer is to be ended, if something that the network insists on is overdue."""
        late = [kind.command for kind, deadline in self._verdicts.items() if deadline <= now]
        return PeerStalled(f"no answer to {', '.join(late)}") if late else None

    def shift(self, seconds: float) -> None:
        """Move all deadlines: that time was ours, not the peer's."""
        for ask in self._all():
            ask.deadline += seconds
        for kind in self._verdicts:
            self._verdicts[kind] += seconds

    def fail_all(self, error: PeerError) -> None:
        """Fail all who wait, once: the peer has ended."""
        self._verdicts.clear()
        for ask in list(self._all()):
            self._strike(ask)
            self._fire(ask, error)

    def __len__(self) -> int:
        return sum(len(asks) for asks in self._asks.values())

    def _all(self) -> Iterable[Ask]:
        return [ask for asks in self._asks.values() for ask in asks]

    def _forget(self, ask: Ask) -> None:
        if ask.waiter is not None:
            ask.waiter = None
            self._strike(ask)

    def _strike(self, ask: Ask) -> None:
        asks = self._asks[ask.key]
        asks.remove(ask)
        if not asks:
            del self._asks[ask.key]
        if isinstance(ask, Item):
            self._open_items -= 1

    def _fire(self, ask: Ask, result: Any) -> None:
        waiter, ask.waiter = ask.waiter, None
        if waiter is None:
            return
        if isinstance(result, PeerError):
            waiter.errback(result)
        else:
            waiter.callback(result)


def _answers(network: Network) -> dict[type[Message], list[tuple[type[Message], Expectation]]]:
    """For each kind of answer, the requests that it may answer."""
    found: dict[type[Message], list[tuple[type[Message], Expectation]]] = {}
    for request, expectation in network.expects.items():
        for answer in expectation.answers:
            found.setdefault(answer, []).append((request, expectation))
    return found


def all_of(waiting: Sequence[Deferred[Any]], ended: Callable[[], PeerError | None]) -> Deferred[Any]:
    """One Deferred for many: a list of results and errors in their order.

    It fails as a whole only if the peer has ended, or if it was cancelled.
    """

    def sort_out(results: list[tuple[bool, Any]]) -> Any:
        error = ended()
        if error is None:
            error = next((item for fine, item in results if not fine and item.check(CancelledError)), None)
        if error is not None:
            return Failure(error) if isinstance(error, Exception) else error
        return [item if fine else item.value for fine, item in results]

    return DeferredList(waiting, consumeErrors=True).addCallback(sort_out)
