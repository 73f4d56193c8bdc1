"""Every message of a peer in the log: in one line, or with its fields and bytes. Free where nobody has asked for it.

What is logged is decided when a peer is made (see `peerproto.peer.logs`): then one more listener is added to it, or
none. Looking at a message for the log changes nothing in it, and ends no peer for what is malformed inside.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from peerproto.errors import MalformedMessage
from peerproto.network import Network
from peerproto.peer.logs import MESSAGES, TRACE, Logger, is_logged
from peerproto.text import printable
from peerproto.wire.codec import Unread
from peerproto.wire.message import Message

if TYPE_CHECKING:
    from peerproto.peer.protocol import PeerProtocol

MOST = 16_384
"""So many bytes of a message are shown, and as many characters of its fields."""

_messages = Logger(MESSAGES)
_trace = Logger(TRACE)


def trace(peer: PeerProtocol) -> None:
    """Have the messages of a new peer logged, if the levels say so."""
    if is_logged(MESSAGES):
        peer.add_listener(Lines())
    if is_logged(TRACE):
        peer.add_listener(Dumps())


class Lines:
    """A listener that logs one line for each message."""

    def on_read(
        self, peer: PeerProtocol, size: int, message: Message | Unread | None, error: Exception | None
    ) -> None:
        """See IPeerListener."""
        _messages.debug("{line}", line=received(peer, size, message, error))

    def on_write(self, peer: PeerProtocol, size: int, message: Message, error: Exception | None) -> None:
        """See IPeerListener."""
        _messages.debug("{line}", line=sent(peer, size, message, error))


class Dumps:
    """A listener that logs the fields and the bytes of each message, each in a line of their own."""

    def on_read(
        self, peer: PeerProtocol, size: int, message: Message | Unread | None, error: Exception | None
    ) -> None:
        """See IPeerListener."""
        lines = [received(peer, size, message, error)]
        if isinstance(message, Message):
            lines += fields(message)
        if message is not None:
            lines += hexdump(message.payload or b"")
        _trace.debug("{lines}", lines="\n".join(lines))

    def on_write(self, peer: PeerProtocol, size: int, message: Message, error: Exception | None) -> None:
        """See IPeerListener."""
        lines = [sent(peer, size, message, error)]
        if error is None:
            lines += [*fields(message), *hexdump(_written(peer, size, message))]
        _trace.debug("{lines}", lines="\n".join(lines))


def received(peer: PeerProtocol, size: int, message: Message | Unread | None, error: Exception | None) -> str:
    """What has come, in one line."""
    if message is None:
        return f"received from {peer} what ends it: {printable(str(error))}"
    if isinstance(message, Unread):
        return f"received {message.command} from {peer}, {size} bytes, passed over: {printable(str(error))}"
    return f"received {message.command} from {peer}, {size} bytes{summary(peer.network, message)}"


def sent(peer: PeerProtocol, size: int, message: Message, error: Exception | None) -> str:
    """What goes out, in one line."""
    if error is not None:
        return f"cannot send {message.command} to {peer}: {printable(str(error))}"
    return f"sent {message.command} to {peer}, {size} bytes{summary(peer.network, message)}"


def summary(network: Network, message: Message) -> str:
    """What the network says of a message, behind a colon; nothing if that is nothing."""
    words = network.summaries.get(type(message))
    if words is None:
        return ""
    try:
        return f": {printable(words(to_look_at(message)))}"
    except MalformedMessage as error:
        return f": malformed: {printable(str(error))}"


def to_look_at(message: Message) -> Message:
    """The message; or one like it, in place of one that nobody has looked at."""
    codec, payload = message.is_untouched(), message.payload
    if codec is None or payload is None:
        return message
    other: Message = type(message).read(payload, codec)
    return other


def fields(message: Message) -> Iterator[str]:
    """The fields as JSON, which escapes what is not ASCII; where they end if they are many."""
    try:
        text = json.dumps(to_look_at(message).to_fields())
    except MalformedMessage as error:
        text = f"malformed: {printable(str(error))}"
    yield text[:MOST]
    if len(text) > MOST:
        yield f"... {len(text) - MOST} more characters"


def _written(peer: PeerProtocol, size: int, message: Message) -> bytes:
    """The payload that has gone out, which a listener is not given: the encoding that has its size."""
    bare = message.write(peer.network.codec(peer.codec.pver, witness=False))
    if len(bare) == size - peer.codec.envelope.size:
        return bare
    return message.write(peer.network.codec(peer.codec.pver, witness=True))


def hexdump(data: bytes) -> Iterator[str]:
    """Sixteen bytes a line: where they stand, in hexadecimal, and as ASCII where they are printable."""
    for at in range(0, min(len(data), MOST), 16):
        part = data[at : at + 16]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        yield f"{at:08x}  {part[:8].hex(' '):<23}  {part[8:].hex(' '):<23}  |{text}|"
    if len(data) > MOST:
        yield f"... {len(data) - MOST} more bytes"
