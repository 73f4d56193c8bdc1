"""How headers are asked for and brought."""

from __future__ import annotations

from peerproto.forms.sync import HeaderSync
from peerproto.networks.decred.blocks import MOST_HEADERS, Headers
from peerproto.networks.decred.messages import GetHeaders
from peerproto.networks.decred.records import HEADER, BlockHeader


def _ask(pver: int, locator: list[bytes]) -> GetHeaders:
    """dcrd leaves the protocol version zero, and nobody looks at it."""
    return GetHeaders(0, locator, bytes(32))


def _asked(message: GetHeaders) -> tuple[list[bytes], bytes]:
    return message.block_locator_hashes, message.hash_stop


def _bring(headers: list[bytes]) -> Headers:
    return Headers([BlockHeader._make(HEADER.unpack(header)) for header in headers])


def _brought(message: Headers) -> list[bytes]:
    return message.serialized()


HEADER_SYNC = HeaderSync(GetHeaders, Headers, MOST_HEADERS, _ask, _asked, _bring, _brought)
