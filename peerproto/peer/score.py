"""What is held against a peer: a part that stays, a part that is forgotten, and what becomes of too much of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Literal

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from peerproto.errors import Discredited, LocalError, PeerError, Reason
from peerproto.forms.conduct import Points
from peerproto.network import Network
from peerproto.peer.ending import ip_and_port
from peerproto.peer.logs import Logger

if TYPE_CHECKING:
    from peerproto.peer.factory import PeerFactory
    from peerproto.peer.protocol import PeerProtocol

_log = Logger()

HALF_LIFE = 60.0
"""In seconds: after so long the transient part is half of what it was."""

LIFE = 1800.0
"""In seconds: after so long without more nothing is left of it."""

Verdict = Literal["log", "disconnect"] | Callable[["PeerProtocol", str], object]


@dataclass(frozen=True)
class Judge:
    """What becomes of scores. Half of the threshold, once passed, is a warning in the log.

    :ivar threshold: points; a peer with more is judged, once, until enough is forgotten.
    :ivar verdict: `disconnect` ends the peer, `log` only says so; or a function that is called with the peer and what
        its last offence was.

    Raises LocalError for another verdict.
    """

    threshold: int = 100
    verdict: Verdict = "disconnect"

    def __post_init__(self) -> None:
        if not callable(self.verdict) and self.verdict not in ("log", "disconnect"):
            raise LocalError(f"verdict {self.verdict!r} is neither log nor disconnect, and no function")


class Score:
    """Points of one peer (dcrd connmgr/dynamicbanscore.go). Times are in seconds on one clock."""

    __slots__ = ("_persistent", "_since", "_transient")

    def __init__(self) -> None:
        self._persistent = 0
        self._transient = 0.0
        self._since = 0.0

    def add(self, persistent: int, transient: int, now: float) -> None:
        """Hold more against it."""
        self._persistent += persistent
        if transient:
            self._transient = self._left(now) + transient
            self._since = now

    def at(self, now: float) -> int:
        """How much it is now, in whole points."""
        return self._persistent + int(self._left(now))

    def _left(self, now: float) -> float:
        age = max(now - self._since, 0)
        if self._transient < 1 or age > LIFE:
            return 0.0
        return float(self._transient * 0.5 ** (age / HALF_LIFE))


class Scored:
    """The part of a peer against which something is held; `PeerProtocol` has the rest.

    :ivar manual: whether this peer was chosen by hand: nothing is held against it.
    """

    factory: PeerFactory
    network: Network
    clock: IReactorTime
    transport: Any
    inbound: bool
    fail: Callable[[PeerError], None]
    push_reject: Callable[..., Any]
    guarded: Callable[..., None]
    manual = False
    _score: Score | None = None

    @property
    def score(self) -> int:
        """How much is held against the peer now."""
        return self._score.at(self.clock.seconds()) if self._score else 0

    @property
    def is_by_hand(self) -> bool:
        """Whether somebody chose it, so that it is kept where another would be replaced."""
        return self.manual or (self.factory.manual and not self.inbound)

    @property
    def is_spared(self) -> bool:
        """Whether nothing is held against it: it was chosen by hand, or is on our own machine."""
        return self.is_by_hand or is_loopback(self.transport.getPeer())

    def add_score(self, persistent: int = 0, transient: int = 0, why: str = "") -> int:
        """Hold something against a peer that is or was connected; returns its score.

        Raises LocalError if one is negative.
        """
        if persistent < 0 or transient < 0:
            raise LocalError(f"{persistent} and {transient} points: a score only rises")
        if not (persistent or transient) or self.is_spared:
            return self.score
        before, self._score = self.score, self._score or Score()
        self._score.add(persistent, transient, self.clock.seconds())
        self._rose(before, why)
        return self.score

    def blame(self, offence: str) -> int:
        """Hold against the peer what the network's table says of an offence; returns its score.

        Raises LocalError for one that is not in the table; a Reason that is not there counts nothing.
        """
        points = self.network.scoring.offences.get(offence)
        if points is None and not isinstance(offence, Reason):
            raise LocalError(f"{self.network.name} has no points for {offence!r}")
        return self.add_score(*(points or Points()), why=offence)

    def blame_for(self, error: PeerError) -> None:
        """The peer was ended for this."""
        if not isinstance(error, Discredited):
            self.blame(error.reason)

    def score_and_reject(
        self,
        command: str,
        code: int,
        reason: str,
        hash: bytes | None = None,
        *,
        persistent: int = 0,
        transient: int = 0,
    ) -> Deferred[int]:
        """Tell the peer by a reject what it did, and when that is written hold it against it; fires with its score.

        The reject's parts are those of `push_reject`, as is LocalError where there are none.
        """
        written: Deferred[Any] = self.push_reject(command, code, reason, hash, wait=True)
        return written.addBoth(lambda _: self.add_score(persistent, transient, reason))

    def _rose(self, before: int, why: str) -> None:
        judge, score = self.factory.judge, self.score
        if before <= judge.threshold // 2 < score:
            _log.warn("{peer} has a score of {score}: {why}", peer=str(self), score=score, why=why)
        if before <= judge.threshold < score:
            self._judge(judge, f"score of {score}, {judge.threshold} allowed; the last for {why}", why)

    def _judge(self, judge: Judge, text: str, why: str) -> None:
        _log.warn("{peer} misbehaves: {text}", peer=str(self), text=text)
        if callable(judge.verdict):
            self.guarded(judge.verdict, self, why)
        elif judge.verdict == "disconnect":
            self.fail(Discredited(text))


def is_loopback(address: object) -> bool:
    """Whether an address is on our own machine: a proxy's, or a tunnel's, of whom nothing can be known."""
    host, _ = ip_and_port(address) or ("", 0)
    if not host:
        return False
    ip = ip_address(host)
    return (getattr(ip, "ipv4_mapped", None) or ip).is_loopback
