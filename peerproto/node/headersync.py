"""Headers first: the chain follows the peers that have more of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from peerproto.errors import InvalidHeaders
from peerproto.node.headerchain import HeaderChain, UnconnectedHeaders
from peerproto.peer.once import Once
from peerproto.peer.protocol import PeerProtocol
from peerproto.peer.timers import Timers

SLICE = 100
TURN = 0.02
"""Headers are checked so many at a time, for so many seconds a turn: scrypt takes most of a second for 2000."""

MOST_WAITING = 4
"""So many messages of headers may wait to be checked; a peer that sends more unasked is not heard."""


class HeaderFollower:
    """Asks peers for headers and puts what they bring into the chain.

    :ivar synced: happens when a peer has told that it has no more headers than we.
    :param progressed: called after each slice with the peer that brought it.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        chain: HeaderChain,
        *,
        progressed: Callable[[PeerProtocol], object] = lambda peer: None,
    ) -> None:
        self.chain = chain
        self.synced: Once[PeerProtocol] = Once()
        self._clock = clock
        self._timers = Timers(clock)
        self._progressed = progressed
        self._waiting: deque[tuple[PeerProtocol, list[bytes], bool]] = deque()
        self._asked_again: set[int] = set()

    def stop(self) -> None:
        """Check no more."""
        self._waiting.clear()
        self._timers.cancel_all()

    def ask(self, peer: PeerProtocol) -> None:
        """Ask for what is behind our tip; an answer is owed only by a peer that said it has more."""
        ahead = peer.theirs is not None and peer.theirs.height > self.chain.height
        question = peer.network.header_sync.ask(peer.protocol_version, self.chain.locator())
        peer.send(question, expect=ahead)

    def take_headers(self, peer: PeerProtocol, message: Any) -> None:
        """Check what a peer brings, a little at a time."""
        sync = peer.network.header_sync
        headers = sync.brought(message)
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append((peer, headers, len(headers) == sync.most))
            if not self._timers.is_set("check"):
                self._check()

    def forget(self, peer: PeerProtocol) -> None:
        """The peer has ended; what it brought is still checked."""
        self._asked_again.discard(peer.id)

    def take_announcement(self, peer: PeerProtocol, message: Any) -> None:
        """Ask for the headers of a block that we do not know; of many, the last one tells."""
        blocks = [block_hash for kind, block_hash in peer.network.item_keys(message) if kind == "block"]
        if blocks and not self.chain.contains(blocks[-1]):
            self.ask(peer)

    def _check(self) -> None:
        until = self._clock.seconds() + TURN
        while self._waiting:
            self._check_slice()
            if self._clock.seconds() >= until:
                break
        if self._waiting:
            self._timers.later("check", 0, self._check)

    def _check_slice(self) -> None:
        peer, headers, more = self._waiting.popleft()
        now, rest = headers[:SLICE], headers[SLICE:]
        try:
            self.chain.add(now)
        except UnconnectedHeaders:
            self._log.info("{peer} brought headers that follow none of ours: asking again", peer=peer)
            self._ask_once_more(peer)
            return
        except InvalidHeaders as error:
            peer.fail(error)
            return
        if rest:
            self._waiting.appendleft((peer, rest, more))
        self._progressed(peer)
        if not rest:
            self._come_to_end(peer, more)

    def _ask_once_more(self, peer: PeerProtocol) -> None:
        """Once a peer has sent us to the locator; if it goes on without a link it brings another chain."""
        if peer.id in self._asked_again:
            peer.fail(InvalidHeaders("brings headers that follow none of ours"))
        else:
            self._asked_again.add(peer.id)
            self.ask(peer)

    def _come_to_end(self, peer: PeerProtocol, more: bool) -> None:
        self._asked_again.discard(peer.id)
        if more:
            self.ask(peer)
        else:
            self.synced.fire(peer)
