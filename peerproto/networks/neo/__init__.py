"""NEO 2.x; `network(net, policy)` gives one of its nets.

The names of fields are neo-go's in snake case; where the nodes differ, what the C# node does is done. Blocks are
signed by validators, there is no proof of work: what of a chain of headers is checked, `chains` says.
"""

from __future__ import annotations

from peerproto.network import Network
from peerproto.networks.bitcoin import Params
from peerproto.networks.neo import behaviour, chains, inventory, phrases, summaries, sync, trade
from peerproto.networks.neo.blocks import Block, BlockHeader, Headers, MerkleBlock, Tx
from peerproto.networks.neo.inventory import InvVect
from peerproto.networks.neo.messages import (
    INV_BLOCK,
    INV_CONSENSUS,
    INV_STATE_ROOT,
    INV_TX,
    Addr,
    Alert,
    Consensus,
    FilterAdd,
    FilterClear,
    FilterLoad,
    GetAddr,
    GetBlocks,
    GetData,
    GetHeaders,
    GetRoots,
    Inv,
    MemPool,
    NotFound,
    Ping,
    Pong,
    Reject,
    Roots,
    StateRoot,
    VerAck,
    Version,
)
from peerproto.networks.neo.records import NetAddress, SignedRoot, Witness
from peerproto.networks.neo.transactions import Attribute, CoinReference, Descriptor, TxOutput

__all__ = [
    "INV_BLOCK",
    "INV_CONSENSUS",
    "INV_STATE_ROOT",
    "INV_TX",
    "NETS",
    "POLICIES",
    "Addr",
    "Alert",
    "Attribute",
    "Block",
    "BlockHeader",
    "CoinReference",
    "Consensus",
    "Descriptor",
    "FilterAdd",
    "FilterClear",
    "FilterLoad",
    "GetAddr",
    "GetBlocks",
    "GetData",
    "GetHeaders",
    "GetRoots",
    "Headers",
    "Inv",
    "InvVect",
    "MemPool",
    "MerkleBlock",
    "NetAddress",
    "NotFound",
    "Ping",
    "Pong",
    "Reject",
    "Roots",
    "SignedRoot",
    "StateRoot",
    "Tx",
    "TxOutput",
    "VerAck",
    "Version",
    "Witness",
    "network",
]

NETS = {
    "mainnet": Params("416e7400", 10333, chains.MAINNET),
    "testnet": Params("416e7474", 20333, chains.TESTNET),
    "privnet": Params("b1dd0000", 20333, chains.PRIVNET),
    "privnet-single": Params("b1dd0000", 20333, chains.SINGLE),
}
"""`privnet` has the four validators of the usual private net, `privnet-single` but one of them."""

POLICIES = ("neo-cli",)

MOST_PAYLOAD = 0x0200_0000


def network(net: str, policy: str) -> Network:
    """One of NEO's networks. Raises KeyError for a net that it has not; there is one policy."""
    params = NETS[net]
    return Network(
        name=f"neo-{net}",
        envelope=behaviour.NeoEnvelope(
            bytes.fromhex(params.magic), most=MOST_PAYLOAD, cuts_at_nul=True, magic_first=True
        ),
        port=params.port,
        chain=params.chain,
        policy=behaviour.POLICY,
        messages=behaviour.MESSAGES,
        protocol_version=0,
        least_protocol_version=0,
        order=behaviour.ORDER,
        expects=behaviour.EXPECTS,
        timing=behaviour.TIMING,
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
        reject=behaviour.reject,
        announcing=Inv,
        phrases=phrases.PHRASES,
        inventory=inventory.INVENTORY,
        header_sync=sync.HEADER_SYNC,
        trade=trade.TRADE,
        gossip=behaviour.GOSSIP,
        make_ping=behaviour.make_ping,
        make_pong=behaviour.make_pong,
        summaries=summaries.SUMMARIES,
        nonce_bits=32,
    )
