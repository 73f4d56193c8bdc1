"""A network of the tests' own messages."""

from __future__ import annotations

from typing import Any

from peerproto.wire.codec import Codec, Policy
from peerproto.wire.envelope import Envelope
from peerproto.wire.message import Message

ENVELOPE = Envelope(b"test", most=100_000)


def codec_for(*kinds: type[Message], pver: int = 10, trailing: bool = False) -> Codec:
    """What speaks these messages."""
    return Codec(kinds, ENVELOPE, Policy("small", trailing=trailing), pver, witness=False)


def written(message: Message, pver: int = 10) -> str:
    """The payload of a message in hexadecimal."""
    return codec_for(type(message), pver=pver).encode(message)[ENVELOPE.size :].hex()


def framed(kind: type[Message], payload: str) -> bytes:
    """A frame with this payload, whatever it is; in hexadecimal."""
    return ENVELOPE.wrap(ENVELOPE.command(kind.command), bytes.fromhex(payload))


def read(kind: type[Message], payload: str, pver: int = 10) -> Any:
    """The message of a payload in hexadecimal; every field of it is read."""
    return codec_for(kind, pver=pver).decode(framed(kind, payload))
