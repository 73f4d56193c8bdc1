"""What all peers say to each other, in bitcoin's spelling: versions, pings, what is asked for and brought, refusals."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from peerproto.errors import (
    DuplicateVerack,
    DuplicateVersion,
    MalformedMessage,
    PeerError,
    Refused,
    VersionExpected,
    VersionTooOld,
)
from peerproto.forms.conversation import Key
from peerproto.forms.introduction import Introduction, Ourselves
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
from peerproto.text import printable
from peerproto.wire.message import Message


def make_ping(nonce: int, us: Ourselves) -> messages.Ping:
    """A ping; its nonce is not written up to protocol version 60000."""
    return messages.Ping(nonce)


def make_pong(ping: messages.Ping, us: Ourselves) -> messages.Pong | None:
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


REJECT_MALFORMED, REJECT_OBSOLETE, REJECT_DUPLICATE, REJECT_NONSTANDARD = 0x01, 0x11, 0x12, 0x40


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
    if isinstance(error, Refused):
        return messages.Reject("version", REJECT_NONSTANDARD, printable(str(error))[:250])
    if isinstance(error, MalformedMessage):
        return messages.Reject("malformed", REJECT_MALFORMED, str(error)[:250])
    return None


def no_reject(error: PeerError) -> None:
    """Bitcoin Core says nothing."""
