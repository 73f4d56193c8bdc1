"""NEO's words for what the helpers of a peer ask and push. Of a locator nodes look at the first hash alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from peerproto.forms.phrases import Phrase, Phrases
from peerproto.networks.neo.behaviour import GOSSIP
from peerproto.networks.neo.messages import INV_TX, MOST_HASHES, GetBlocks, GetData, GetHeaders
from peerproto.wire.message import Message


def _behind(kind: Callable[..., Message]) -> Phrase:
    """A question for what comes behind a block."""

    def say(pver: int, locator: Sequence[bytes], stop: bytes) -> Message:
        return kind(list(locator[:1]), stop)

    return Phrase(say)


def _request_transactions(hashes: Collection[bytes], witness: bool) -> GetData:
    return GetData(INV_TX, list(hashes))


PHRASES = Phrases(
    {"getheaders": _behind(GetHeaders), "getblocks": _behind(GetBlocks)},
    most_items=MOST_HASHES,
    transactions=_request_transactions,
    addresses=GOSSIP,
)
