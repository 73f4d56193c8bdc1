"""The newest blocks of a chain that a node keeps: what follows them, and what serves them."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IReactorTime

from peerproto.network import Network
from peerproto.node.blockfollower import BlockFollower
from peerproto.node.blocklog import BlockLog
from peerproto.node.blockserver import BlockServer
from peerproto.node.headerchain import HeaderChain
from peerproto.node.headersync import HeaderFollower
from peerproto.node.trouble import Trouble
from peerproto.peer.listener import Handler

__all__ = ["KeptBlocks"]


class KeptBlocks:
    """Both for one chain and one store.

    :param store: an `IBlockStore`.
    :ivar members: what is to be stopped, and to forget peers. :ivar handlers: which method hears which kind of message.
    """

    def __init__(
        self, clock: IReactorTime, network: Network, chain: HeaderChain, store: Any, trouble: Trouble
    ) -> None:
        self._trade = network.block_trade
        self.follower = BlockFollower(clock, network, chain, store, trouble)
        self.server = BlockServer(clock, network, chain, store, trouble, lambda: self.follower.gaps.promised)
        BlockLog(clock, self.follower)
        self.members: list[Any] = [self.follower, self.server]
        self.handlers: dict[type, Handler] = {
            self._trade.bringing: self.follower.take_block,
            network.not_found: self.follower.take_missing,
            self._trade.asking: self.server.take_question,
            self._trade.listing: self.server.take_question,
        }

    def follow(self, headers: HeaderFollower) -> None:
        """Look for blocks when headers have come, once these are synced."""
        headers.synced.when().addCallback(lambda _: self.follower.begin())
        headers.brought.append(self.follower.look)
        self.follower.look()

    def offered(self) -> int:
        """The services that say which blocks are here."""
        return self._trade.offered(self.follower.gaps.held)
