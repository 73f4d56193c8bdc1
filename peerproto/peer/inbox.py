"""What comes in: cut into messages, counted, and brought to whom it concerns."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred

from peerproto.errors import MalformedMessage
from peerproto.peer.bloom import passed_over
from peerproto.peer.duties import hear_early, keep_alive
from peerproto.peer.handshake import State, describe
from peerproto.peer.listener import Handler, started
from peerproto.peer.logs import Logger
from peerproto.peer.questions import Questions
from peerproto.peer.statistics import name_of
from peerproto.text import printable
from peerproto.wire.codec import Unread
from peerproto.wire.message import Message
from peerproto.wire.reader import Reader

if TYPE_CHECKING:
    from peerproto.peer.protocol import PeerProtocol

_log = Logger()

_at_work: ContextVar[bool] = ContextVar("at work", default=False)
"""Whether what runs is a coroutine of a listener, of whatever peer."""


class Inbox:
    """The way of one peer's bytes: to the handshake until it is done; then to the peer's own duty, to who waits for
    such an answer, and to the listeners.

    While a listener is at work, that is, while the Deferred that it has returned has not fired, the messages that
    have come wait. It is not waited for any more when a listener asks this peer for something, since the answer would
    never be read: a coroutine that was called for this peer or, as two could wait for each other, for another one. Of
    what only returned a Deferred nobody can tell what it asks; it is not waited for when anybody asks. Nor is one
    waited for that answers a question of those that a network answers beside all else (see `Backlog`).

    :ivar held: whether what comes is kept, to be handled by `go_on`.
    """

    def __init__(self, peer: PeerProtocol) -> None:
        self._peer = peer
        self._factory = peer.factory
        self._audience = peer.audience
        self._pending = peer.pending
        self._statistics = peer.statistics
        self._notes = peer.notes
        self._reader = Reader(peer.codec)
        self._receive = self._negotiate
        self._stream: Iterator[Message | Unread] | None = None
        self._later: deque[bytes] = deque()
        self.held = False
        self._handling: type = Unread
        self._work: Deferred[Any] | None = None
        self._asked = self._is_plain = False
        self._found: MalformedMessage | None = None
        self._passed_over: frozenset[type[Message]] = frozenset()
        backlog = peer.network.backlog
        self._questions = Questions(peer, backlog) if backlog else None
        self._question = backlog.asking if backlog else None

    @property
    def waiting(self) -> int:
        """How many bytes of an unfinished message are held."""
        return self._reader.waiting

    @property
    def command(self) -> str:
        """The command of the message that is handled, or was the last one."""
        return name_of(self._handling)

    def begin(self, other: object) -> None:
        """Send what begins the handshake with `other`, an address. Raises whatever our version is made with does."""
        self._tell_state()
        for message in self._peer.handshake.begin(other):
            self._peer.outbox.write(message)

    def feed(self, data: bytes, now: float) -> None:
        """Handle each message that is complete, as long as the peer has not ended and no listener is at work.

        Raises PeerError for what ends the peer, and whatever a listener raises.

        :param now: in seconds, the time that is noted for what has come.
        """
        self._statistics.bytes_received += len(data)
        if self.held:
            self._later.append(data)
        else:
            self._run(self._reader.feed(data), now)

    def go_on(self, now: float) -> None:
        """Handle what has been kept. Raises as `feed` does."""
        stream, self._stream = self._stream, None
        if stream is not None:
            self._run(stream, now)
        while self._later and self._work is None and not self._peer.ending:
            self._run(self._reader.feed(self._later.popleft()), now)

    @property
    def is_at_work(self) -> bool:
        """Whether a listener is at work for which all else waits."""
        return self._work is not None

    @property
    def is_stopped(self) -> bool:
        """Whether what comes is kept, or is to be kept."""
        return self.held or self._work is not None

    @property
    def kept(self) -> int:
        """How many bytes have been kept that came while `held`."""
        return sum(map(len, self._later))

    def close(self) -> None:
        """Handle nothing more."""
        self._peer.handshake.leave()
        self._stream = self._work = None
        self._later.clear()
        if self._questions is not None:
            self._questions.close()

    def asking(self) -> None:
        """The peer is asked for something: a listener that is at work and waits for the answer is not waited for."""
        self._asked = True
        if self._work is not None and (self._is_plain or _at_work.get()):
            self._done(self._work)

    def tell(self, handler: Handler, *what: Any) -> None:
        """Call a listener; if it is at work then, nothing more is handled until it is done."""
        self._asked = False
        result = handler(*what)
        if result is not None:
            self._wait_for(result)

    def _run(self, stream: Iterator[Message | Unread], now: float) -> None:
        peer, counts, reader = self._peer, self._statistics, self._reader
        try:
            for message in stream:
                counts.last_received = now
                self._handling = kind = type(message)
                tally = counts.received[kind]
                tally.messages += 1
                tally.bytes += reader.size
                if self._audience.on_read is not None:
                    error = message.error if isinstance(message, Unread) else None
                    self._audience.on_read(peer, reader.size, message, error)
                    if peer.ending:
                        return
                try:
                    self._receive(message)
                except MalformedMessage as error:
                    self._found_malformed(message, error)
                if peer.ending:
                    return
                if self._work is not None:
                    self._stream = stream
                    return
        except MalformedMessage as error:
            if self._audience.on_read is not None:
                self._audience.on_read(peer, 0 if error is self._found else reader.size, None, error)
            raise

    def _wait_for(self, result: object) -> None:
        mark = _at_work.set(True)
        try:
            work = started(result)
        finally:
            _at_work.reset(mark)
        if work is None:
            return
        self._work = None if self._asked or self._peer.ending else work
        self._is_plain = work is result
        work.addErrback(self._peer.failed).addBoth(lambda _: self._done(work))

    def _done(self, work: Deferred[Any]) -> None:
        if self._work is work:
            self._work = None
            self._peer.reading.go_on_soon()

    def _take(self, message: Message | Unread) -> None:
        try:
            self._receive(message)
        except MalformedMessage as error:
            self._found_malformed(message, error)

    def _negotiate(self, message: Message | Unread) -> None:
        peer, before = self._peer, self._peer.handshake.state
        replies = peer.handshake.received(message)
        if peer.handshake.state is not before:
            self._tell_state()
        if replies is None:
            return
        if peer.handshake.state is State.READY:
            self._open(replies)
            hear_early(peer, message)
            self._tell_ready()
            self._take_kept()
            return
        self._speak(witness=False)
        hear_early(peer, message)
        if not peer.ending:
            for reply in replies:
                peer.outbox.write(reply)
            if peer.handshake.is_open:
                self._open(peer.handshake.greeting())
                self._tell_ready()

    def _take_kept(self) -> None:
        """What came before the verack, as if it had come behind it."""
        kept, self._peer.handshake.kept = self._peer.handshake.kept, []
        for message in kept:
            if not self._peer.ending:
                self._take(message)

    def _open(self, greeting: list[Message]) -> None:
        """Open for business: the greeting goes out, then what was held back."""
        peer, theirs = self._peer, self._peer.handshake.theirs
        assert theirs is not None
        self._passed_over = passed_over(peer)
        self._receive = self._deliver_some if self._passed_over else self._deliver
        self._speak(witness=bool(theirs.services & peer.network.witness_service))
        peer.watch.open(lambda: peer.guarded(keep_alive, peer))
        agent = printable(theirs.user_agent)
        if self._notes is not None:
            ours = self._factory.protocol_version
            self._notes.spoken(theirs.protocol_version, ours, peer.protocol_version)
        _log.info("{peer} is ready: {agent} {pver}", peer=str(peer), agent=agent, pver=peer.protocol_version)
        for message in greeting:
            peer.outbox.write(message)
        peer.outbox.open()

    def _tell_ready(self) -> None:
        if not self._peer.ending:
            self._peer.ready()

    def _tell_state(self) -> None:
        _log.debug("{peer} is {state}", peer=str(self._peer), state=describe(self._peer.state))

    def _speak(self, *, witness: bool) -> None:
        """From the next message on, the protocol version of both, and transactions with or without witnesses."""
        peer = self._peer
        peer.outbox.codec = self._reader.codec = peer.network.codec(peer.protocol_version, witness)

    def _deliver(self, message: Message | Unread) -> None:
        kind, factory = type(message), self._factory
        duty = factory.duties.get(kind)
        if duty is not None:
            duty(self._peer, message)
        if kind in self._pending.answers:
            self._pending.received(message)  # type: ignore[arg-type]
        handler = self._audience.handlers.get(kind)
        if handler is None:
            if self._notes is not None and duty is None and kind not in self._pending.answers:
                self._notes.unheard(message.command)
            return
        if kind is self._question:
            assert self._questions is not None
            self._questions.take(message)  # type: ignore[arg-type]
            return
        self._asked = False
        result = handler(self._peer, message)
        if result is not None:
            self._wait_for(result)

    def _deliver_some(self, message: Message | Unread) -> None:
        """Nobody hears of some kinds."""
        if type(message) not in self._passed_over:
            self._deliver(message)

    def _found_malformed(self, message: Message | Unread, error: MalformedMessage) -> None:
        """Somebody looked into a message that is read on first use: all goes on as if it had been found on arrival."""
        if isinstance(message, Unread) or type(error) not in self._reader.codec.policy.tolerates:
            self._found = error
            raise error
        self._deliver(Unread(message.command, message.payload or b"", error))
