"""NEO 2.x; `network(net, policy)` gives one of its nets.

The names of fields are neo-go's in snake case; where the nodes differ, what the C# node does is done. Blocks are
signed by validators, there is no proof of work.
"""

from __future__ import annotations

from peerproto.chain.rules import ChainRules, HeaderFields
from peerproto.network import Network
from peerproto.networks.bitcoin import Params
from peerproto.networks.neo import behaviour
from peerproto.networks.neo.blocks import Block, BlockHeader, Headers, MerkleBlock, Tx
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
from peerproto.networks.neo.records import BASE, NetAddress, SignedRoot, Witness
from peerproto.networks.neo.requests import request_blocks, request_headers, request_transactions
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
    "request_blocks",
    "request_headers",
    "request_transactions",
]

_GENESIS = 1468595301, 0, 2083236893  # time in seconds, height, consensus data


def _read(header: bytes) -> HeaderFields:
    _, prev_hash, _, timestamp, height, _, _ = BASE.unpack(header)
    return HeaderFields(prev_hash, timestamp, 0, height)


def _params(net: str, magic: str, port: int, root: str, validators: str) -> Params:
    """One net. Of the chain's rules only the genesis block says something: headers have no work to check.

    :param root: of the genesis block's transactions. :param validators: the script hash of who makes block 1.
    """
    genesis = BASE.pack(0, bytes(32), bytes.fromhex(root), *_GENESIS, bytes.fromhex(validators))
    chain = ChainRules(name=f"neo-{net}", genesis=genesis, pow_limit=0, header_size=BASE.size, read=_read)
    return Params(magic, port, chain)


NETS = {
    "mainnet": _params(
        "mainnet",
        "416e7400",
        10333,
        "f41bc036e39b0d6b0579c851c6fde83af802fa4e57bec0bc3365eae3abf43f80",
        "59e75d652b5d3827bf04c165bbe9ef95cca4bf55",
    ),
    "testnet": _params(
        "testnet",
        "416e7474",
        20333,
        "bd38ebdd185608bb85485eef7cef9d977a0d64e821f74cd5b6cc328fb2a473c6",
        "f3812db982f3b0089a21a278988efeec6a027b25",
    ),
    "privnet": _params(
        "privnet",
        "b1dd0000",
        20333,
        "845c34e7c1aed302b1718e914da0c42bf47c476ac4d89671f278d8ab6d27aa3d",
        "be48d3a3f5d10013ab9ffee489706078714f1ea2",
    ),
}
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
        header_sync=None,
        gossip=behaviour.GOSSIP,
        make_ping=behaviour.make_ping,
        make_pong=behaviour.make_pong,
        nonce_bits=32,
    )
