"""What a node keeps of its network, by the form that the network fills in: a chain of headers, or a graph of blocks.

Both are opened, followed and served in the same way, so that whoever runs a node need not know which it is.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from twisted.internet.interfaces import IReactorTime

from peerproto.chain.rules import display
from peerproto.errors import LocalError
from peerproto.network import Network
from peerproto.node.graphfollower import GraphFollower
from peerproto.node.graphserver import GraphServer
from peerproto.node.graphstore import GraphStore
from peerproto.node.headerchain import HeaderChain
from peerproto.node.headerserver import HeaderServer
from peerproto.node.headerstore import HeaderStore
from peerproto.node.headersync import HeaderFollower
from peerproto.node.keptblocks import KeptBlocks
from peerproto.node.tipteller import TipTeller
from peerproto.node.trouble import Trouble
from peerproto.peer.listener import Handler
from peerproto.peer.protocol import PeerProtocol

Chain = HeaderChain | GraphStore
Store = HeaderStore | GraphStore


def what_is_kept(network: Network) -> str:
    """`headers` or `blocks`. Raises LocalError for a network of which a node can follow nothing."""
    if network.graph_sync is not None:
        return "blocks"
    _ = network.headers
    return "headers"


def open_store(path: str, network: Network) -> Store:
    """The file, made if it is not there. Raises LocalError, StoreError for a file that cannot be used."""
    if what_is_kept(network) == "blocks":
        return GraphStore(path, network)
    return HeaderStore(path, network.chain)


def chain_in(store: Store, network: Network, now: Callable[[], float]) -> Chain:
    """What is in the file. Raises LocalError if its proof of work cannot be computed here.

    :param now: the wall clock, in seconds since 1970.
    """
    return store if isinstance(store, GraphStore) else HeaderChain(store, network.chain, now)


@contextmanager
def kept_in_memory(network: Network, now: float) -> Iterator[Chain]:
    """An empty one that is gone afterwards, at a time in seconds since 1970. Raises LocalError as the others do."""
    with closing(open_store(":memory:", network)) as store:
        yield chain_in(store, network, lambda: now)


@contextmanager
def kept_in(path: str, network: Network, now: Callable[[], float]) -> Iterator[Chain]:
    """What is in a file while it is open; one that is made for this, and has nothing in it then, is taken away again.

    Raises as `open_store` and `chain_in` do.
    """
    was_there = os.path.exists(path)
    store = open_store(path, network)
    with closing(store):
        try:
            yield chain_in(store, network, now)
        finally:
            if not was_there and _is_empty(store):
                _take_away(os.path.realpath(path))


def _take_away(path: str) -> None:
    """Remove a file that is open and locked, its log first: SQLite leaves the log of a file that is gone."""
    with suppress(OSError):  # not every system lets go what is open
        for suffix in ("-wal", ""):
            Path(path + suffix).unlink(missing_ok=True)


def _is_empty(store: Store) -> bool:
    """Whether it has no more than the first block."""
    return (len(store) if isinstance(store, GraphStore) else store.rows) == 1


def standing(chain: Chain) -> dict[str, int | str]:
    """Where it stands: numbers by what they count, the one that grows with each thing first, and the tip as people
    write hashes. The first block does not count.
    """
    if isinstance(chain, GraphStore):
        return {"blocks": len(chain) - 1, "rank": chain.height, "tip": display(chain.tip)}
    return {"height": chain.height, "tip": display(chain.tip)}


def count_of(chain: Chain) -> int:
    """How much of it there is."""
    return next(number for number in standing(chain).values() if isinstance(number, int))


class ChainParts:
    """What follows a chain of headers, and serves it.

    :param blocks: an `IBlockStore` of the newest blocks, which are followed and served then, too; None for none.
    :param told: callbacks of the follower, by name.
    :ivar handlers: which method hears which kind of message. :ivar options: for the factory of peers.
    :ivar blocks: what follows the newest blocks, or None.
    """

    def __init__(
        self,
        clock: IReactorTime,
        network: Network,
        chain: HeaderChain,
        trouble: Trouble,
        blocks: Any = None,
        **told: Any,
    ) -> None:
        self.chain = chain
        self.follower = HeaderFollower(clock, chain, trouble, **told)
        self.server = HeaderServer(clock, chain, trouble, self._promised)
        self.teller = TipTeller(chain, trouble, self.follower.synced.is_over)
        self.blocks = None if blocks is None else KeptBlocks(clock, network, chain, blocks, trouble)
        members = () if self.blocks is None else self.blocks.members
        self.members: list[Any] = [self.follower, self.server, self.teller, *members]
        self.options: dict[str, Any] = {"height": self._promised, "relay": network.headers.needs_relay}
        sync = network.headers
        self.handlers: dict[type, Handler] = {
            sync.bringing: self.follower.take_headers,
            sync.asking: self.server.take_question,
            network.announcing: self.follower.take_announcement,
            **(self.blocks.handlers if self.blocks else {}),
        }
        if self.blocks is None:
            self.follower.brought.append(lambda _: self.teller.look())
            self.follower.synced.when().addCallback(lambda _: self.teller.look())
        else:
            self.teller.vector = network.block_trade.vector
            self.blocks.follower.completed.append(self.teller.look)
            self.blocks.follow(self.follower)

    def _promised(self) -> int:
        """How high the chain is told to others."""
        return self.chain.height if self.blocks is None else self.blocks.follower.gaps.promised

    def meet(self, peer: PeerProtocol) -> None:
        """A new peer: it is asked for what it has."""
        self.follower.ask(peer)
        self.teller.meet(peer)
        if self.blocks is not None:
            self.blocks.follower.meet(peer)

    def so_far(self) -> int:
        """How high it is, or is checked to be where a chain has to show its work before it is stored."""
        return self.follower.reached

    def total(self, peer: PeerProtocol) -> int:
        """How high the chain is to be, as far as a peer has said."""
        return max(peer.theirs.height if peer.theirs else 0, self.chain.height)

    def owes(self, peer: PeerProtocol) -> bool:
        """Whether a peer must answer what it is asked first: one that has no more than we may be silent."""
        return self.total(peer) > self.chain.height


class GraphParts:
    """What follows a graph of blocks, and serves it.

    :param told: options of the follower, by name.
    :ivar handlers: which method hears which kind of message. :ivar options: for the factory of peers.
    """

    def __init__(
        self, clock: IReactorTime, network: Network, chain: GraphStore, trouble: Trouble, **told: Any
    ) -> None:
        self.chain = chain
        self.follower = GraphFollower(clock, chain, trouble, **told)
        self.server = GraphServer(clock, chain, trouble)
        self.members: list[Any] = [self.follower, self.server]
        self.options: dict[str, Any] = {"height": lambda: chain.height, "tip": lambda: chain.tip}
        sync = network.graph
        self.handlers: dict[type, Handler] = {
            **dict.fromkeys(sync.taking, self.follower.take),
            **dict.fromkeys(sync.asking, self.server.take_question),
        }

    def meet(self, peer: PeerProtocol) -> None:
        """A new peer: it is asked for what it has."""
        self.follower.ask(peer)

    def so_far(self) -> int:
        """How many blocks there are."""
        return count_of(self.chain)

    def total(self, peer: PeerProtocol) -> int:
        """How many blocks there are to be, as far as is known."""
        return count_of(self.chain) + self.follower.left

    def owes(self, peer: PeerProtocol) -> bool:
        """Whether a peer must answer what it is asked first."""
        return True


def parts_for(
    clock: IReactorTime, network: Network, chain: Chain, trouble: Trouble, blocks: Any = None, **told: Any
) -> ChainParts | GraphParts:
    """What a node needs that keeps this, and the newest blocks in an `IBlockStore`, if there is one.

    Raises LocalError for a store of blocks where all are kept anyhow.
    """
    if isinstance(chain, GraphStore):
        if blocks is not None:
            raise LocalError(
                f"{network.name}: all blocks of a graph are kept, the newest need no store of their own"
            )
        return GraphParts(clock, network, chain, trouble, **told)
    return ChainParts(clock, network, chain, trouble, blocks, **told)
