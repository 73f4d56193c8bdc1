"""The newest blocks follow the chain of headers: those that a store lacks are asked for, checked, kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.defer import Deferred, DeferredLock, succeed
from twisted.internet.interfaces import IReactorTime

from peerproto.chain.rules import display
from peerproto.errors import InvalidBlock
from peerproto.forms.blocks import BlockTrade
from peerproto.forms.conversation import Key
from peerproto.network import Network
from peerproto.node.blockgaps import BlockGaps, Spot
from peerproto.node.blockstore import ask_store
from peerproto.node.fetching import Fetching
from peerproto.node.headerchain import HeaderChain
from peerproto.node.trouble import Trouble
from peerproto.node.wanted import Wanted
from peerproto.peer.protocol import PeerProtocol
from peerproto.peer.timers import Timers

__all__ = ["BlockFollower"]

MOST_ASKED = 16
"""So many of a peer (Bitcoin Core net_processing.cpp, MAX_BLOCKS_IN_TRANSIT_PER_PEER)."""

STEPS = 100
"""So many blocks are looked up in a turn of the reactor."""

AGAIN = 60.0
"""Seconds after which blocks that nobody has brought are looked for anew, of all peers."""


class BlockFollower:
    """Keeps the newest blocks of the main chain in a store.

    What is here is found out at once; what is missing is asked for from `begin` on, when the headers are synced: of the
    old headers of a chain nobody knows whether they are among the newest.

    :param store: an `IBlockStore`. :param trouble: what a store that fails is told to.
    :ivar gaps: which blocks are here.
    :ivar kept: called when a block has been kept. :ivar completed: called when something has come and all are here.
    """

    def __init__(
        self, clock: IReactorTime, network: Network, chain: HeaderChain, store: Any, trouble: Trouble
    ) -> None:
        self.kept: list[Callable[[], object]] = []
        self.completed: list[Callable[[], object]] = []
        self._trade: BlockTrade = network.block_trade
        self._chain = chain
        self._store = store
        self._trouble = trouble
        self._timers = Timers(clock)
        self._fetching = Fetching(clock, network, Wanted(most_asked=MOST_ASKED))
        self.gaps = BlockGaps(chain, store, lambda block_hash: self._fetching.came(_key(block_hash)))
        self._peers: dict[PeerProtocol, None] = {}
        self._one_at_a_time = DeferredLock()  # what is forgotten by one must not be what the next has kept
        self._begun = self._walking = self._stopped = False

    # What the node tells.

    def begin(self) -> None:
        """The headers are synced: ask for what is missing."""
        if not self._begun and not self._stopped:
            self._begun = True
            self._seek(self.gaps.missing, self._peers)
            self.look()

    def stop(self) -> None:
        """Ask and keep no more."""
        self._stopped = True
        self._peers.clear()
        self._fetching.stop()
        self._timers.cancel_all()

    def meet(self, peer: PeerProtocol) -> None:
        """A new peer."""
        self._peers[peer] = None
        self.look(peer)

    def forget(self, peer: PeerProtocol) -> None:
        """A peer has ended."""
        self._peers.pop(peer, None)
        self._fetching.forget(peer)
        if not self._peers:
            self._timers.cancel("again")

    def look(self, peer: PeerProtocol | None = None) -> None:
        """The chain may have grown, by what a peer has brought, for one."""
        if peer is not None:
            self._seek(self.gaps.missing, [peer])
        if not self._walking:
            self._walking = True
            Deferred.fromCoroutine(self._walk())

    def take_missing(self, peer: PeerProtocol, message: Any) -> None:
        """A peer has not what it was asked for."""
        self._fetching.lacks(peer, peer.network.item_keys(message))

    def take_block(self, peer: PeerProtocol, message: Any) -> Deferred[Any] | None:
        """A block has come; one that is not missing is passed over. Raises InvalidBlock, MalformedMessage."""
        block_hash = message.block_hash
        if block_hash not in self.gaps.missing or not self._trade.offers(peer.services or 0, 0):
            return None
        fault = self._trade.fault(message, self.gaps.missing[block_hash])
        if fault:
            raise InvalidBlock(f"block {display(block_hash)} {fault}")
        self._fetching.came(_key(block_hash))
        return Deferred.fromCoroutine(self._keep(block_hash, self.gaps.came(block_hash), message.payload))

    # How it is done.

    async def _keep(self, block_hash: bytes, height: int, payload: bytes) -> None:
        with self._trouble:
            await self._one_at_a_time.run(self._put, block_hash, height, payload)
            if self._stopped:
                return
            self.gaps.kept(block_hash)
            self.look()
            for call in self.kept:
                call()

    def _put(self, block_hash: bytes, height: int, payload: bytes) -> Deferred[Any]:
        if self._stopped:
            return succeed(None)
        return ask_store(self._store.keep, block_hash, height, payload, self._chain.height)

    async def _walk(self) -> None:
        """Find out which blocks of the main chain are missing, from the lowest on."""
        with self._trouble:
            steps = 0
            while not self._stopped and (spot := self.gaps.next_one()):
                await self._look_up(spot)
                steps += 1
                if steps % STEPS == 0:
                    await self._pause()
            if not self._stopped and self.gaps.is_complete() and self._begun:
                for call in self.completed:
                    call()
        self._walking = False

    async def _look_up(self, spot: Spot) -> None:
        is_here = await ask_store(self._store.has, spot.block_hash)
        if not self._stopped and self.gaps.looked_up(spot, is_here):
            self._seek([spot.block_hash], self._peers)

    def _pause(self) -> Deferred[None]:
        pause: Deferred[None] = Deferred()
        self._timers.later("walk", 0, lambda: pause.callback(None))
        return pause

    def _seek(self, hashes: Iterable[bytes], peers: Iterable[PeerProtocol]) -> None:
        """Note which of these peers has which of these blocks."""
        if not self._begun:
            return
        missing, best = self.gaps.missing, self._chain.height
        wanted = [(_key(item), missing[item]) for item in hashes]
        for peer in peers:
            services, height = peer.services or 0, peer.last_block or 0
            self._fetching.announced(
                peer,
                [key for key, at in wanted if at <= height and self._trade.offers(services, best - at)],
            )
        if missing and self._peers and not self._timers.is_set("again"):
            self._timers.later("again", AGAIN, self._look_again)

    def _look_again(self) -> None:
        """Blocks that all peers have been asked for in vain are looked for anew, as others may be here by now."""
        self._seek(
            [item for item in self.gaps.missing if _key(item) not in self._fetching.wanted], self._peers
        )
        self.look()


def _key(block_hash: bytes) -> Key:
    return "block", block_hash
