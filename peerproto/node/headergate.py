"""What stands between peers and the chain: a branch with little work is checked, but not stored.

There is one such branch at a time, of the one peer that has the lead. It may be gone on with by the next one, who is
not judged by it unless he does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from peerproto.node.headerchain import HeaderChain
from peerproto.node.headerproof import Branch
from peerproto.peer.logs import Logger

__all__ = ["HeaderGate", "LittleWork", "Passed"]

TELL_EVERY = 100_000
"""So many headers of a branch lie between two lines in the log."""


class LittleWork(Exception):
    """The headers belong to a branch that must show its work first, and who brings them has not the lead."""


class Passed(NamedTuple):
    """What became of headers.

    `connected`: how many were new, stored or not. `reorganised`: how many headers left the main chain. `again`: whether
    the branch has shown its work now, and is to be brought again.
    """

    connected: int
    reorganised: int = 0
    again: bool = False


class HeaderGate:
    """Puts headers into a chain, those of a branch that needs it only when it has shown its work.

    :ivar chain: where they go.
    :ivar branch: one that is showing its work, or being brought again after that; None mostly.
    :ivar is_inherited: whether who has the lead has brought nothing of it yet.
    """

    _log = Logger()

    def __init__(self, chain: HeaderChain) -> None:
        self.chain = chain
        self.branch: Branch | None = None
        self.is_inherited = False

    @property
    def height(self) -> int:
        """How high the chain is, or the branch as far as it is checked."""
        return max(self.chain.height, self.branch.last.height if self.branch else 0)

    def add(self, headers: Sequence[bytes], *, leads: bool) -> Passed:
        """Check headers, each the next one's parent, and store them, or at first their work.

        :param leads: whether they come from the peer that has the lead.
        :raises LittleWork: if they belong to a branch that must show its work, and it has not; nothing is done.
        :raises UnconnectedHeaders: if they follow none of ours, nor the branch.
        :raises InvalidHeaders: at the first one that breaks a rule; the branch is forgotten.
        """
        branch = self.branch
        if leads and branch is not None and headers and branch.follows(headers[0]):
            return self._go_on(branch, headers)
        parent, fresh = self.chain.place(headers)
        if parent is None:
            return Passed(0)
        if parent.work >= self.chain.needed_work:
            if leads and self.is_inherited:
                self.branch = None
            added = self.chain.add(fresh)
            return Passed(added.connected, added.reorganised)
        if not leads:
            raise LittleWork
        rules, lineage = self.chain.rules, self.chain.lineage_of(parent)
        return self._go_on(Branch(rules, parent, lineage, self.chain.needed_work), fresh)

    def _go_on(self, branch: Branch, headers: Sequence[bytes]) -> Passed:
        self.branch, self.is_inherited = None, False  # unless all goes well
        return self._match(branch, headers) if branch.comes_again else self._show(branch, headers)

    def _show(self, branch: Branch, headers: Sequence[bytes]) -> Passed:
        whole = branch.show(headers, self.chain.latest)
        if whole:
            return Passed(len(headers), self.chain.add(whole, proven=True).reorganised)
        self.branch = branch
        self._tell(branch, len(headers))
        return Passed(len(headers), again=branch.comes_again)

    def _match(self, branch: Branch, headers: Sequence[bytes]) -> Passed:
        now, more = headers[: branch.left], headers[branch.left :]
        matched = branch.match(now)
        left = self.chain.add(matched, proven=True).reorganised
        if branch.left:
            self.branch = branch
        else:
            left += self.chain.add(more).reorganised
        return Passed(len(headers), left)

    def _tell(self, branch: Branch, count: int) -> None:
        if branch.comes_again:
            text = (
                "the headers up to height {height} have shown enough work: they are brought again, and stored"
            )
        elif len(branch) // TELL_EVERY > (len(branch) - count) // TELL_EVERY:
            text = "checked up to height {height}; nothing is stored before the chain has shown enough work"
        else:
            return
        self._log.info(text, height=branch.last.height)
