"""What goes out: encoded, counted, and written once per chunk that came in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from peerproto.errors import LocalError, MalformedMessage, PeerError
from peerproto.peer.flow import BUFFER, Flow
from peerproto.peer.once import Once
from peerproto.peer.statistics import Statistics
from peerproto.wire.codec import Codec
from peerproto.wire.message import Message

OnWrite = Callable[[int, Message, Exception | None], object]


class Outbox:
    """The way of a peer's messages to its transport.

    What is written while a chunk of received bytes is handled goes out as one: a system call costs more than a
    message. Before the handshake is done only the handshake itself may go out; all else waits for `open`.

    :param flow: where encoded messages go.
    :param on_write: called for each message with its size in bytes, the message, and why it could not be written or
        None; None if nobody wants to know.
    :ivar codec: may be set to another one between two messages. :ivar is_open: whether all may go out.
    """

    __slots__ = ("_frames", "_held", "_open", "_statistics", "codec", "flow", "is_open", "on_write")

    def __init__(
        self, codec: Codec, statistics: Statistics, flow: Flow, on_write: OnWrite | None = None
    ) -> None:
        self.codec = codec
        self.flow = flow
        self.on_write = on_write
        self.is_open = False
        self._statistics = statistics
        self._frames: list[bytes] | None = None
        self._held = 0
        self._open: Once[None] = Once()

    def write(self, message: Message, codec: Codec | None = None) -> None:
        """Send a message, once by another codec. Raises LocalError for one that the codec cannot write."""
        try:
            frame = (codec or self.codec).encode(message)
        except (LocalError, MalformedMessage) as error:
            if self.on_write is not None:
                self.on_write(0, message, error)
            raise
        size = len(frame)
        counts = self._statistics
        counts.bytes_sent += size
        tally = counts.sent[type(message)]
        tally.messages += 1
        tally.bytes += size
        if self._frames is None:
            self.flow.give(frame)
        else:
            self._hold(frame)
        if self.on_write is not None:
            self.on_write(size, message, None)

    def drained(self) -> Deferred[None]:
        """Fires when all that was written so far is with the socket; fails with the reason if it never will be."""
        if self._frames is not None:
            self._give_held()
        return self.flow.drained()

    def hold(self) -> None:
        """Keep what is written until `flush`, but for what is too much to be kept."""
        self._frames = []

    def flush(self) -> None:
        """Write what was kept, and from now on at once."""
        frames, self._frames, self._held = self._frames, None, 0
        if frames:
            self.flow.give(b"".join(frames))

    def _hold(self, frame: bytes) -> None:
        assert self._frames is not None
        self._frames.append(frame)
        self._held += len(frame)
        if self._held > BUFFER:
            self._give_held()

    def _give_held(self) -> None:
        frames, self._frames, self._held = self._frames, [], 0
        if frames:
            self.flow.give(b"".join(frames))

    def when_open(self, call: Callable[[], Any]) -> Deferred[Any]:
        """Do something that sends when the handshake is done, in the order of asking; fails if it never is."""
        return self._open.when().addCallback(lambda _: call())

    def open(self) -> None:
        """The handshake is done."""
        self.is_open = True
        self._open.fire(None)

    def close(self, error: PeerError) -> None:
        """The connection has ended."""
        self._open.fail(error)
        self.flow.lost(error)
