"""Peers in memory, for tests of what is built on them: no socket, no real time, no reactor.

::

    pair = Pair(networks.named("bitcoin-regtest"))
    pair.deliver()                              # the handshake
    waiting = pair.outbound.ping()
    pair.advance(0.25)                          # seconds; then what is on its way arrives
    latency = self.successResultOf(waiting)

    raw = RawPeer(memory_factory(networks.named("bitcoin-regtest")))
    raw.handshake(protocol_version=60000)       # what the peer has answered
    raw.send(Ping(), b"and any bytes")
    raw.peer.state, raw.hung_up, raw.read()
    raw.play({"getheaders": lambda asked: Headers([])})
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any, NamedTuple

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IAddress, IConsumer, ITransport
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

from peerproto.errors import PeerError
from peerproto.forms.introduction import Introduction
from peerproto.network import Network
from peerproto.peer.factory import Nonces, PeerFactory
from peerproto.peer.listener import IPeerListener, PeerListener
from peerproto.peer.protocol import PeerProtocol
from peerproto.wire.codec import Unread
from peerproto.wire.message import Message
from peerproto.wire.reader import Reader

CALLER = IPv4Address("TCP", "192.0.2.1", 50001)
CALLED = IPv4Address("TCP", "192.0.2.2", 8333)
_nonces = count(0xABCDEF)

Said = Message | bytes
Script = Mapping[str, Callable[[Any], Said | list[Said] | None]]
"""What is said to a message of a command: a message or bytes, several of them, or nothing."""


class Event(NamedTuple):
    """What a listener heard: the method's name, the peer, and the message or error if there is one."""

    name: str
    peer: PeerProtocol
    what: Any


@implementer(IPeerListener)
class Recorder:
    """A listener that hears everything, writes it down, and does what it is told to do about it.

    :param then: what to do at an event, by the name of the method, with the peer and what came: an exception there
        is one in a listener.
    :ivar events: what was heard, in order.
    """

    def __init__(self, then: Mapping[str, Callable[[PeerProtocol, Any], object]] | None = None) -> None:
        self.events: list[Event] = []
        self._then = then or {}

    @property
    def names(self) -> list[str]:
        """The names of the methods that were called, in order."""
        return [event.name for event in self.events]

    def heard(self, name: str) -> list[Any]:
        """What came with each call of one method."""
        return [event.what for event in self.events if event.name == name]

    on_read, on_write = PeerListener.on_read, PeerListener.on_write

    def on_ready(self, peer: PeerProtocol) -> None:
        """See IPeerListener."""
        self._note("on_ready", peer)

    def on_lost(self, peer: PeerProtocol, error: PeerError) -> None:
        """See IPeerListener."""
        self._note("on_lost", peer, error)

    def on_message(self, peer: PeerProtocol, unread: Unread) -> None:
        """See IPeerListener."""
        self._note("on_message", peer, unread)

    def __getattr__(self, name: str) -> Callable[..., None]:
        if not name.startswith("on_"):
            raise AttributeError(name)
        return partial(self._note, name)

    def _note(self, name: str, peer: PeerProtocol, what: Any = None) -> None:
        self.events.append(Event(name, peer, what))
        if name in self._then:
            self._then[name](peer, what)


