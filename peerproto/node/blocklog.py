"""What the log says of the blocks that are kept: how far it has come, and when all are here."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

from peerproto.node.blockfollower import BlockFollower
from peerproto.peer.logs import Logger

__all__ = ["REPORT", "BlockLog"]

REPORT = 10.0
"""Seconds between two lines while blocks are fetched."""


class BlockLog:
    """Tells it as blocks come: first how many are wanted, then now and then, at last that they are here. Of a few new
    ones nothing is told.
    """

    _log = Logger()

    def __init__(self, clock: IReactorTime, follower: BlockFollower) -> None:
        self._clock = clock
        self._follower = follower
        self._quiet_until = clock.seconds()
        self._is_behind = True
        follower.kept.append(self._report)
        follower.completed.append(self._say_all)

    def _report(self) -> None:
        here, total = self._follower.gaps.standing
        now = self._clock.seconds()
        self._is_behind = self._is_behind or not self._follower.gaps.held.newest
        if self._is_behind and here < total and now >= self._quiet_until:
            self._quiet_until = now + REPORT
            self._log.info("blocks: {here} of {total} are here", here=here, total=total)

    def _say_all(self) -> None:
        _, total = self._follower.gaps.standing
        if self._is_behind and total:
            self._log.info("blocks: all {total} are here", total=total)
        self._is_behind = False
