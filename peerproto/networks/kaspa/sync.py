"""How blocks are synced on a graph that has no chain of headers. Pure: told what has come, it says what to send.

::

    we                                                     a peer with more blocks
      getlocator: its tip, the first block      ------->
                                                <-------   locator: blocks on the way down
      ... again between one that we know and the one above it, until nothing is left between
      getblockinvs: the one that we know, its tip ----->
                                                <-------   inv of all between, as blocks to sync
      getdata: fifty of them                    ------->
                                                <-------   block, block ...
      ... until all are here
      getseltip                                 ------->
                                                <-------   selectedtip: if it is unknown, from the beginning
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import Enum, auto
from functools import partial
from typing import Any

from peerproto.chain.graph import Graph, Vertex, between, down_to, now_and_then
from peerproto.chain.rules import ChainRules
from peerproto.errors import Misled
from peerproto.forms.introduction import Introduction
from peerproto.forms.sync import Answer, GraphSync
from peerproto.networks.bitcoin.records import InvVect
from peerproto.networks.graph import Fetcher
from peerproto.networks.kaspa import dag
from peerproto.networks.kaspa.blocks import Block
from peerproto.networks.kaspa.messages import (
    MOST_INV,
    MOST_LOCATOR,
    BlockLocator,
    GetBlockInvs,
    GetBlockLocator,
    GetData,
    GetSelectedTip,
    Inv,
    NotFound,
    Reject,
    SelectedTip,
)
from peerproto.networks.kaspa.records import MSG_BLOCK, MSG_MISSING_ANCESTOR, MSG_SYNC_BLOCK
from peerproto.wire.message import Message

MOST_LOCATORS = 64
"""How many locators it may take to find a block that both know: each halves what lies between."""

REJECT_INVALID = 0x10
_BLOCKS = (MSG_SYNC_BLOCK, MSG_MISSING_ANCESTOR, MSG_BLOCK)


class _Stage(Enum):
    """What is waited for: new blocks, a locator, the inventory, its blocks, the tip."""

    FOLLOWING = auto()
    LOCATING = auto()
    LISTING = auto()
    FETCHING = auto()
    CHECKING = auto()


class Follower(Fetcher):
    """Follows the graph of one peer into a graph of ours: each method says what to send next.

    :param theirs: what the peer says of itself, its selected tip for one.
    :param pow_limit: the easiest target of blocks; None for blocks that need not have any work.
    """

    def __init__(self, graph: Graph, theirs: Introduction, pow_limit: int | None) -> None:
        super().__init__(graph, _BLOCKS, MSG_MISSING_ANCESTOR, MOST_INV)
        self._pow_limit = pow_limit
        self._told = theirs.tip
        self._stage = _Stage.FOLLOWING
        self._tip = graph.genesis
        self._size: int | None = None
        self._locators = 0
        self._takes: dict[type[Message], Callable[[Any], list[Message]]] = {
            BlockLocator: self._take_locator,
            Inv: self._take_inv,
            Block: self.take_block,
            NotFound: self.take_not_found,
            SelectedTip: self._take_tip,
        }

    @property
    def is_synced(self) -> bool:
        """Whether all blocks are here that the peer has told of."""
        return self._stage is _Stage.FOLLOWING and not self.left

    def begin(self) -> list[Message]:
        """Ask for what is behind the peer's selected tip; its version told one, later it is asked."""
        self.drop_orphans()
        tip, self._told, self._size = self._told, None, None
        return self._check_tip() if tip is None else self._go_for(tip)

    def received(self, message: Message) -> list[Message]:
        """What has come; what concerns no sync, or comes out of turn, is passed over. Raises Misled."""
        take = self._takes.get(type(message))
        return take(message) if take else []

    def parents_of(self, block: Block) -> list[bytes]:
        """See Fetcher."""
        dag.check(block, self._pow_limit)
        return block.header.parent_hashes

    def rank_of(self, block: Block, parents: list[Vertex]) -> int:
        """See Fetcher: its blue score."""
        return dag.rank(self.graph, block, parents)

    def ask_for(self, kind: int, hashes: list[bytes]) -> GetData:
        """See Fetcher: kaspad wants to know what for."""
        return GetData([InvVect(kind, block_hash) for block_hash in hashes])

    def fetched(self, lost: bool) -> list[Message]:
        """At the end of a sync ask for the tip; so, too, if what was announced is too far ahead."""
        return self._check_tip() if lost or self._stage is _Stage.FETCHING else []

    def _check_tip(self) -> list[Message]:
        self._stage = _Stage.CHECKING
        return [GetSelectedTip()]

    def _go_for(self, tip: bytes) -> list[Message]:
        if tip in self.graph:
            self._stage = _Stage.FOLLOWING
            return []
        self._stage, self._tip, self._size, self._locators = _Stage.LOCATING, tip, len(self.graph), 0
        return [GetBlockLocator(tip, self.graph.genesis)]

    def _take_locator(self, message: BlockLocator) -> list[Message]:
        hashes = message.block_locator_hashes
        if self._stage is not _Stage.LOCATING or not hashes:
            return []
        known = next((at for at, item in enumerate(hashes) if item in self.graph), len(hashes))
        if known == 0:
            self._stage = _Stage.LISTING
            return [GetBlockInvs(hashes[0], self._tip)]
        self._locators += 1
        if self._locators > MOST_LOCATORS:
            raise Misled(f"{MOST_LOCATORS} locators came no nearer to a known block")
        low = hashes[known] if known < len(hashes) else self.graph.genesis
        return [GetBlockLocator(hashes[known - 1], low)]

    def _take_inv(self, message: Inv) -> list[Message]:
        """The inventory that was asked, or new blocks; what is new while we are behind comes with the tip."""
        kind = MSG_SYNC_BLOCK if self._stage is _Stage.LISTING else MSG_BLOCK
        found = [vector.hash for vector in message.inv_list if vector.type == kind]
        if self._stage is _Stage.LISTING and (found or not message.inv_list):
            self._stage = _Stage.FETCHING
        elif self._stage is not _Stage.FOLLOWING:
            return []
        for block_hash in found:
            self.want(block_hash, kind)
        return self.next()

    def _take_tip(self, message: SelectedTip) -> list[Message]:
        if self._stage is not _Stage.CHECKING:
            return []
        tip = message.selected_tip_hash
        if tip not in self.graph and len(self.graph) == self._size:
            raise Misled("the peer tells of blocks that it does not bring")
        return self._go_for(tip)


