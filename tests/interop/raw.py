"""A peer made of struct, hashlib and a socket: the library is judged by something that is not the library.

Frames are those of Bitcoin's protocol (protocol.h, CMessageHeader): magic, command (12 bytes, padded with
zeros), length of the payload (uint32), the first 4 bytes of its double SHA-256, payload.
"""

from __future__ import annotations

import hashlib
import secrets
import struct
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from twisted.internet.defer import Deferred, DeferredQueue, maybeDeferred, succeed
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint, connectProtocol
from twisted.internet.interfaces import IAddress, IListeningPort
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

if TYPE_CHECKING:
    from twisted.internet.posixbase import PosixReactorBase
    from twisted.internet.tcp import Connection

LITECOIN_REGTEST = bytes.fromhex("fabfb5da")
PROTOCOL_VERSION = 70016
HEADER = struct.Struct("<4s12sI4s")


class Frame(NamedTuple):
    """One message as it came: the command without its zeros, the payload not looked at."""

    command: str
    payload: bytes


def double_sha256(data: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()


def frame(
    command: str,
    payload: bytes = b"",
    *,
    magic: bytes = LITECOIN_REGTEST,
    length: int | None = None,
    checksum: bytes | None = None,
) -> bytes:
    """A whole frame; length and checksum are right unless given."""
    return (
        HEADER.pack(
            magic,
            command.encode("ascii"),
            len(payload) if length is None else length,
            double_sha256(payload)[:4] if checksum is None else checksum,
        )
        + payload
    )


def version_payload(
    protocol_version: int = PROTOCOL_VERSION,
    *,
    services: int = 0,
    nonce: int | None = None,
    user_agent: bytes = b"/raw:0/",
    height: int = 0,
    relay: bool = True,
) -> bytes:
    """The payload of a version message with empty addresses.

    @param nonce: by which a node knows a connection to itself; random by default.
    @param user_agent: at most 252 bytes, so that its length is one byte.
    """
    nonce = secrets.randbits(64) if nonce is None else nonce
    return b"".join(
        [
            struct.pack("<iQq", protocol_version, services, int(time.time())),
            bytes(26 + 26),
            struct.pack("<QB", nonce, len(user_agent)),
            user_agent,
            struct.pack("<i?", height, relay),
        ]
    )


class RawPeer(Protocol):
    """One connection, either way round, that sends what it is told to and answers nothing by itself.

    @ivar frames: all that was received, in order, also what C{receive} has handed out.
    @ivar inbound: whether the other side has dialled.
    """

    transport: Connection | None

    def __init__(self, magic: bytes = LITECOIN_REGTEST, *, inbound: bool = False) -> None:
        self.magic = magic
        self.inbound = inbound
        self.frames: list[Frame] = []
        self._arrived: Callable[[RawPeer], None] | None = None
        self._taken = 0
        self._buffer = b""
        self._receiving: Deferred[Frame] | None = None
        self._closing: list[Deferred[None]] = []
        self._end: Failure | None = None

    @classmethod
    def connect(
        cls, reactor: PosixReactorBase, address: str, magic: bytes = LITECOIN_REGTEST
    ) -> Deferred[RawPeer]:
        """Dial a node. @param address: host:port with the host as an IPv4 address."""
        host, port = address.rsplit(":", 1)
        connecting: Deferred[RawPeer]
        connecting = connectProtocol(TCP4ClientEndpoint(reactor, host, int(port)), cls(magic))
        return connecting

    def send(self, command: str, payload: bytes = b"") -> None:
        """Send one correct frame."""
        self.send_bytes(frame(command, payload, magic=self.magic))

    def send_bytes(self, data: bytes) -> None:
        """Send just these bytes, whatever they are."""
        if self.transport is not None:
            self.transport.write(data)

    def receive(self) -> Deferred[Frame]:
        """The next frame. Only one may be awaited at a time.

        @raise ConnectionClosed: the connection ended (C{ConnectionDone} if orderly, C{ConnectionLost} if not)
            and nothing is left to read.
        @raise ValueError: the other side sent no frame of this network.
        """
        if self._receiving is not None:
            raise RuntimeError("a frame is being awaited already")
        waiting: Deferred[Frame] = Deferred(self._forget)
        self._receiving = waiting
        self._deliver()
        return waiting

    async def expect(self, command: str) -> bytes:
        """The payload of the next frame with this command; others on the way stay in C{frames} only."""
        while True:
            received = await self.receive()
            if received.command == command:
                return received.payload

    async def handshake(self, protocol_version: int = PROTOCOL_VERSION, *, services: int = 0) -> bytes:
        """Exchange version and verack; who has dialled speaks first.

        @return: the payload of their version message.
        """
        ours = version_payload(protocol_version, services=services)
        if self.inbound:
            theirs = await self.expect("version")
            self.send("version", ours)
        else:
            self.send("version", ours)
            theirs = await self.expect("version")
        self.send("verack")
        await self.expect("verack")
        return theirs

    def when_closed(self) -> Deferred[None]:
        """Fires when the connection has ended, whoever ended it."""
        if self._end is not None:
            return succeed(None)
        waiting: Deferred[None] = Deferred(self._closing.remove)
        self._closing.append(waiting)
        return waiting

    def pause(self) -> None:
        """Read no more, so that the other side's buffers fill."""
        if self.transport is not None:
            self.transport.pauseProducing()

    def resume(self) -> None:
        """Read again."""
        if self.transport is not None:
            self.transport.resumeProducing()

    def close(self) -> Deferred[None]:
        """End the connection after what was written; fires when it is done."""
        if self.transport is not None:
            self.transport.loseConnection()
        return self.when_closed()

    def abort(self) -> Deferred[None]:
        """End the connection at once with a reset; fires when it is done."""
        if self.transport is not None:
            self.transport.abortConnection()
        return self.when_closed()

    def connectionMade(self) -> None:
        if self._arrived is not None:
            self._arrived(self)

    def dataReceived(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= HEADER.size:
            magic, command, length, checksum = HEADER.unpack_from(self._buffer)
            end = HEADER.size + length
            if magic != self.magic:
                return self._refuse(f"magic {magic.hex()} instead of {self.magic.hex()}")
            if len(self._buffer) < end:
                break
            payload, self._buffer = self._buffer[HEADER.size : end], self._buffer[end:]
            if checksum != double_sha256(payload)[:4]:
                return self._refuse(f"bad checksum of {command!r}")
            self.frames.append(Frame(command.rstrip(b"\0").decode("ascii"), payload))
        self._deliver()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._end = self._end or reason
        self._deliver()
        closing, self._closing = self._closing, []
        for each in closing:
            each.callback(None)

    def _refuse(self, what: str) -> None:
        self._buffer = b""
        self._end = Failure(ValueError(what))
        self._deliver()
        self.abort()

    def _deliver(self) -> None:
        waiting = self._receiving
        if waiting is None:
            return
        if self._taken < len(self.frames):
            self._receiving = None
            self._taken += 1
            waiting.callback(self.frames[self._taken - 1])
        elif self._end is not None:
            self._receiving = None
            waiting.errback(self._end)

    def _forget(self, _cancelled: Deferred[Frame]) -> None:
        self._receiving = None


class RawServer(Factory):
    """A listening port on loopback for whoever shall dial a RawPeer: a node (C{addnode}) or the library."""

    noisy = False
    _port: IListeningPort

    def __init__(self, magic: bytes = LITECOIN_REGTEST) -> None:
        self.magic = magic
        self.peers: list[RawPeer] = []
        self._arrivals: DeferredQueue[RawPeer] = DeferredQueue()

    async def listen(self, reactor: PosixReactorBase) -> RawServer:
        """Listen on a free port."""
        self._port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(self)
        return self

    @property
    def address(self) -> str:
        """Where to dial, as host:port."""
        return f"127.0.0.1:{self._port.getHost().port}"  # type: ignore[attr-defined]

    def accept(self) -> Deferred[RawPeer]:
        """The next connection that came in."""
        return self._arrivals.get()

    async def close(self) -> None:
        """Listen no more and end all connections."""
        await maybeDeferred(self._port.stopListening)
        for each in self.peers:
            await each.abort()

    def buildProtocol(self, addr: IAddress | None) -> RawPeer:
        peer = RawPeer(self.magic, inbound=True)
        peer._arrived = self._arrivals.put
        self.peers.append(peer)
        return peer
