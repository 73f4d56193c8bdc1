"""What is held against a peer, and who may speak of filters: the ways of soterd's server, which are btcd's."""

from __future__ import annotations

from peerproto.errors import Reason
from peerproto.forms.conduct import BloomRule, Points, ScoreTable
from peerproto.networks.bitcoin import filters
from peerproto.networks.bitcoin.conduct import BIP111, NODE_BLOOM, costs
from peerproto.networks.soter import blocks, messages

BLOOM = BloomRule(
    NODE_BLOOM,
    frozenset({filters.FilterLoad, filters.FilterAdd, filters.FilterClear, messages.MemPool}),
    frozenset({blocks.MerkleBlock}),
    BIP111,
)

SCORING = ScoreTable({Reason.MISBEHAVING: Points(100)}, costs(messages.GetData, messages.MemPool))
