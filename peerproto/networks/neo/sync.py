"""How headers are asked for and brought: as `headers` has them, each with its witness."""

from __future__ import annotations

from peerproto.forms.sync import HeaderSync
from peerproto.networks.neo.blocks import Headers
from peerproto.networks.neo.chains import unpack
from peerproto.networks.neo.messages import GetHeaders
from peerproto.networks.neo.records import header_kind


def _ask(pver: int, locator: list[bytes]) -> GetHeaders:
    """One start: the C# node looks at no other, and neo-one takes the lowest that it knows, which is genesis."""
    return GetHeaders(locator[:1], bytes(32))


def _asked(message: GetHeaders) -> tuple[list[bytes], bytes]:
    return message.hash_start, message.hash_stop


def _bring(headers: list[bytes]) -> Headers:
    return Headers([unpack(header) for header in headers])


def _brought(message: Headers) -> list[bytes]:
    return [header_kind.writer(header, None) for header in message.headers]


HEADER_SYNC = HeaderSync(
    GetHeaders,
    Headers,
    2000,
    _ask,
    _asked,
    _bring,
    _brought,
    asks_again=True,
    one_start=True,
    holds_back=1,
    needs_relay=True,
    pause=0.25,
)
"""The C# node brings 2000 at once; neo-one 500, and never its newest. Neither announces anything without `relay`.
What comes together neo-one handles last one first, and hangs up on a question before the verack: hence the pause.
"""
