"""Kaspa's messages in one line of a log each; of those that are not named here only the command is said."""

from __future__ import annotations

from peerproto.chain.rules import display
from peerproto.networks.bitcoin.wording import (
    REJECT_CODES,
    Summary,
    block,
    counted,
    hashed,
    introduced,
    named,
    rejecting,
    things,
    transaction,
)
from peerproto.networks.kaspa import blocks, messages
from peerproto.networks.kaspa.behaviour import item_keys, read_version

_REJECT_CODES = {**REJECT_CODES, 0x13: "not requested", 0x43: "finality", 0x44: "difficulty"}


def _between(message: messages.GetBlockInvs | messages.GetBlockLocator) -> str:
    return f"low {display(message.low_hash)}, high {display(message.high_hash)}"


SUMMARIES: dict[type, Summary] = {
    messages.Version: introduced(read_version),
    messages.Addr: counted("addr_list", "addr"),
    **named((messages.GetBlockInvs, messages.GetBlockLocator), _between),
    messages.BlockLocator: counted("block_locator_hashes", "hashes"),
    messages.SelectedTip: hashed("selected_tip_hash"),
    **named((messages.Inv, messages.GetData, messages.NotFound), things(item_keys)),
    blocks.Tx: transaction("tx_id"),
    **named((blocks.Block, blocks.MerkleBlock), block),
    messages.FilterLoad: counted("filter", "bytes"),
    messages.FilterAdd: counted("data", "bytes"),
    messages.FeeFilter: lambda message: f"at least {message.min_fee}",
    messages.Reject: rejecting(_REJECT_CODES),
}
