"""Bitcoin: its messages, and its networks by `network(name, policy)`.

The names of fields are btcd's, as in its `wire` package.
"""

from __future__ import annotations

from typing import NamedTuple

from peerproto.chain.rules import ChainRules
from peerproto.forms.seeds import Seeds
from peerproto.network import Network
from peerproto.networks.bitcoin import (
    behaviour,
    chains,
    conduct,
    exchange,
    inventory,
    phrases,
    seeds,
    summaries,
    sync,
    trade,
)
from peerproto.networks.bitcoin.blocks import Block, Tx
from peerproto.networks.bitcoin.filters import (
    CFCheckpt,
    CFHeaders,
    CFilter,
    FilterAdd,
    FilterClear,
    FilterLoad,
    GetCFCheckpt,
    GetCFHeaders,
    GetCFilters,
    MerkleBlock,
)
from peerproto.networks.bitcoin.foreign import (
    Alert,
    BlockTxn,
    CmpctBlock,
    GetBlockTxn,
    PrefilledTx,
    SendCmpct,
    SendTxRcncl,
    WtxidRelay,
)
from peerproto.networks.bitcoin.messages import (
    Addr,
    AddrV2,
    FeeFilter,
    GetAddr,
    GetBlocks,
    GetData,
    GetHeaders,
    Headers,
    Inv,
    MemPool,
    NotFound,
    Ping,
    Pong,
    Reject,
    SendAddrV2,
    SendHeaders,
    VerAck,
    Version,
)
from peerproto.networks.bitcoin.records import (
    MSG_BLOCK,
    MSG_CMPCT_BLOCK,
    MSG_FILTERED_BLOCK,
    MSG_TX,
    MSG_WITNESS_BLOCK,
    MSG_WITNESS_TX,
    MSG_WTX,
    BlockHeader,
    InvVect,
    NetAddress,
    NetAddressV2,
    OutPoint,
    TimedAddress,
)
from peerproto.networks.bitcoin.transactions import TxIn, TxOut
from peerproto.wire.envelope import Envelope

__all__ = [
    "MSG_BLOCK",
    "MSG_CMPCT_BLOCK",
    "MSG_FILTERED_BLOCK",
    "MSG_TX",
    "MSG_WITNESS_BLOCK",
    "MSG_WITNESS_TX",
    "MSG_WTX",
    "Addr",
    "AddrV2",
    "Alert",
    "Block",
    "BlockHeader",
    "BlockTxn",
    "CFCheckpt",
    "CFHeaders",
    "CFilter",
    "CmpctBlock",
    "FeeFilter",
    "FilterAdd",
    "FilterClear",
    "FilterLoad",
    "GetAddr",
    "GetBlockTxn",
    "GetBlocks",
    "GetCFCheckpt",
    "GetCFHeaders",
    "GetCFilters",
    "GetData",
    "GetHeaders",
    "Headers",
    "Inv",
    "InvVect",
    "MemPool",
    "MerkleBlock",
    "NetAddress",
    "NetAddressV2",
    "NotFound",
    "OutPoint",
    "Params",
    "Ping",
    "Pong",
    "PrefilledTx",
    "Reject",
    "SendAddrV2",
    "SendCmpct",
    "SendHeaders",
    "SendTxRcncl",
    "TimedAddress",
    "Tx",
    "TxIn",
    "TxOut",
    "VerAck",
    "Version",
    "WtxidRelay",
    "make",
    "network",
]


class Params(NamedTuple):
    """What tells the nets of one family apart.

    `witness_from`: the height from which blocks may have witnesses (Core's SegwitHeight).
    """

    magic: str
    port: int
    chain: ChainRules
    seeds: Seeds = Seeds()
    witness_from: int = 0


NETS = {
    "mainnet": Params("f9beb4d9", 8333, chains.MAINNET, seeds.MAINNET, witness_from=481_824),
    "testnet3": Params("0b110907", 18333, chains.TESTNET3, seeds.TESTNET3, witness_from=834_624),
    "testnet4": Params("1c163f28", 48333, chains.TESTNET4, seeds.TESTNET4),
    "signet": Params("0a03cf40", 38333, chains.SIGNET, seeds.SIGNET),
    "regtest": Params("fabfb5da", 18444, chains.REGTEST),
    "simnet": Params("161c1412", 18555, chains.SIMNET),
}
POLICIES = tuple(behaviour.BEHAVIOURS)


def network(net: str, policy: str) -> Network:
    """One of bitcoin's networks. Raises KeyError for a net or policy that it has not."""
    return make(f"bitcoin-{net}", NETS[net], policy, behaviour.SERVICES)


def make(name: str, params: Params, policy: str, services: dict[int, str]) -> Network:
    """A network that speaks bitcoin's messages in bitcoin's way."""
    ways = behaviour.BEHAVIOURS[policy]
    return Network(
        name=name,
        envelope=Envelope(bytes.fromhex(params.magic)),
        port=params.port,
        chain=params.chain,
        policy=ways.policy,
        messages=behaviour.MESSAGES,
        protocol_version=70016,
        least_protocol_version=ways.least_protocol_version,
        order=ways.order,
        expects=behaviour.expectations(ways.stall_ends_peer),
        timing=ways.timing,
        services=services,
        witness_service=behaviour.NODE_WITNESS,
        version=Version,
        verack=VerAck,
        ping=Ping,
        pong=Pong,
        not_found=NotFound,
        make_version=exchange.make_version,
        read_version=exchange.read_version,
        item_keys=exchange.item_keys,
        request_blocks=exchange.request_blocks,
        reject=exchange.reject if ways.rejects else exchange.no_reject,
        announcing=Inv,
        inventory=inventory.INVENTORY,
        header_sync=sync.HEADER_SYNC,
        trade=trade.trade(policy, params.witness_from),
        gossip=sync.GOSSIP,
        make_ping=exchange.make_ping,
        make_pong=exchange.make_pong,
        summaries=summaries.SUMMARIES,
        replies=exchange.REPLIES,
        bloom=conduct.BLOOM[policy],
        scoring=conduct.SCORING[policy],
        phrases=phrases.PHRASES,
        seeds=params.seeds,
    )
