"""Soter's messages in one line of a log each; of those that are not named here only the command is said."""

from __future__ import annotations

from peerproto.networks.bitcoin.summaries import FILTERS
from peerproto.networks.bitcoin.wording import (
    Summary,
    block,
    counted,
    headers,
    introduced,
    located,
    named,
    rejected,
    things,
    transaction,
)
from peerproto.networks.soter import addresses, blocks, extras, messages
from peerproto.networks.soter.behaviour import MESSAGES, item_keys, read_version


def _cache(message: addresses.AddrCache) -> str:
    return f"{len(message.inbound)} inbound, {len(message.outbound)} outbound, {len(message.known)} known"


SUMMARIES: dict[type, Summary] = {
    **{kind: words for kind, words in FILTERS.items() if kind in MESSAGES},
    messages.Version: introduced(read_version),
    addresses.Addr: counted("addr_list", "addr"),
    addresses.AddrCache: _cache,
    **named((messages.Inv, messages.GetData, messages.NotFound), things(item_keys)),
    **named((messages.GetBlocks, messages.GetHeaders), located("block_locator_height")),
    messages.Headers: headers,
    messages.FeeFilter: lambda message: f"at least {message.min_fee}",
    messages.Reject: rejected,
    blocks.Tx: transaction("tx_hash"),
    **named((blocks.Block, blocks.MerkleBlock), block),
    extras.CFCheckpt: counted("filter_headers", "filter headers"),
}
