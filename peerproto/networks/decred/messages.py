"""Decred's messages as tables: the conversation, inventory, addresses, requests.

Names of fields and limits are dcrd's (wire/msg*.go). Headers, transactions and blocks are in `blocks`, filters in
`filters`, what is in a node's pools in `state`, mixing in `mixing`. Hashes are in wire order, times in seconds
since 1970. No message is written differently at another protocol version: a version only permits.
"""

from __future__ import annotations

from typing import Annotated

from peerproto.networks.bitcoin.messages import GetAddr, VerAck
from peerproto.networks.bitcoin.records import InvVect, TimedAddress
from peerproto.networks.decred.addresses import NetAddressV2, address_list
from peerproto.networks.decred.kinds import AsciiText, OrZeros, time64
from peerproto.networks.decred.records import AbsentAddress, NetAddress
from peerproto.wire.fields import (
    Count,
    Fixed,
    FixedRecord,
    Hash,
    ListOf,
    Tail,
    int32,
    int64,
    kind_of,
    negated,
    uint8,
    uint32,
    uint64,
)
from peerproto.wire.message import Limit, Message, message

__all__ = [
    "Addr",
    "AddrV2",
    "FeeFilter",
    "GetAddr",
    "GetBlocks",
    "GetData",
    "GetHeaders",
    "Inv",
    "MemPool",
    "NotFound",
    "Ping",
    "Pong",
    "Reject",
    "SendHeaders",
    "VerAck",
    "Version",
    "between",
]

MOST_INV = 50_000
MOST_LOCATOR = 500
MOST_STRING = 33_554_432


def between(most: int, since: int = 0, until: int | None = None) -> Limit:
    """A limit that holds in some protocol versions, both ends included; in the others nothing may be sent at all."""
    return lambda pver: most if since <= pver and (until is None or pver <= until) else 0


@message("version", most=358)
class Version(Message):
    """Introduces a peer. All behind `addr_you` may be missing; no relay byte means relay on."""

    protocol_version: int32
    services: uint64
    timestamp: time64
    addr_you: Annotated[NetAddress, FixedRecord(NetAddress)]
    addr_me: Annotated[NetAddress, Tail(AbsentAddress())]
    nonce: Annotated[int, Tail(Fixed("Q"))]
    user_agent: Annotated[str, Tail(AsciiText(256))]
    last_block: Annotated[int, Tail(Fixed("i"))]
    disable_relay_tx: Annotated[bool, Tail(kind_of(negated))]


@message("sendheaders", since=3)
class SendHeaders(Message):
    """Asks for new blocks to be announced by their headers."""


@message("ping", most=8)
class Ping(Message):
    """Asks for a pong."""

    nonce: uint64


@message("pong", most=8)
class Pong(Message):
    """Answers a ping with its nonce."""

    nonce: uint64


@message("addr", most=between(3 + 1000 * 30, until=11), until=11, lazy=True)
class Addr(Message):
    """Addresses of other nodes; `addrv2` took its place."""

    addr_list: Annotated[list[TimedAddress], ListOf(FixedRecord(TimedAddress), 1000)]


@message("addrv2", most=between(3 + 1000 * 51, since=12), since=12, lazy=True)
class AddrV2(Message):
    """Addresses of other nodes, of any kind of network."""

    addr_list: Annotated[list[NetAddressV2], address_list]

    def extra(self) -> dict[str, object]:
        return {"addresses": [str(item) for item in self.addr_list]}


@message("inv", most=3 + MOST_INV * 36, lazy=True)
class Inv(Message):
    """Announces things that the sender has."""

    inv_list: Annotated[list[InvVect], Count(MOST_INV)]


@message("getdata", most=3 + MOST_INV * 36, lazy=True)
class GetData(Message):
    """Asks for things by their inventory vectors."""

    inv_list: Annotated[list[InvVect], Count(MOST_INV)]


@message("notfound", most=3 + MOST_INV * 36, lazy=True)
class NotFound(Message):
    """Says which of the things asked the sender does not have."""

    inv_list: Annotated[list[InvVect], Count(MOST_INV)]


@message("getblocks", most=4 + 3 + MOST_LOCATOR * 32 + 32, lazy=True)
class GetBlocks(Message):
    """Asks for an inv of the blocks behind the newest locator hash that the peer knows."""

    protocol_version: uint32
    block_locator_hashes: Annotated[list[Hash], Count(MOST_LOCATOR)]
    hash_stop: Hash


@message("getheaders", most=4 + 3 + MOST_LOCATOR * 32 + 32, lazy=True)
class GetHeaders(Message):
    """Asks for the headers behind the newest locator hash that the peer knows; a zero stop: all that fit.

    Nobody looks at the protocol version; dcrd leaves it zero.
    """

    protocol_version: uint32
    block_locator_hashes: Annotated[list[Hash], Count(MOST_LOCATOR)]
    hash_stop: Hash


@message("mempool")
class MemPool(Message):
    """Asks for an inv of the memory pool."""


@message("feefilter", most=8, since=5)
class FeeFilter(Message):
    """Asks not to announce transactions below a fee, in atoms per 1000 bytes."""

    min_fee: int64


@message("reject", most=between(MOST_STRING, until=8), until=8, foreign=True)
class Reject(Message):
    """Says why a message was refused; with a hash if it was a tx or a block, else that is zero.

    Today's dcrd does not know it any more, at whatever protocol version: hence foreign.
    """

    cmd: Annotated[str, AsciiText(MOST_STRING)]
    code: uint8
    reason: Annotated[str, AsciiText(MOST_STRING)]
    hash: Annotated[bytes, OrZeros("self.cmd in ('tx', 'block')", Fixed("32s"))] = bytes(32)