def answers(graph: Graph, message: Any) -> Iterator[Answer | None]:
    """What a node with this graph answers to questions of blocks."""
    match message:
        case GetSelectedTip():
            yield Answer(SelectedTip(graph.selected.block_hash))
        case GetData(inv_list=vectors):
            yield from _things(graph, vectors)
        case GetBlockLocator(high_hash=high, low_hash=low) | GetBlockInvs(high_hash=high, low_hash=low):
            first, last = graph.find(low), graph.find(high)
            if first is None or last is None:
                yield _refusal(message)
            elif isinstance(message, GetBlockLocator):
                yield from _locator(graph, first, last)
            elif first.rank < last.rank:
                hashes = yield from between(graph, first, last, MOST_INV)
                yield Answer(Inv([InvVect(MSG_SYNC_BLOCK, item) for item in hashes]))
            else:
                yield _refusal(message)


def _refusal(message: Message) -> Answer:
    text = "these are not two blocks of mine, the low one below the high one"
    return Answer(Reject(message.command, REJECT_INVALID, text))


def _locator(graph: Graph, low: Vertex, high: Vertex) -> Iterator[Answer | None]:
    """Blocks on the selected chain below the high one, each step in blue score twice the one before; then the low
    one.
    """
    found: list[bytes] = []
    step = 1
    at = yield from down_to(graph, high, high.rank - 1)
    while at.rank > low.rank and len(found) < MOST_LOCATOR - 1:
        found.append(at.block_hash)
        at = yield from down_to(graph, at, max(at.rank - step, low.rank))
        step *= 2
    yield Answer(BlockLocator([*found, low.block_hash]))


def _things(graph: Graph, vectors: Sequence[InvVect]) -> Iterator[Answer | None]:
    """Each block once, and then what is missing."""
    missing: list[InvVect] = []
    for vector in dict.fromkeys(vectors):
        place = graph.find(vector.hash) if vector.type in _BLOCKS else None
        block = graph.block(place) if place else None
        if block is not None:
            yield Answer(block)
        else:
            missing.append(vector)
            yield from now_and_then(len(missing))
    if missing:
        yield Answer(NotFound(missing))


def _vector(vertex: Vertex) -> InvVect:
    return InvVect(MSG_BLOCK, vertex.block_hash)


def graph_sync(rules: ChainRules) -> GraphSync:
    """How the graph of one net is followed and served."""

    def follow(graph: Graph, theirs: Introduction, proven: bool) -> Follower:
        return Follower(graph, theirs, rules.pow_limit if proven else None)

    return GraphSync(
        bringing=Block,
        taking=frozenset({BlockLocator, Inv, Block, NotFound, SelectedTip}),
        asking=frozenset({GetSelectedTip, GetBlockLocator, GetBlockInvs, GetData}),
        follow=follow,
        serve=lambda graph: partial(answers, graph),
        vector=_vector,
        grow=partial(dag.grow, rules),
    )
