"""Soter's words for what the helpers of a peer ask and push (soterd peer/peer.go): locators are heights."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from typing import Any

from peerproto.forms.gossip import Known
from peerproto.forms.phrases import NOWHERE, Phrase, Phrases, listed, rejecting
from peerproto.networks.bitcoin.phrases import FILTERS
from peerproto.networks.bitcoin.records import TimedAddress
from peerproto.networks.soter.addresses import MOST_ADDRESSES, AddrCache
from peerproto.networks.soter.behaviour import GOSSIP
from peerproto.networks.soter.messages import MOST_INV_BYTES, GetBlocks, GetData, GetHeaders, Reject
from peerproto.networks.soter.records import MSG_TX, MSG_WITNESS_TX, InvVect

MOST_ITEMS = MOST_INV_BYTES // 40


def _get_headers(pver: int, heights: Sequence[int], stop: bytes) -> GetHeaders:
    return GetHeaders(0, list(heights), stop)


def _get_blocks(pver: int, heights: Sequence[int], stop: bytes) -> GetBlocks:
    return GetBlocks(pver, list(heights), stop)


def _height_and_stop(message: Any) -> Hashable:
    heights = message.block_locator_height
    return (heights[0], message.hash_stop) if heights else None


def _height_and_real_stop(message: GetBlocks) -> Hashable:
    """Who asks for all blocks up to the top may get more the next time."""
    return None if message.hash_stop == NOWHERE else _height_and_stop(message)


def _request_transactions(hashes: Collection[bytes], witness: bool) -> GetData:
    return GetData([InvVect(MSG_WITNESS_TX if witness else MSG_TX, item) for item in hashes])


def _cache(inbound: Sequence[Known], outbound: Sequence[Known], known: Sequence[Known]) -> list[AddrCache]:
    """Full messages but for the last; outbound peers come first, as those that are surely there."""
    told = [
        (part, address)
        for part, addresses in ((1, outbound), (0, inbound), (2, known))
        for address in listed(TimedAddress, addresses)
    ]
    return [_of_parts(told[at : at + MOST_ADDRESSES]) for at in range(0, len(told), MOST_ADDRESSES)]


def _of_parts(told: Sequence[tuple[int, TimedAddress]]) -> AddrCache:
    parts: tuple[list[TimedAddress], ...] = ([], [], [])
    for part, address in told:
        parts[part].append(address)
    return AddrCache(*parts)


PHRASES = Phrases(
    {
        "getheaders": Phrase(_get_headers, _height_and_stop),
        "getblocks": Phrase(_get_blocks, _height_and_real_stop),
        "reject": rejecting(Reject),
    },
    most_items=MOST_ITEMS,
    transactions=_request_transactions,
    filters=FILTERS,
    addresses=GOSSIP,
    cache=_cache,
)
