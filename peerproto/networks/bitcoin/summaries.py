"""Bitcoin's messages in one line of a log each; of those that are not named here only the command is said."""

from __future__ import annotations

from peerproto.networks.bitcoin import filters, foreign, messages
from peerproto.networks.bitcoin.blocks import Block, Tx
from peerproto.networks.bitcoin.exchange import item_keys, read_version
from peerproto.networks.bitcoin.wording import (
    Summary,
    block,
    counted,
    hashed,
    headers,
    introduced,
    located,
    named,
    rejected,
    things,
    transaction,
)

FILTERS: dict[type, Summary] = {
    filters.MerkleBlock: block,
    filters.FilterLoad: counted("filter", "bytes"),
    filters.FilterAdd: counted("data", "bytes"),
    filters.GetCFilters: hashed("stop_hash", "stop"),
    filters.GetCFHeaders: hashed("stop_hash", "stop"),
    filters.GetCFCheckpt: hashed("stop_hash", "stop"),
    filters.CFilter: hashed("block_hash", "block"),
    filters.CFHeaders: counted("filter_hashes", "filter hashes"),
    filters.CFCheckpt: counted("filter_headers", "filter headers"),
}

SUMMARIES: dict[type, Summary] = {
    messages.Version: introduced(read_version),
    **named((messages.Addr, messages.AddrV2), counted("addr_list", "addr")),
    **named((messages.Inv, messages.GetData, messages.NotFound), things(item_keys)),
    **named((messages.GetBlocks, messages.GetHeaders), located("block_locator_hashes")),
    messages.Headers: headers,
    messages.FeeFilter: lambda message: f"at least {message.min_fee}",
    messages.Reject: rejected,
    Tx: transaction("txid"),
    Block: block,
    **FILTERS,
    foreign.CmpctBlock: hashed("block_hash"),
    **named((foreign.GetBlockTxn, foreign.BlockTxn), hashed("blockhash", "block")),
}
