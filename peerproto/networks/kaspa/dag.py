"""A graph of blocks in memory: enough to follow a net and to serve it, not to judge it.

Of the rules of kaspad's consensus three are kept: a block has the work that its bits ask, its parents are known, and
its blue score is above theirs. The score itself is believed as the block's coinbase transaction states it.
"""

from __future__ import annotations

from collections.abc import Iterable

from peerproto.chain.rules import ChainRules, display, target_of
from peerproto.errors import InvalidHeaders
from peerproto.networks.kaspa.blocks import Block
from peerproto.networks.kaspa.subnetworks import COINBASE


class Dag:
    """The blocks of one net, by hash in wire order; at the beginning there is the first one only, without its body.

    :ivar genesis: the first block's hash. :ivar selected_tip: that of the block with the highest blue score.
    """

    def __init__(self, rules: ChainRules) -> None:
        self.genesis = self.selected_tip = rules.genesis_hash
        self._pow_limit = rules.pow_limit
        self._blocks: dict[bytes, Block] = {}
        self._parents: dict[bytes, list[bytes]] = {self.genesis: []}
        self._scores = {self.genesis: 0}

    def __contains__(self, block_hash: bytes) -> bool:
        return block_hash in self._scores

    def __len__(self) -> int:
        """How many blocks there are, the first one among them."""
        return len(self._scores)

    def block(self, block_hash: bytes) -> Block | None:
        """A block, if it is here with its body."""
        return self._blocks.get(block_hash)

    def blue_score(self, block_hash: bytes) -> int:
        """The blue score of a block that is here."""
        return self._scores[block_hash]

    def missing_parents(self, block: Block) -> list[bytes]:
        """Those that must be added before the block."""
        return [parent for parent in block.header.parent_hashes if parent not in self]

    def add(self, block: Block) -> None:
        """Add a block, of which all parents are here. Raises InvalidHeaders for one that cannot be right."""
        block_hash, parents = block.block_hash, block.header.parent_hashes
        if block_hash in self:
            return
        score = stated_blue_score(block)
        if not parents or not max(map(self.blue_score, parents)) < score <= len(self):
            raise InvalidHeaders(f"block {display(block_hash)} cannot have the blue score {score}")
        target = min(target_of(block.header.bits), self._pow_limit)
        if int.from_bytes(block_hash, "little") > target:
            raise InvalidHeaders(f"block {display(block_hash)} has not the work that its bits ask")
        self._blocks[block_hash], self._parents[block_hash] = block, parents
        self._scores[block_hash] = score
        self.selected_tip = max(self.selected_tip, block_hash, key=self._rank)

    def _rank(self, block_hash: bytes) -> tuple[int, int]:
        """Of two blocks the selected one ranks higher: of equal ones, that with the lower hash (kaspad blockdag)."""
        return self._scores[block_hash], -int.from_bytes(block_hash, "little")

    def _order(self, block_hash: bytes) -> tuple[int, int]:
        """Where a block stands in a list: behind its parents."""
        return self._scores[block_hash], int.from_bytes(block_hash, "little")

    def locator(self, high: bytes, low: bytes) -> list[bytes]:
        """Blocks on the selected chain below a high one, each step in blue score twice the one before; then the low
        one. Both must be here.
        """
        found, step, floor = [], 1, self._scores[low]
        at = self._next_on_chain(high, self._scores[high] - 1)
        while self._scores[at] > floor:
            found.append(at)
            at = self._next_on_chain(at, max(self._scores[at] - step, floor))
            step *= 2
        return [*found, low]

    def _next_on_chain(self, at: bytes, most: int) -> bytes:
        """The first block down the chain of selected parents whose blue score is not above `most`."""
        while self._scores[at] > most and self._parents[at]:
            at = max(self._parents[at], key=self._rank)
        return at

    def between(self, low: bytes, high: bytes) -> list[bytes]:
        """The blocks in the past of a high one and not in that of a low one, both included if they are related,
        parents before children.
        """
        past = self._past_of(self._parents[low])
        return sorted(self._past_of([high], past), key=self._order)

    def _past_of(self, heads: Iterable[bytes], stop: Iterable[bytes] = ()) -> set[bytes]:
        """Blocks and all before them, without those of `stop`, which must have all that is before itself."""
        found, left = set(stop), list(heads)
        while left:
            at = left.pop()
            if at not in found:
                found.add(at)
                left += self._parents[at]
        return found.difference(stop)


def stated_blue_score(block: Block) -> int:
    """What a block's coinbase transaction says. Raises InvalidHeaders if there is none that says it."""
    coinbase = block.transactions[0] if block.transactions else None
    payload = coinbase.subnetwork_payload if coinbase and coinbase.subnetwork_id == COINBASE else None
    if payload is None or len(payload) < 8:
        raise InvalidHeaders(f"block {display(block.block_hash)} states no blue score")
    return int.from_bytes(payload[:8], "little")
