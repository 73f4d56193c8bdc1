"""What a soter peer does, as data: soterd's ways (peer/peer.go), a branch of btcd's with a genesis check."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from struct import Struct
from typing import Any

from peerproto.errors import DuplicateVerack, DuplicateVersion
from peerproto.forms.agents import AgentRule
from peerproto.forms.conversation import Expectation, Key, Order
from peerproto.forms.gossip import AddressGossip, Known, told_in
from peerproto.forms.introduction import Introduction, Ourselves
from peerproto.networks.bitcoin import filters
from peerproto.networks.bitcoin.inventory import is_block, rules
from peerproto.networks.bitcoin.records import NetAddress, TimedAddress
from peerproto.networks.soter import addresses, blocks, extras, messages, refusals
from peerproto.networks.soter.records import (
    MSG_BLOCK,
    MSG_FILTERED_BLOCK,
    MSG_TX,
    MSG_WITNESS_BLOCK,
    MSG_WITNESS_FLAG,
    InvVect,
)
from peerproto.wire.codec import Policy
from peerproto.wire.message import Message

PROTOCOL_VERSION = 70013
LEAST_PROTOCOL_VERSION = 209

NODE_NETWORK = 1 << 0
NODE_WITNESS = 1 << 3
SERVICES = {
    0: "NETWORK",
    1: "GETUTXO",
    2: "BLOOM",
    3: "WITNESS",
    4: "XTHIN",
    5: "BIT5",
    6: "CF",
    7: "2X",
}
AGENTS = AgentRule(falls_back=False, semver=True)
"""One that is too long ends each handshake of soterd's; we refuse it at once."""

MESSAGES: tuple[type[Message], ...] = (
    messages.Version,
    messages.VerAck,
    addresses.GetAddr,
    addresses.Addr,
    addresses.GetAddrCache,
    addresses.AddrCache,
    messages.Inv,
    messages.GetData,
    messages.NotFound,
    messages.GetBlocks,
    messages.GetHeaders,
    messages.Headers,
    messages.SendHeaders,
    messages.Ping,
    messages.Pong,
    messages.MemPool,
    messages.FeeFilter,
    messages.Reject,
    blocks.Tx,
    blocks.Block,
    blocks.MerkleBlock,
    extras.Alert,
    filters.FilterLoad,
    filters.FilterAdd,
    filters.FilterClear,
    filters.GetCFilters,
    filters.GetCFHeaders,
    filters.GetCFCheckpt,
    filters.CFilter,
    filters.CFHeaders,
    extras.CFCheckpt,
)

POLICY = Policy("soterd", trailing=True)

ORDER = Order(
    late={messages.Version: DuplicateVersion, messages.VerAck: DuplicateVerack},
    gate=False,
)

_ITEMS = (blocks.Block, blocks.Tx, blocks.MerkleBlock, messages.NotFound)

EXPECTS: dict[type[Message], Expectation] = {
    messages.MemPool: Expectation((messages.Inv,)),
    messages.GetBlocks: Expectation((messages.Inv,)),
    messages.GetData: Expectation(_ITEMS, each=True),
    messages.GetHeaders: Expectation((messages.Headers,), 90.0),
    addresses.GetAddr: Expectation((addresses.Addr,), ends_peer=False),
    addresses.GetAddrCache: Expectation((addresses.AddrCache,), ends_peer=False),
    filters.GetCFilters: Expectation((filters.CFilter,), ends_peer=False, last=filters.is_last),
    filters.GetCFHeaders: Expectation((filters.CFHeaders,), ends_peer=False),
    filters.GetCFCheckpt: Expectation((extras.CFCheckpt,), ends_peer=False),
}
"""What is owed to a request (maybeAddDeadline); what soterd does not watch ends none."""

REPLIES: dict[type[Message], Callable[[Any], Message]] = {
    messages.GetBlocks: lambda message: messages.Inv([]),
    messages.MemPool: lambda message: messages.Inv([]),
    messages.GetData: lambda message: messages.NotFound(list(message.inv_list)),
    messages.GetHeaders: lambda message: messages.Headers([]),
    addresses.GetAddrCache: lambda message: addresses.AddrCache([], [], []),
}
"""What a peer that has nothing says, so that nobody who has asked ends it: soterd sends an empty inv itself."""


def make_version(genesis: bytes, ours: Introduction) -> messages.Version:
    """Our version: `addr_you` is the other side as we see it, `addr_me` has only our services."""
    host, port = ours.other or ("::", 0)
    return messages.Version(
        protocol_version=ours.protocol_version,
        services=ours.services,
        timestamp=ours.timestamp,
        addr_you=NetAddress(NODE_NETWORK, host, port),
        addr_me=NetAddress(ours.services, "::", 0),
        nonce=ours.nonce,
        user_agent=ours.user_agent,
        genesis_hash=genesis,
        last_block=ours.height,
        disable_relay_tx=not ours.relay,
    )


def read_version(message: messages.Version) -> Introduction:
    """What a version message says; a negative protocol version counts as the high number that it is unsigned."""
    return Introduction(
        protocol_version=message.protocol_version & 0xFFFF_FFFF,
        services=message.services,
        timestamp=message.timestamp,
        nonce=message.nonce,
        user_agent=message.user_agent,
        height=message.last_block,
        relay=not message.disable_relay_tx,
        other=(message.addr_you.ip, message.addr_you.port),
    )


def rules_of(genesis: bytes) -> dict[str, Any]:
    """What versions have to do with the genesis block, by the names of `Network`'s fields."""
    return {
        "make_version": partial(make_version, genesis),
        "judge_version": partial(refusals.judge_version, genesis),
    }


def make_ping(nonce: int, us: Ourselves) -> messages.Ping:
    """A ping; its nonce is not written up to protocol version 60000."""
    return messages.Ping(nonce)


def make_pong(ping: messages.Ping, us: Ourselves) -> messages.Pong | None:
    """The ping's nonce back; a ping without one has no answer."""
    return None if ping.payload == b"" else messages.Pong(ping.nonce)


_THINGS = {MSG_TX: "tx", MSG_BLOCK: "block", MSG_FILTERED_BLOCK: "filtered"}


def _vector_key(vector: InvVect) -> Key:
    kind = vector.type & ~MSG_WITNESS_FLAG
    return _THINGS.get(kind, f"type {kind}"), vector.hash


def item_keys(message: Message) -> Collection[Key]:
    """What a message announces, asks for, names as missing, or brings; heights do not matter."""
    if isinstance(message, messages.Inv | messages.GetData | messages.NotFound):
        return [_vector_key(vector) for vector in message.inv_list]
    if isinstance(message, blocks.Block):
        return [("block", message.block_hash)]
    if isinstance(message, blocks.Tx):
        return [("tx", message.tx_hash)]
    if isinstance(message, blocks.MerkleBlock):
        return [("filtered", message.block_hash)]
    return ()


def request_blocks(hashes: Collection[bytes], witness: bool) -> messages.GetData:
    """The getdata for blocks, in wire order; their heights need not be known."""
    return messages.GetData([InvVect(MSG_WITNESS_BLOCK if witness else MSG_BLOCK, item) for item in hashes])


def _tell(known: list[Known], noted: Collection[type[Message]], pver: int) -> addresses.Addr:
    return addresses.Addr(
        [TimedAddress(item.timestamp, item.services, item.host, item.port) for item in known]
    )


GOSSIP = AddressGossip(addresses.GetAddr, addresses.MOST_ADDRESSES, _tell, {addresses.Addr: told_in})

INVENTORY = rules(messages.Inv, is_block, Struct("<I32si"), InvVect._make, refreshes=False)
