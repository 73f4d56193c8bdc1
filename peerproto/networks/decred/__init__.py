"""Decred: its messages, and its networks by `network(net, policy)`.

The names of fields are dcrd's, as in its `wire` package.
"""

from __future__ import annotations

from typing import NamedTuple

from peerproto.chain.rules import ChainRules
from peerproto.forms.seeds import Seeds
from peerproto.network import Network
from peerproto.networks.bitcoin.records import InvVect, TimedAddress
from peerproto.networks.decred import behaviour, chains, conduct, phrases, summaries, sync, trade
from peerproto.networks.decred.addresses import NetAddressV2
from peerproto.networks.decred.blocks import Block, Headers, Tx
from peerproto.networks.decred.filters import (
    BlockFilter,
    CFHeaders,
    CFilter,
    CFiltersV2,
    CFilterV2,
    CFTypes,
    GetCFHeaders,
    GetCFilter,
    GetCFiltersV2,
    GetCFilterV2,
    GetCFTypes,
)
from peerproto.networks.decred.gossip import GOSSIP
from peerproto.networks.decred.messages import (
    Addr,
    AddrV2,
    FeeFilter,
    GetAddr,
    GetBlocks,
    GetData,
    GetHeaders,
    Inv,
    MemPool,
    NotFound,
    Ping,
    Pong,
    Reject,
    SendHeaders,
    VerAck,
    Version,
)
from peerproto.networks.decred.mixing import (
    Mix,
    MixCiphertexts,
    MixConfirm,
    MixDCNet,
    MixFactoredPoly,
    MixKeyExchange,
    MixPairReq,
    MixSecrets,
    MixSlotReserve,
    MixUTXO,
)
from peerproto.networks.decred.records import (
    MSG_BLOCK,
    MSG_FILTERED_BLOCK,
    MSG_MIX,
    MSG_TX,
    BlockHeader,
    NetAddress,
    OutPoint,
)
from peerproto.networks.decred.state import GetInitState, GetMiningState, InitState, MiningState
from peerproto.networks.decred.transactions import FULL, PREFIX, WITNESS, TxIn, TxOut
from peerproto.wire.blake256 import blake256_checksum, blake256_checksum_of_pieces
from peerproto.wire.envelope import Envelope

__all__ = [
    "FULL",
    "MSG_BLOCK",
    "MSG_FILTERED_BLOCK",
    "MSG_MIX",
    "MSG_TX",
    "PREFIX",
    "WITNESS",
    "Addr",
    "AddrV2",
    "Block",
    "BlockFilter",
    "BlockHeader",
    "CFHeaders",
    "CFTypes",
    "CFilter",
    "CFilterV2",
    "CFiltersV2",
    "FeeFilter",
    "GetAddr",
    "GetBlocks",
    "GetCFHeaders",
    "GetCFTypes",
    "GetCFilter",
    "GetCFilterV2",
    "GetCFiltersV2",
    "GetData",
    "GetHeaders",
    "GetInitState",
    "GetMiningState",
    "Headers",
    "InitState",
    "Inv",
    "InvVect",
    "MemPool",
    "MiningState",
    "Mix",
    "MixCiphertexts",
    "MixConfirm",
    "MixDCNet",
    "MixFactoredPoly",
    "MixKeyExchange",
    "MixPairReq",
    "MixSecrets",
    "MixSlotReserve",
    "MixUTXO",
    "NetAddress",
    "NetAddressV2",
    "NotFound",
    "OutPoint",
    "Params",
    "Ping",
    "Pong",
    "Reject",
    "SendHeaders",
    "TimedAddress",
    "Tx",
    "TxIn",
    "TxOut",
    "VerAck",
    "Version",
    "network",
]


class Params(NamedTuple):
    """What tells the nets apart. The magic is in wire order."""

    magic: str
    port: int
    chain: ChainRules
    seeds: Seeds = Seeds()


MAINNET_SEEDS = Seeds(
    https=(
        "mainnet-seed-1.decred.org",
        "mainnet-seed-2.decred.org",
        "mainnet-seed.jholdstock.uk",
        "dcr-seed.jz.bz",
    )
)
TESTNET_SEEDS = Seeds(
    https=("testnet-seed-1.decred.org", "testnet-seed-2.decred.org", "testnet-seed.jholdstock.uk")
)
"""Whom dcrd asks (chaincfg, seeders); the names for DNS that its parameters still have it does not."""

NETS = {
    "mainnet": Params("f900b4d9", 9108, chains.MAINNET, MAINNET_SEEDS),
    "testnet": Params("75aa94b1", 19108, chains.TESTNET, TESTNET_SEEDS),
    "simnet": Params("161c1412", 18555, chains.SIMNET),
    "regnet": Params("fa00b5da", 18655, chains.REGNET),
}
ALIASES = {"testnet3": "testnet"}
POLICIES = tuple(behaviour.BEHAVIOURS)

MOST_PAYLOAD = 33_554_432


def network(net: str, policy: str) -> Network:
    """One of Decred's networks. Raises KeyError for a net or policy that it has not."""
    params, ways = NETS[net], behaviour.BEHAVIOURS[policy]
    return Network(
        name=f"decred-{net}",
        envelope=Envelope(
            bytes.fromhex(params.magic),
            checksum=blake256_checksum,
            checksum_of_pieces=blake256_checksum_of_pieces,
            most=MOST_PAYLOAD,
            strict_ascii=True,
        ),
        port=params.port,
        chain=params.chain,
        policy=ways.policy,
        messages=behaviour.MESSAGES,
        protocol_version=ways.protocol_version,
        least_protocol_version=ways.least_protocol_version,
        order=ways.order,
        expects=behaviour.expectations(ways.insists),
        timing=ways.timing,
        services=behaviour.SERVICES,
        agents=behaviour.AGENTS,
        witness_service=0,
        version=Version,
        verack=VerAck,
        ping=Ping,
        pong=Pong,
        not_found=NotFound,
        make_version=behaviour.make_version,
        read_version=behaviour.read_version,
        item_keys=behaviour.item_keys,
        request_blocks=behaviour.request_blocks,
        reject=behaviour.reject if ways.rejects else behaviour.no_reject,
        announcing=Inv,
        phrases=phrases.phrases(ways.rejects),
        inventory=ways.inventory,
        header_sync=sync.HEADER_SYNC,
        trade=trade.TRADE,
        gossip=GOSSIP,
        make_ping=behaviour.make_ping,
        make_pong=behaviour.make_pong,
        summaries=summaries.SUMMARIES,
        replies=behaviour.REPLIES,
        scoring=conduct.SCORING[policy],
        backlog=conduct.BACKLOG[policy],
        seeds=params.seeds,
    )
