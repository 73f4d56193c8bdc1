"""A graph of blocks follows the peers that have more of it, one at a time.

One peer has the turn: it is asked for all that it has, by its network's follower, and its blocks are judged a few in a
turn of the reactor. Whoever else tells of a block that is not here waits for the turn, and so does every new peer.
Those that we called come first: of the others there can be as many as somebody likes. A block of the peer that has the
turn is asked of nobody else, so nothing is brought twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IReactorTime

from peerproto.chain.graph import Vertex
from peerproto.errors import PeerError, PeerStalled
from peerproto.forms.sync import BlockFollower
from peerproto.node.graphstore import GraphStore
from peerproto.node.trouble import Trouble
from peerproto.peer.once import Once
from peerproto.peer.protocol import PeerProtocol
from peerproto.peer.timers import Timers
from peerproto.wire.message import Message

TURN = 0.02
"""Blocks are judged for so many seconds a turn; at least one is."""

PATIENCE = 120.0
"""So many seconds a peer may have the turn without bringing a new block."""

MOST_NEWS = 16
"""So many announcements of a peer that waits for the turn are kept, the newest."""

MOST_TOLD = 10
"""So many new blocks are announced to others at once, the newest: who is further behind asks."""


class Source:
    """What is to be remembered of one peer: its follower, and what it has announced meanwhile."""

    def __init__(self, follower: BlockFollower) -> None:
        self.follower = follower
        self.news: deque[Message] = deque(maxlen=MOST_NEWS)


class GraphFollower:
    """Puts what peers bring into the graph, and tells the other peers of it.

    :param proven: whether blocks must have their work.
    :param progressed: called after each turn of judging with the peer that brought the blocks.
    :param finished: called with a peer of which all is here that it has told of.
    :param trouble: what a store that fails is told to.
    :ivar synced: happens when that is so for the first time.
    """

    def __init__(
        self,
        clock: IReactorTime,
        graph: GraphStore,
        trouble: Trouble,
        *,
        proven: bool = True,
        progressed: Callable[[PeerProtocol], object] = lambda peer: None,
        finished: Callable[[PeerProtocol], object] = lambda peer: None,
    ) -> None:
        self.graph = graph
        self.synced: Once[PeerProtocol] = Once()
        self._proven = proven
        self._trouble = trouble
        self._timers = Timers(clock)
        self._clock = clock
        self._progressed = progressed
        self._finished = finished
        self._sources: dict[PeerProtocol, Source] = {}
        self._waiting: deque[PeerProtocol] = deque()
        self._active: PeerProtocol | None = None
        self._told = self._seen = len(graph)

    @property
    def left(self) -> int:
        """How many blocks the peer that has the turn is known to have yet."""
        return 0 if self._active is None else self._sources[self._active].follower.left

    def stop(self) -> None:
        """Judge no more."""
        self._sources.clear()
        self._waiting.clear()
        self._active = None
        self._timers.cancel_all()

    def forget(self, peer: PeerProtocol) -> None:
        """The peer has ended: what it brought and is not judged is dropped, another will bring it again."""
        self._sources.pop(peer, None)
        if peer in self._waiting:
            self._waiting.remove(peer)
        if peer is self._active:
            self._end_turn()
        elif self._active is None and not self._waiting:
            self._timers.cancel("work")

    def ask(self, peer: PeerProtocol) -> None:
        """A new peer: its turn comes."""
        if peer.theirs is not None:
            follower = peer.network.graph.follow(self.graph, peer.theirs, self._proven)
            self._sources[peer] = Source(follower)
            self._queue(peer)

    def take(self, peer: PeerProtocol, message: Any) -> None:
        """What matters to who follows."""
        if peer not in self._sources:
            return
        if peer is not self._active and isinstance(message, peer.network.announcing):
            with self._trouble:
                self._take_news(peer, message)
        if peer is self._active:
            self._let(peer, lambda source: source.follower.received(message))

    def _take_news(self, peer: PeerProtocol, message: Message) -> None:
        """Of a peer that has not the turn only blocks matter that are not here; it has it at once if nobody has it."""
        blocks = [block_hash for kind, block_hash in peer.network.item_keys(message) if kind == "block"]
        if all(block_hash in self.graph for block_hash in blocks[-MOST_NEWS:]):
            return
        if self._active is None:
            self._begin_turn(peer)
        else:
            self._sources[peer].news.append(message)
            self._queue(peer)

    def _queue(self, peer: PeerProtocol) -> None:
        if peer not in self._waiting:
            self._waiting.append(peer)
        if self._active is None:
            self._next_turn()

    def _next_turn(self) -> None:
        peer = min(
            self._waiting, key=lambda peer: peer.inbound
        )  # the first of those that we called, if any waits
        self._waiting.remove(peer)
        self._begin_turn(peer)
        self._let(peer, lambda source: source.follower.begin())

    def _begin_turn(self, peer: PeerProtocol) -> None:
        self._active = peer
        self._be_patient()

    def _be_patient(self) -> None:
        self._timers.later("patience", PATIENCE, self._lose_patience)

    def _lose_patience(self) -> None:
        if self._active is not None:
            self._end(self._active, PeerStalled(f"no new block came for {PATIENCE:g} seconds"))

    def _end_turn(self) -> None:
        """Nobody has the turn: whoever waits is next, in a turn of the reactor of its own."""
        self._active = None
        self._timers.cancel("patience")
        self._timers.cancel("work")
        if self._waiting:
            self._soon()

    def _soon(self) -> None:
        if not self._timers.is_set("work"):
            self._timers.later("work", 0, self._go_on)

    def _go_on(self) -> None:
        if self._active is None:
            self._next_turn()
        else:
            self._work(self._active)

    def _let(self, peer: PeerProtocol, work: Callable[[Source], list[Message]]) -> None:
        """Let the peer's follower do something, say what it says, and see whether all is here now."""
        source = self._sources[peer]
        try:
            with self._trouble:
                for message in work(source):
                    peer.send(message)
                self._look_at(peer, source)
        except PeerError as error:
            self._end(peer, error)

    def _look_at(self, peer: PeerProtocol, source: Source) -> None:
        if peer is not self._active:
            return
        if source.follower.has_work:
            self._soon()
        elif source.follower.is_synced:
            self._come_to_end(peer, source)

    def _work(self, peer: PeerProtocol) -> None:
        """Judge some blocks of the peer that has the turn."""
        until, before = self._clock.seconds() + TURN, len(self.graph)
        while peer is self._active and self._sources[peer].follower.has_work:
            self._let(peer, lambda source: source.follower.judge())
            if self._clock.seconds() >= until:
                break
        if peer is self._active and len(self.graph) > before:
            self._be_patient()
        self._report(peer)

    def _report(self, peer: PeerProtocol) -> None:
        if len(self.graph) > self._seen:
            self._seen = len(self.graph)
            self._progressed(peer)

    def _come_to_end(self, peer: PeerProtocol, source: Source) -> None:
        """All is here that the peer has told of; but it may have announced something meanwhile."""
        if source.news:
            news = source.news.popleft()
            self._let(peer, lambda source: source.follower.received(news))
            return
        self._end_turn()
        self._report(peer)
        self._tell_others(peer)
        self.synced.fire(peer)
        self._finished(peer)

    def _tell_others(self, bringer: PeerProtocol) -> None:
        """Announce what is new, but not to the peer that brought it, nor to one that knows it."""
        new: list[Vertex] = self.graph.since(self._told, MOST_TOLD)
        self._told = len(self.graph)
        for peer in [peer for peer in self._sources if peer is not bringer]:
            for vertex in new:
                peer.queue_inventory_immediate(peer.network.graph.vector(vertex))

    def _end(self, peer: PeerProtocol, error: PeerError) -> None:
        self.forget(peer)
        peer.fail(error)
