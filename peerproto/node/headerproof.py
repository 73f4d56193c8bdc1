"""A branch that must show its work before anything of it is stored.

Where bits are easy headers cost little, and who could have all stored that he makes would fill the disk. So the
headers of such a branch are checked, but only held, and no more than `STEP` of them; of a longer one a *mark* is kept
in place of each `STEP` headers: the hash of the last, which stands for all of them. When the branch has shown enough
work, it is brought a second time, and what leads from mark to mark is what was checked: its work need not be computed
again.

The idea is Bitcoin Core's (``headerssync.h``), which keeps one bit of every few hundred headers and stores what has
some of them right. A whole hash for each two thousand takes little more (40 KiB for a million headers), and leaves
nothing to chance. Nothing here stores or asks.
"""

from __future__ import annotations

from collections.abc import Sequence

from peerproto.chain.difficulty import Lineage
from peerproto.chain.rules import ChainRules, display
from peerproto.errors import InvalidHeaders
from peerproto.node.headerchain import UnconnectedHeaders
from peerproto.node.headercheck import HeaderCheck
from peerproto.node.headerstore import StoredHeader

__all__ = ["MOST_MARKS", "STEP", "Branch"]

STEP = 2000
"""So many headers are held at most, and lie between two marks."""

MOST_MARKS = 16384
"""A branch that has not shown enough work after so many marks (33 million headers, 1.2 MiB of marks) is refused."""


class Branch:
    """A branch from a header that we have, while it shows its work; and then, while it is brought again.

    :param need: the work that it must have in all, from the first header of the chain on.
    :ivar reached: the hash of the last header that came, in wire order: the next one must follow it.
    :ivar last: the last header that was checked; its row means nothing.
    :ivar comes_again: whether it has enough work, and is to be brought once more from its start on.
    """

    def __init__(self, rules: ChainRules, start: StoredHeader, lineage: Lineage, need: int) -> None:
        self._rules = rules
        self._check = HeaderCheck(rules)
        self._lineage = lineage
        self._need = need
        self._held: list[bytes] = []
        self._marks: list[bytes] = []
        self._matched = 0
        self._start = self.last = start
        self.reached = start.block_hash
        self.comes_again = False

    def __len__(self) -> int:
        """How many of its headers have been checked."""
        return self.last.height - self._start.height

    @property
    def fault(self) -> str:
        """What is wrong with it if nothing more comes."""
        if self.comes_again:
            return f"it did not bring again what it brought, {self.left} headers are missing"
        ends = f"its headers end at height {self.last.height} with work {self.last.work}"
        return f"{ends}, must have {self._need} or more"

    def follows(self, header: bytes) -> bool:
        """Whether this serialized header goes on where the branch has come to."""
        return not self._rules.size_fault(header) and self._rules.read(header).prev_block == self.reached

    def show(self, headers: Sequence[bytes], latest: int) -> list[bytes]:
        """Check what comes, and take its work into account.

        :param latest: the latest time that a header may have, in seconds since 1970.
        :return: the whole branch if it has enough work, and was short enough to be held; else nothing.
        :raises InvalidHeaders: if one breaks a rule, or the branch is too long for what work it has.
        """
        valid, fault = self._check.run(headers, self.last, self._lineage, row=0, latest=latest)
        if fault is not None:
            raise fault
        before, self.last = len(self), valid[-1]
        self.reached = self.last.block_hash
        self._hold(before, headers, valid)
        if self.last.work < self._need:
            self._limit()
            return []
        if len(self) == len(self._held):
            return self._held
        self._turn_back()
        return []

    def _hold(self, before: int, headers: Sequence[bytes], valid: Sequence[StoredHeader]) -> None:
        if len(self._held) == before and before + len(headers) <= STEP:
            self._held.extend(headers)
        else:
            self._held.clear()
        first = STEP - before % STEP - 1
        self._marks.extend(header.block_hash for header in valid[first::STEP])

    def _limit(self) -> None:
        if len(self._marks) >= MOST_MARKS:
            raise InvalidHeaders(
                f"its branch has {len(self)} headers from height {self._start.height} on, and less work than any chain "
                "of so many must have"
            )

    def _turn_back(self) -> None:
        if len(self) % STEP:
            self._marks.append(self.reached)
        self.comes_again = True
        self.reached = self._start.block_hash

    def match(self, headers: Sequence[bytes]) -> list[bytes]:
        """Take what comes the second time.

        :param headers: no more than are `left`.
        :return: what has turned out to be what was checked: all up to the last mark that is reached.
        :raises UnconnectedHeaders: if it is not.
        """
        found = 0
        for header in headers:
            if not self.follows(header):
                raise UnconnectedHeaders(
                    f"header {len(self) - self.left} of the branch is not followed by this"
                )
            self.reached = self._rules.block_hash(header)
            self._held.append(header)
            found = self._found(found)
        matched, self._held = self._held[:found], self._held[found:]
        self._matched += found
        return matched

    def _found(self, found: int) -> int:
        """How many of those that are held lead to a mark."""
        count = self._matched + len(self._held)
        if count % STEP and count != len(self):
            return found
        mark = self._marks[(count - 1) // STEP]
        if self.reached != mark:
            raise UnconnectedHeaders(f"header {display(self.reached)} comes where {display(mark)} was before")
        return len(self._held)

    @property
    def left(self) -> int:
        """How many have not come the second time."""
        return len(self) - self._matched - len(self._held)
