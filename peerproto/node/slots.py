"""The places for peers that call us: who gets one, and who must give his to another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from ipaddress import ip_address
from math import inf
from typing import Any

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory

from peerproto.errors import PeerLost, Reason
from peerproto.node.eviction import Candidate, choose
from peerproto.node.places import Place
from peerproto.peer.factory import PeerFactory
from peerproto.peer.handshake import host_of
from peerproto.peer.logs import Logger, Quiet
from peerproto.peer.protocol import PeerProtocol

GROUPS = 10_000
"""Of so many groups it is remembered when they called (dcrd connmgr)."""


@dataclass(frozen=True)
class Limits:
    """How many peers may have called us, and how often.

    :ivar total: in all. :ivar host: of one address. :ivar group: of one network group.
    :ivar unfinished: that have not shaken hands. :ivar group_unfinished: the same, of one group (btcd).
    :ivar burst: calls of one group at once. :ivar every: seconds for one more (dcrd connmgr).
    """

    total: int = 117
    host: int = 5
    group: int = 16
    unfinished: int = 64
    group_unfinished: int = 8
    burst: int = 3
    every: float = 5.0


class Slot:
    """One place that is taken. Times are those of the clock, in seconds; 0 is never.

    :param rank: of its group under a secret key. :param is_local: see `Candidate`.
    """

    __slots__ = ("block", "group", "host", "is_local", "peer", "rank", "since", "transaction")

    def __init__(
        self, peer: PeerProtocol, host: str, group: str, since: float, rank: int, is_local: bool
    ) -> None:
        self.peer = peer
        self.host = host
        self.group = group
        self.since = since
        self.rank = rank
        self.is_local = is_local
        self.block = self.transaction = 0.0


def is_spared(host: str) -> bool:
    """Whether many may call from there, who are many: this host (as all do who come by Tor), and what is no IP."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return True


class Slots:
    """Counts who has called. The limit in all is never exceeded: who is evicted has lost his place at once.

    :param now: the clock, in seconds. :param group_of: the network group of a place.
    :param is_banned: whether a host is. :param spared: for which hosts only the limits in all count, and no ban.
    :param key: secret, so that nobody knows whose groups are spared when somebody must go.
    :ivar held: the places that are taken, by the id of the peer. :ivar refused: how many were, by why.
    :ivar evicted: how many have been.
    """

    _log = Logger()

    def __init__(
        self,
        limits: Limits,
        now: Callable[[], float],
        *,
        group_of: Callable[[Place], str],
        is_banned: Callable[[str], bool],
        key: bytes,
        spared: Callable[[str], bool] = is_spared,
    ) -> None:
        self.limits = limits
        self.held: dict[int, Slot] = {}
        self.refused: Counter[str] = Counter()
        self.evicted = 0
        self._now = now
        self._group_of = group_of
        self._is_banned = is_banned
        self._spared = spared
        self._key = key
        self._unfinished: dict[int, Slot] = {}
        self._hosts: Counter[str] = Counter()
        self._groups: Counter[str] = Counter()
        self._rates = Quiet(limits.burst, limits.every, GROUPS)
        self._quiet = Quiet(burst=1)

    def refuses(self, host: str) -> str | None:
        """Why nobody from there is taken in now: banned, host, group, unfinished, rate, full; None if one is.

        If all places are taken, somebody is evicted for him, or else it is full.
        """
        why = self._refusal(host)
        if why is not None:
            self.refused[why] += 1
            left_out = self._quiet.asks("", self._now())
            if left_out is not None:
                self._log.info(
                    "{host} is refused: {why}; {more} others were since the last such line",
                    host=host,
                    why=why,
                    more=left_out,
                )
        return why

    def hold(self, peer: PeerProtocol, host: str) -> None:
        """A peer takes a place, until it has ended."""
        group = self._group(host)
        slot = Slot(peer, host, group, self._now(), self._rank(group), self._spared(host))
        self.held[peer.id] = self._unfinished[peer.id] = slot
        self._hosts[host] += 1
        self._groups[slot.group] += 1
        peer.when_ready().addCallbacks(lambda _: self._unfinished.pop(peer.id, None), lambda _: None)
        peer.when_disconnected().addCallback(lambda _: self._release(peer))

    def brought_block(self, peer: PeerProtocol) -> None:
        """A peer has brought a block that was new: that counts for it when somebody must go."""
        if peer.id in self.held:
            self.held[peer.id].block = self._now()

    def brought_transaction(self, peer: PeerProtocol) -> None:
        """The same for a transaction."""
        if peer.id in self.held:
            self.held[peer.id].transaction = self._now()

    def _refusal(self, host: str) -> str | None:
        limits, spared = self.limits, self._spared(host)
        if not spared and (why := self._refusal_of(host, self._group(host))):
            return why
        if len(self._unfinished) >= limits.unfinished:
            return "unfinished"
        if len(self.held) >= limits.total and not self._evict():
            return "full"
        return None

    def _refusal_of(self, host: str, group: str) -> str | None:
        """What counts only for who is not spared; the cheapest first, and last what he has used up by asking."""
        limits = self.limits
        if self._is_banned(host):
            return "banned"
        if self._hosts[host] >= limits.host:
            return "host"
        if self._groups[group] >= limits.group:
            return "group"
        if sum(slot.group == group for slot in self._unfinished.values()) >= limits.group_unfinished:
            return "unfinished"
        return "rate" if self._rates.asks(group, self._now()) is None else None

    def _rank(self, group: str) -> int:
        return int.from_bytes(blake2b(group.encode(), key=self._key, digest_size=8).digest(), "big")

    def _group(self, host: str) -> str:
        return self._group_of(Place(host, 0))

    def _evict(self) -> bool:
        victim = choose(map(self._candidate, self.held.values()))
        if victim is None:
            return False
        peer = self.held[victim].peer
        self.evicted += 1
        self._release(peer)
        peer.disconnect(PeerLost("its place was given to another", Reason.EVICTED))
        transport: Any = peer.transport
        getattr(transport, "abortConnection", transport.loseConnection)()
        return True

    def _candidate(self, slot: Slot) -> Candidate:
        peer, least = slot.peer, slot.peer.pings.least
        return Candidate(
            id=peer.id,
            group=slot.rank,
            since=slot.since,
            ping=inf if least is None else least,
            transaction=slot.transaction,
            block=slot.block,
            relays=peer.theirs is None or peer.theirs.relay,
            is_local=slot.is_local,
            is_disfavoured=peer.score > 0,
        )

    def _release(self, peer: PeerProtocol) -> None:
        slot = self.held.pop(peer.id, None)
        if slot is None:
            return
        self._unfinished.pop(peer.id, None)
        for counts, name in ((self._hosts, slot.host), (self._groups, slot.group)):
            counts[name] -= 1
            if not counts[name]:
                del counts[name]


class InboundPeers(Factory):
    """Makes the peers that call us and are let in; to the others the connection is closed before a byte is read.

    :param met: called with each peer.
    """

    noisy = False

    def __init__(self, factory: PeerFactory, slots: Slots, met: Callable[[PeerProtocol], object]) -> None:
        self._factory = factory
        self._slots = slots
        self._met = met

    def buildProtocol(self, addr: IAddress | None) -> PeerProtocol | None:  # type: ignore[override]
        """An inbound peer, or None."""
        host = host_of(addr)
        if self._slots.refuses(host):
            return None
        peer = self._factory.build(inbound=True)
        self._slots.hold(peer, host)
        self._met(peer)
        return peer
