"""Work for many peers, a piece of each in turn, and no longer at once than others can wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from peerproto.node.trouble import Trouble
from peerproto.peer.protocol import PeerProtocol
from peerproto.peer.timers import Timers

TURN = 0.02
"""For so many seconds a turn of the reactor is worked: scrypt takes most of a second for 2000 headers."""


class Rounds:
    """Peers for which there is something to do.

    :param work: does a piece for a peer.
    :param trouble: what a store that fails is told to.
    """

    def __init__(self, clock: IReactorTime, trouble: Trouble, work: Callable[[PeerProtocol], object]) -> None:
        self._clock = clock
        self._timers = Timers(clock)
        self._trouble = trouble
        self._work = work
        self._peers: deque[PeerProtocol] = deque()
        self._busy = False

    def __len__(self) -> int:
        """How many peers wait."""
        return len(self._peers)

    def add(self, peer: PeerProtocol) -> None:
        """There is something to do for this peer: it is begun at once, unless others are being worked for."""
        if peer not in self._peers:
            self._peers.append(peer)
        if not self._busy and not self._timers.is_set("go on"):
            self._go_on()

    def remove(self, peer: PeerProtocol) -> None:
        """There is nothing to do for it any more."""
        if peer in self._peers:
            self._peers.remove(peer)

    def stop(self) -> None:
        """Do no more."""
        self._peers.clear()
        self._timers.cancel_all()

    def _go_on(self) -> None:
        until = self._clock.seconds() + TURN
        self._busy = True
        try:
            while self._peers:
                with self._trouble:
                    self._work(self._peers.popleft())
                if self._clock.seconds() >= until:
                    break
        finally:
            self._busy = False
            if self._peers:
                self._timers.later("go on", 0, self._go_on)
