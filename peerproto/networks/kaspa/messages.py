"""Kaspa's messages as tables, as kaspad v0.5.0 has them (wire/msg*.go), whose names the fields have.

Transactions and blocks are in `blocks`. Hashes are in wire order, times in seconds since 1970.
"""

from __future__ import annotations

from typing import Annotated

from peerproto.networks.bitcoin.filters import HashFuncs
from peerproto.networks.bitcoin.messages import MOST_STRING, VerAck
from peerproto.networks.bitcoin.records import InvVect, NetAddress
from peerproto.networks.kaspa.records import ShowsAbsent, TimedAddress
from peerproto.networks.kaspa.subnetworks import FullOrSubnetwork, FullOrSubnetworkUnlessAll
from peerproto.wire.fields import (
    Count,
    Fixed,
    Hash,
    If,
    VarBytes,
    VarText,
    boolean,
    int32,
    int64,
    negated,
    uint8,
    uint32,
    uint64,
)
from peerproto.wire.message import Message, message

__all__ = [
    "Addr",
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
    "NotFound",
    "Ping",
    "Pong",
    "Reject",
    "SelectedTip",
    "VerAck",
    "Version",
]

MOST = 33_554_432
MOST_INV = 131_072
MOST_LOCATOR = 500
MOST_ADDRESSES = 1000
MOST_FILTER = 36_000

_SUBNETWORK = frozenset({"subnetwork_id"})


@message("version", most=394)
class Version(ShowsAbsent):
    """Introduces a peer. `subnetwork_id` is None for a full node; nothing may be missing at the end."""

    protocol_version: int32
    services: uint64
    timestamp: int64
    subnetwork_id: FullOrSubnetwork
    addr_you: NetAddress
    addr_me: NetAddress
    nonce: uint64
    user_agent: Annotated[str, VarText(256)]
    selected_tip_hash: Hash
    disable_relay_tx: negated

    @classmethod
    def may_be_absent(cls) -> frozenset[str]:
        """The fields that a message need not have."""
        return _SUBNETWORK


@message("getaddr", most=22)
class GetAddr(ShowsAbsent):
    """Asks for addresses: of all nodes, of full ones (None), or of a subnetwork's."""

    include_all_subnetworks: boolean = False
    subnetwork_id: FullOrSubnetworkUnlessAll = None


@message("addr", most=22 + 9 + MOST_ADDRESSES * 34, lazy=True)
class Addr(ShowsAbsent):
    """Addresses of other nodes: of all kinds, of full ones (None), or of a subnetwork's."""

    include_all_subnetworks: boolean
    subnetwork_id: FullOrSubnetworkUnlessAll
    addr_list: Annotated[list[TimedAddress], Count(MOST_ADDRESSES)]

    @classmethod
    def may_be_absent(cls) -> frozenset[str]:
        """The fields that a message need not have."""
        return _SUBNETWORK


@message("getblockinvs", most=64)
class GetBlockInvs(Message):
    """Asks for an inv of the blocks in the past of the high one and not in that of the low one, both included."""

    low_hash: Hash
    high_hash: Hash


@message("getlocator", most=64)
class GetBlockLocator(Message):
    """Asks for a locator between two blocks; here the high one comes first."""

    high_hash: Hash
    low_hash: Hash


@message("locator", most=9 + MOST_LOCATOR * 32, lazy=True)
class BlockLocator(Message):
    """Blocks on the way from a high one down to a low one, in steps that double."""

    block_locator_hashes: Annotated[list[Hash], Count(MOST_LOCATOR)]


@message("getseltip")
class GetSelectedTip(Message):
    """Asks for the selected tip."""


@message("selectedtip", most=32)
class SelectedTip(Message):
    """The tip that the sender's chain of selected parents ends in."""

    selected_tip_hash: Hash


@message("inv", most=9 + MOST_INV * 36, lazy=True)
class Inv(Message):
    """Announces things that the sender has, or brings what `getblockinvs` has asked."""

    inv_list: Annotated[list[InvVect], Count(MOST_INV)]


@message("getdata", most=9 + MOST_INV * 36, lazy=True)
class GetData(Message):
    """Asks for things by their inventory vectors."""

    inv_list: Annotated[list[InvVect], Count(MOST_INV)]


@message("notfound", most=9 + MOST_INV * 36, lazy=True)
class NotFound(Message):
    """Says which of the things asked the sender does not have."""

    inv_list: Annotated[list[InvVect], Count(MOST_INV)]


@message("ping", most=8)
class Ping(Message):
    """Asks for a pong."""

    nonce: uint64


@message("pong", most=8)
class Pong(Message):
    """Answers a ping with its nonce."""

    nonce: uint64


@message("feefilter", most=8)
class FeeFilter(Message):
    """Asks not to announce transactions below a fee."""

    min_fee: int64


@message("filterload", most=36_012)
class FilterLoad(Message):
    """Sets a bloom filter (BIP37); `bloom` has the arithmetic. Flags: 0 none, 1 all."""

    filter: Annotated[bytes, VarBytes(MOST_FILTER)]
    hash_funcs: HashFuncs
    tweak: uint32
    flags: uint8


@message("filteradd", most=523)
class FilterAdd(Message):
    """Adds an element to the bloom filter (BIP37)."""

    data: Annotated[bytes, VarBytes(520)]


@message("filterclear")
class FilterClear(Message):
    """Takes the bloom filter away (BIP37)."""


@message("reject", most=MOST)
class Reject(ShowsAbsent):
    """Says why a message was refused; with a hash if it was a tx or a block."""

    cmd: Annotated[str, VarText(MOST_STRING)]
    code: uint8
    reason: Annotated[str, VarText(MOST_STRING)]
    hash: Annotated[bytes | None, If("self.cmd in ('tx', 'block')", Fixed("32s"))] = None
