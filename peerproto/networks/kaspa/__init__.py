"""Kaspa as kaspad v0.5.0 spoke it (July 2020): a graph of blocks; `network(net, policy)` gives one of its nets.

It is the last release with a protocol of bitcoin's kind; today's nodes speak gRPC. The names of fields are kaspad's,
as in its `wire` package. Its first commits also had `getheaders`, `headers` and `sendheaders`; they were gone
before v0.5.0 and are left out. A block has up to 255 parents, and blocks are synced by inventories: `sync`
and `dag` do that, `bloom` has the arithmetic of filters.
"""

from __future__ import annotations

from collections.abc import Callable

from peerproto.chain.rules import ChainRules, HeaderFields, target_of
from peerproto.errors import LocalError
from peerproto.forms.seeds import Seeds, filtering
from peerproto.network import Network
from peerproto.networks.bitcoin import InvVect, NetAddress, Params
from peerproto.networks.kaspa import behaviour, conduct, phrases, summaries, sync
from peerproto.networks.kaspa.blocks import Block, MerkleBlock, Tx
from peerproto.networks.kaspa.messages import (
    MOST,
    Addr,
    BlockLocator,
    FeeFilter,
    FilterAdd,
    FilterClear,
    FilterLoad,
    GetAddr,
    GetBlockInvs,
    GetBlockLocator,
    GetData,
    GetSelectedTip,
    Inv,
    NotFound,
    Ping,
    Pong,
    Reject,
    SelectedTip,
    VerAck,
    Version,
)
from peerproto.networks.kaspa.records import (
    MSG_BLOCK,
    MSG_FILTERED_BLOCK,
    MSG_MISSING_ANCESTOR,
    MSG_SYNC_BLOCK,
    MSG_TX,
    BlockHeader,
    OutPoint,
    TimedAddress,
    read_header,
)
from peerproto.networks.kaspa.subnetworks import COINBASE, NATIVE, REGISTRY
from peerproto.networks.kaspa.transactions import TxIn, TxOut
from peerproto.wire.envelope import Envelope

__all__ = [
    "COINBASE",
    "MSG_BLOCK",
    "MSG_FILTERED_BLOCK",
    "MSG_MISSING_ANCESTOR",
    "MSG_SYNC_BLOCK",
    "MSG_TX",
    "NATIVE",
    "NETS",
    "POLICIES",
    "REGISTRY",
    "Addr",
    "Block",
    "BlockHeader",
    "BlockLocator",
    "FeeFilter",
    "FilterAdd",
    "FilterClear",
    "FilterLoad",
    "GetAddr",
    "GetBlockInvs",
    "GetBlockLocator",
    "GetData",
    "GetSelectedTip",
    "Inv",
    "InvVect",
    "MerkleBlock",
    "NetAddress",
    "NotFound",
    "OutPoint",
    "Ping",
    "Pong",
    "Reject",
    "SelectedTip",
    "TimedAddress",
    "Tx",
    "TxIn",
    "TxOut",
    "VerAck",
    "Version",
    "network",
]

_GENESIS_VERSION = 0x10000000


def _read_first(header: bytes) -> HeaderFields:
    """What rules look at in the first header, which has nothing before it."""
    first, _ = read_header(header, 0, None)
    return HeaderFields(bytes(32), first.timestamp, first.bits)


def _label(services: int) -> str:
    """Of a seed's names, that for full nodes, and of these those with some services (kaspad, dnsseed)."""
    return "n." if services == 1 else f"n.x{services:x}."


def _params(
    net: str, magic: str, port: int, merkle_root: str, genesis: tuple[int, int, int], *seeds: str
) -> Params:
    """One net (kaspad dagconfig/params.go).

    Of the rules of a chain only the genesis block says something here: no header is ever checked by them.

    :param merkle_root: in wire order. :param genesis: time (seconds), bits and nonce of the first header.
    :param seeds: names for DNS.
    """
    header = BlockHeader(_GENESIS_VERSION, [], bytes.fromhex(merkle_root), bytes(32), bytes(32), *genesis)
    chain = ChainRules(
        name=f"kaspa-{net}",
        genesis=header.pack(),
        pow_limit=target_of(header.bits),
        retarget=False,
        header_size=len(header.pack()),
        read=_read_first,
    )
    return Params(magic, port, chain, Seeds(filtering(*seeds), label=_label))


