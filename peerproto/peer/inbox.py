"""What comes in: cut into messages, counted, and brought to whom it concerns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.logger import Logger

from peerproto.errors import MalformedMessage
from peerproto.peer.duties import hear_early, keep_alive
from peerproto.peer.handshake import State
from peerproto.text import printable
from peerproto.wire.codec import Unread
from peerproto.wire.message import Message
from peerproto.wire.reader import Reader

if TYPE_CHECKING:
    from peerproto.peer.protocol import PeerProtocol

_log = Logger()


class Inbox:
    """The way of one peer's bytes: to the handshake until it is done; then to the peer's own duty, to who waits for
    such an answer, and to the listener.
    """

    def __init__(self, peer: PeerProtocol) -> None:
        self._peer = peer
        self._factory = peer.factory
        self._pending = peer.pending
        self._statistics = peer.statistics
        self._reader = Reader(peer.codec)
        self._receive = self._negotiate

    @property
    def waiting(self) -> int:
        """How many bytes of an unfinished message are held."""
        return self._reader.waiting

    def begin(self, other: object) -> None:
        """Send what begins the handshake with `other`, an address. Raises whatever our version is made with does."""
        for message in self._peer.handshake.begin(other):
            self._peer.outbox.write(message)

    def feed(self, data: bytes, now: float) -> None:
        """Handle each message that is complete, as long as the peer has not ended.

        Raises PeerError for what ends the peer, and whatever a listener raises.

        :param now: in seconds, the time that is noted for what has come.
        """
        peer, counts, reader = self._peer, self._statistics, self._reader
        counts.bytes_received += len(data)
        for message in reader.feed(data):
            counts.last_received = now
            tally = counts.received[type(message)]
            tally.messages += 1
            tally.bytes += reader.size
            self._take(message)
            if peer.ending:
                return

    def _take(self, message: Message | Unread) -> None:
        try:
            self._receive(message)
        except MalformedMessage as error:
            self._found_malformed(message, error)

    def _negotiate(self, message: Message | Unread) -> None:
        peer = self._peer
        replies = peer.handshake.received(message)
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
        self._receive = self._deliver
        self._speak(witness=bool(theirs.services & peer.network.witness_service))
        peer.watch.open(lambda: keep_alive(peer))
        agent = printable(theirs.user_agent)
        _log.info("{peer} is ready: {agent} {pver}", peer=str(peer), agent=agent, pver=peer.protocol_version)
        for message in greeting:
            peer.outbox.write(message)
        peer.outbox.open()

    def _tell_ready(self) -> None:
        if not self._peer.ending:
            self._peer.ready()

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
        handler = factory.handlers.get(kind)
        if handler is not None:
            handler(self._peer, message)

    def _found_malformed(self, message: Message | Unread, error: MalformedMessage) -> None:
        """Somebody looked into a message that is read on first use: all goes on as if it had been found on arrival."""
        if isinstance(message, Unread) or type(error) not in self._reader.codec.policy.tolerates:
            raise error
        self._deliver(Unread(message.command, message.payload or b"", error))
