"""What a bitcoin peer does, as data: its messages and services, the order of the handshake, and what is owed.

`policy="btcd"` is btcd HEAD's (peer/peer.go), `policy="core"` Bitcoin Core's (src/net_processing.cpp). How it says
what all peers say is in `exchange`.
"""

from __future__ import annotations

from dataclasses import dataclass

from peerproto.errors import (
    BadChecksum,
    DuplicateVerack,
    DuplicateVersion,
    MalformedMessage,
    OversizeCommand,
    PeerLost,
    Reason,
    UnexpectedMessage,
    UnknownCommand,
)
from peerproto.forms.conversation import Expectation, Order, Timing
from peerproto.networks.bitcoin import filters, foreign, messages
from peerproto.networks.bitcoin.blocks import Block, Tx
from peerproto.wire.codec import Policy
from peerproto.wire.message import Message

NODE_WITNESS = 1 << 3
SERVICES = {
    0: "NETWORK",
    1: "GETUTXO",
    2: "BLOOM",
    3: "WITNESS",
    4: "XTHIN",
    6: "COMPACT_FILTERS",
    7: "2X",
    10: "NETWORK_LIMITED",
    11: "P2P_V2",
}

MESSAGES: tuple[type[Message], ...] = (
    messages.Version,
    messages.VerAck,
    messages.SendAddrV2,
    messages.SendHeaders,
    messages.Ping,
    messages.Pong,
    messages.GetAddr,
    messages.Addr,
    messages.AddrV2,
    messages.Inv,
    messages.GetData,
    messages.NotFound,
    messages.GetBlocks,
    messages.GetHeaders,
    messages.Headers,
    messages.MemPool,
    messages.FeeFilter,
    messages.Reject,
    Tx,
    Block,
    filters.MerkleBlock,
    filters.FilterLoad,
    filters.FilterAdd,
    filters.FilterClear,
    filters.GetCFilters,
    filters.GetCFHeaders,
    filters.GetCFCheckpt,
    filters.CFilter,
    filters.CFHeaders,
    filters.CFCheckpt,
    foreign.WtxidRelay,
    foreign.SendTxRcncl,
    foreign.SendCmpct,
    foreign.CmpctBlock,
    foreign.GetBlockTxn,
    foreign.BlockTxn,
    foreign.Alert,
)

_NEGOTIATION = (foreign.WtxidRelay, messages.SendAddrV2)
_SETTLED_EARLY = frozenset({messages.SendAddrV2, foreign.WtxidRelay, foreign.SendTxRcncl, foreign.SendCmpct})

MOST_LOCATOR = 101


def _judge_locator(message: messages.GetBlocks | messages.GetHeaders) -> None:
    count, most = len(message.block_locator_hashes), MOST_LOCATOR
    if count > most:
        text = f"{message.command} with {count} locator hashes, at most {most} allowed"
        raise PeerLost(text, Reason.MISBEHAVING)


@dataclass(frozen=True)
class Behaviour:
    """What the two references do differently."""

    policy: Policy
    order: Order
    least_protocol_version: int
    stall_ends_peer: bool
    rejects: bool
    timing: Timing


BTCD = Behaviour(
    Policy("btcd", tolerates=frozenset({UnknownCommand}), address_ids=frozenset({1, 2, 3, 4})),
    Order(
        negotiation=_NEGOTIATION,
        greeting=(messages.SendHeaders,),
        between=_SETTLED_EARLY,
        late={
            messages.Version: DuplicateVersion,
            messages.VerAck: DuplicateVerack,
            messages.SendAddrV2: UnexpectedMessage,
        },
    ),
    least_protocol_version=209,
    stall_ends_peer=True,
    rejects=True,
    timing=Timing(),
)

CORE = Behaviour(
    Policy(
        "core",
        tolerates=frozenset({UnknownCommand, BadChecksum, MalformedMessage, OversizeCommand}),
        trailing=True,
        address_ids=frozenset({1, 2, 4, 5, 6}),
    ),
    Order(
        negotiation=_NEGOTIATION,
        greeting=(messages.SendHeaders,),
        between=_SETTLED_EARLY | {messages.SendHeaders},
        ignores_early=True,
        late={
            messages.Version: None,
            messages.VerAck: None,
            messages.SendAddrV2: UnexpectedMessage,
            foreign.WtxidRelay: UnexpectedMessage,
            foreign.SendTxRcncl: UnexpectedMessage,
        },
        judged={messages.GetBlocks: _judge_locator, messages.GetHeaders: _judge_locator},
    ),
    least_protocol_version=31800,
    stall_ends_peer=False,
    rejects=False,
    timing=Timing(trickle=(0.0, 10.0)),
)

BEHAVIOURS = {"btcd": BTCD, "core": CORE}


def expectations(ends_peer: bool) -> dict[type[Message], Expectation]:
    """What is owed to a request (btcd peer/peer.go, maybeAddDeadline); what btcd does not watch ends none."""
    items = (Block, Tx, filters.MerkleBlock, foreign.CmpctBlock, messages.NotFound)
    return {
        messages.MemPool: Expectation((messages.Inv,), ends_peer=ends_peer),
        messages.GetBlocks: Expectation((messages.Inv,), ends_peer=ends_peer),
        messages.GetData: Expectation(items, each=True, ends_peer=ends_peer),
        messages.GetHeaders: Expectation((messages.Headers,), 90.0, ends_peer=ends_peer),
        messages.GetAddr: Expectation((messages.Addr, messages.AddrV2), ends_peer=False),
        filters.GetCFilters: Expectation((filters.CFilter,), ends_peer=False, last=filters.is_last),
        filters.GetCFHeaders: Expectation((filters.CFHeaders,), ends_peer=False),
        filters.GetCFCheckpt: Expectation((filters.CFCheckpt,), ends_peer=False),
        foreign.GetBlockTxn: Expectation((foreign.BlockTxn,), ends_peer=False),
    }
