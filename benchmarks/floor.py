"""The floor: the least that a Twisted peer in pure Python can do with a stream of messages.

It finds the frames by walking an offset over what was read, joins a split payload once, verifies the double
SHA-256, counts, and answers a ping. It knows four commands, decodes nothing, and keeps no state of a peer: no
deadlines, no statistics, no limits, no listener. What peerproto costs above it is what peerproto does.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from benchmarks import inputs
from benchmarks.inputs import HEADER, MAGIC
from benchmarks.load import Case, Load

PONG = MAGIC + b"pong".ljust(12, b"\0") + (8).to_bytes(4, "little")
VERACK = inputs.wrap("verack", b"")


class Floor(Protocol):
    """Frames, verifies, counts, answers.

    :ivar count: messages but for handshake, ping and pong; a receiver of pings counts in `pings`.
    :param on_ready: called when the other side's verack is here. :param on_lost: called with why, as text.
    """

    def __init__(self, on_ready: Callable[[], None], on_lost: Callable[[str], None]) -> None:
        self.count = self.pings = 0
        self.out: list[bytes] = []
        self._on_lost = on_lost
        self._head = b""
        self._chunks: list[bytes] = []
        self._missing = 0
        self._handlers: dict[bytes, Callable[[bytes, bytes], None]] = {
            _padded("ping"): self.answer,
            _padded("pong"): self.hear_pong,
            _padded("version"): self.greet,
            _padded("verack"): lambda payload, checksum: on_ready(),
        }

    def connectionMade(self) -> None:
        """As Go and peerproto do: no waiting for more."""
        self.transport.setTcpNoDelay(True)  # type: ignore[union-attr]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The run is over."""
        self._on_lost(reason.getErrorMessage())

    def dataReceived(self, data: bytes) -> None:
        """Take each whole message; keep the rest."""
        at = 0
        if self._missing:
            if self._missing > len(data):
                self._chunks.append(data)
                self._missing -= len(data)
                return
            at = self._missing
            self._finish(data[:at])
        elif self._head:
            data, self._head = self._head + data, b""
        end = len(data)
        unpack = HEADER.unpack_from
        while end - at >= 24:
            magic, command, size, checksum = unpack(data, at)
            start = at + 24
            at = start + size
            if at > end:
                self._head, self._chunks, self._missing = data[start - 24 : start], [data[start:]], at - end
                break
            payload = data[start:at]
            # The lines of _take, spelled out: a call for each message would be a tenth of the floor.
            if magic != MAGIC or sha256(sha256(payload).digest()).digest()[:4] != checksum:
                raise ValueError("damaged frame")
            if command in self._handlers:
                self._handlers[command](payload, checksum)
            else:
                self.count += 1
        else:
            self._head = data[at:]
        self.flush()

    def _finish(self, last: bytes) -> None:
        magic, command, _, checksum = HEADER.unpack(self._head)
        payload = b"".join((*self._chunks, last))
        self._head, self._chunks, self._missing = b"", [], 0
        self._take(magic, command, payload, checksum)

    def _take(self, magic: bytes, command: bytes, payload: bytes, checksum: bytes) -> None:
        if magic != MAGIC or sha256(sha256(payload).digest()).digest()[:4] != checksum:
            raise ValueError("damaged frame")
        if command in self._handlers:
            self._handlers[command](payload, checksum)
        else:
            self.count += 1

    def flush(self) -> None:
        """Write at once what came up while a chunk was handled."""
        if self.out:
            out, self.out = self.out, []
            self.transport.writeSequence(out)  # type: ignore[union-attr]

    def answer(self, payload: bytes, checksum: bytes) -> None:
        """A pong carries the ping's nonce, so it has the ping's checksum too."""
        self.pings += 1
        self.out.append(PONG + checksum + payload)

    def hear_pong(self, payload: bytes, checksum: bytes) -> None:
        """Only a sender awaits one."""

    def greet(self, payload: bytes, checksum: bytes) -> None:
        """A receiver answers a version with its own and a verack."""
        self.out += (inputs.frame("version"), VERACK)


class FloorSender(Floor):
    """Writes prepared frames, so that what is measured is who receives them."""

    def __init__(
        self, on_ready: Callable[[], None], on_lost: Callable[[str], None], case: Case, count: int
    ) -> None:
        super().__init__(on_ready, on_lost)
        frame = inputs.frame(case.frame)
        self._size = len(frame)
        self._batch = frame * min(case.batch, count)
        self._load: Load | None = None

    def begin(self, load: Load) -> None:
        """Start to send."""
        self._load = load
        load.begin()
        self.flush()

    def send(self, count: int) -> None:
        """The frame, so many times."""
        self.out.append(self._batch[: count * self._size])

    def ping(self) -> None:
        """Always the same one: pongs come in order."""
        self.out.append(inputs.frame("ping"))

    def disconnect(self) -> None:
        """The run is over."""
        self.transport.loseConnection()  # type: ignore[union-attr]

    def connectionMade(self) -> None:
        """Who calls speaks first."""
        super().connectionMade()
        self.transport.write(inputs.frame("version"))  # type: ignore[union-attr]

    def greet(self, payload: bytes, checksum: bytes) -> None:
        """Its version is sent already."""
        self.out.append(VERACK)

    def hear_pong(self, payload: bytes, checksum: bytes) -> None:
        """Go on."""
        if self._load is not None:
            self._load.pong()


def _padded(command: str) -> bytes:
    return command.encode().ljust(12, b"\0")
