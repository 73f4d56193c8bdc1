"""What is held against a peer, and how much it may ask for: the ways of dcrd's server."""

from __future__ import annotations

from peerproto.forms.conduct import AT_ONCE, MALFORMED, ScoreTable
from peerproto.forms.conversation import Backlog
from peerproto.networks.bitcoin.conduct import MISSING, costs
from peerproto.networks.decred import messages

_DCRD = ScoreTable(
    {
        **dict.fromkeys(MALFORMED, AT_ONCE),
        "empty-inv": AT_ONCE,
        "empty-getdata": AT_ONCE,
        "second-getinitstate": AT_ONCE,
        "mining-state": AT_ONCE,
    },
    costs(messages.GetData, messages.MemPool),
    MISSING,
)
"""Frames that cannot be read, a second getinitstate, and the messages of mining states from version 8 on have a peer
banned at once, as have empty lists.
"""

SCORING = {"dcrd": _DCRD, "dcrd1": ScoreTable({}, _DCRD.costs, MISSING)}

_DCRD_BACKLOG = Backlog(
    messages.GetData, lambda message: len(message.inv_list), messages=1000, items=100_000, ours=75_000
)
"""Theirs: dcrd server.go, maxConcurrentGetDataReqs and maxPendingGetDataItemReqs; ours: peer/peer.go,
maybeAddDeadline.
"""

BACKLOG: dict[str, Backlog | None] = {"dcrd": _DCRD_BACKLOG, "dcrd1": None}
"""dcrd 1.x answers a getdata before it reads on, as btcd does."""
