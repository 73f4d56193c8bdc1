"""The check of headers against their network's rules, one after the other: all that headers alone can break."""

from __future__ import annotations

from collections.abc import Sequence

from peerproto.chain.difficulty import Lineage
from peerproto.chain.rules import ChainRules, HeaderFields, display, target_of
from peerproto.errors import InvalidHeaders
from peerproto.node.headerstore import StoredHeader

__all__ = ["HeaderCheck"]


class HeaderCheck:
    """Checks headers, each the next one's parent; remembers nothing."""

    def __init__(self, rules: ChainRules) -> None:
        self._rules = rules

    def run(
        self,
        headers: Sequence[bytes],
        parent: StoredHeader,
        lineage: Lineage,
        *,
        row: int,
        latest: int,
        proven: bool = False,
    ) -> tuple[list[StoredHeader], InvalidHeaders | None]:
        """The headers before the first that breaks a rule, and what it breaks; the lineage goes along.

        :param row: the number that the first one is to have.
        :param latest: the latest time that a header may have, in seconds since 1970.
        :param proven: whether their work is known to be right, so that it is not computed again.
        """
        valid: list[StoredHeader] = []
        for number, raw in enumerate(headers, row):
            try:
                parent = self._checked(number, raw, parent, lineage, latest, proven)
            except InvalidHeaders as error:
                return valid, error
            valid.append(parent)
        return valid, None

    def _checked(
        self, row: int, raw: bytes, parent: StoredHeader, lineage: Lineage, latest: int, proven: bool
    ) -> StoredHeader:
        rules, height = self._rules, parent.height + 1
        fault = rules.size_fault(raw)
        if fault:
            raise InvalidHeaders(f"header at height {height} {fault}")
        block_hash, fields = rules.block_hash(raw), rules.read(raw)
        fault = _place_fault(fields, parent, lineage, latest)
        if not fault and not proven:
            fault = self._work_fault(raw, block_hash, fields.bits)
        fault = fault or rules.judge(raw, parent.raw)
        if fault:
            raise InvalidHeaders(f"header {display(block_hash)} at height {height} {fault}")
        lineage.push(fields)
        work = parent.work + rules.weigh(fields)
        return StoredHeader(row, parent.row, height, work, block_hash, raw)

    def _work_fault(self, raw: bytes, block_hash: bytes, bits: int) -> str:
        rules = self._rules
        if rules.work_hash is None:
            return ""
        work_hash = block_hash if rules.work_hash is rules.block_hash else rules.work_hash(raw)
        target = target_of(bits)
        if int.from_bytes(work_hash, "little") <= target:
            return ""
        return f"has proof of work {display(work_hash)}, must have {target:064x} or less"


def _place_fault(fields: HeaderFields, parent: StoredHeader, lineage: Lineage, latest: int) -> str:
    """What is wrong with a header after this one, its proof of work apart; empty if nothing is."""
    if fields.prev_block != parent.block_hash:
        return f"follows {display(fields.prev_block)}, must follow {display(parent.block_hash)}"
    if fields.height not in (None, parent.height + 1):
        return f"says that its height is {fields.height}"
    fault = lineage.bits_fault(fields)
    if fault:
        return fault
    earliest = lineage.earliest()
    if fields.timestamp < earliest:
        return f"has time {fields.timestamp}, must have {earliest} or later"
    if fields.timestamp > latest:
        return f"has time {fields.timestamp}, must have {latest} or earlier, which is two hours from now"
    return ""
