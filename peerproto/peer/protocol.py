"""One peer: the only object with a transport and a clock."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from peerproto.errors import (
    HandshakeError,
    ListenerFailed,
    LocalError,
    MalformedMessage,
    PeerError,
    PeerLost,
    Reason,
)
from peerproto.network import Introduction, Network
from peerproto.peer.ending import why_lost
from peerproto.peer.handshake import Handshake, State
from peerproto.peer.once import Once
from peerproto.peer.pending import Pending, all_of
from peerproto.peer.pings import Pings
from peerproto.peer.snapshot import Snapshot, take_snapshot
from peerproto.peer.statistics import Statistics
from peerproto.peer.watch import Watch
from peerproto.wire.codec import Unread
from peerproto.wire.message import Message
from peerproto.wire.reader import Reader

if TYPE_CHECKING:
    from peerproto.peer.factory import PeerFactory

OUR_TIME = 0.1
"""A chunk that took longer to handle, in seconds, does not count against the peer's deadlines."""


class PeerProtocol(Protocol):
    """A peer of a Bitcoin-like network.

    Wait with `when_ready`, ask with `request`, tell with `send`, end it with `disconnect`. Made by `PeerFactory`.

    :ivar id: a number of its own in this process. :ivar inbound: whether the other side called us.
    :ivar address: host and port of the other side, as text.
    """

    _log = Logger()

    def __init__(self, factory: PeerFactory, number: int, *, inbound: bool) -> None:
        self.factory: PeerFactory = factory
        self.id = number
        self.inbound = inbound
        self.address = "nowhere"
        self.clock: IReactorTime = factory.get_clock()
        self.network: Network = factory.network
        self.codec = self.network.codec()
        self.handshake = Handshake(
            self.network, factory.introduce(), inbound=inbound, is_own_nonce=factory.is_own_nonce
        )
        self.pending = Pending(self.network)
        self.pings = Pings()
        self.statistics = Statistics(self.clock.seconds())
        self.watch = Watch(
            self.clock, factory.timing, self.handshake, self.pending, self.statistics, self.fail
        )
        self._reader = Reader(self.codec)
        self._receive = self._negotiate
        self._held: list[Message] = []
        self._frames: list[bytes] | None = None
        self._ending: PeerError | None = None
        self._ready: Once[PeerProtocol] = Once()
        self._gone: Once[PeerError] = Once()

    # What a user calls.

    @property
    def state(self) -> State:
        """Where the peer stands."""
        return State.CLOSED if self._ending or self._gone.is_over() else self.handshake.state

    @property
    def theirs(self) -> Introduction | None:
        """What the other side says of itself; None before its version is here."""
        return self.handshake.theirs

    @property
    def version(self) -> Message | None:
        """Their version message."""
        return self.handshake.version

    @property
    def protocol_version(self) -> int:
        """The protocol version that both speak."""
        return self.handshake.protocol_version

    def when_ready(self) -> Deferred[PeerProtocol]:
        """Fires with the peer when the handshake is done; fails with the PeerError that ended it before."""
        return self._ready.when()

    def when_disconnected(self) -> Deferred[PeerError]:
        """Fires when the peer has ended, with the PeerError that says why (`error.reason`)."""
        return self._gone.when()

    def send(self, message: Message, *, expect: bool = True) -> None:
        """Send a message; before the handshake is done it is held back, after the end it is dropped.

        :param expect: False if no answer is owed although the protocol knows one (a peer that is not ahead of us
            may rightly leave a getheaders unanswered).

        Raises LocalError for a message that this network cannot send.
        """
        if self.handshake.state is not State.READY:
            self.codec.encode(message)
            self._held.append(message)
        elif not self._ending:
            self._write(message)
            if expect:
                self.pending.sent(message, self.clock.seconds())

    def request(self, message: Message, *, timeout: float | None = None) -> Deferred[Any]:
        """Send a message and wait for its answer.

        Fires with the answering message; for a getdata with a list in its order, of which each is the message or
        the PeerError (NotFound, PeerStalled) that this thing alone failed with. Cancelling forgets the request.

        :param timeout: seconds, in place of the network's own.

        Fails with PeerStalled if no answer comes, with the reason of the end if the peer ends first; with
        LocalError if the protocol knows no answer to such a message.
        """
        expectation = self.network.expects.get(type(message))
        if expectation is None:
            return fail(LocalError(f"no answer is owed to {message.command}: use send()"))
        if self._ending:
            return fail(self._ending)
        seconds = expectation.seconds if timeout is None else timeout
        deadline = self.clock.seconds() + seconds
        try:
            self.send(message)
        except LocalError as error:
            return fail(error)
        if expectation.each:
            waiting = all_of(self.pending.wait_items(message, deadline), lambda: self._ending)
        else:
            waiting = self.pending.wait_answer(message, expectation, deadline)
        self.watch.expect()
        return waiting

    def request_blocks(self, hashes: Collection[bytes], *, timeout: float | None = None) -> Deferred[Any]:
        """Ask for blocks by their hashes (wire order), as `request` does for a getdata."""
        return self.request(self.network.request_blocks(hashes, self.codec.witness), timeout=timeout)

    def ping(self, *, timeout: float = 30.0) -> Deferred[float]:
        """Ping the peer; fires with how long the pong took, in seconds, or fails with PeerStalled."""
        if self._ending:
            return fail(self._ending)
        nonce = self.factory.make_nonce()
        deadline = self.clock.seconds() + timeout
        waiting = self.pending.wait(nonce, "ping", deadline)
        self._send_ping(nonce)
        self.watch.expect()
        return waiting

    def disconnect(self, error: PeerError | None = None) -> None:
        """End the peer; what is already written is still sent, for some seconds. May be called again."""
        self.fail(error or PeerLost("disconnected by us", Reason.LOCAL_CLOSE))

    def snapshot(self) -> Snapshot:
        """What is known of the peer now, as plain data."""
        return take_snapshot(self, self.clock.seconds())

    def __str__(self) -> str:
        return f"{self.address} ({'inbound' if self.inbound else 'outbound'})"

    # What Twisted calls.

    def connectionMade(self) -> None:
        """Introduce ourselves, if we called; from now on the handshake's time runs."""
        assert self.transport is not None
        peer = self.transport.getPeer()
        self.address = f"{getattr(peer, 'host', peer)}:{getattr(peer, 'port', '')}".rstrip(":")
        if hasattr(self.transport, "setTcpNoDelay"):
            self.transport.setTcpNoDelay(True)
        self.handshake.ours = self.factory.seen_from(self.handshake.ours, peer)
        self.watch.begin()
        for message in self.handshake.begin():
            self._write(message)

    def dataReceived(self, data: bytes) -> None:
        """Handle each message that is complete; nothing is handled after the end, not even of the same chunk."""
        begun = self.clock.seconds()
        self.statistics.bytes_received += len(data)
        self._frames = []
        try:
            for message in self._reader.feed(data):
                self._count(message, begun)
                self._receive(message)
                if self._ending:
                    break
        except (MalformedMessage, HandshakeError) as error:
            self.fail(error)
        except Exception:
            self._listener_failed()
        finally:
            self._flush()
        spent = self.clock.seconds() - begun
        if spent > OUR_TIME:
            self.pending.shift(spent)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tell everybody who waits, once."""
        error = self._ending or why_lost(reason, self.handshake.state, self._reader.waiting)
        self._ending = error
        self.watch.timers.cancel_all()
        self.factory.forget(self)
        self._log.info("{peer} ended: {reason}: {error}", peer=self, reason=error.reason, error=error)
        self._call_listener(self.factory.on_lost, error)
        self.pending.fail_all(error)
        self._ready.fail(error)
        self._gone.fire(error)

    # Receiving.

    def _count(self, message: Message | Unread, now: float) -> None:
        self.statistics.last_received = now
        tally = self.statistics.received[type(message)]
        tally.messages += 1
        tally.bytes += self._reader.size

    def _negotiate(self, message: Message | Unread) -> None:
        replies = self.handshake.received(message)
        if self.protocol_version != self.codec.pver:
            self._speak(self.protocol_version, witness=False)
        for reply in replies:
            self._write(reply)
        if self.handshake.state is State.READY:
            self._receive = self._deliver
            self._open()
        elif type(message) in self.handshake.noted:
            self._hear(message)

    def _deliver(self, message: Message | Unread) -> None:
        kind = type(message)
        factory = self.factory
        duty = factory.duties.get(kind)
        if duty is not None:
            duty(self, message)
        if kind in self.pending.answers:
            self.pending.received(message)  # type: ignore[arg-type]
        handler = factory.handlers.get(kind)
        if handler is not None:
            handler(self, message)

    def _hear(self, message: Message | Unread) -> None:
        handler = self.factory.handlers.get(type(message))
        if handler is not None:
            handler(self, message)

    def _open(self) -> None:
        """The handshake is done."""
        theirs = self.theirs
        assert theirs is not None
        self._speak(self.protocol_version, witness=bool(theirs.services & self.network.witness_service))
        self.watch.open(lambda: self._send_ping(self.factory.make_nonce()))
        self._log.info("{peer} is ready: protocol version {pver}", peer=self, pver=self.protocol_version)
        held, self._held = self._held, []
        for waiting in held:
            self.send(waiting)
        self._call_listener(self.factory.on_ready)
        self._ready.fire(self)

    def _speak(self, pver: int, *, witness: bool) -> None:
        self.codec = self._reader.codec = self.network.codec(pver, witness)

    # Duties: what a peer does of itself when a message comes; PeerFactory knows which.

    def answer_ping(self, message: Any) -> None:
        """A pong with the ping's nonce; old protocol versions have none."""
        if message.nonce is not None:
            self._write(self.network.pong(nonce=message.nonce))  # type: ignore[call-arg]

    def take_pong(self, message: Any) -> None:
        """Note the latency, and answer who waits for it."""
        latency = self.pings.received(message.nonce, self.clock.seconds())
        if latency is not None:
            self.pending.answer(message.nonce, latency)

    def take_late(self, message: Message) -> None:
        """A message that may come in a handshake only. Raises the network's error for it, if it has one."""
        error = self.network.order.late[type(message)]
        if error is not None:
            raise error(f"{message.command} after the handshake")

    def take_note(self, message: Message) -> None:
        """A message that negotiates and may come at any time."""
        self.handshake.noted.add(type(message))

    # Sending.

    def _write(self, message: Message) -> None:
        frame = self.codec.encode(message)
        counts = self.statistics
        counts.bytes_sent += len(frame)
        tally = counts.sent[type(message)]
        tally.messages += 1
        tally.bytes += len(frame)
        if self._frames is not None:
            self._frames.append(frame)
        else:
            self.transport.write(frame)  # type: ignore[union-attr]

    def _flush(self) -> None:
        """Write at once what was sent while a chunk was handled."""
        frames, self._frames = self._frames, None
        if frames:
            self.transport.write(b"".join(frames))  # type: ignore[union-attr]

    def _send_ping(self, nonce: int) -> None:
        ping = self.network.ping
        if self.protocol_version >= self.network.pong.since:
            self.pings.sent(nonce, self.clock.seconds())
            self.send(ping(nonce=nonce))  # type: ignore[call-arg]
        else:
            self.send(ping())

    # The end.

    def fail(self, error: PeerError) -> None:
        """End the peer for a reason: told to it where the network does so, then closed, then cut."""
        if self._ending or self.transport is None:
            return
        self._tell_why(error)
        self._ending = error
        self.transport.loseConnection()
        self.watch.closing(getattr(self.transport, "abortConnection", self.transport.loseConnection))

    def _tell_why(self, error: PeerError) -> None:
        reject = self.network.reject(error)
        if reject is not None and reject.since <= self.protocol_version:
            self._write(reject)
            self._flush()

    def _call_listener(self, method: Any, *arguments: Any) -> None:
        if method is not None:
            try:
                method(self, *arguments)
            except Exception:
                self._listener_failed()

    def _listener_failed(self) -> None:
        self._log.failure("a listener failed; {peer} is ended", peer=self)
        self.fail(ListenerFailed("our listener failed: see the log"))
