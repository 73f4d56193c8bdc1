"""Every deadline of one peer: the handshake's, idleness, stalls, requests, pings, and the end's own."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from peerproto.errors import HandshakeTimeout, PeerError, PeerIdle
from peerproto.network import Timing
from peerproto.peer.handshake import Handshake, describe
from peerproto.peer.pending import Pending
from peerproto.peer.statistics import Statistics
from peerproto.peer.timers import Timers

Verdict = Callable[[float], PeerError | None]


class Watch:
    """Looks at what the others remember, and says through `fail` why the peer is to be ended.

    No timer is touched per message: each looks, when it fires, at what has been noted since.
    """

    def __init__(
        self,
        clock: IReactorTime,
        timing: Timing,
        handshake: Handshake,
        pending: Pending,
        statistics: Statistics,
        fail: Callable[[PeerError], None],
    ) -> None:
        self.clock = clock
        self.timing = timing
        self.timers = Timers(clock)
        self._handshake = handshake
        self._pending = pending
        self._statistics = statistics
        self._fail = fail

    def begin(self) -> None:
        """There is a connection: the whole handshake has this time, and nothing prolongs it."""
        self.timers.later("handshake", self.timing.handshake, self._handshake_overdue)

    def open(self, keep_alive: Callable[[], None]) -> None:
        """The handshake is done."""
        self.timers.cancel("handshake")
        self.timers.later("idle", self.timing.idle, self._check_idle)
        self.timers.every("ping", self.timing.ping, keep_alive)
        self.timers.every("stall", self.timing.stall_tick, lambda: self._look_twice(self._pending.stalled))

    def expect(self) -> None:
        """Something was asked: one timer runs for what is overdue first; answers do not touch it."""
        deadline = self._pending.next_deadline()
        if deadline is not None:
            self.timers.later("expiry", max(deadline - self.clock.seconds(), 0), self._expire)

    def closing(self, abort: Callable[[], object]) -> None:
        """The peer is ended: after the grace time its connection is cut."""
        self.timers.cancel_all()
        self.timers.later("abort", self.timing.grace, abort)

    def _handshake_overdue(self) -> None:
        state = describe(self._handshake.state)
        self._fail(HandshakeTimeout(f"still {state} after {self.timing.handshake:g} seconds"))

    def _check_idle(self) -> None:
        left = self._statistics.last_received + self.timing.idle - self.clock.seconds()
        self.timers.later("idle", left if left > 0 else self.timing.idle, self._check_idle)
        if left <= 0:
            self._look_twice(self._idle)

    def _idle(self, now: float) -> PeerError | None:
        if now - self._statistics.last_received < self.timing.idle:
            return None
        return PeerIdle(f"no message for {self.timing.idle:g} seconds")

    def _look_twice(self, verdict: Verdict) -> None:
        """Judge if a verdict stands one turn later: after a long turn of ours, bytes may wait unread."""
        if verdict(self.clock.seconds()):
            self.timers.later("verdict", 0, lambda: self._judge(verdict))

    def _judge(self, verdict: Verdict) -> None:
        error = verdict(self.clock.seconds())
        if error:
            self._fail(error)

    def _expire(self) -> None:
        self.timers.later("expiry", 0, self._expire_now)

    def _expire_now(self) -> None:
        self._pending.expire(self.clock.seconds())
        self.expect()
