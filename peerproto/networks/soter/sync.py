"""How Soter's graph is synced. Pure: told what has come, it says what to send.

::

    we                                                     a peer with more blocks
      getblocks: a height, one below our own    ------->
                                                <-------   inv of all blocks above it, at most 500
      getdata: fifty of them                    ------->
                                                <-------   block, block ...
      ... until all are here; if there were 500, or an inv said that there are more,
      getblocks: one below our new height       ------->
      ... until an inv brings nothing new; from then on an inv of new blocks comes of itself

One below, since several blocks have the same height and an inv may end between them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from peerproto.chain.graph import Graph, Vertex, now_and_then
from peerproto.chain.rules import ChainRules
from peerproto.errors import Misled
from peerproto.forms.introduction import Introduction
from peerproto.forms.sync import Answer, GraphSync
from peerproto.networks.graph import Fetcher
from peerproto.networks.soter import dag
from peerproto.networks.soter.behaviour import NODE_WITNESS, PROTOCOL_VERSION
from peerproto.networks.soter.blocks import Block
from peerproto.networks.soter.messages import GetBlocks, GetData, GetHeaders, Headers, Inv, NotFound
from peerproto.networks.soter.records import (
    MORE_BLOCKS,
    MSG_BLOCK,
    MSG_WITNESS_BLOCK,
    MSG_WITNESS_FLAG,
    BlockHeader,
    InvVect,
)
from peerproto.wire.message import Message

MOST_LISTED = 500
"""How many blocks the answer to a getblocks names (soterd wire, MaxBlocksPerMsg)."""

MOST_HEADERS = 2000
MOST_WANTED = 50_000
NOWHERE = bytes(32)

_PARENT, _LISTED = range(2)
_BLOCKS = (MSG_BLOCK, MSG_WITNESS_BLOCK)


class Follower(Fetcher):
    """Follows the graph of one peer into a graph of ours: each method says what to send next.

    :param theirs: what the peer says of itself. :param proven: whether blocks must have their work.
    """

    def __init__(self, graph: Graph, theirs: Introduction, proven: bool) -> None:
        super().__init__(graph, (_PARENT, _LISTED), _PARENT, MOST_WANTED)
        self._proven = proven
        self._pver = min(theirs.protocol_version, PROTOCOL_VERSION)
        self._type = MSG_WITNESS_BLOCK if theirs.services & NODE_WITNESS else MSG_BLOCK
        self._awaited = self._listing = self._more = self._exact = False
        self._size = 0
        self._takes: dict[type[Message], Callable[[Any], list[Message]]] = {
            Inv: self._take_inv,
            Block: self.take_block,
            NotFound: self.take_not_found,
        }

    @property
    def is_synced(self) -> bool:
        """Whether all blocks are here that the peer has told of."""
        return not self._listing and not self.left

    def begin(self) -> list[Message]:
        """Ask for what is above us."""
        self.drop_orphans()
        self._exact = False
        return self._list()

    def received(self, message: Message) -> list[Message]:
        """What has come; what concerns no sync, or comes out of turn, is passed over. Raises Misled."""
        take = self._takes.get(type(message))
        return take(message) if take else []

    def parents_of(self, block: Block) -> list[bytes]:
        """See Fetcher."""
        dag.check(block, proven=self._proven)
        return [parent.hash for parent in block.parents.parents]

    def rank_of(self, block: Block, parents: list[Vertex]) -> int:
        """See Fetcher: its height."""
        return dag.height_behind(parents)

    def ask_for(self, kind: int, hashes: list[bytes]) -> GetData:
        """See Fetcher; heights are not looked at."""
        return GetData([InvVect(self._type, block_hash) for block_hash in hashes])

    def fetched(self, lost: bool) -> list[Message]:
        """All that was listed is here: ask again if there is more; what was lost is among that."""
        if self._awaited:
            return []
        if not self._more:
            self._listing = self._exact = False
            return []
        grown = len(self.graph) > self._size
        if self._exact and not grown:
            raise Misled("the peer tells of more blocks than it brings")
        self._exact = not grown
        return self._list()

    def _list(self) -> list[Message]:
        """Ask for an inventory from our height; from one below, unless that has brought nothing new."""
        self._listing = self._awaited = True
        self._more, self._size = False, len(self.graph)
        height = max(self.graph.selected.rank - (not self._exact), 0)
        return [GetBlocks(self._pver, [height], NOWHERE)]

    def _take_inv(self, message: Inv) -> list[Message]:
        """What is above us, or what is new: on the wire it looks the same."""
        vectors = message.inv_list
        if vectors == [MORE_BLOCKS]:
            return self._take_more()
        blocks = [vector for vector in vectors if vector.type in _BLOCKS]
        if vectors and not blocks:
            return []
        if not self._listing and self._is_far_above(blocks):
            return self.begin()
        self._awaited = False
        self._more = self._more or len(vectors) >= MOST_LISTED
        for vector in blocks:
            self.want(vector.hash, _LISTED)
        return self.next()

    def _take_more(self) -> list[Message]:
        """There are more than could be listed, unless that has been asked already."""
        if self._awaited:
            return []
        self._listing = self._more = True
        return self.next()

    def _is_far_above(self, blocks: Sequence[InvVect]) -> bool:
        """Whether blocks are announced whose parents cannot be here."""
        return any(vector.height > self.graph.selected.rank + 1 for vector in blocks)


class Answers:
    """Answers the questions of one peer. Who has been told of as many blocks as an inv may name, and has had the last
    of them, is told that there are more.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._last: bytes | None = None

    def __call__(self, message: Any) -> Iterator[Answer | None]:
        match message:
            case GetBlocks():
                found = self._asked(message, MOST_LISTED)
                if len(found) == MOST_LISTED:
                    self._last = found[-1].block_hash
                yield Answer(Inv(list(map(_vector, found))))
            case GetHeaders():
                yield from self._headers(self._asked(message, MOST_HEADERS))
            case GetData(inv_list=vectors):
                yield from self._things(vectors)

    def _asked(self, message: GetBlocks | GetHeaders, most: int) -> list[Vertex]:
        """The blocks above a height, up to that of the stop block; without a height this one alone."""
        graph = self._graph
        stop = graph.selected if message.hash_stop == NOWHERE else graph.find(message.hash_stop)
        if stop is None:
            return []
        if not message.block_locator_height:
            return [stop]
        (height,) = message.block_locator_height
        return [vertex for vertex in graph.above(max(height, 0), most) if vertex.rank <= stop.rank]

    def _headers(self, vertices: list[Vertex]) -> Iterator[Answer | None]:
        found: list[BlockHeader] = []
        for count, vertex in enumerate(vertices, 1):
            block: Any = self._graph.block(vertex)
            found += [block.header] if block is not None else []
            yield from now_and_then(count)
        yield Answer(Headers(found))

    def _things(self, vectors: Sequence[InvVect]) -> Iterator[Answer | None]:
        """Each block once, with witnesses if the question says so, and then what is missing."""
        missing: list[InvVect] = []
        for vector in dict.fromkeys(vectors):
            place = self._graph.find(vector.hash) if vector.type in _BLOCKS else None
            block = self._graph.block(place) if place else None
            if block is not None:
                yield Answer(block, bool(vector.type & MSG_WITNESS_FLAG))
                yield from self._more_behind(vector.hash)
            else:
                missing.append(vector)
                yield from now_and_then(len(missing))
        if missing:
            yield Answer(NotFound(missing))

    def _more_behind(self, block_hash: bytes) -> Iterator[Answer]:
        if block_hash == self._last:
            self._last = None
            yield Answer(Inv([MORE_BLOCKS]))


def _vector(vertex: Vertex) -> InvVect:
    return InvVect(MSG_BLOCK, vertex.block_hash, vertex.rank)


def graph_sync(rules: ChainRules) -> GraphSync:
    """How the graph of one net is followed and served."""
    return GraphSync(
        bringing=Block,
        taking=frozenset({Inv, Block, NotFound}),
        asking=frozenset({GetBlocks, GetHeaders, GetData}),
        follow=Follower,
        serve=Answers,
        vector=_vector,
        grow=partial(dag.grow, rules),
        grows_work=False,
    )
