"""Decred's messages in one line of a log each; of those that are not named here only the command is said."""

from __future__ import annotations

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
from peerproto.networks.decred import filters, messages, mixing, state
from peerproto.networks.decred.behaviour import MIXING, item_keys, read_version
from peerproto.networks.decred.blocks import Block, Headers, Tx


def _initial(message: state.InitState | state.MiningState) -> str:
    blocks, votes = len(message.block_hashes), len(message.vote_hashes)
    spends = f", {len(message.tspend_hashes)} treasury spends" if isinstance(message, state.InitState) else ""
    return f"{blocks} blocks, {votes} votes{spends}"


def _pairing(message: mixing.MixPairReq) -> str:
    return f"identity {message.identity.hex()}, hash {message.mix_hash[::-1].hex()}"


def _mixing(message: mixing.MixKeyExchange) -> str:
    session = f"session {message.session_id[::-1].hex()}, run {message.run}"
    return f"identity {message.identity.hex()}, {session}, hash {message.mix_hash[::-1].hex()}"


SUMMARIES: dict[type, Summary] = {
    messages.Version: introduced(read_version),
    **named((messages.Addr, messages.AddrV2), counted("addr_list", "addr")),
    **named((messages.Inv, messages.GetData, messages.NotFound), things(item_keys)),
    **named((messages.GetBlocks, messages.GetHeaders, filters.GetCFHeaders), located("block_locator_hashes")),
    messages.FeeFilter: lambda message: f"at least {message.min_fee}",
    messages.Reject: rejected,
    Headers: headers,
    Tx: transaction("tx_hash"),
    Block: block,
    state.MiningState: _initial,
    state.GetInitState: lambda message: f"types {', '.join(message.types)}",
    state.InitState: _initial,
    **named(
        (filters.GetCFilter, filters.CFilter, filters.GetCFilterV2, filters.CFilterV2),
        hashed("block_hash", "block"),
    ),
    filters.CFHeaders: counted("header_hashes", "filter headers"),
    filters.GetCFiltersV2: hashed("end_hash", "up to"),
    filters.CFiltersV2: counted("cfilters", "filters"),
    **named(MIXING, _mixing),
    mixing.MixPairReq: _pairing,
}