@implementer(ITransport, IConsumer)
class MemoryTransport:
    """One end of a connection in memory. It tells its producer as TCP does: to pause when it holds more than 64 KiB,
    and to go on when all of that is taken.

    :ivar outgoing: what was written and nobody has taken. :ivar closing: whether the end was asked for.
    :ivar aborted: whether it was asked for without waiting for what was written.
    :ivar reading: whether its protocol takes what comes.
    """

    high = 65_536

    def __init__(self, here: IAddress, there: IAddress) -> None:
        self.outgoing = bytearray()
        self.closing = False
        self.aborted = False
        self.reading = True
        self._here, self._there = here, there
        self._producer: Any = None
        self._streaming = self._paused = False

    def take(self, most: int | None = None) -> bytes:
        """At most so many of the bytes that were written, in order; they are out then."""
        taken = bytes(self.outgoing[:most])
        del self.outgoing[: len(taken)]
        if taken and not self.outgoing and self._producer and (self._paused or not self._streaming):
            self._paused = False
            self._producer.resumeProducing()
        return taken

    def write(self, data: bytes) -> None:
        """See ITransport."""
        self.outgoing += data
        if self._producer and self._streaming and not self._paused and len(self.outgoing) > self.high:
            self._paused = True
            self._producer.pauseProducing()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """See IConsumer."""
        if self._producer is not None:
            raise RuntimeError(f"{self._producer} is registered already")
        self._producer, self._streaming, self._paused = producer, streaming, False
        if not streaming:
            producer.resumeProducing()

    def startWriting(self) -> None:
        """As that of TCP: a pull producer hears that there is nothing left to write."""
        if not self.outgoing and not self._streaming:
            self._producer.resumeProducing()

    def unregisterProducer(self) -> None:
        """See IConsumer."""
        self._producer = None

    def end(self) -> None:
        """The connection ends: a producer is told to stop, and let go."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.stopProducing()

    def pauseProducing(self) -> None:
        """See IPushProducer."""
        self.reading = False

    def resumeProducing(self) -> None:
        """See IPushProducer."""
        self.reading = True

    def writeSequence(self, data: Any) -> None:
        """See ITransport."""
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        """See ITransport."""
        self.closing = True

    def abortConnection(self) -> None:
        """See ITCPTransport."""
        self.closing = self.aborted = True

    def getPeer(self) -> IAddress:
        """See ITransport."""
        return self._there

    def getHost(self) -> IAddress:
        """See ITransport."""
        return self._here


def memory_factory(network: Network, listener: object = None, **options: Any) -> PeerFactory:
    """A factory with a `Clock`, and nonces of its own, so that two of one process can talk to each other.

    :param options: go to `PeerFactory` as they are.
    """
    return PeerFactory(network, listener, **{"clock": Clock(), "nonces": Nonces(), **options})


def _connected(peer: PeerProtocol, transport: MemoryTransport) -> PeerProtocol:
    peer.makeConnection(transport)  # type: ignore[no-untyped-call]
    return peer


class Pair:
    """Two peers of a network that are connected to each other; nothing moves until `deliver`.

    :param called: the network of the called side, if it has another policy.
    :param outbound: options for the factory of the peer that calls (`listener`, `services` ...); without a listener
        it has a Recorder.
    :param inbound: the same for the one that is called.
    :ivar clock: the time of both, in seconds.
    :ivar outbound: the peer that the caller has; `outbound_heard` is its listener.
    :ivar inbound: the peer that the called has; `inbound_heard` is its listener.
    """

    def __init__(
        self,
        network: Network,
        called: Network | None = None,
        *,
        outbound: Mapping[str, Any] | None = None,
        inbound: Mapping[str, Any] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.clock = clock or Clock()
        base = {"listener": Recorder(), "clock": self.clock}
        caller = memory_factory(network, **{**base, **(outbound or {})})
        callee = memory_factory(called or network, **{**base, "listener": Recorder(), **(inbound or {})})
        self.outbound_heard: Any = caller.listener
        self.inbound_heard: Any = callee.listener
        self._ways = (MemoryTransport(CALLER, CALLED), MemoryTransport(CALLED, CALLER))
        self._lost = False
        self.outbound = _connected(caller.build(inbound=False), self._ways[0])
        self.inbound = _connected(callee.build(inbound=True), self._ways[1])

    def deliver(self, chunk: int | None = None) -> None:
        """Carry what is written to the other side until nothing moves, in pieces of `chunk` bytes or as it is."""
        out, back = self._ways
        while self._carry(out, self.inbound, chunk) or self._carry(back, self.outbound, chunk):
            pass
        if out.closing or back.closing:
            self.cut(ConnectionAborted() if out.aborted or back.aborted else ConnectionDone())

    def advance(self, seconds: float) -> None:
        """Let time pass on both sides, and then deliver."""
        self.clock.advance(seconds)
        self.deliver()

    def cut(self, why: Exception | None = None) -> None:
        """End the connection on both sides at once; what is on its way is lost."""
        if not self._lost:
            self._lost = True
            for peer in (self.outbound, self.inbound):
                self._ways[peer.inbound].end()
                peer.connectionLost(Failure(why or ConnectionLost()))

    def _carry(self, way: MemoryTransport, to: PeerProtocol, chunk: int | None) -> bool:
        if not self._reads(to):
            return False
        data = way.take(chunk)
        if data and not self._lost and not way.aborted:
            to.dataReceived(data)
        return bool(data)

    def _reads(self, peer: PeerProtocol) -> bool:
        return self._ways[peer.inbound].reading


class RawPeer:
    """The other side of one peer, played by hand: it says what it is told to and nothing else.

    :param inbound: whether it calls the peer, or is called.
    :ivar peer: the peer that it talks to. :ivar transport: the peer's.
    :ivar says: what it will say of itself in its version; each has a nonce of its own.
    :ivar codec: what it speaks; the handshake sets it as that of a peer is set.
    """

    def __init__(self, factory: PeerFactory, *, inbound: bool = False) -> None:
        network = factory.network
        self.says = Introduction(network.protocol_version, 9, int(factory.now()), next(_nonces), "/raw:1/", 0)
        self.codec = network.codec()
        self.transport = MemoryTransport(*((CALLED, CALLER) if inbound else (CALLER, CALLED)))
        self._reader = Reader(self.codec)
        self.peer = _connected(factory.build(inbound=inbound), self.transport)

    @property
    def hung_up(self) -> bool:
        """Whether the peer has asked for the end of the connection."""
        return self.transport.closing

    def version(self, **changes: Any) -> Message:
        """A version that says what `says` says, but for some changes (see `Introduction`)."""
        self.says = replace(self.says, **changes)
        return self.peer.network.make_version(self.says)

    def send(self, *things: Message | bytes) -> None:
        """Say messages or bytes to the peer, in one chunk."""
        self.peer.dataReceived(b"".join(map(self.frame, things)))

    def frame(self, thing: Message | bytes) -> bytes:
        """The bytes of a message; bytes as they are."""
        return thing if isinstance(thing, bytes) else self.codec.encode(thing)

    def read(self) -> list[Message]:
        """The messages that the peer has written since the last time. Raises MalformedMessage."""
        found: list[Message | Unread] = []
        while data := self.transport.take():
            found += self._reader.feed(data)
        return [message for message in found if isinstance(message, Message)]

    def handshake(self, **changes: Any) -> list[Message]:
        """Say version and verack; returns what the peer has written until then.

        :param changes: to what the version says (see `Introduction`).
        """
        self.send(self.version(**changes))
        pver = min(self.says.protocol_version, self.peer.factory.protocol_version)
        written = self.read()
        self.codec = self._reader.codec = self.peer.network.codec(pver, witness=True)
        self.send(self.peer.network.verack())
        return written + self.read()

    def play(self, script: Script) -> list[Message]:
        """Answer what the peer has written, and what it writes then, until it is silent; returns all that it has.

        :param script: what to say to a message, by its command; what is not in it is not answered.
        """
        heard: list[Message] = []
        while written := self.read():
            heard += written
            for message in written:
                said = script[message.command](message) if message.command in script else None
                if said is not None:
                    self.send(*(said if isinstance(said, list) else [said]))
        return heard

    def close(self, why: Exception | None = None) -> None:
        """End the connection: in good order, or for a reason that Twisted would tell (`ConnectionLost()`)."""
        self.transport.end()
        self.peer.connectionLost(Failure(why or ConnectionDone()))
