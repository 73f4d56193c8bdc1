"""Who has the lead: the one peer that is asked for a long chain, and how long it is waited for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from twisted.internet.interfaces import IReactorTime

from peerproto.node.headersource import Source
from peerproto.peer.protocol import PeerProtocol
from peerproto.peer.timers import Timers

__all__ = ["EACH", "OVERALL", "REPLY", "Lead", "best_of"]

REPLY = 120.0
"""Seconds until an answer must be here (Core's HEADERS_RESPONSE_TIME)."""

OVERALL = 15 * 60.0
"""Seconds that all answers together may be waited for (Core's HEADERS_DOWNLOAD_TIMEOUT_BASE) ..."""

EACH = 0.001
"""... and more for each header that is expected (HEADERS_DOWNLOAD_TIMEOUT_PER_HEADER)."""


class Lead:
    """Watches the peer that has the lead. Only the time counts in which it owes an answer, not that of our checking.

    :param lose_patience: called with the peer and what is wrong, when it has the lead no more.
    :ivar peer: who has it; None if nobody has.
    """

    def __init__(self, clock: IReactorTime, lose_patience: Callable[[PeerProtocol, str], object]) -> None:
        self.peer: PeerProtocol | None = None
        self._timers = Timers(clock)
        self._lose_patience = lose_patience
        self._allowed = self._left = 0.0
        self._since = 0.0

    def give(self, peer: PeerProtocol, expected: int) -> None:
        """This peer has it now.

        :param expected: how many headers it is to bring.
        """
        self.end()
        self.peer = peer
        self._allowed = self._left = OVERALL + EACH * expected

    def end(self) -> None:
        """Nobody has it."""
        self.peer = None
        self._timers.cancel_all()

    def asked(self, peer: PeerProtocol) -> None:
        """A peer has been asked; another question before the answer gives it no more time."""
        if peer is self.peer and not self._timers.is_set("answer"):
            self._since = self._timers.seconds()
            self._timers.later("answer", min(REPLY, self._left), self._be_impatient)

    def answered(self, peer: PeerProtocol) -> None:
        """A peer has brought something."""
        if peer is self.peer and self._timers.is_set("answer"):
            self._left = max(0.0, self._left - self._timers.seconds() + self._since)
            self._timers.cancel("answer")

    def _be_impatient(self) -> None:
        peer, text = self.peer, f"no headers came for {REPLY:g} seconds"
        if self._left < REPLY:
            text = f"its headers took more than {self._allowed:g} seconds"
        self.end()
        assert peer is not None
        self._lose_patience(peer, text)


def best_of(candidates: Mapping[PeerProtocol, Source]) -> PeerProtocol:
    """Of those that could have the lead: one that we called before one that called us, then who has failed us least,
    then who says that it is highest, then the oldest.
    """

    def rank(peer: PeerProtocol) -> tuple[bool, int, int, int]:
        height = peer.theirs.height if peer.theirs is not None else 0
        return peer.inbound, candidates[peer].failures, -height, peer.id

    return min(candidates, key=rank)
