"""What a bitcoin peer does, as data: the order of the handshake, what is owed, and how refusals are told.

`policy="btcd"` is btcd HEAD's (peer/peer.go), `policy="core"` Bitcoin Core's (src/net_processing.cpp).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from peerproto.errors import (
    BadChecksum,
    DuplicateVerack,
    DuplicateVersion,
    MalformedMessage,
    OversizeCommand,
    PeerError,
    PeerLost,
    Reason,
    UnexpectedMessage,
    UnknownCommand,
    VersionExpected,
    VersionTooOld,
)
from peerproto.network import Expectation, Introduction, Key, Order
from peerproto.networks.bitcoin import filters, foreign, messages
from peerproto.networks.bitcoin.blocks import Block, Tx
from peerproto.networks.bitcoin.records import (
    MSG_BLOCK,
    MSG_CMPCT_BLOCK,
    MSG_FILTERED_BLOCK,
    MSG_TX,
    MSG_WITNESS_BLOCK,
    MSG_WITNESS_FLAG,
    MSG_WTX,
    InvVect,
    NetAddress,
)
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
        filters.GetCFilters: Expectation((filters.CFilter,), ends_peer=False),
        filters.GetCFHeaders: Expectation((filters.CFHeaders,), ends_peer=False),
        filters.GetCFCheckpt: Expectation((filters.CFCheckpt,), ends_peer=False),
        foreign.GetBlockTxn: Expectation((foreign.BlockTxn,), ends_peer=False),
    }


def make_ping(nonce: int, height: int, now: float) -> messages.Ping:
    """A ping; its nonce is not written up to protocol version 60000."""
    return messages.Ping(nonce)


def make_pong(ping: messages.Ping, height: int, now: float) -> messages.Pong | None:
    """The ping's nonce back; old protocol versions have none."""
    return None if ping.nonce is None else messages.Pong(ping.nonce)


REPLIES: dict[type[Message], Callable[[Any], Message]] = {messages.GetHeaders: lambda _: messages.Headers([])}
"""A node that follows no chain has no headers; Core-line nodes ask for them at once, and want to hear that."""


def make_version(ours: Introduction) -> messages.Version:
    """Our version: `addr_you` is the other side as we see it, `addr_me` has only our services."""
    host, port = ours.other or ("::", 0)
    return messages.Version(
        protocol_version=ours.protocol_version,
        services=ours.services,
        timestamp=ours.timestamp,
        addr_you=NetAddress(0, host, port),
        addr_me=NetAddress(ours.services, "::", 0),
        nonce=ours.nonce,
        user_agent=ours.user_agent,
        last_block=ours.height,
        disable_relay_tx=not ours.relay,
    )


def read_version(message: messages.Version) -> Introduction:
    """What a version message says."""
    return Introduction(
        protocol_version=message.protocol_version,
        services=message.services,
        timestamp=message.timestamp,
        nonce=message.nonce,
        user_agent=message.user_agent,
        height=message.last_block,
        relay=not message.disable_relay_tx,
        other=(message.addr_you.ip, message.addr_you.port),
    )


_THINGS = {
    MSG_TX: "tx",
    MSG_BLOCK: "block",
    MSG_FILTERED_BLOCK: "filtered",
    MSG_CMPCT_BLOCK: "compact",
    MSG_WTX: "wtx",
}


def _vector_key(vector: InvVect) -> Key:
    kind = vector.type & ~MSG_WITNESS_FLAG
    return _THINGS.get(kind, f"type {kind}"), vector.hash


def item_keys(message: Message) -> Collection[Key]:
    """What a message announces, asks for, names as missing, or brings; a transaction under both of its ids."""
    if isinstance(message, messages.Inv | messages.GetData | messages.NotFound):
        return [_vector_key(vector) for vector in message.inv_list]
    if isinstance(message, Block):
        return [("block", message.block_hash)]
    if isinstance(message, Tx):
        return [("tx", message.txid), ("wtx", message.wtxid)]
    if isinstance(message, filters.MerkleBlock):
        return [("filtered", message.block_hash)]
    if isinstance(message, foreign.CmpctBlock):
        return [("compact", message.block_hash)]
    return ()


def request_blocks(hashes: Collection[bytes], witness: bool) -> messages.GetData:
    """The getdata for blocks, in wire order."""
    return messages.GetData([InvVect(MSG_WITNESS_BLOCK if witness else MSG_BLOCK, item) for item in hashes])


REJECT_MALFORMED, REJECT_OBSOLETE, REJECT_DUPLICATE = 0x01, 0x11, 0x12


def reject(error: PeerError) -> messages.Reject | None:
    """How btcd tells a peer why it is ended; None where it says nothing."""
    if isinstance(error, VersionExpected):
        return messages.Reject("version", REJECT_MALFORMED, "a version message must precede all others")
    if isinstance(error, DuplicateVersion):
        return messages.Reject("version", REJECT_DUPLICATE, "duplicate version message")
    if isinstance(error, DuplicateVerack):
        return messages.Reject("verack", REJECT_DUPLICATE, "duplicate verack message")
    if isinstance(error, VersionTooOld):
        return messages.Reject("version", REJECT_OBSOLETE, str(error))
    if isinstance(error, MalformedMessage):
        return messages.Reject("malformed", REJECT_MALFORMED, str(error)[:250])
    return None


def no_reject(error: PeerError) -> None:
    """Bitcoin Core says nothing."""
