"""Headers first: the chain follows the peers that have more of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IReactorTime

from peerproto.errors import InvalidHeaders, PeerError
from peerproto.node.headerasking import HeaderAsking
from peerproto.node.headerchain import HeaderChain, UnconnectedHeaders
from peerproto.node.headergate import HeaderGate, LittleWork, Passed
from peerproto.node.headersource import CHEAP_SLICE, SLICE, Source
from peerproto.node.rounds import Rounds
from peerproto.node.trouble import Trouble
from peerproto.peer.logs import Logger
from peerproto.peer.once import Once
from peerproto.peer.protocol import PeerProtocol

ANNOUNCED = 8
"""An announcement has at most so many headers (Core's MAX_BLOCKS_TO_ANNOUNCE); what has more is an answer."""

MOST_ASTRAY = 10
"""So many announcements in a row may follow none of our headers (Core's MAX_NUM_UNCONNECTING_HEADERS_MSGS)."""

MOST_REPEATS = 3
"""So often in a row the same full message may come, as it does if a question was asked twice."""


class HeaderFollower:
    """Asks peers for headers and puts what they bring into the chain, a slice of each peer's in turn.

    Of a long chain one peer at a time is asked. If it brings nothing for two minutes another takes its place, and it is
    ended if we called it and nobody chose it by hand. What it brings is stored when it has shown as much work as the
    network's chain is known to have.

    :param progressed: called after each slice with the peer that brought it.
    :param finished: called with a peer that has told that it has no more headers than we, when nobody is far ahead who
        counts as much: those that we have called count more.
    :param trouble: what a store that fails is told to.
    :ivar synced: happens when that is told for the first time.
    :ivar brought: called with a peer when it has brought headers, or announced a block, before `progressed` is.
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
        self.brought: list[Callable[[PeerProtocol], object]] = []
        self._gate = HeaderGate(chain)
        self._asking = HeaderAsking(
            clock, self._gate, trouble, self.synced.is_over, self._end, self._look_whether_synced
        )
        self._rounds = Rounds(clock, trouble, self._check_slice)
        self._slice = CHEAP_SLICE if chain.rules.is_work_cheap else SLICE
        self._trouble = trouble
        self._progressed = progressed
        self._finished = finished

    @property
    def reached(self) -> int:
        """How high the chain is, or a branch that is checked and not yet stored."""
        return self._gate.height

    def stop(self) -> None:
        """Check no more."""
        self._asking.stop()
        self._rounds.stop()

    def forget(self, peer: PeerProtocol) -> None:
        """The peer has ended: what it brought is not worth the memory, another will bring it again."""
        self._rounds.remove(peer)
        self._asking.forget(peer)

    def ask(self, peer: PeerProtocol) -> None:
        """Ask a new peer for what is behind our tip, when its time comes."""
        self._asking.meet(peer)

    def take_headers(self, peer: PeerProtocol, message: Any) -> None:
        """Check what a peer brings, a little at a time."""
        sync, source = peer.network.headers, self._asking.source_of(peer)
        headers = sync.brought(message)
        self._asking.answered(peer)
        if source.put(headers, sync.most):
            self._rounds.add(peer)
        else:
            source.ask_again = True

    def take_announcement(self, peer: PeerProtocol, message: Any) -> None:
        """Ask for the headers of a block that we do not know; of many, the last one tells."""
        blocks = [block_hash for kind, block_hash in peer.network.item_keys(message) if kind == "block"]
        with self._trouble:
            if blocks and not self._note_height(peer, blocks[-1]):
                self._asking.ask_in_time(peer)

    def _note_height(self, peer: PeerProtocol, block_hash: bytes) -> bool:
        """A peer has this block: remember how high that is, if it is on the main chain. Whether it is known at all."""
        height = self.chain.height_of(block_hash)
        if height is None:
            return self.chain.contains(block_hash)
        peer.update_last_block_height(height)
        for call in self.brought:
            call(peer)
        return True

    def _check_slice(self, peer: PeerProtocol) -> None:
        source = self._asking.sources[peer]
        if source.batches:
            self._take_slice(peer, source)
        if source.batches and peer in self._asking.sources:
            self._rounds.add(peer)

    def _take_slice(self, peer: PeerProtocol, source: Source) -> None:
        headers, last, more = source.take(self._slice)
        try:
            passed = self._gate.add(headers, leads=peer is self._asking.lead.peer)
        except LittleWork:
            source.drop()
            source.leads_on = True
            self._asking.ask_in_time(peer)
        except UnconnectedHeaders:
            if not last:
                source.drop()
            self._lead_back(peer, source, len(headers))
        except InvalidHeaders as error:
            self._end(peer, error)
        else:
            self._note(peer, source, passed, headers)
            if passed.again:
                source.drop()
                self._asking.ask_in_time(peer)
            elif last:
                self._come_to_end(peer, source, headers[-1:], more)

    def _note(self, peer: PeerProtocol, source: Source, passed: Passed, headers: list[bytes]) -> None:
        source.astray = 0
        source.new += passed.connected
        if headers:
            last_hash = peer.network.chain.block_hash(headers[-1])
            source.come_to(last_hash, self.chain.tip)
            self._note_height(peer, last_hash)
        if passed.reorganised:
            self._log.warn(
                "reorganised: {count} headers have left the chain for a branch with more work, brought by {peer}",
                count=passed.reorganised,
                peer=peer,
            )
        self._progressed(peer)

    def _lead_back(self, peer: PeerProtocol, source: Source, count: int) -> None:
        """Show the peer the locator again; if it still brings no link it brings another chain."""
        if self._asking.is_heard(peer):  # else it announces what is only to come
            source.astray += 1
        if source.astray > (1 if count > ANNOUNCED else MOST_ASTRAY):
            self._end(peer, InvalidHeaders("its headers follow none of ours: it has another chain"))
            return
        self._log.info("{peer} brought headers that follow none of ours: asking again", peer=peer)
        self._asking.ask_in_time(peer)

    def _end(self, peer: PeerProtocol, error: PeerError) -> None:
        self.forget(peer)
        peer.fail(error)

    def _come_to_end(self, peer: PeerProtocol, source: Source, ending: list[bytes], more: bool) -> None:
        """All of a message is checked; the last header of it is this."""
        sync = peer.network.headers
        new = source.end_message(b"".join(ending), more=more)
        keeps_some = self._asking.is_ahead(peer, by=sync.holds_back)
        if sync.one_start and not ending and keeps_some:
            self._asking.try_older(peer)
            return
        if source.repeats > MOST_REPEATS:
            self._end(peer, InvalidHeaders("it brings the same headers again and again"))
            return
        source.leads_on = source.leads_on or more
        goes_on = more or source.ask_again or (sync.asks_again and new > 0 and keeps_some)
        may_be_silent = sync.one_start and more and not keeps_some  # who has no more will not say so
        if not goes_on or may_be_silent:
            self._finish(peer, source)
        if goes_on:
            self._asking.ask_in_time(peer)

    def _finish(self, peer: PeerProtocol, source: Source) -> None:
        """It has told all that it has."""
        asking = self._asking
        source.leads_on, source.has_told_all, source.is_done = False, True, True
        if peer is asking.lead.peer:
            asking.lead.end()
            branch, self._gate.branch = self._gate.branch, None
            if branch is not None and not self._gate.is_inherited:
                asking.lead_fails(peer, branch.fault)
                asking.ask_next()
                return
        if asking.has_last_word(peer):
            self._tell_of_end(peer)
        asking.ask_next()

    def _look_whether_synced(self) -> None:
        """What somebody has told was not believed as long as others had said more: they may be gone by now, or silent
        for too long.
        """
        if self.synced.is_over():
            return
        done = [peer for peer, source in self._asking.sources.items() if source.is_done]
        believed = next(filter(self._asking.has_last_word, done), None)
        if believed is not None:
            self._tell_of_end(believed)

    def _tell_of_end(self, peer: PeerProtocol) -> None:
        self.synced.fire(peer)
        self._finished(peer)
