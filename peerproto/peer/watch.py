"""Every deadline of one peer: the handshake's, idleness, stalls, requests, pings, and the end's own."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from twisted.internet.interfaces import IReactorTime

from peerproto.errors import HandshakeTimeout, PeerError, PeerIdle, SlowMessage
from peerproto.forms.conversation import Timing
from peerproto.peer.handshake import Handshake, describe
from peerproto.peer.pending import Pending
from peerproto.peer.statistics import Statistics
from peerproto.peer.timers import Timers

EARLY = 0.001
"""What is due within so many seconds is due: sums of floats are not exact, and a timer for the rest costs more."""

Verdict = Callable[[float], PeerError | None]


class Watch:
    """Looks at what the others remember, and says through `fail` why the peer is to be ended.

    No timer is touched per message: each looks, when it fires, at what has been noted since. Verdicts are
    confirmed one turn later, because after a long turn of ours bytes may wait unread.

    :param unfinished: tells how many bytes of a message are there that is not complete.
    """

    def __init__(
        self,
        clock: IReactorTime,
        timing: Timing,
        handshake: Handshake,
        pending: Pending,
        statistics: Statistics,
        unfinished: Callable[[], int],
        fail: Callable[[PeerError], None],
    ) -> None:
        self.timing = timing
        self.timers = Timers(clock)
        self._clock = clock
        self._handshake = handshake
        self._pending = pending
        self._statistics = statistics
        self._unfinished = unfinished
        self._fail = fail
        self._ours = 0.0
        self._stopped: float | None = None
        self._expiry = inf
        self._over = False

    def now(self) -> float:
        """Seconds on the peer's clock: it stands still while our own code handles what the peer has sent."""
        return (self._clock.seconds() if self._stopped is None else self._stopped) - self._ours

    def worked(self, begun: float) -> float:
        """The time from `begun`, as `now` gave it, was ours, not the peer's; how much it was."""
        seconds = self.now() - begun
        self._ours += seconds
        return seconds

    def stand_still(self) -> None:
        """Nothing is read any more: until `go_on` the time is ours."""
        self._stopped = self._clock.seconds()

    def go_on(self) -> None:
        """The peer is read again."""
        assert self._stopped is not None
        self._ours += self._clock.seconds() - self._stopped
        self._stopped = None
        self._expiry = inf
        self.expect()

    def begin(self) -> None:
        """There is a connection: the whole handshake has this time, and nothing prolongs it."""
        self.timers.later("handshake", self.timing.handshake, self._handshake_overdue)

    def open(self, keep_alive: Callable[[], None]) -> None:
        """The handshake is done."""
        self.timers.cancel("handshake")
        self.timers.later("idle", self.timing.idle, self._check_idle)
        self.timers.every("ping", self.timing.ping, keep_alive)
        if self.timing.stall_tick:
            self.timers.every("stall", self.timing.stall_tick, self._check_stall)

    def expect(self) -> None:
        """Something was asked: one timer runs for what is overdue first; answers do not touch it."""
        if self._pending.soonest < self._expiry and not self._over and self._stopped is None:
            self._expiry = self._pending.soonest
            self.timers.later("expiry", max(self._expiry - self.now(), 0), self._expire)

    def closing(self, abort: Callable[[], object]) -> None:
        """The peer is ended: after the grace time its connection is cut."""
        self.stop()
        self.timers.later("abort", self.timing.grace, abort)

    def stop(self) -> None:
        """The connection has ended."""
        self._over = True
        self.timers.cancel_all()

    def _handshake_overdue(self) -> None:
        state = describe(self._handshake.state)
        self._fail(HandshakeTimeout(f"still {state} after {self.timing.handshake:g} seconds"))

    def _check_stall(self) -> None:
        if self._pending.stalled(self.now() + EARLY):
            self.timers.later("stall verdict", 0, lambda: self._judge(self._pending.stalled))

    def _check_idle(self) -> None:
        left = self._statistics.last_received + self.timing.idle - self.now()
        if left > EARLY:
            self.timers.later("idle", left, self._check_idle)
        else:
            self.timers.later("idle", self.timing.idle, self._check_idle)
            self.timers.later("idle verdict", 0, lambda: self._judge(self._idle))

    def _idle(self, now: float) -> PeerError | None:
        if now - self._statistics.last_received < self.timing.idle:
            return None
        if self._unfinished():
            return SlowMessage(
                f"{self._unfinished()} bytes of a message in {self.timing.idle:g} seconds, and not the rest"
            )
        return PeerIdle(f"no message for {self.timing.idle:g} seconds")

    def _judge(self, verdict: Verdict) -> None:
        error = verdict(self.now() + EARLY)
        if error:
            self._fail(error)

    def _expire(self) -> None:
        self.timers.later("expiry", 0, self._expire_now)

    def _expire_now(self) -> None:
        self._expiry = inf
        self._pending.expire(self.now() + EARLY)
        self.expect()
