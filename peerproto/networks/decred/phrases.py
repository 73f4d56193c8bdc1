"""Decred's words for what the helpers of a peer ask and push (dcrd peer/peer.go; getblocks and reject as long as it had
them).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from peerproto.errors import LocalError
from peerproto.forms.phrases import FilterRun, Phrase, Phrases, rejecting
from peerproto.networks.bitcoin.phrases import first_and_stop, locating
from peerproto.networks.bitcoin.records import InvVect
from peerproto.networks.decred.filters import CFiltersV2, CFilterV2, GetCFiltersV2, GetCFilterV2
from peerproto.networks.decred.gossip import GOSSIP
from peerproto.networks.decred.messages import MOST_INV, GetBlocks, GetData, GetHeaders, Reject
from peerproto.networks.decred.records import MSG_TX


def _get_headers(pver: int, locator: Sequence[bytes], stop: bytes) -> GetHeaders:
    return GetHeaders(0, list(locator), stop)


def _request_transactions(hashes: Collection[bytes], witness: bool) -> GetData:
    return GetData([InvVect(MSG_TX, item) for item in hashes])


def _ask_filters(pver: int, first: bytes, last: bytes, kind: int) -> GetCFiltersV2 | GetCFilterV2:
    if kind:
        raise LocalError(f"filters of kind {kind}: there is one kind, 0")
    if GetCFiltersV2.exists_at(pver):
        return GetCFiltersV2(first, last)
    if first != last:
        raise LocalError(f"filters of several blocks: {GetCFiltersV2.command} {GetCFiltersV2.when(pver)}")
    return GetCFilterV2(first)


def _brought(answer: CFiltersV2 | CFilterV2) -> list[object]:
    return [*answer.cfilters] if isinstance(answer, CFiltersV2) else [answer]


def phrases(rejects: bool) -> Phrases:
    """Decred's; today's dcrd does not reject."""
    by_command = {"getheaders": Phrase(_get_headers, first_and_stop), "getblocks": locating(GetBlocks)}
    return Phrases(
        {**by_command, "reject": rejecting(Reject)} if rejects else by_command,
        most_items=MOST_INV,
        transactions=_request_transactions,
        filters=FilterRun(_ask_filters, _brought),
        addresses=GOSSIP,
    )
