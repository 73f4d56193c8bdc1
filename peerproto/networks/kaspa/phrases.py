"""Kaspa's words for what the helpers of a peer ask and push (kaspad v0.5.0 peer/peer.go)."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence

from peerproto.forms.gossip import Known
from peerproto.forms.phrases import Phrase, Phrases, listed, rejecting
from peerproto.networks.bitcoin.records import InvVect
from peerproto.networks.kaspa.behaviour import GOSSIP
from peerproto.networks.kaspa.messages import (
    MOST_INV,
    Addr,
    BlockLocator,
    GetBlockInvs,
    GetBlockLocator,
    GetData,
    Reject,
)
from peerproto.networks.kaspa.records import MSG_TX, TimedAddress


def _both(message: GetBlockInvs) -> Hashable:
    return message.low_hash, message.high_hash


def _request_transactions(hashes: Collection[bytes], witness: bool) -> GetData:
    return GetData([InvVect(MSG_TX, item) for item in hashes])


def _of_subnetwork(known: list[Known], subnetwork: bytes) -> Addr:
    return Addr(False, subnetwork, listed(TimedAddress, known))


def _locator(pver: int, hashes: Sequence[bytes]) -> BlockLocator:
    return BlockLocator(list(hashes))


PHRASES = Phrases(
    {
        "getblockinvs": Phrase(lambda pver, low, high: GetBlockInvs(low, high), _both),
        "getlocator": Phrase(lambda pver, high, low: GetBlockLocator(high, low)),
        "locator": Phrase(_locator),
        "reject": rejecting(Reject),
    },
    most_items=MOST_INV,
    transactions=_request_transactions,
    addresses=GOSSIP,
    tells_none=True,
    of_subnetwork=_of_subnetwork,
)
