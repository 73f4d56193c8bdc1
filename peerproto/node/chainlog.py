"""What the log says of the chain or graph: where it stands, how far a sync has come, when it is done."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

from peerproto.node.keeping import Chain, standing
from peerproto.peer.logs import Logger
from peerproto.peer.protocol import PeerProtocol
from peerproto.peer.timers import Timers

REPORT = 10.0
"""Seconds between two looks at a chain that is being synced."""

QUIET = 5.0
"""Seconds that lie at least between two lines, however fast blocks come; but the end of a sync is told at once."""


class ChainLog:
    """Tells of what a node keeps, as the node's follower calls `progressed` and `finished`."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, chain: Chain) -> None:
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

    def progressed(self, total: int) -> None:
        """A peer has brought something; there is to be so much in total."""
        self._state = "syncing"
        self._best = total

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
        total = f" of {self._best}" if self._state == "syncing" else ""
        self._told = self._state, self._chain.tip
        (grows, count), *others = standing(self._chain).items()
        self._log.info(
            "{state}: {grows} {count}{total}, {others}",
            state=self._state,
            grows=grows,
            count=count,
            total=total,
            others=", ".join(f"{name} {value}" for name, value in others),
        )
