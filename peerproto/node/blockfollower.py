"""The newest blocks follow the chain of headers: those that a store lacks are asked for, checked, kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.defer import Deferred, DeferredLock, succeed
from twisted.internet.interfaces import IReactorTime

from peerproto.chain.rules import display
from peerproto.errors import InvalidBlock
from peerproto.forms.blocks import BlockTrade, Held
from peerproto.forms.conversation import Key
from peerproto.network import Network
from peerproto.node.blockstore import ask_store
from peerproto.node.fetching import Fetching
from peerproto.node.headerchain import HeaderChain
from peerproto.node.trouble import Trouble
from peerproto.node.wanted import Wanted
from peerproto.peer.protocol import PeerProtocol
from peerproto.peer.timers import Timers

__all__ = ["BlockFollower"]

AHEAD = 128
"""So many blocks that are missing are looked for at a time, the lowest."""

MOST_ASKED = 16
"""So many of a peer (Bitcoin Core net_processing.cpp, MAX_BLOCKS_IN_TRANSIT_PER_PEER)."""

STEPS = 100
"""So many blocks are looked up in a turn of the reactor."""

AGAIN = 60.0
"""Seconds after which blocks that nobody has brought are looked for anew, of all peers."""

LAG = 3
"""Who has all but so many of the newest blocks has them all: they are on their way."""

ROOM = 288
"""Who keeps every block says so while so many more fit: peers that were told so will ask for old ones."""


class BlockFollower:
    """Keeps the newest blocks of the main chain in a store.

    What is here is found out at once; what is missing is asked for from `begin` on, when the headers are synced: of the
    old headers of a chain nobody knows whether they are among the newest.

    :param store: an `IBlockStore`. :param trouble: what a store that fails is told to.
    :ivar kept: called when a block has been kept. :ivar completed: called when something has come and all are here.
    """

    def __init__(
        self, clock: IReactorTime, network: Network, chain: HeaderChain, store: Any, trouble: Trouble
    ) -> None:
        self.kept: list[Callable[[], object]] = []
        self.completed: list[Callable[[], object]] = []
        self._trade: BlockTrade = network.block_trade
        self._hash_of = network.chain.block_hash
        self._chain = chain
        self._store = store
        self._trouble = trouble
        self._timers = Timers(clock)
        self._fetching = Fetching(clock, network, Wanted(most_asked=MOST_ASKED))
        self._peers: dict[PeerProtocol, None] = {}
        self._missing: dict[bytes, int] = {}
        self._keeping: dict[bytes, int] = {}
        self._one_at_a_time = DeferredLock()  # what is forgotten by one must not be what the next has kept
        self._next = 1
        self._reached: bytes | None = None
        self._begun = self._walking = self._stopped = self._was_complete = False

    # What the node tells.

    def begin(self) -> None:
        """The headers are synced: ask for what is missing."""
        if not self._begun and not self._stopped:
            self._begun = True
            self._seek(self._missing, self._peers)
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
            self._seek(self._missing, [peer])
        if not self._walking:
            self._walking = True
            Deferred.fromCoroutine(self._walk())

    def take_missing(self, peer: PeerProtocol, message: Any) -> None:
        """A peer has not what it was asked for."""
        self._fetching.lacks(peer, peer.network.item_keys(message))

    def take_block(self, peer: PeerProtocol, message: Any) -> Deferred[Any] | None:
        """A block has come; one that is not missing is passed over. Raises InvalidBlock, MalformedMessage."""
        block_hash = message.block_hash
        if block_hash not in self._missing or not self._trade.offers(peer.services or 0, 0):
            return None
        fault = self._trade.fault(message)
        if fault:
            raise InvalidBlock(f"block {display(block_hash)} {fault}")
        height = self._missing.pop(block_hash)
        self._fetching.came(_key(block_hash))
        return Deferred.fromCoroutine(self._keep(block_hash, height, message.payload))

    @property
    def held(self) -> Held:
        """Which blocks are here; the last few may be on their way."""
        first, height = self._first(), self._chain.height
        if self._here() < height - LAG:
            return Held(0, whole=False)
        return Held(height + 1 - first, whole=first == 1 and self._store.most >= height + ROOM)

    @property
    def standing(self) -> tuple[int, int]:
        """How many blocks are here, without a gap from the oldest on, and how many there are to be."""
        before = self._first() - 1
        return max(self._here() - before, 0), self._chain.height - before

    @property
    def promised(self) -> int:
        """How high others may be told of the chain: who has heard of a header from one who has blocks asks for the
        block, and waits long for it. Before they were all here for the first time none is offered: all of it then.
        """
        here, height = self._here(), self._chain.height
        return here if self._was_complete or here >= height - LAG else height

    # How it is done.

    def _here(self) -> int:
        """The height up to which no block is missing."""
        return min([*self._missing.values(), *self._keeping.values()], default=self._next) - 1

    async def _keep(self, block_hash: bytes, height: int, payload: bytes) -> None:
        self._keeping[block_hash] = height
        with self._trouble:
            await self._one_at_a_time.run(self._put, block_hash, height, payload)
            del self._keeping[block_hash]
            if not self._stopped and self._chain.height_of(block_hash) != height:
                self._next, self._reached = min(self._next, height), None  # it may have taken another's place
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
            while self._goes_on():
                await self._step()
                steps += 1
                if steps % STEPS == 0:
                    await self._pause()
            self._look_whether_complete()
        self._walking = False

    def _look_whether_complete(self) -> None:
        if self._stopped or self._missing or self._keeping:
            return
        self._was_complete = self._was_complete or self._begun or self._next > 1
        for call in self.completed if self._begun else ():
            call()

    def _goes_on(self) -> bool:
        """Whether there is something to be looked up, once it is clear where the chain stands now."""
        if self._stopped:
            return False
        self._mind_the_chain()
        return self._next <= self._chain.height and len(self._missing) < AHEAD

    async def _step(self) -> None:
        height = self._next
        block_hash = self._hash_of(self._chain.header_at(height))
        is_here = await ask_store(self._store.has, block_hash)
        if self._stopped or self._next != height or self._chain.height_of(block_hash) != height:
            return  # the chain is another one by now
        self._next, self._reached = height + 1, block_hash
        if not is_here and block_hash not in self._keeping:
            self._missing[block_hash] = height
            self._seek([block_hash], self._peers)

    def _pause(self) -> Deferred[None]:
        pause: Deferred[None] = Deferred()
        self._timers.later("walk", 0, lambda: pause.callback(None))
        return pause

    def _mind_the_chain(self) -> None:
        """Old blocks are not missing any more, nor those of a branch that was left."""
        first, chain = self._first(), self._chain
        if self._go_back():
            self._give_up(item for item, height in self._missing.items() if chain.height_of(item) != height)
        if self._next < first:
            self._next, self._reached = first, None
        self._give_up(item for item, height in self._missing.items() if height < first)

    def _go_back(self) -> bool:
        """To where the main chain leaves the branch that was looked through; whether there is one."""
        chain, was = self._chain, self._next
        while self._reached is not None and chain.height_of(self._reached) is None:
            (header,) = chain.after([], self._reached)
            self._next, self._reached = self._next - 1, chain.rules.read(header).prev_block
        return self._next < was

    def _give_up(self, hashes: Iterable[bytes]) -> None:
        for block_hash in list(hashes):
            del self._missing[block_hash]
            self._fetching.came(_key(block_hash))

    def _first(self) -> int:
        """The height of the oldest block that is kept."""
        most: int = self._store.most
        return max(1, self._chain.height + 1 - most)

    def _seek(self, hashes: Iterable[bytes], peers: Iterable[PeerProtocol]) -> None:
        """Note which of these peers has which of these blocks."""
        if not self._begun:
            return
        wanted, best = list(hashes), self._chain.height
        for peer in peers:
            services, height = peer.services or 0, peer.last_block or 0
            self._fetching.announced(
                peer,
                [
                    _key(item)
                    for item in wanted
                    if self._missing[item] <= height
                    and self._trade.offers(services, best - self._missing[item])
                ],
            )
        if self._missing and self._peers and not self._timers.is_set("again"):
            self._timers.later("again", AGAIN, self._look_again)

    def _look_again(self) -> None:
        """Blocks that all peers have been asked for in vain are looked for anew, as others may be here by now."""
        self._seek([item for item in self._missing if _key(item) not in self._fetching.wanted], self._peers)
        self.look()


def _key(block_hash: bytes) -> Key:
    return "block", block_hash
