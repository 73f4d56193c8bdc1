"""What a node does when its peers speak: it follows their headers or blocks, and answers what it is asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import Any

from twisted.internet.interfaces import IReactorTime

from peerproto.errors import PeerError, Reason, SelfConnection
from peerproto.forms.gossip import Known
from peerproto.network import Network
from peerproto.node.keeping import Chain, ChainParts, parts_for
from peerproto.node.trouble import Trouble
from peerproto.peer.ending import ip_and_port
from peerproto.peer.factory import PeerFactory
from peerproto.peer.protocol import PeerProtocol
from peerproto.wire.message import Message


class Node:
    """One chain or graph, and the peers that bring it and ask for it.

    :param chain: what is kept of the network, as `peerproto.node.keeping` opens it.
    :param progressed: called with a peer that has brought something, now and then while that is checked.
    :param finished: called with a peer that has told that it has no more than we.
    :param follower: more options for the follower.
    :param blocks: an `IBlockStore` of the newest blocks, which are followed and served then; None for none.
    :param services: what we announce, beside what says which blocks are kept.
    :param now: the wall clock, in seconds since 1970.
    :param options: go to `PeerFactory` as they are; transactions are not asked for unless `relay` says so.
    :ivar factory: makes the peers. :ivar follower: puts what they bring into the chain.
    :ivar server: answers those who ask for it.
    :ivar so_far: how much there is, with what is checked and not yet stored.
    :ivar total: of a peer, how much there is to be, as far as is known. :ivar owes: whether it must answer at first.
    :ivar trouble: what a store that fails is told to; nothing is followed or answered after that.
    """

    def __init__(
        self,
        clock: IReactorTime,
        network: Network,
        chain: Chain,
        *,
        progressed: Callable[[PeerProtocol], object] = lambda peer: None,
        finished: Callable[[PeerProtocol], object] = lambda peer: None,
        now: Callable[[], float] = time.time,
        follower: Mapping[str, Any] | None = None,
        blocks: Any = None,
        services: int = 0,
        **options: Any,
    ) -> None:
        self.network = network
        self.chain = chain
        self.trouble = Trouble()
        self.trouble.happened.when().addCallback(lambda _: self.stop())
        told = {"progressed": progressed, "finished": finished, **(follower or {})}
        parts = self._parts = parts_for(clock, network, chain, self.trouble, blocks, **told)
        self.follower, self.server = parts.follower, parts.server
        self.total, self.owes, self.so_far = parts.total, parts.owes, parts.so_far
        options = {"relay": False, "manual": True, **parts.options, **options}
        kept = parts.blocks if isinstance(parts, ChainParts) else None
        options["services"] = services if kept is None else lambda: services | kept.offered()
        self.factory = PeerFactory(network, self, clock=clock, now=now, **options)
        self._now = now
        self._told: set[int] = set()
        self.factory.handlers.update(parts.handlers)
        if network.gossip is not None:
            self.factory.handlers[network.gossip.asking] = self.tell_addresses

    def stop(self) -> None:
        """Follow and answer no more."""
        for member in self._parts.members:
            member.stop()

    def on_ready(self, peer: PeerProtocol) -> None:
        """Ask a new peer for what it has."""
        self._parts.meet(peer)

    def on_lost(self, peer: PeerProtocol, error: PeerError) -> None:
        """Forget what was kept of a peer."""
        for member in self._parts.members:
            member.forget(peer)
        self._told.discard(peer.id)
        if error.reason is Reason.SELF:
            self._end_other_end(peer)

    def tell_addresses(self, peer: PeerProtocol, message: Message) -> None:
        """Tell a peer that called us, once, whom we have called; who asks often would learn how that changes."""
        gossip = self.network.gossip
        if gossip is None or not peer.inbound or peer.id in self._told:
            return
        known, gossip = self._known_to(peer), self.network.gossip
        if known and gossip is not None:
            self._told.add(peer.id)
            peer.send(gossip.tell(known[: gossip.most], peer.handshake.noted, peer.protocol_version))

    def _end_other_end(self, peer: PeerProtocol) -> None:
        """The side that was called finds out that we have called ourselves; the side that calls would call again."""
        for other in list(self.factory.peers.values()):
            if peer.theirs is not None and other.handshake.nonce == peer.theirs.nonce:
                other.fail(SelfConnection("our own nonce came back: this is ourselves"))

    def _known_to(self, asker: PeerProtocol) -> list[Known]:
        """The peers that we have called; those on a private network only for who is on one too."""
        here, now = _is_public(asker), int(self._now())
        return [
            Known(*place, peer.theirs.services, now)
            for peer in self.factory.peers.values()
            if not peer.inbound and peer.theirs is not None
            if (place := _place(peer)) is not None and (_is_public(peer) or not here)
        ]


def _place(peer: PeerProtocol) -> tuple[str, int] | None:
    """Where a peer is, if that is an address of IP."""
    transport: Any = peer.transport
    return ip_and_port(transport.getPeer())


def _is_public(peer: PeerProtocol) -> bool:
    place = _place(peer)
    return place is not None and ip_address(place[0]).is_global
