"""What the log says of the chain: where it stands, how far a sync has come, when it is done."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from peerproto.chain.rules import display
from peerproto.node.headerchain import HeaderChain
from peerproto.peer.protocol import PeerProtocol
from peerproto.peer.timers import Timers

REPORT = 10.0
"""Seconds between two looks at a chain that is being synced."""

QUIET = 5.0
"""Seconds that lie at least between two lines, however fast blocks come; but the end of a sync is told at once."""


class ChainLog:
    """Tells of one chain, as its follower calls `progressed` and `finished`."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, chain: HeaderChain) -> None:
        self._clock = clock
        self._chain = chain
        self._timers = Timers(clock)
        self._state = "at start"
        self._best = 0
        self._told = "", chain.tip
        self._quiet_until = clock.seconds()

    def start(self) -> None:
        """Say where the chain stands, and look at it from now on."""
        self._say()
        self._timers.every("report", REPORT, self._report)

    def stop(self) -> None:
        """Say where it stands now, if that is not told yet."""
        self._timers.cancel_all()
        if self._told[1] != self._chain.tip:
            self._say()

    def progressed(self, peer: PeerProtocol) -> None:
        """The peer has brought headers."""
        self._state = "syncing"
        self._best = max(peer.theirs.height if peer.theirs else 0, self._chain.height)

    def finished(self, peer: PeerProtocol) -> None:
        """The peer has no more."""
        self._state = "synced"
        self._report()

    def _report(self) -> None:
        now = self._clock.seconds()
        just_synced = self._state == "synced" != self._told[0]
        if (self._state, self._chain.tip) != self._told and (just_synced or now >= self._quiet_until):
            self._quiet_until = now + QUIET
            self._say()

    def _say(self) -> None:
        chain, total = self._chain, f" of {self._best}" if self._state == "syncing" else ""
        self._told = self._state, chain.tip
        self._log.info(
            "{state}: height {height}{total}, tip {tip}",
            state=self._state,
            height=chain.height,
            total=total,
            tip=display(chain.tip),
        )
