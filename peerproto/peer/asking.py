"""What a user has a peer send, and asks it for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, overload

from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure

from peerproto.errors import LocalError, PeerError
from peerproto.network import Network
from peerproto.peer.duties import knows_pong, send_ping
from peerproto.peer.handshake import Handshake
from peerproto.peer.inbox import Inbox
from peerproto.peer.logs import Logger
from peerproto.peer.outbox import Outbox
from peerproto.peer.pending import Pending, all_of
from peerproto.peer.watch import Watch
from peerproto.wire.codec import Codec
from peerproto.wire.message import Message

_log = Logger()


class Asking:
    """The part of a peer that sends and asks; `PeerProtocol` has the rest."""

    network: Network
    handshake: Handshake
    outbox: Outbox
    inbox: Inbox
    pending: Pending
    watch: Watch
    ending: PeerError | None

    @property
    def codec(self) -> Codec:
        """What is spoken with the peer."""
        return self.outbox.codec

    @property
    def protocol_version(self) -> int:
        """The protocol version that both speak."""
        return self.handshake.protocol_version

    @overload
    def send(self, message: Message, *, expect: bool = True, witness: bool | None = None) -> None: ...

    @overload
    def send(
        self, message: Message, *, expect: bool = True, witness: bool | None = None, notify: Literal[True]
    ) -> Deferred[None]: ...

    def send(
        self, message: Message, *, expect: bool = True, witness: bool | None = None, notify: bool = False
    ) -> Deferred[None] | None:
        """Send a message; before the handshake is done it is held back, after the end it is dropped.

        :param expect: False if no answer is owed although the protocol knows one (a peer that is not ahead of us
            may rightly leave a getheaders unanswered).
        :param witness: whether transactions go with their witnesses, as the request for them says; None if the
            peer's services shall decide.
        :param notify: whether to be told when the message is with the socket, in full: by a Deferred that then fires,
            or fails with the reason if it never will be. Nothing more is written until then.

        Raises LocalError for a message that this network cannot send, and for one that asks for more than the
        network's nodes have under way to them at a time (see `Backlog`).
        """
        if self.ending:
            return fail(self.ending) if notify else None
        if self.outbox.is_open:
            self._send(message, expect, witness)
            return self.outbox.drained() if notify else None
        self.codec.encode(message)
        held = self.outbox.when_open(lambda: None if self.ending else self._send(message, expect, witness))
        if notify:
            return held.addCallback(lambda _: self.outbox.drained())
        held.addErrback(not_sent, message.command)
        return None

    def _send(self, message: Message, expect: bool, witness: bool | None) -> None:
        if expect:
            self.pending.quota.check(message)
        self.outbox.write(message, None if witness is None else self._codec(witness))
        if expect and type(message) in self.network.expects:
            self.pending.sent(message, self.watch.now())
            self.watch.expect()

    @property
    def is_blocked(self) -> bool:
        """Whether the other side does not take what it is sent: what is sent now waits in our memory."""
        return self.outbox.flow.blocked

    def drained(self) -> Deferred[None]:
        """Fires when all that was sent so far is with the socket; fails with the reason if it never will be."""
        return self.outbox.drained()

    def request(self, message: Message, *, timeout: float | None = None) -> Deferred[Any]:
        """Send a message and wait for its answer.

        Fires with the answering message, or with a list of them where several answer together; for a getdata with a
        list in its order, of which each is the message or the PeerError (NotFound, PeerStalled) that this thing alone
        failed with. Cancelling forgets the request.
        The answer may be read on first use: then what is malformed in it is found, and raised, by whom looks.
        Where the network limits how many things are under way to us at a time (see `Backlog`), what asks for more is
        sent, in its turn, when enough of them are here.

        :param timeout: seconds from when it is sent, in place of the network's own; what the network says of
            ending peers that do not answer stands as it is.

        Fails with PeerStalled if no answer comes, with the reason of the end if the peer ends first; with
        LocalError if the message cannot be sent, or the protocol knows no answer to it.
        """
        self.inbox.asking()
        expectation = self.network.expects.get(type(message))
        if expectation is None:
            return fail(LocalError(f"no answer is owed to {message.command}: use send()"))
        if self.ending or not self.outbox.is_open:
            return self._when_open(lambda: self.request(message, timeout=timeout))
        return self.pending.quota.when(message, lambda: self._request(message, timeout))

    def _request(self, message: Message, timeout: float | None) -> Deferred[Any]:
        try:
            self.outbox.write(message)
        except LocalError as error:
            return fail(error)
        waiting = self.pending.asked(message, self.watch.now(), timeout)
        self.watch.expect()
        each = self.network.expects[type(message)].each
        return all_of(waiting, lambda: self.ending) if each else waiting[0]

    def ping(self, *, timeout: float = 30.0) -> Deferred[float]:
        """Ping the peer; fires with how long the pong took, in seconds, or fails with PeerStalled.

        Fails with LocalError if the peer's protocol version knows no pong.
        """
        self.inbox.asking()
        if self.ending or not self.outbox.is_open:
            return self._when_open(lambda: self.ping(timeout=timeout))
        peer: Any = self
        if not knows_pong(peer):
            return fail(LocalError(f"protocol version {self.protocol_version} has no pong"))
        nonce = send_ping(peer)
        waiting = self.pending.wait(nonce, "ping", self.watch.now() + timeout)
        self.watch.expect()
        return waiting

    def _codec(self, witness: bool) -> Codec:
        return self.network.codec(self.protocol_version, witness)

    def _when_open(self, call: Callable[[], Any]) -> Deferred[Any]:
        return fail(self.ending) if self.ending else self.outbox.when_open(call)


def not_sent(reason: Failure, command: str) -> None:
    """What was held back will not go out: the caller's mistake is told to the log, the peer's end needs no word."""
    if reason.check(LocalError):
        error = reason.getErrorMessage()
        _log.warn("{command} was held back and cannot be sent: {error}", command=command, error=error)
