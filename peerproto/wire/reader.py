"""Cuts a stream of bytes into messages; the only buffer of received bytes."""

from __future__ import annotations

from collections.abc import Iterator

from peerproto.errors import MalformedMessage
from peerproto.wire.codec import Codec, Unread, show_command
from peerproto.wire.envelope import HEADER
from peerproto.wire.message import Message

_SMALL = 4096
"""Chunks of fewer bytes are put together as they come: many of them would take far more memory than they hold."""

_CHECKSUM_AT = 20
"""What is wrong before that in a frame, its header alone tells."""


class Reader:
    """Bytes in, messages out, at any chunking.

    What has come of an unfinished payload is kept as a list of chunks and joined once, when it is whole and its
    checksum is right: no memory is taken ahead of what has arrived. The header is judged before the payload is
    waited for.

    :ivar codec: may be set to another one between two messages, also while `feed` is iterated.
    :ivar size: bytes of the last complete frame, its header included; of one that is refused, what has told it: the
        frame, its header, or what is there of that.
    """

    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self.size = 0
        self._head = b""
        self._chunks: list[bytes] = []
        self._missing = 0
        self._header: tuple[bytes, bytes, int, bytes] | None = None

    def feed(self, data: bytes) -> Iterator[Message | Unread]:
        """The messages that `data` completes.

        A frame that the codec's policy tolerates comes out as `Unread`. Raises MalformedMessage, after which
        the stream cannot be read on.
        """
        at = 0
        if self._header is not None:
            if self._missing > len(data):
                self._collect(data)
                return
            at = self._missing
            yield self._finish(data[:at])
        elif self._head:
            data = self._head + data
            self._head = b""
        end = len(data)
        unpack = HEADER.unpack_from
        while end - at >= 24:
            header = unpack(data, at)
            size = header[2]
            at += 24
            if end - at < size:
                self._start(header, data[at:])
                return
            self.size = size + 24
            payload = data[at : at + size]
            at += size
            yield self._message(header, payload)
        self._head = data[at:]
        if self._head and self.codec.envelope.magic_first:
            self._judge_magic()

    @property
    def waiting(self) -> int:
        """How many bytes of an unfinished frame are held."""
        return len(self._head) + sum(map(len, self._chunks)) + (24 if self._header else 0)

    def _judge_magic(self) -> None:
        """Raises WrongNetwork as soon as four bytes tell."""
        magic = self._head[:4]
        if len(magic) == 4 and magic != self.codec.envelope.magic:
            self.size = len(self._head)
            raise self.codec.foreign_magic(magic)

    def _message(self, header: tuple[bytes, bytes, int, bytes], payload: bytes) -> Message | Unread:
        try:
            return self.codec.take(header, payload)
        except MalformedMessage as error:
            return self._tolerate(error, header[1], payload)

    def _tolerate(self, error: MalformedMessage, command: bytes, *pieces: bytes) -> Unread:
        if type(error) not in self.codec.policy.tolerates:
            if error.offset < _CHECKSUM_AT:
                self.size = HEADER.size
            raise error
        return Unread(show_command(command), b"".join(pieces), error)

    def _start(self, header: tuple[bytes, bytes, int, bytes], begun: bytes) -> None:
        """Judge the header of a payload that is not all there, and begin to collect it."""
        magic, command, size, _ = header
        try:
            self.codec.entry(magic, command, size)
        except MalformedMessage as error:
            self._tolerate(error, command)
        self._header = header
        self._chunks = [begun]
        self._missing = size - len(begun)

    def _collect(self, data: bytes) -> None:
        self._missing -= len(data)
        if len(data) < _SMALL and len(self._chunks[-1]) < _SMALL:
            self._chunks[-1] += data
        else:
            self._chunks.append(data)

    def _finish(self, last: bytes) -> Message | Unread:
        header, self._header = self._header, None
        assert header is not None
        pieces, self._chunks = [*self._chunks, last], []
        magic, command, size, checksum = header
        self.size = size + 24
        codec = self.codec
        try:
            return codec.read_pieces(codec.entry(magic, command, size), pieces, checksum)
        except MalformedMessage as error:
            return self._tolerate(error, command, *pieces)
