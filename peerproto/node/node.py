"""What a node does when its peers speak: it follows their headers or blocks, and answers what it is asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.interfaces import IReactorTime

from peerproto.errors import PeerError
from peerproto.network import Network
from peerproto.node.keeping import Chain, ChainParts, parts_for
from peerproto.node.trouble import Trouble
from peerproto.peer.factory import PeerFactory
from peerproto.peer.protocol import PeerProtocol


class Node:
    """One chain or graph, and the peers that bring it and ask for it. Addresses are the matter of its `Company`.

    :param chain: what is kept of the network, as `peerproto.node.keeping` opens it.
    :param progressed: called with a peer that has brought something, now and then while that is checked.
    :param finished: called with a peer that has told that it has no more than we.
    :param follower: more options for the follower.
    :param blocks: an `IBlockStore` of the newest blocks, which are followed and served then; None for none.
    :param listener: hears of all peers, too (see `IPeerListener`), behind the node.
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
        listener: object = None,
        services: int = 0,
        **options: Any,
    ) -> None:
        self.network = network
        self.chain = chain
        self.trouble = Trouble()
        told = {"progressed": progressed, "finished": finished, **(follower or {})}
        parts = self._parts = parts_for(clock, network, chain, self.trouble, blocks, **told)
        self.follower, self.server = parts.follower, parts.server
        self.total, self.owes, self.so_far = parts.total, parts.owes, parts.so_far
        options = {"relay": False, "manual": True, **parts.options, **options}
        kept = parts.blocks if isinstance(parts, ChainParts) else None
        options["services"] = services if kept is None else lambda: services | kept.offered()
        self.factory = PeerFactory(network, self, clock=clock, now=now, **options)
        self.factory.handlers.update(parts.handlers)
        self.factory.guests += [] if listener is None else [listener]
        self.trouble.happened.when().addCallback(lambda _: self.stop())

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
