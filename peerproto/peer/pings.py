"""Pings under way, and how long their pongs took."""

from __future__ import annotations


class Pings:
    """Nonces sent and not answered, oldest first; latencies in seconds.

    A pong that was not asked for, or carries another nonce, is ignored. At most `most` nonces are remembered, for
    a peer that never answers.

    :ivar nonce: of the newest ping, None once that is answered. :ivar last_sent: when it went out, in seconds.
    """

    def __init__(self, most: int = 50) -> None:
        self.last: float | None = None
        self.least: float | None = None
        self.nonce: int | None = None
        self.last_sent: float | None = None
        self._sum = 0.0
        self._count = 0
        self._most = most
        self._open: dict[int, float] = {}

    def sent(self, nonce: int, now: float) -> None:
        """A ping with this nonce goes out."""
        self._open[nonce] = now
        self.nonce, self.last_sent = nonce, now
        if len(self._open) > self._most:
            del self._open[next(iter(self._open))]

    def received(self, nonce: int, now: float) -> float | None:
        """How many seconds the pong took; None if it was not asked for."""
        begun = self._open.pop(nonce, None)
        if begun is None:
            return None
        if nonce == self.nonce:
            self.nonce = None
        self.last = latency = now - begun
        self.least = latency if self.least is None else min(self.least, latency)
        self._sum += latency
        self._count += 1
        return latency

    def cancel(self) -> list[int]:
        """Wait for no pong any more; the nonces for which one was waited."""
        nonces, self._open, self.nonce = list(self._open), {}, None
        return nonces

    @property
    def mean(self) -> float | None:
        """The mean latency."""
        return self._sum / self._count if self._count else None
