"""One peer: the only object with a transport and a clock."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from peerproto.errors import ListenerFailed, LocalError, PeerError, PeerLost, Reason
from peerproto.network import Introduction, Network
from peerproto.peer.duties import knows_pong, send_ping
from peerproto.peer.ending import is_told, where_is, why_lost
from peerproto.peer.handshake import Handshake, State
from peerproto.peer.inbox import Inbox
from peerproto.peer.once import Once
from peerproto.peer.outbox import Outbox
from peerproto.peer.pending import Pending, all_of
from peerproto.peer.pings import Pings
from peerproto.peer.snapshot import Snapshot, take_snapshot
from peerproto.peer.statistics import Statistics
from peerproto.peer.watch import Watch
from peerproto.wire.codec import Codec
from peerproto.wire.message import Message

if TYPE_CHECKING:
    from peerproto.peer.factory import PeerFactory


_log = Logger()
"""Not of the class: its events would hold the peer, and Twisted keeps thousands of them until logging begins."""


class PeerProtocol(Protocol):
    """A peer of a Bitcoin-like network.

    Wait with `when_ready`, ask with `request`, tell with `send`, end it with `disconnect`. Made by `PeerFactory`.

    :ivar id: a number of its own in this process. :ivar inbound: whether the other side called us.
    :ivar address: host and port of the other side, as text. :ivar ending: why the peer ends or has ended, or None.
    """

    def __init__(self, factory: PeerFactory, number: int, *, inbound: bool) -> None:
        self.factory: PeerFactory = factory
        self.id = number
        self.inbound = inbound
        self.address = "nowhere"
        self.clock: IReactorTime = factory.get_clock()
        self.network: Network = factory.network
        self.handshake = Handshake(factory, inbound=inbound)
        self.pending = Pending(self.network)
        self.pings = Pings()
        self.statistics = Statistics(self.clock.seconds())
        self.watch = Watch(
            self.clock, factory.timing, self.handshake, self.pending, self.statistics, self.fail
        )
        self.outbox = Outbox(self.network.codec(factory.protocol_version), self.statistics)
        self.inbox = Inbox(self)
        self.ending: PeerError | None = None
        self._ready: Once[PeerProtocol] = Once()
        self._gone: Once[PeerError] = Once()

    # What a user calls.

    @property
    def state(self) -> State:
        """Where the peer stands."""
        return State.CLOSED if self.ending else self.handshake.state

    @property
    def codec(self) -> Codec:
        """What is spoken with the peer."""
        return self.outbox.codec

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

    def send(self, message: Message, *, expect: bool = True, witness: bool | None = None) -> None:
        """Send a message; before the handshake is done it is held back, after the end it is dropped.

        :param expect: False if no answer is owed although the protocol knows one (a peer that is not ahead of us
            may rightly leave a getheaders unanswered).
        :param witness: whether transactions go with their witnesses, as the request for them says; None if the
            peer's services shall decide.

        Raises LocalError for a message that this network cannot send.
        """
        if self.outbox.is_open and not self.ending:
            self.outbox.write(message, None if witness is None else self._codec(witness))
            if expect and type(message) in self.network.expects:
                self.pending.sent(message, self.watch.now())
                self.watch.expect()
        elif not self.ending:
            self.codec.encode(message)
            held = self._when_open(lambda: self.send(message, expect=expect, witness=witness))
            held.addErrback(self._not_sent, message.command)

    def request(self, message: Message, *, timeout: float | None = None) -> Deferred[Any]:
        """Send a message and wait for its answer.

        Fires with the answering message; for a getdata with a list in its order, of which each is the message or
        the PeerError (NotFound, PeerStalled) that this thing alone failed with. Cancelling forgets the request.
        The answer may be read on first use: then what is malformed in it is found, and raised, by whom looks.

        :param timeout: seconds from when it is sent, in place of the network's own; what the network says of
            ending peers that do not answer stands as it is.

        Fails with PeerStalled if no answer comes, with the reason of the end if the peer ends first; with
        LocalError if the message cannot be sent, or the protocol knows no answer to it.
        """
        expectation = self.network.expects.get(type(message))
        if expectation is None:
            return fail(LocalError(f"no answer is owed to {message.command}: use send()"))
        if self.ending or not self.outbox.is_open:
            return self._when_open(lambda: self.request(message, timeout=timeout))
        try:
            self.outbox.write(message)
        except LocalError as error:
            return fail(error)
        waiting = self.pending.asked(message, self.watch.now(), timeout)
        self.watch.expect()
        return all_of(waiting, lambda: self.ending) if expectation.each else waiting[0]

    def request_blocks(self, hashes: Collection[bytes], *, timeout: float | None = None) -> Deferred[Any]:
        """Ask for blocks by their hashes (wire order), as `request` does for a getdata."""
        if self.ending or not self.outbox.is_open:
            return self._when_open(lambda: self.request_blocks(hashes, timeout=timeout))
        return self.request(self.network.request_blocks(hashes, self.codec.witness), timeout=timeout)

    def ping(self, *, timeout: float = 30.0) -> Deferred[float]:
        """Ping the peer; fires with how long the pong took, in seconds, or fails with PeerStalled.

        Fails with LocalError if the peer's protocol version knows no pong.
        """
        if self.ending or not self.outbox.is_open:
            return self._when_open(lambda: self.ping(timeout=timeout))
        if not knows_pong(self):
            return fail(LocalError(f"protocol version {self.protocol_version} has no pong"))
        nonce = send_ping(self)
        waiting = self.pending.wait(nonce, "ping", self.watch.now() + timeout)
        self.watch.expect()
        return waiting

    def disconnect(self, error: PeerError | None = None) -> None:
        """End the peer; what is already written is still sent, for some seconds. May be called again."""
        self.fail(error or PeerLost("disconnected by us", Reason.LOCAL_CLOSE))

    def fail(self, error: PeerError) -> None:
        """End the peer for a reason: told to it where the network does so, then closed, then cut."""
        if self.ending:
            return
        if self.transport is None:
            self.ending = error
            return
        reject = self.network.reject(error) if is_told(error, self.outbox.is_open) else None
        if reject is not None and reject.exists_at(self.protocol_version):
            self.outbox.write(reject)
        self.outbox.flush()
        self.ending = error
        self._close()

    def snapshot(self) -> Snapshot:
        """What is known of the peer now, as plain data."""
        return take_snapshot(self)

    def __str__(self) -> str:
        return f"{self.address} ({'inbound' if self.inbound else 'outbound'})"

    # What Twisted calls.

    def connectionMade(self) -> None:
        """Introduce ourselves, if we called; from now on the handshake's time runs."""
        transport: Any = self.transport
        other = transport.getPeer()
        self.address = where_is(other)
        self.outbox.transport = transport
        self.factory.remember(self)
        if hasattr(transport, "setTcpNoDelay"):
            transport.setTcpNoDelay(True)
        if self.ending:
            self._close()
            return
        self.watch.begin()
        self._guarded(self.inbox.begin, other)

    def dataReceived(self, data: bytes) -> None:
        """Handle each message that is complete; nothing is handled after the end, not even of the same chunk."""
        if self.ending:
            return
        begun = self.watch.now()
        self.outbox.hold()
        self._guarded(self.inbox.feed, data, begun)
        self.outbox.flush()
        self.watch.worked(begun)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tell everybody who waits, once."""
        error = self.ending or why_lost(reason, self.handshake.state, self.inbox.waiting)
        self.ending = error
        self.watch.stop()
        self.factory.forget(self)
        _log.info("{peer} ended: {why}: {error}", peer=str(self), why=error.reason, error=str(error))
        if self.factory.on_lost is not None:
            self._guarded(self.factory.on_lost, self, error)
        self.outbox.close(error)
        self.pending.fail_all(error)
        self._ready.fail(error)
        self._gone.fire(error)

    # What its parts call.

    def ready(self) -> None:
        """The handshake is done: everybody hears of it."""
        if self.factory.on_ready is not None:
            self._guarded(self.factory.on_ready, self)
        if not self.ending:
            self._ready.fire(self)

    def _codec(self, witness: bool) -> Codec:
        return self.network.codec(self.protocol_version, witness)

    def _when_open(self, call: Callable[[], Any]) -> Deferred[Any]:
        return fail(self.ending) if self.ending else self.outbox.when_open(call)

    def _not_sent(self, reason: Failure, command: str) -> None:
        if reason.check(LocalError):
            error = reason.getErrorMessage()
            _log.warn("{command} was held back and cannot be sent: {error}", command=command, error=error)

    def _close(self) -> None:
        transport: Any = self.transport
        transport.loseConnection()
        self.watch.closing(getattr(transport, "abortConnection", transport.loseConnection))

    def _guarded(self, call: Callable[..., object], *arguments: Any) -> None:
        """Call what may call a listener: a PeerError ends the peer, any other error too, and is logged as our own."""
        try:
            call(*arguments)
        except PeerError as error:
            self.fail(error)
        except Exception:
            _log.failure("our own code failed while it handled {peer}, which is ended", peer=str(self))
            self.fail(ListenerFailed("our own code failed: see the log"))
