"""Requests with neo-go's arguments and our results: the Deferred fires with the answer. Hashes are in wire order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from peerproto.errors import LocalError
from peerproto.networks.neo.messages import INV_BLOCK, INV_TX, MOST_HASHES, GetData, GetHeaders


def request_headers(peer: Any, start: bytes) -> Any:
    """Ask a peer for all headers behind a block; a Deferred of the `Headers`. Fails as `PeerProtocol.request` does."""
    return peer.request(GetHeaders([start], bytes(32)))


def request_blocks(peer: Any, hashes: Sequence[bytes]) -> Any:
    """Ask a peer for blocks, 500 at a time; a Deferred of a list of them, or of the PeerError of each that did not
    come, in their order. It fails as a whole only if the peer ends, or cannot be asked.

    Raises LocalError if there are no hashes: some nodes end who asks for nothing.
    """
    return _request(peer, INV_BLOCK, hashes)


def request_transactions(peer: Any, hashes: Sequence[bytes]) -> Any:
    """The same for transactions."""
    return _request(peer, INV_TX, hashes)


def _request(peer: Any, kind: int, hashes: Sequence[bytes]) -> Any:
    if not hashes:
        raise LocalError("no hashes to ask for")
    now, later = list(hashes[:MOST_HASHES]), hashes[MOST_HASHES:]
    asked = peer.request(GetData(kind, now))
    if later:
        asked.addCallback(lambda found: _request(peer, kind, later).addCallback(lambda rest: found + rest))
    return asked
