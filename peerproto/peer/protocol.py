"""One peer: the only object with a transport and a clock."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from peerproto.errors import (
    ListenerFailed,
    LocalError,
    PeerError,
    PeerLost,
    Reason,
    SendQueueFull,
    SendStalled,
)
from peerproto.network import Network
from peerproto.peer.announcing import Announcing
from peerproto.peer.audience import Audience
from peerproto.peer.ending import is_told, log_end, where_is, why_lost
from peerproto.peer.flow import Flow
from peerproto.peer.handshake import Handshake
from peerproto.peer.inbox import Inbox
from peerproto.peer.inventory import Inventory
from peerproto.peer.listener import started
from peerproto.peer.logs import Logger
from peerproto.peer.notes import notes_of
from peerproto.peer.once import Once
from peerproto.peer.outbox import Outbox
from peerproto.peer.pending import Pending
from peerproto.peer.pings import Pings
from peerproto.peer.pushing import Pushing
from peerproto.peer.reading import Reading
from peerproto.peer.requesting import Requesting
from peerproto.peer.score import Scored
from peerproto.peer.snapshot import Snapshot, take_snapshot
from peerproto.peer.standing import Standing
from peerproto.peer.statistics import Statistics
from peerproto.peer.stopwatch import stopwatch_of
from peerproto.peer.tracing import trace
from peerproto.peer.watch import Watch

if TYPE_CHECKING:
    from peerproto.peer.factory import PeerFactory


_log = Logger()
"""Not of the class: its events would hold the peer, and Twisted keeps thousands of them until logging begins."""


LONG = 1.0
"""Seconds of our own that what one peer has sent may take at a time before that is worth a warning."""


class PeerProtocol(Requesting, Pushing, Announcing, Standing, Scored, Protocol):  # type: ignore[misc]  # `connected` is a property here
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
        self.notes = notes_of(self)
        self.pending = Pending(self.network, insists=factory.timing.stall_tick > 0, notes=self.notes)
        self.pings = Pings()
        self.statistics = Statistics(self.clock.seconds())
        self.audience = Audience(factory, stopwatch_of(factory, self.statistics, self.clock))
        self.watch = Watch(
            self.clock,
            factory.timing,
            self.handshake,
            self.pending,
            self.statistics,
            lambda: self.inbox.waiting,
            self.fail,
        )
        flow = Flow(self.watch.timers, factory.timing, factory.send_budget, self.fail)
        self.outbox = Outbox(self.network.codec(factory.protocol_version), self.statistics, flow)
        self.inbox = Inbox(self)
        self.reading = Reading(self)
        self.inventory = Inventory(
            self.network.inventory,
            factory.timing,
            self.watch.timers,
            self.clock.seconds,
            self.outbox,
            self.send,
            factory.random,
            self.notes,
        )
        self.ending: PeerError | None = None
        self._watch_writing()
        trace(self)
        self._ready: Once[PeerProtocol] = Once()
        self._gone: Once[PeerError] = Once()

    # What a user calls.

    def when_ready(self) -> Deferred[PeerProtocol]:
        """Fires with the peer when the handshake is done; fails with the PeerError that ended it before."""
        return self._ready.when()

    def when_disconnected(self) -> Deferred[PeerError]:
        """Fires when the peer has ended, with the PeerError that says why (`error.reason`)."""
        return self._gone.when()

    def add_listener(self, listener: object) -> None:
        """Let one more hear of this peer (see `IPeerListener`), beside the node's listener and behind it."""
        self.audience.add(listener)
        self._watch_writing()

    def remove_listener(self, listener: object) -> None:
        """Let it hear no more. Raises LocalError if it was not added to this peer."""
        self.audience.remove(listener)
        self._watch_writing()

    def hear(self, command: str, call: Callable[[Any, Any], object]) -> object:
        """Have a function called with the peer and each message of one command; returns a listener to be removed.

        Raises LocalError for a command that the network does not have.
        """
        if all(kind.command != command for kind in self.network.messages):
            raise LocalError(f"{self.network.name} has no command {command!r}")
        listener = SimpleNamespace(**{f"on_{command}": call})
        self.add_listener(listener)
        return listener

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
        self.ending = error
        reject = self.network.reject(error) if is_told(error, self.outbox.is_open) else None
        if reject is not None and reject.exists_at(self.protocol_version):
            self.outbox.write(reject)
        self.outbox.flush()
        self.inbox.close()
        self._close()
        self.blame_for(error)

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
        self.outbox.flow.connect(transport)
        self.factory.remember(self)
        if hasattr(transport, "setTcpNoDelay"):
            transport.setTcpNoDelay(True)
        if self.ending:
            self._close()
            return
        self.watch.begin()
        self.guarded(self.inbox.begin, other)

    def dataReceived(self, data: bytes) -> None:
        """Handle each message that is complete; nothing is handled after the end, not even of the same chunk."""
        if self.ending:
            return
        self.handle(self.inbox.feed, data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tell everybody who waits, once."""
        error = self.ending or why_lost(
            reason, self.handshake.state, self.inbox.waiting, inbound=self.inbound
        )
        self.ending = error
        self.watch.stop()
        self.inbox.close()
        self.factory.forget(self)
        log_end(self, error)
        self.outbox.close(error)
        for tell in self.audience.who_hears_of_the_end():
            self.guarded(self._tell_lost, tell, error)
        self.pending.fail_all(error)
        self._ready.fail(error)
        self._gone.fire(error)

    # What its parts call.

    def ready(self) -> None:
        """The handshake is done: everybody hears of it."""
        if self.audience.on_ready is not None:
            self.guarded(self.inbox.tell, self.audience.on_ready, self)
        if not self.ending:
            self._ready.fire(self)

    def handle(self, call: Callable[..., object], *arguments: Any) -> None:
        """Call what handles messages: its time is ours, and what it writes goes out as one."""
        begun = self.watch.now()
        self.outbox.hold()
        self.guarded(call, *arguments, begun)
        self.outbox.flush()
        if self.watch.worked(begun) > LONG:
            self._warn_of_long_work()
        if not self.ending and (self.inbox.is_stopped or self.outbox.flow.waiting > self.reading.most):
            self.reading.stop()

    def guarded(self, call: Callable[..., object], *arguments: Any) -> None:
        """Call what may call a listener: a PeerError ends the peer, any other error too, and is logged as our own."""
        try:
            call(*arguments)
        except PeerError as error:
            self.fail(error)
        except Exception:
            _log.failure("our own code failed while it handled {peer}, which is ended", peer=str(self))
            self.fail(ListenerFailed("our own code failed: see the log"))

    def failed(self, failure: Failure) -> None:
        """A listener that was at work has failed."""
        self.guarded(failure.raiseException)

    def _warn_of_long_work(self) -> None:
        text = "{peer}: handling it took more than {long:g} seconds, in which nobody else was served; last {command}"
        _log.warn(text, peer=str(self), long=LONG, command=self.inbox.command)

    def _watch_writing(self) -> None:
        tell = self.audience.on_write
        self.outbox.on_write = None if tell is None else partial(self.guarded, tell, self)

    def _tell_lost(self, tell: Callable[..., object], error: PeerError) -> None:
        work = started(tell(self, error))
        if work is not None:
            work.addErrback(self.failed)

    def _close(self) -> None:
        transport: Any = self.transport
        self.outbox.flow.close(drop=isinstance(self.ending, SendStalled | SendQueueFull))
        transport.loseConnection()
        self.watch.closing(getattr(transport, "abortConnection", transport.loseConnection))
