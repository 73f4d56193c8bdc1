"""Headers first: the chain follows the peers that have more of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IReactorTime

from peerproto.errors import InvalidHeaders
from peerproto.node.headerchain import HeaderChain, UnconnectedHeaders
from peerproto.node.headersource import Source
from peerproto.node.trouble import Trouble
from peerproto.peer.logs import Logger
from peerproto.peer.once import Once
from peerproto.peer.protocol import PeerProtocol
from peerproto.peer.timers import Timers

TURN = 0.02
"""For so many seconds a turn headers are checked: scrypt takes most of a second for 2000."""

OWED = 5.0
"""For so many seconds no second question goes to a peer that owes an answer: it would bring all twice.

After them the answer may never come: a node that is behind itself gives none (Bitcoin Core before 24,
net_processing.cpp, "Ignoring getheaders"), and what it announces when it has caught up is all that tells of it.
"""

CHATTER = 4096
"""Who sends no more bytes in that time is not bringing headers."""

ANNOUNCED = 8
"""An announcement has at most so many headers (Core's MAX_BLOCKS_TO_ANNOUNCE); what has more is an answer."""

MOST_ASTRAY = 10
"""So many announcements in a row may follow none of our headers (Core's MAX_NUM_UNCONNECTING_HEADERS_MSGS)."""


class HeaderFollower:
    """Asks peers for headers and puts what they bring into the chain, a slice of each peer's in turn.

    Every peer is asked, not one at a time: none can hold up the chain, and what another has brought already costs
    no more than a look at it.

    :param progressed: called after each slice with the peer that brought it.
    :param finished: called with a peer that has told that it has no more headers than we.
    :param trouble: what a store that fails is told to.
    :ivar synced: happens when that is told for the first time.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        chain: HeaderChain,
        trouble: Trouble,
        *,
        progressed: Callable[[PeerProtocol], object] = lambda peer: None,
        finished: Callable[[PeerProtocol], object] = lambda peer: None,
    ) -> None:
        self.chain = chain
        self.synced: Once[PeerProtocol] = Once()
        self._trouble = trouble
        self._clock = clock
        self._timers = Timers(clock)
        self._progressed = progressed
        self._finished = finished
        self._sources: dict[PeerProtocol, Source] = {}
        self._turns: deque[PeerProtocol] = deque()
        self._checking = False

    def stop(self) -> None:
        """Check no more."""
        self._sources.clear()
        self._turns.clear()
        self._timers.cancel_all()

    def forget(self, peer: PeerProtocol) -> None:
        """The peer has ended: what it brought is not worth the memory, another will bring it again."""
        self._sources.pop(peer, None)
        for timer in ("pause of", "owed by", "silence of"):
            self._timers.cancel(f"{timer} {peer.id}")
        if peer in self._turns:
            self._turns.remove(peer)

    def ask(self, peer: PeerProtocol) -> None:
        """Ask for what is behind our tip; an answer is owed only by a peer that said it has more."""
        pause = peer.network.headers.pause
        if pause and peer not in self._sources:
            self._source(peer)
            self._timers.later(f"pause of {peer.id}", pause, lambda: self.ask(peer))
            return
        self._timers.cancel(f"pause of {peer.id}")
        with self._trouble:
            source, sync = self._source(peer), peer.network.headers
            ahead, locator = self._is_ahead(peer), self._locator(peer, source)
            source.owes_until = self._clock.seconds() + OWED if ahead else 0.0
            source.ask_again = False
            if sync.one_start and ahead and len(locator) > 1:
                self._wait_for(peer, source)
                ahead = False
            peer.send(sync.ask(peer.protocol_version, locator), expect=ahead)

    def take_headers(self, peer: PeerProtocol, message: Any) -> None:
        """Check what a peer brings, a little at a time."""
        sync, source = peer.network.headers, self._source(peer)
        headers = sync.brought(message)
        source.owes_until = 0.0
        self._timers.cancel(f"silence of {peer.id}")
        if not source.put(headers, sync.most):
            source.ask_again = True
            return
        if peer not in self._turns:
            self._turns.append(peer)
        if not self._checking and not self._timers.is_set("check"):
            self._check()

    def take_announcement(self, peer: PeerProtocol, message: Any) -> None:
        """Ask for the headers of a block that we do not know; of many, the last one tells."""
        blocks = [block_hash for kind, block_hash in peer.network.item_keys(message) if kind == "block"]
        with self._trouble:
            if blocks and not self.chain.contains(blocks[-1]):
                self._ask_in_time(peer)

    def _source(self, peer: PeerProtocol) -> Source:
        return self._sources.setdefault(peer, Source())

    def _is_ahead(self, peer: PeerProtocol, by: int = 0) -> bool:
        """Whether it has said that it has more headers than we, and more than so many."""
        return peer.theirs is not None and peer.theirs.height > self.chain.height + by

    def _locator(self, peer: PeerProtocol, source: Source) -> list[bytes]:
        """By what a peer is asked; where nodes look at one hash alone, on from the branch that it is bringing."""
        if not peer.network.headers.one_start:
            return self.chain.locator()
        before = [] if source.reached is None else [source.reached]
        return [*before, *self.chain.locator()][source.back :]

    def _wait_for(self, peer: PeerProtocol, source: Source) -> None:
        """Wait for an answer that may never come, as long as something comes that may be it."""
        had = peer.statistics.bytes_received

        def look() -> None:
            comes = peer.statistics.bytes_received - had > CHATTER
            (self._wait_for if comes else self._try_older)(peer, source)

        self._timers.later(f"silence of {peer.id}", OWED, look)

    def _try_older(self, peer: PeerProtocol, source: Source) -> None:
        """It has more, but has brought nothing: it does not know the hash that it was asked by."""
        source.back += 1
        if self._locator(peer, source):
            self.ask(peer)
        else:
            self._end(peer, InvalidHeaders("it knows none of our headers: it has another chain"))

    def _ask_in_time(self, peer: PeerProtocol) -> None:
        """Ask now, or when what the peer has brought is dealt with, or what it owes is here or overdue."""
        source = self._source(peer)
        left = source.owes_until - self._clock.seconds()
        source.ask_again = bool(source.batches) or left > 0
        if not source.ask_again:
            self.ask(peer)
        elif left > 0:
            self._timers.later(f"owed by {peer.id}", left, lambda: self._ask_if_wanted(peer))

    def _ask_if_wanted(self, peer: PeerProtocol) -> None:
        """The answer is overdue: ask, unless it came after all and what was to be asked is asked."""
        source = self._sources.get(peer)
        if source is not None and source.ask_again and not source.batches:
            self._ask_in_time(peer)

    def _check(self) -> None:
        until = self._clock.seconds() + TURN
        self._checking = True
        try:
            while self._turns:
                with self._trouble:
                    self._give_turn(self._turns.popleft())
                if self._clock.seconds() >= until:
                    break
        finally:
            self._checking = False
            if self._turns:
                self._timers.later("check", 0, self._check)

    def _give_turn(self, peer: PeerProtocol) -> None:
        source = self._sources[peer]
        self._check_slice(peer, source)
        if source.batches and peer in self._sources and peer not in self._turns:
            self._turns.append(peer)

    def _check_slice(self, peer: PeerProtocol, source: Source) -> None:
        headers, last, more = source.take()
        try:
            added = self.chain.add(headers)
        except UnconnectedHeaders:
            if not last:
                source.drop()
            self._lead_back(peer, source, len(headers))
        except InvalidHeaders as error:
            self._end(peer, error)
        else:
            source.astray = 0
            source.new += added.connected
            if headers:
                source.come_to(peer.network.chain.block_hash(headers[-1]), self.chain.tip)
            self._tell(peer, added.reorganised)
            if last:
                self._come_to_end(peer, source, more, is_empty=not headers)

    def _tell(self, peer: PeerProtocol, reorganised: int) -> None:
        if reorganised:
            self._log.warn(
                "reorganised: {count} headers have left the chain for a branch with more work, brought by {peer}",
                count=reorganised,
                peer=peer,
            )
        self._progressed(peer)

    def _lead_back(self, peer: PeerProtocol, source: Source, count: int) -> None:
        """Show the peer the locator again; if it still brings no link it brings another chain."""
        source.astray += 1
        if source.astray > (1 if count > ANNOUNCED else MOST_ASTRAY):
            self._end(peer, InvalidHeaders("its headers follow none of ours: it has another chain"))
            return
        self._log.info("{peer} brought headers that follow none of ours: asking again", peer=peer)
        self._ask_in_time(peer)

    def _end(self, peer: PeerProtocol, error: InvalidHeaders) -> None:
        self.forget(peer)
        peer.fail(error)

    def _come_to_end(self, peer: PeerProtocol, source: Source, more: bool, *, is_empty: bool) -> None:
        sync, new = peer.network.headers, source.new
        source.new = 0
        keeps_some = self._is_ahead(peer, by=sync.holds_back)
        if sync.one_start and is_empty and keeps_some:
            self._try_older(peer, source)
            return
        goes_on = more or source.ask_again or (sync.asks_again and new and keeps_some)
        if goes_on:
            self._ask_in_time(peer)
        if not goes_on or (sync.one_start and more and not keeps_some):  # who has no more will not say so
            self.synced.fire(peer)
            self._finished(peer)
