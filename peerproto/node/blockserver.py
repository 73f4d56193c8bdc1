"""The blocks of a chain for the peers that ask, from the store that keeps the newest of them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from peerproto.chain.graph import now_and_then
from peerproto.chain.rules import display
from peerproto.errors import MalformedMessage, StoreError
from peerproto.forms.blocks import BlockTrade
from peerproto.forms.sync import Answer
from peerproto.network import Network
from peerproto.node.answering import Server, Step
from peerproto.node.blockstore import ask_store
from peerproto.node.headerchain import HeaderChain
from peerproto.node.headerserver import headers_asked
from peerproto.node.trouble import Trouble
from peerproto.wire.message import Message

__all__ = ["BlockServer"]

Looking = Generator[Deferred[Any], None, Any]
"""Waits for a store, and returns what it has found."""


class BlockServer(Server):
    """Answers questions for blocks, and for inventories of them: every one, since who syncs waits for each block.

    :param store: an `IBlockStore`. :param trouble: what a store that fails is told to.
    :param promised: how high the chain may be told.
    """

    def __init__(
        self,
        clock: IReactorTime,
        network: Network,
        chain: HeaderChain,
        store: Any,
        trouble: Trouble,
        promised: Callable[[], int],
    ) -> None:
        super().__init__(
            clock, lambda peer: Answers(network, chain, store, promised), trouble, answers_all=True
        )


class Answers:
    """Answers the questions of one peer."""

    def __init__(self, network: Network, chain: HeaderChain, store: Any, promised: Callable[[], int]) -> None:
        self._network = network
        self._trade: BlockTrade = network.block_trade
        self._chain = chain
        self._store = store
        self._promised = promised
        self._codec = network.codec(witness=True)
        self._last: bytes | None = None

    def __call__(self, message: Message) -> Iterator[Step]:
        return self._list(message) if isinstance(message, self._trade.listing) else self._bring(message)

    def _bring(self, message: Message) -> Iterator[Step]:
        """Each thing once, and then what is missing."""
        missing = []
        for thing in dict.fromkeys(self._trade.things(message)):
            block_hash, raw = thing.block, None
            if block_hash is not None:
                raw = yield from _found(ask_store(self._store.get, block_hash))
            if block_hash is None or raw is None:
                missing.append(thing)
                yield from now_and_then(len(missing))
            else:
                yield Answer(self._read(block_hash, raw), thing.witness)
                yield from self._prompt(block_hash)
        naming = self._trade.missing(missing) if missing else None
        if naming is not None:
            yield Answer(naming)

    def _read(self, block_hash: bytes, raw: bytes) -> Message:
        """The message that brings a block; nothing of it is read that need not be."""
        try:
            message: Any = self._trade.bringing.read(raw, self._codec)
            found = message.block_hash
        except MalformedMessage as error:
            raise StoreError(f"the store of blocks: {display(block_hash)} {error}") from None
        if found != block_hash:
            raise StoreError(f"the store of blocks: it has {display(found)} for {display(block_hash)}")
        return message  # type: ignore[no-any-return]

    def _list(self, message: Message) -> Iterator[Step]:
        """Behind the newest hash of the locator that is ours, as far as the blocks are here; nothing if none is."""
        trade, network = self._trade, self._network
        locator, stop = network.headers.asked(message)
        headers = headers_asked(self._chain, network.headers, locator, stop, trade.most_listed)
        hashes = []
        for block_hash in map(network.chain.block_hash, headers):
            if not (yield from _found(ask_store(self._store.has, block_hash))):
                break
            hashes.append(block_hash)
            yield from now_and_then(len(hashes))
        self._last = hashes[-1] if len(hashes) == trade.most_listed and trade.prompts else None
        yield from self._announce(hashes)

    def _prompt(self, block_hash: bytes) -> Iterator[Step]:
        """Who has had the last block of a full inventory asks for the next when it hears of our newest (btcd server.go,
        continueHash).
        """
        if block_hash == self._last:
            self._last = None
            newest = self._chain.header_at(self._promised())
            yield from self._announce([self._network.chain.block_hash(newest)])

    def _announce(self, hashes: list[bytes]) -> Iterator[Step]:
        vectors = list(map(self._trade.vector, hashes))
        if vectors:
            yield from map(Answer, self._network.inventory.announce(vectors))


def _found(asking: Deferred[Any]) -> Looking:
    """What a store has found, if need be later."""
    outcome: list[Any] = []
    asking.addBoth(outcome.append)
    if not outcome:
        yield asking
    (found,) = outcome
    if isinstance(found, Failure):
        found.raiseException()
    return found
