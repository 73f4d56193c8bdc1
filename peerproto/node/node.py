"""What a node does when its peers speak: it follows their headers, and answers what it is asked."""

from __future__ import annotations

import time
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

from twisted.internet.interfaces import IReactorTime

from peerproto.errors import PeerError
from peerproto.network import Known, Network
from peerproto.node.headerchain import HeaderChain
from peerproto.node.headersync import HeaderFollower
from peerproto.peer.factory import PeerFactory
from peerproto.peer.protocol import PeerProtocol
from peerproto.wire.message import Message


class Node:
    """One chain, and the peers that bring it and ask for it.

    :param options: go to `PeerFactory` as they are.
    :ivar factory: makes the peers. :ivar follower: puts what they bring into the chain.
    """

    def __init__(
        self,
        clock: IReactorTime,
        network: Network,
        chain: HeaderChain,
        *,
        progressed: Callable[[PeerProtocol], object] = lambda peer: None,
        now: Callable[[], float] = time.time,
        **options: Any,
    ) -> None:
        self.network = network
        self.chain = chain
        self.follower = HeaderFollower(clock, chain, progressed=progressed)
        self.factory = PeerFactory(
            network, self, clock=clock, now=now, height=lambda: chain.height, **options
        )
        self._now = now
        self._told: set[int] = set()
        sync, handlers = network.header_sync, self.factory.handlers
        handlers[sync.bringing] = self.follower.take_headers
        handlers[sync.asking] = self.serve_headers
        handlers[network.announcing] = self.follower.take_announcement
        handlers[network.gossip.asking] = self.tell_addresses

    def on_ready(self, peer: PeerProtocol) -> None:
        """Ask a new peer for its headers."""
        self.follower.ask(peer)

    def on_lost(self, peer: PeerProtocol, error: PeerError) -> None:
        """Forget what was kept of a peer."""
        self.follower.forget(peer)
        self._told.discard(peer.id)

    def serve_headers(self, peer: PeerProtocol, message: Message) -> None:
        """Answer with the headers behind the newest hash of the locator that is ours; with none if none are."""
        sync = self.network.header_sync
        locator, stop = sync.asked(message)
        peer.send(sync.bring(self.chain.after(locator, stop, sync.most)))

    def tell_addresses(self, peer: PeerProtocol, message: Message) -> None:
        """Tell a peer that called us, once, whom we are connected to; who asks more often learns about us."""
        known = [item for item in map(self._known, self.factory.peers.values()) if item is not None]
        if peer.inbound and peer.id not in self._told and known:
            self._told.add(peer.id)
            gossip = self.network.gossip
            peer.send(gossip.tell(known[: gossip.most], peer.handshake.noted))

    def _known(self, peer: PeerProtocol) -> Known | None:
        host, _, port = peer.address.rpartition(":")
        if peer.inbound or peer.theirs is None or not _is_ip(host):
            return None
        return Known(host, int(port), peer.theirs.services, int(self._now()))


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
