"""What is held against a peer, and who may speak of filters: the ways of kaspad v0.5.0."""

from __future__ import annotations

from peerproto.errors import Reason
from peerproto.forms.conduct import MALFORMED, BloomRule, Points, ScoreTable
from peerproto.networks.bitcoin.conduct import NODE_BLOOM, cost_of_getdata
from peerproto.networks.kaspa import blocks, messages

BLOOM = BloomRule(
    NODE_BLOOM,
    frozenset({messages.FilterLoad, messages.FilterAdd, messages.FilterClear}),
    frozenset({blocks.MerkleBlock}),
)
"""There is one protocol version, which knows the service bit."""

_GRAVE = (
    Reason.MISBEHAVING,
    "unrequested-block",
    "invalid-block",
    "invalid-inv-block",
    "orphan-inv-in-sync",
    "malformed-blue-score",
    "invalid-tx",
    "invalid-feefilter",
    "invalid-getlocator",
)
_RUDE = ("unrequested-tx", "unrequested-selected-tip", "too-many-addresses", "tx-to-blocks-only")
_WRONG = (*MALFORMED, "addresses-of-all-subnetworks", "invalid-getblockinvs")
_SMALL = (Reason.UNEXPECTED_MESSAGE, Reason.DUPLICATE_VERSION, Reason.DUPLICATE_VERACK, Reason.STALLED)

SCORING = ScoreTable(
    {
        **dict.fromkeys(_GRAVE, Points(100)),
        **dict.fromkeys(_RUDE, Points(20)),
        **dict.fromkeys(_WRONG, Points(10)),
        "filter-out-of-turn": Points(5),
        **dict.fromkeys(_SMALL, Points(1)),
    },
    {messages.GetData: cost_of_getdata(131_072)},
)
"""A service that was not offered is misbehaviour; the first message being no version an unexpected one."""
