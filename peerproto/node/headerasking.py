"""Whom to ask for headers, by what, and when.

A peer that is far ahead is asked only when it has the lead, which one has at a time. Until the chain is synced for the
first time all others wait as well; what they announce is noted, and asked for when the lead is at its end. But for one
that has called us nobody waits whom we have called: anybody can call, say what he likes, and be silent.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from peerproto.errors import InvalidHeaders, PeerError, PeerStalled
from peerproto.node.headergate import HeaderGate
from peerproto.node.headerlead import REPLY, Lead, best_of
from peerproto.node.headersource import Source
from peerproto.node.trouble import Trouble
from peerproto.peer.logs import Logger
from peerproto.peer.protocol import PeerProtocol
from peerproto.peer.timers import Timers

OWED = 5.0
"""For so many seconds no second question goes to a peer that owes an answer: it would bring all twice.

After them the answer may never come: a node that is behind itself gives none (Bitcoin Core before 24,
net_processing.cpp, "Ignoring getheaders"), and what it announces when it has caught up is all that tells of it.
"""

CHATTER = 4096
"""Who sends no more bytes in that time is not bringing headers."""

MOST_FAILURES = 2
"""So often who called us may fail to bring what it said; each time all others who called us have waited."""


class HeaderAsking:
    """Asks peers for what is behind our tip.

    :param gate: what their headers go through.
    :param is_synced: whether the chain has been synced once.
    :param end: ends a peer. :param asked: called when all who need not wait have been asked.
    :ivar sources: what is to be remembered of each peer. :ivar lead: which of them has the lead.
    """

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        gate: HeaderGate,
        trouble: Trouble,
        is_synced: Callable[[], bool],
        end: Callable[[PeerProtocol, PeerError], object],
        asked: Callable[[], object],
    ) -> None:
        self.sources: dict[PeerProtocol, Source] = {}
        self._waiting: dict[PeerProtocol, Source] = {}
        self.lead = Lead(clock, self._replace)
        self._gate = gate
        self._chain = gate.chain
        self._trouble = trouble
        self._clock = clock
        self._timers = Timers(clock)
        self._is_synced = is_synced
        self._end = end
        self._asked = asked

    def stop(self) -> None:
        """Ask nobody any more."""
        self.sources.clear()
        self._waiting.clear()
        self.lead.end()
        self._timers.cancel_all()

    def source_of(self, peer: PeerProtocol) -> Source:
        """What is remembered of it; nothing yet if it is new."""
        return self.sources.setdefault(peer, Source())

    def forget(self, peer: PeerProtocol) -> None:
        """The peer has ended."""
        self.sources.pop(peer, None)
        self._waiting.pop(peer, None)
        for timer in ("pause of", "owed by", "silence of", "rest of"):
            self._timers.cancel(f"{timer} {peer.id}")
        if peer is self.lead.peer:
            self.lead.end()
            self.ask_next()

    def meet(self, peer: PeerProtocol) -> None:
        """A new peer is asked when its time comes."""
        pause = peer.network.headers.pause
        if pause:
            self._timers.later(f"pause of {peer.id}", pause, lambda: self._want(peer))
        else:
            self._want(peer)

    def answered(self, peer: PeerProtocol) -> None:
        """It has brought a message of headers."""
        self.source_of(peer).owes_until = 0.0
        self.lead.answered(peer)
        self._timers.cancel(f"silence of {peer.id}")

    def ask_in_time(self, peer: PeerProtocol) -> None:
        """Ask as soon as what the peer has brought is dealt with, and what it owes is here or overdue."""
        source = self.source_of(peer)
        left = source.owes_until - self._clock.seconds()
        source.ask_again = bool(source.batches) or left > 0
        if not source.ask_again:
            self._want(peer)
        elif left > 0:
            self._timers.later(f"owed by {peer.id}", left, lambda: self._ask_if_wanted(peer))

    def ask_next(self) -> None:
        """Give the lead to who is best of those far ahead; ask all others who wait, unless they wait for its end."""
        far = self.far_ahead()
        if far and self.lead.peer is None:
            best = best_of(far)
            far.pop(best)
            self._give_lead(best)
        for peer in [peer for peer in self._waiting if peer not in far and self.is_heard(peer)]:
            if peer in self._waiting:  # it may have ended as another one was asked
                self._question(peer, self._waiting[peer])
        self._asked()

    def is_heard(self, peer: PeerProtocol) -> bool:
        """Whether it need not wait for the end of another's lead."""
        lead = self.lead.peer
        return lead is None or lead is peer or lead.inbound > peer.inbound or self._is_synced()

    def has_last_word(self, peer: PeerProtocol) -> bool:
        """Whether there is no other that counts as much and has the lead, or is to have it."""
        others = [*self.far_ahead(), *([self.lead.peer] if self.lead.peer else [])]
        return all(other is peer or other.inbound > peer.inbound for other in others)

    def is_ahead(self, peer: PeerProtocol, by: int = 0) -> bool:
        """Whether it has said that it has more headers than we, and more than so many."""
        return _height_of(peer) > self._chain.height + by

    def far_ahead(self) -> dict[PeerProtocol, Source]:
        """Who waits and has more headers than come in a message, as far as is known; one that has told all, has not."""
        return {
            peer: source
            for peer, source in self._waiting.items()
            if peer is not self.lead.peer and self._is_far_ahead(peer, source)
        }

    def lead_fails(self, peer: PeerProtocol, text: str) -> None:
        """It had the lead, and did not bring what it said: it is ended; if it called us, only the third time."""
        if peer.inbound and self.source_of(peer).failures < MOST_FAILURES:
            self._pass_over(peer, text)
        else:
            self._end(peer, PeerStalled(text))

    def try_older(self, peer: PeerProtocol) -> None:
        """It has more, but has brought nothing: it does not know the hash that it was asked by."""
        source = self.source_of(peer)
        source.back += 1
        if self._locator(peer, source):
            self._question(peer, source)
        else:
            self._end(peer, InvalidHeaders("it knows none of our headers: it has another chain"))

    def _is_far_ahead(self, peer: PeerProtocol, source: Source) -> bool:
        says_so = self.is_ahead(peer, by=peer.network.headers.most)
        return source.leads_on or (says_so and not source.has_told_all)

    def _give_lead(self, peer: PeerProtocol) -> None:
        here, there = self._chain.height, _height_of(peer)
        self._log.info(
            "{peer} is asked for its chain: it says {there}, we have {here}",
            peer=peer,
            here=here,
            there=there,
        )
        self._gate.is_inherited = True
        self.lead.give(peer, max(there - here, 0))

    def _want(self, peer: PeerProtocol) -> None:
        self._waiting[peer] = self.source_of(peer)
        self.ask_next()

    def _question(self, peer: PeerProtocol, source: Source) -> None:
        """Ask; an answer is owed only by a peer that said it has more."""
        self._timers.cancel(f"pause of {peer.id}")
        self._waiting.pop(peer, None)
        source.ask_again = source.is_done = False
        with self._trouble:
            sync = peer.network.headers
            ahead, locator = self.is_ahead(peer), self._locator(peer, source)
            source.owes_until = self._clock.seconds() + OWED if ahead else 0.0
            if sync.one_start and ahead and len(locator) > 1:
                self._wait_for(peer)
                ahead = False
            self.lead.asked(peer)
            peer.send(sync.ask(peer.protocol_version, locator), expect=ahead)

    def _locator(self, peer: PeerProtocol, source: Source) -> list[bytes]:
        """By what a peer is asked: on from where it has come to with a branch or a full message, else from our tip."""
        locator = self._chain.locator()
        if peer is self.lead.peer and self._gate.branch is not None:
            locator.insert(0, self._gate.branch.reached)
        elif source.reached is not None and self._goes_on_at(source.reached, source):
            locator.insert(0, source.reached)
        return locator[source.back :]

    def _goes_on_at(self, block_hash: bytes, source: Source) -> bool:
        """Whether the main chain's hashes would not lead it there: it is deep in that, or on another branch of ours."""
        on_branch = self._chain.height_of(block_hash) is None
        return self._chain.contains(block_hash) and (source.was_full or on_branch)

    def _wait_for(self, peer: PeerProtocol) -> None:
        """Wait for an answer that may never come, as long as something comes that may be it."""
        had = peer.statistics.bytes_received

        def look() -> None:
            comes = peer.statistics.bytes_received - had > CHATTER
            with self._trouble:
                (self._wait_for if comes else self.try_older)(peer)

        self._timers.later(f"silence of {peer.id}", OWED, look)

    def _ask_if_wanted(self, peer: PeerProtocol) -> None:
        """The answer is overdue: ask, unless it came after all and what was to be asked is asked."""
        source = self.sources.get(peer)
        if source is not None and source.ask_again and not source.batches:
            self.ask_in_time(peer)

    def _replace(self, peer: PeerProtocol, text: str) -> None:
        """No headers come of who has the lead. Whom somebody chose by hand is asked again after a while."""
        if not peer.is_by_hand:
            self.lead_fails(peer, text)
        else:
            self._pass_over(peer, text)
            self._timers.later(f"rest of {peer.id}", REPLY, lambda: self._try_again(peer))
        self.ask_next()

    def _pass_over(self, peer: PeerProtocol, text: str) -> None:
        source = self.source_of(peer)
        source.failures += 1
        source.has_told_all, source.leads_on = True, False
        self._log.warn("{peer}: {text}: others are asked", peer=peer, text=text)

    def _try_again(self, peer: PeerProtocol) -> None:
        self.source_of(peer).has_told_all = False
        self._want(peer)


def _height_of(peer: PeerProtocol) -> int:
    """What it said of itself."""
    return 0 if peer.theirs is None else peer.theirs.height