_LIVE = 1591692512
"""When three of the nets began, in seconds since 1970."""

NETS = {
    "mainnet": _params(
        "mainnet",
        "1df7dc3d",
        16111,
        "ca855627c76ab57a261d63621e5721f05e601fee1d4daa5372e116da4bb3d80e",
        (_LIVE, 0x207FFFFF, 0),
        "dnsseed.kas.pa",
    ),
    "testnet": _params(
        "testnet",
        "8fafb8dd",
        16211,
        "a0a13dfd864135c8bdbbe63735bb4c51117b269015640f426d2b6f374dc1a972",
        (1593581864, 0x1E7FFFFF, 0x1124),
        "testnet-dnsseed.kas.pa",
    ),
    "regtest": _params(
        "regtest",
        "d6cd96f3",
        16211,
        "1e08ae1f43f5fc24e6ec545bf75299e4cc4ca07941fcbe76724c7ed8a3436594",
        (_LIVE, 0x1E7FFFFF, 0x4A78),
    ),
    "simnet": _params(
        "simnet",
        "1ccf4d37",
        16511,
        "4752c723704d8917bd4426fa827e1ba9c6461a375a738809e817ffb1db1ab33f",
        (1591628385, 0x207FFFFF, 2),
    ),
    "devnet": _params(
        "devnet",
        "e1872d73",
        16611,
        "6860e77747747fd555588ab5c2290ca66544b44ffa317afa55e0cfac9c86302a",
        (_LIVE, 0x1E7FFFFF, 0xB3ED),
    ),
}
POLICIES = ("kaspad",)


def network(
    net: str,
    policy: str = POLICIES[0],
    *,
    selected_tip: Callable[[], bytes] | None = None,
    subnetwork: bytes | None = None,
    lets_partial_in: bool = False,
) -> Network:
    """One of Kaspa's networks. Raises KeyError for a net that it has not; there is one policy.

    As kaspad has them, no net lets partial nodes in; what follows is for those who run one of their own.

    :param selected_tip: what we say of our selected tip (wire order) where a peer's options do not tell it, asked each
        time; None for the genesis block.
    :param subnetwork: the one that we follow as a partial node, 20 bytes; None for a full node.
    :param lets_partial_in: whether partial nodes suit us, by their subnetwork and by who has called.
    """
    params = NETS[net]
    genesis = params.chain.genesis_hash
    if subnetwork is not None and not lets_partial_in:
        raise LocalError(f"kaspa-{net} lets no partial nodes in, so we cannot be one")
    side = behaviour.Side(selected_tip or (lambda: genesis), subnetwork, lets_partial_in)
    return Network(
        name=f"kaspa-{net}",
        envelope=Envelope(bytes.fromhex(params.magic), most=MOST),
        port=params.port,
        chain=params.chain,
        policy=behaviour.POLICY,
        messages=behaviour.MESSAGES,
        protocol_version=behaviour.PROTOCOL_VERSION,
        least_protocol_version=behaviour.PROTOCOL_VERSION,
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
        make_version=side.make_version,
        read_version=behaviour.read_version,
        item_keys=behaviour.item_keys,
        request_blocks=behaviour.request_blocks,
        reject=behaviour.reject,
        announcing=Inv,
        phrases=phrases.PHRASES,
        inventory=behaviour.INVENTORY,
        header_sync=None,
        gossip=None if net == "simnet" else behaviour.GOSSIP,
        make_ping=behaviour.make_ping,
        make_pong=behaviour.make_pong,
        summaries=summaries.SUMMARIES,
        judge_version=side.judge_version,
        replies=side.replies(),
        bloom=conduct.BLOOM,
        scoring=conduct.SCORING,
        seeds=params.seeds,
        nonce_bits=63,
        graph_sync=sync.graph_sync(params.chain),
    )
