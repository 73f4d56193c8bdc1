"""Soter: a graph of blocks that speaks a branch of bitcoin's protocol; `network(net, policy)` gives one of its nets.

The names of fields are soterd's, as in its `wire` package. What it has word for word of bitcoin is bitcoin's here.
A block has a set of parents, which its header names by one hash; headers cannot be linked, so blocks are synced by
`getblocks` and `inv`, height after height: `sync` and `dag` do that, `cuckoo` has the proof of work.
"""

from __future__ import annotations

from peerproto.chain.rules import ChainRules, genesis_header
from peerproto.forms.conversation import Timing
from peerproto.network import Network
from peerproto.networks.bitcoin import NetAddress, OutPoint, Params, TimedAddress, TxIn, TxOut
from peerproto.networks.bitcoin.filters import (
    CFHeaders,
    CFilter,
    FilterAdd,
    FilterClear,
    FilterLoad,
    GetCFCheckpt,
    GetCFHeaders,
    GetCFilters,
)
from peerproto.networks.soter import behaviour, conduct, phrases, refusals, summaries, sync
from peerproto.networks.soter.addresses import Addr, AddrCache, GetAddr, GetAddrCache
from peerproto.networks.soter.blocks import Block, MerkleBlock, Tx
from peerproto.networks.soter.extras import Alert, CFCheckpt
from peerproto.networks.soter.messages import (
    FeeFilter,
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
    SendHeaders,
    VerAck,
    Version,
)
from peerproto.networks.soter.records import (
    MORE_BLOCKS,
    MSG_BLOCK,
    MSG_FILTERED_BLOCK,
    MSG_TX,
    MSG_WITNESS_BLOCK,
    MSG_WITNESS_TX,
    NO_HEIGHT,
    BlockHeader,
    InvVect,
    Parent,
    ParentSubHeader,
    VerificationSubHeader,
    hash_of_parents,
)
from peerproto.wire.envelope import Envelope

__all__ = [
    "ALIASES",
    "MORE_BLOCKS",
    "MSG_BLOCK",
    "MSG_FILTERED_BLOCK",
    "MSG_TX",
    "MSG_WITNESS_BLOCK",
    "MSG_WITNESS_TX",
    "NETS",
    "NO_HEIGHT",
    "POLICIES",
    "Addr",
    "AddrCache",
    "Alert",
    "Block",
    "BlockHeader",
    "CFCheckpt",
    "CFHeaders",
    "CFilter",
    "FeeFilter",
    "FilterAdd",
    "FilterClear",
    "FilterLoad",
    "GetAddr",
    "GetAddrCache",
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
    "NotFound",
    "OutPoint",
    "Parent",
    "ParentSubHeader",
    "Ping",
    "Pong",
    "Reject",
    "SendHeaders",
    "TimedAddress",
    "Tx",
    "TxIn",
    "TxOut",
    "VerAck",
    "VerificationSubHeader",
    "Version",
    "hash_of_parents",
    "network",
]

_MERKLE_ROOT = "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b"


def _params(net: str, magic: str, port: int, limit: int, genesis: tuple[int, int, int]) -> Params:
    """One net (soterd chaincfg/params.go).

    The proof of work is a cycle that stands outside the header, so of the chain's rules only the genesis block
    says something here; blocks are checked by `dag`.

    :param limit: of the easiest target, in bits. :param genesis: time, bits and nonce of the first header.
    """
    chain = ChainRules(
        name=f"soter-{net}", genesis=genesis_header(_MERKLE_ROOT, *genesis), pow_limit=(1 << limit) - 1
    )
    return Params(magic, port, chain)


NETS = {
    "mainnet": _params("mainnet", "f9beb4d9", 8333, 224, (1231006505, 0x1D00FFFF, 2083236893)),
    "testnet": _params("testnet", "0b110907", 5070, 231, (1296688602, 0x1D7FFFFF, 18091145)),
    "regtest": _params("regtest", "fabfb5da", 18444, 255, (1296688602, 0x207FFFFF, 2)),
    "simnet": _params("simnet", "161c1412", 18555, 255, (1543863094, 0x207FFFFF, 2)),
}
"""Without seeds: the names that soterd has for its main network are bitcoin's own."""

ALIASES = {"testnet1": "testnet"}
POLICIES = ("soterd",)

MOST_PAYLOAD = 33_554_432


def network(net: str, policy: str) -> Network:
    """One of soter's networks. Raises KeyError for a net that it has not; there is one policy."""
    params = NETS[net]
    return Network(
        name=f"soter-{net}",
        envelope=Envelope(bytes.fromhex(params.magic), most=MOST_PAYLOAD),
        port=params.port,
        chain=params.chain,
        policy=behaviour.POLICY,
        messages=behaviour.MESSAGES,
        protocol_version=behaviour.PROTOCOL_VERSION,
        least_protocol_version=behaviour.LEAST_PROTOCOL_VERSION,
        order=behaviour.ORDER,
        expects=behaviour.EXPECTS,
        timing=Timing(),
        services=behaviour.SERVICES,
        agents=behaviour.AGENTS,
        witness_service=behaviour.NODE_WITNESS,
        version=Version,
        verack=VerAck,
        ping=Ping,
        pong=Pong,
        not_found=NotFound,
        read_version=behaviour.read_version,
        item_keys=behaviour.item_keys,
        request_blocks=behaviour.request_blocks,
        reject=refusals.reject,
        announcing=Inv,
        phrases=phrases.PHRASES,
        inventory=behaviour.INVENTORY,
        header_sync=None,
        gossip=behaviour.GOSSIP,
        make_ping=behaviour.make_ping,
        make_pong=behaviour.make_pong,
        summaries=summaries.SUMMARIES,
        replies=behaviour.REPLIES,
        bloom=conduct.BLOOM,
        scoring=conduct.SCORING,
        graph_sync=sync.graph_sync(params.chain),
        **behaviour.rules_of(params.chain.genesis_hash),
    )
