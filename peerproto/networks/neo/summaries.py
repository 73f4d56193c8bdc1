"""NEO's messages in one line of a log each; of those that are not named here only the command is said."""

from __future__ import annotations

from peerproto.chain.rules import display
from peerproto.networks.bitcoin.wording import (
    Summary,
    counted,
    hashed,
    headers,
    introduced,
    located,
    moment,
    named,
    things,
    transaction,
)
from peerproto.networks.neo import blocks, messages
from peerproto.networks.neo.behaviour import item_keys, read_version


def _block(message: blocks.Block | blocks.MerkleBlock) -> str:
    count = message.tx_count if isinstance(message, blocks.MerkleBlock) else len(message.txs)
    at = f"height {message.index}, {count} tx, {moment(message.timestamp)}"
    return f"hash {display(message.block_hash)}, {at}"


def _height(message: messages.Ping | messages.Pong) -> str:
    return f"block {message.last_block_index}"


SUMMARIES: dict[type, Summary] = {
    messages.Version: introduced(read_version),
    messages.Addr: counted("addr_list", "addr"),
    **named((messages.GetHeaders, messages.GetBlocks), located("hash_start")),
    blocks.Headers: headers,
    **named((messages.Inv, messages.GetData), things(item_keys)),
    **named((blocks.Block, blocks.MerkleBlock), _block),
    blocks.Tx: transaction("tx_hash", "inputs", "outputs"),
    messages.Consensus: lambda message: f"height {message.height}, validator {message.validator_index}",
    **named((messages.Ping, messages.Pong), _height),
    messages.FilterLoad: counted("filter", "bytes"),
    messages.FilterAdd: counted("data", "bytes"),
    messages.GetRoots: lambda message: f"{message.count} from {message.start}",
    messages.StateRoot: hashed("root_hash"),
    messages.Roots: counted("roots", "roots"),
}
