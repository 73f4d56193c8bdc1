"""Bitcoin's words for what the helpers of a peer ask and push (btcd peer/peer.go)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from typing import Any

from peerproto.forms.phrases import FilterRun, Phrase, Phrases, rejecting
from peerproto.networks.bitcoin.filters import GetCFilters
from peerproto.networks.bitcoin.messages import MOST_INV, GetBlocks, GetData, GetHeaders, Reject
from peerproto.networks.bitcoin.records import MSG_TX, MSG_WITNESS_TX, MSG_WTX, InvVect
from peerproto.networks.bitcoin.sync import GOSSIP
from peerproto.wire.message import Message


def first_and_stop(message: Any) -> Hashable:
    """What two questions for headers or blocks in a row have in common if the second is left out."""
    locator = message.block_locator_hashes
    return (locator[0], message.hash_stop) if locator else None


def locating(kind: Callable[..., Message]) -> Phrase:
    """A question by protocol version, locator hashes (newest first) and stop."""

    def say(pver: int, locator: Sequence[bytes], stop: bytes) -> Message:
        return kind(pver, list(locator), stop)

    return Phrase(say, first_and_stop)


def request_transactions(hashes: Collection[bytes], witness: bool) -> GetData:
    """The getdata for transactions by their ids, in wire order."""
    return GetData([InvVect(MSG_WITNESS_TX if witness else MSG_TX, item) for item in hashes])


def _ask_by_wtxid(hashes: Collection[bytes], witness: bool) -> GetData:
    """The getdata for what was announced so, always with witnesses (BIP339)."""
    return GetData([InvVect(MSG_WTX, item) for item in hashes])


def _ask_filters(pver: int, first: int, last: bytes, kind: int) -> GetCFilters:
    return GetCFilters(kind, first, last)


FILTERS = FilterRun(_ask_filters, list)
"""The first block by its height."""

PHRASES = Phrases(
    {"getheaders": locating(GetHeaders), "getblocks": locating(GetBlocks), "reject": rejecting(Reject)},
    most_items=MOST_INV,
    transactions=request_transactions,
    more_items={"wtx": _ask_by_wtxid},
    filters=FILTERS,
    addresses=GOSSIP,
)
"""Those of all networks that speak its messages."""
