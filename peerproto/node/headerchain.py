"""The chain of block headers: what peers send is checked and stored, what peers ask for is served.

Every rule that a header alone can break is checked: that it follows a known one, its bits, its proof of work,
its time, and what its network alone knows. Of all branches the one with the most work is the main chain, or the
longest one where there is no proof of work; of equal ones the first seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from peerproto.chain.difficulty import Lineage
from peerproto.chain.rules import FUTURE_LIMIT, ChainRules, display
from peerproto.errors import InvalidHeaders, LocalError, PeerError, Reason
from peerproto.node.headercheck import HeaderCheck
from peerproto.node.headerstore import HeaderStore, StoredHeader

__all__ = ["Added", "HeaderChain", "UnconnectedHeaders"]

NEAR = 144
"""A branch that has as much work as the main chain had so many headers ago is stored though it has less than that."""

_DENSE = 10
_NOTHING = bytes(32)


class UnconnectedHeaders(PeerError):
    """The first header follows one that we do not have; ask again with a locator."""

    reason = Reason.MISBEHAVING


class Added(NamedTuple):
    """What became of headers.

    `connected`: how many were new, on whatever branch. `height`: of the main chain now. `reorganised`: how
    many headers left the main chain because a branch with more work took their place.
    """

    connected: int
    height: int
    reorganised: int


class HeaderChain:
    """One network's headers in a store.

    May be used from any thread, by one at a time: with a slow proof of work (Litecoin's) 2000 headers take
    most of a second, which the reactor's thread may not have. Every method may raise `StoreError`.

    :param clock_now: gives the time in seconds since 1970, UTC.
    :ivar rules: the network's. :ivar check: what headers must pass.
    :raises LocalError: if the network's proof of work cannot be computed here.
    """

    def __init__(self, store: HeaderStore, rules: ChainRules, clock_now: Callable[[], float]) -> None:
        self._store = store
        self.rules = rules
        self._clock_now = clock_now
        self._lineages: dict[int, Lineage] = {}
        self.check = HeaderCheck(rules)
        # What the work needs may not be installed: that is to be told now, not at the first header.
        if rules.work_hash is not None:
            rules.work_hash(rules.genesis)

    @property
    def height(self) -> int:
        """Of the main chain's last header; the genesis header has 0."""
        return self._store.tip.height

    @property
    def tip(self) -> bytes:
        """The hash of the main chain's last header, in wire order."""
        return self._store.tip.block_hash

    @property
    def work(self) -> int:
        """How many hashes the main chain took on average; how many headers it has without proof of work. Genesis
        counts.
        """
        return self._store.tip.work

    def contains(self, block_hash: bytes) -> bool:
        """Whether a header with this hash (wire order) is known, on whatever branch."""
        return self._store.find(block_hash) is not None

    def height_of(self, block_hash: bytes) -> int | None:
        """The height of a header of the main chain, by its hash (wire order); None if it is not there."""
        found = self._store.find(block_hash)
        return found.height if found is not None and self._store.is_main(found) else None

    def header_at(self, height: int) -> bytes:
        """The serialized header of the main chain at a height.

        :raises LocalError: if the chain does not reach there.
        """
        if not 0 <= height <= self.height:
            raise LocalError(f"no header at height {height}, the chain has 0 to {self.height}")
        return self._store.main(height)[0]

    def locator(self) -> list[bytes]:
        """Hashes of the main chain (wire order), newest first, by which a peer finds where we part.

        Ten in a row, then each step twice the one before, genesis last: 40 of them for 2**31 headers.
        """
        heights = list(range(self.height, max(self.height - _DENSE, 0), -1))
        height, step = self.height - _DENSE - 1, 2
        while height > 0:
            heights.append(height)
            height, step = height - step, step * 2
        return [self.rules.block_hash(self.header_at(height)) for height in [*heights, 0]]

    def after(self, locator: Sequence[bytes], stop: bytes = _NOTHING, most: int = 2000) -> list[bytes]:
        """Answer a getheaders: serialized headers of the main chain.

        They begin after the first hash of the locator that is on the main chain, or after genesis, and end
        with the one that has the hash `stop`, or after `most`. Without a locator: the header `stop` alone,
        on whatever branch, if it is known. (``LocateHeaders`` of btcd, Core's answer to getheaders.)
        """
        if not locator:
            found = self._store.find(stop)
            return [] if found is None else [found.raw]
        known = (height for height in map(self.height_of, locator) if height is not None)
        first = next(known, 0) + 1
        last = self.height_of(stop)
        return self._store.main(first, most if last is None or last < first else min(most, last + 1 - first))

    @property
    def needed_work(self) -> int:
        """The work that a branch must have to be stored if it comes from somebody whom nobody trusts: what the network
        is known to have, and no less than the main chain had `NEAR` headers ago. (Core's
        ``GetAntiDoSWorkThreshold``.)
        """
        rules, tip = self.rules, self._store.tip
        return max(rules.least_work, tip.work - NEAR * rules.weigh(rules.read(tip.raw)))

    @property
    def latest(self) -> int:
        """The latest time that a header may have now, in seconds since 1970."""
        return int(self._clock_now()) + FUTURE_LIMIT

    def add(self, headers: Sequence[bytes], now: float | None = None, *, proven: bool = False) -> Added:
        """Check and store serialized headers, each the next one's parent; those already known are skipped.

        :param now: seconds since 1970; the clock's if not given.
        :param proven: whether their proof of work is known to be right, so that it is not computed again.
        :raises UnconnectedHeaders: if the first one follows a header that we do not have; nothing is stored.
        :raises InvalidHeaders: at the first one that breaks a rule; those before it are stored.
        """
        parent, fresh = self.place(headers)
        if parent is None:
            return Added(0, self.height, 0)
        latest = self.latest if now is None else int(now) + FUTURE_LIMIT
        lineage = self.lineage_of(parent)
        valid, fault = self.check.run(
            fresh, parent, lineage, row=self._store.rows, latest=latest, proven=proven
        )
        left = self._keep(valid, lineage) if valid else 0
        if fault is not None:
            raise fault
        return Added(len(valid), self.height, left)

    def place(self, headers: Sequence[bytes]) -> tuple[StoredHeader | None, Sequence[bytes]]:
        """The headers from the first new one on, and its parent; no parent if none is new.

        :raises UnconnectedHeaders: if the first one follows a header that we do not have.
        :raises InvalidHeaders: if the first new one has a wrong size.
        """
        parent = None
        for index, raw in enumerate(headers):
            found = self._store.find(self.rules.block_hash(raw))
            if found is None:
                return parent or self._parent_of(raw), headers[index:]
            parent = found
        return None, ()

    def _parent_of(self, raw: bytes) -> StoredHeader:
        fault = self.rules.size_fault(raw)
        if fault:
            raise InvalidHeaders(f"the first header {fault}")
        prev_block = self.rules.read(raw).prev_block
        parent = self._store.find(prev_block)
        if parent is None:
            first = display(self.rules.block_hash(raw))
            raise UnconnectedHeaders(f"header {first} follows {display(prev_block)}, which is not known")
        return parent

    def lineage_of(self, header: StoredHeader) -> Lineage:
        """What the rules must know to judge the header after this one; to be pushed on."""
        found = self._lineages.get(header.row)
        if found is not None:
            return found.copy()
        rules, height = self.rules, header.height
        raws = self._store.lineage(header, Lineage.reach(rules, height))
        return Lineage.of(rules, height, [rules.read(raw) for raw in raws])

    def _keep(self, valid: list[StoredHeader], lineage: Lineage) -> int:
        """Store them and go over to them if they have more work; how many headers left the main chain."""
        last = valid[-1]
        left = self._store.append(valid, main=last.work > self._store.tip.work)
        tip = self._store.tip.row
        self._lineages = {row: kept for row, kept in self._lineages.items() if row == tip}
        self._lineages[last.row] = lineage
        return left
