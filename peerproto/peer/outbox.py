"""What goes out: encoded, counted, and written once per chunk that came in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from peerproto.errors import PeerError
from peerproto.peer.once import Once
from peerproto.peer.statistics import Statistics
from peerproto.wire.codec import Codec
from peerproto.wire.message import Message


class Outbox:
    """The way of a peer's messages to its transport.

    What is written while a chunk of received bytes is handled goes out as one: a system call costs more than a
    message. Before the handshake is done only the handshake itself may go out; all else waits for `open`.

    :ivar codec: may be set to another one between two messages. :ivar transport: set when there is a connection.
    :ivar is_open: whether all may go out.
    """

    __slots__ = ("_frames", "_open", "_statistics", "codec", "is_open", "transport")

    def __init__(self, codec: Codec, statistics: Statistics) -> None:
        self.codec = codec
        self.transport: Any = None
        self.is_open = False
        self._statistics = statistics
        self._frames: list[bytes] | None = None
        self._open: Once[None] = Once()

    def write(self, message: Message, codec: Codec | None = None) -> None:
        """Send a message, once by another codec. Raises LocalError for one that the codec cannot write."""
        frame = (codec or self.codec).encode(message)
        counts = self._statistics
        counts.bytes_sent += len(frame)
        tally = counts.sent[type(message)]
        tally.messages += 1
        tally.bytes += len(frame)
        if self._frames is None:
            self.transport.write(frame)
        else:
            self._frames.append(frame)

    def hold(self) -> None:
        """Keep what is written until `flush`."""
        self._frames = []

    def flush(self) -> None:
        """Write what was kept, and from now on at once."""
        frames, self._frames = self._frames, None
        if frames:
            self.transport.write(b"".join(frames))

    def when_open(self, call: Callable[[], Any]) -> Deferred[Any]:
        """Do something that sends when the handshake is done, in the order of asking; fails if it never is."""
        return self._open.when().addCallback(lambda _: call())

    def open(self) -> None:
        """The handshake is done."""
        self.is_open = True
        self._open.fire(None)

    def close(self, error: PeerError) -> None:
        """The peer has ended."""
        self._open.fail(error)
