"""Headers for the peers that ask, no faster than each takes them."""

from __future__ import annotations

from collections import deque
from typing import Any

from twisted.internet.interfaces import IReactorTime

from peerproto.node.headerchain import HeaderChain
from peerproto.node.trouble import Trouble
from peerproto.peer.protocol import PeerProtocol
from peerproto.peer.timers import Timers

MOST_QUESTIONS = 10
"""So many questions of one peer may wait; more are not answered. Who syncs asks one after the other."""


class Asker:
    """A peer's questions, each a locator and a stop hash, oldest first.

    :ivar waits: whether the peer has yet to take what it was sent.
    """

    def __init__(self, peer: PeerProtocol) -> None:
        self.peer = peer
        self.questions: deque[tuple[list[bytes], bytes]] = deque()
        self.waits = False


class HeaderServer:
    """Answers questions for headers from the chain.

    A question is small and its answer is large: a peer that asks and does not read would fill our memory, and one
    that asks much at once would keep all others waiting. So each peer has one answer in a turn of the reactor, and
    none while one is still on its way.

    :param trouble: what a store that fails is told to.
    """

    def __init__(self, clock: IReactorTime, chain: HeaderChain, trouble: Trouble) -> None:
        self._chain = chain
        self._trouble = trouble
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

    def take_question(self, peer: PeerProtocol, message: Any) -> None:
        """Answer in one of the next turns."""
        asker = self._askers.get(peer)
        if asker is None:
            asker = self._askers[peer] = Asker(peer)
        if len(asker.questions) < MOST_QUESTIONS:
            asker.questions.append(peer.network.headers.asked(message))
            self._soon(peer)

    def _soon(self, peer: PeerProtocol) -> None:
        asker, timer = self._askers.get(peer), f"answer {peer.id}"
        if asker and asker.questions and not asker.waits and not self._timers.is_set(timer):
            self._timers.later(timer, 0, lambda: self._answer(asker))

    def _answer(self, asker: Asker) -> None:
        """The headers behind the newest hash of the locator that is ours; an empty message if there are none."""
        sync = asker.peer.network.headers
        locator, stop = asker.questions.popleft()
        with self._trouble:
            find = self._between if sync.one_start else self._chain.after
            headers = find(locator, stop, sync.most)
            if headers or not sync.one_start:
                asker.peer.send(sync.bring(headers))
        if asker.peer.is_blocked:
            asker.waits = True
            asker.peer.drained().addCallbacks(lambda _: self._taken(asker), lambda _: None)
        self._soon(asker.peer)

    def _taken(self, asker: Asker) -> None:
        asker.waits = False
        self._soon(asker.peer)

    def _between(self, starts: list[bytes], stop: bytes, most: int) -> list[bytes]:
        """The headers behind the first start and before the stop; none if that start is not on the main chain."""
        first, last = self._chain.height_of(starts[0]), self._chain.height_of(stop)
        if first is None or first == last:
            return []
        count = most if last is None or last < first else min(most, last - first - 1)
        return self._chain.after(starts[:1], most=count)
