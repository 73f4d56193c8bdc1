"""How addresses are told, and how blocks are asked for on a graph that has no chain of headers.

A node that is behind asks for a locator, narrows it down to a block that both know, asks for the inventory from
there to the other's selected tip, and then for its blocks, some at a time.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from peerproto.network import AddressGossip, Known
from peerproto.networks.bitcoin.records import InvVect
from peerproto.networks.kaspa.messages import MOST_ADDRESSES, Addr, GetAddr, GetData, Inv
from peerproto.networks.kaspa.records import MSG_SYNC_BLOCK, TimedAddress
from peerproto.wire.message import Message

MOST_SYNC_BLOCKS = 50
"""How many blocks a node asks for in one getdata (kaspad wire, MaxSyncBlockInvPerGetDataMsg)."""


def blocks_to_sync(inv: Inv) -> list[bytes]:
    """The hashes that answer a getblockinvs, parents before children; none of an inv that announces new things."""
    return [vector.hash for vector in inv.inv_list if vector.type == MSG_SYNC_BLOCK]


def questions_for(hashes: Sequence[bytes]) -> list[GetData]:
    """What asks for blocks to sync, in the order in which it is to be sent, each when the one before is answered."""
    vectors = [InvVect(MSG_SYNC_BLOCK, item) for item in hashes]
    starts = range(0, len(vectors), MOST_SYNC_BLOCKS)
    return [GetData(vectors[start : start + MOST_SYNC_BLOCKS]) for start in starts]


def _tell(known: list[Known], noted: Collection[type[Message]]) -> Addr:
    addresses = [TimedAddress(item.timestamp, item.services, item.host, item.port) for item in known]
    return Addr(False, None, addresses)


GOSSIP = AddressGossip(GetAddr, MOST_ADDRESSES, _tell)
"""Addresses of full nodes."""
