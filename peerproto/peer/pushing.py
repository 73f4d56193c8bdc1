"""What peers are told unasked, or asked without waiting, in the words of their network."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, overload

from twisted.internet.defer import Deferred, fail, succeed

from peerproto.errors import LocalError
from peerproto.forms.gossip import AddressGossip, Known
from peerproto.forms.phrases import NOWHERE
from peerproto.peer.asking import Asking, not_sent
from peerproto.peer.logs import Logger
from peerproto.peer.notes import Notes
from peerproto.wire.message import Message

if TYPE_CHECKING:
    from peerproto.peer.factory import PeerFactory

_log = Logger()
_ABOUT = ("tx", "block")
"""The commands of which a reject names one message, by its hash."""


class Pushing(Asking):
    """The part of a peer with a helper for each message that nodes often send of themselves, as the Go peers have them.

    All go out when the handshake is done, and do nothing after the end. Each raises LocalError on a network that has no
    such message, or for what cannot stand in it. Hashes are in wire order.

    :ivar locator_requested: whether `push_getlocator` was called; who handles the answer sets it back.
    """

    factory: PeerFactory
    notes: Notes | None
    locator_requested = False
    _pushed: Mapping[str, Hashable] = MappingProxyType({})

    def push_addresses(self, known: Sequence[Known], subnetwork: bytes | None = None) -> list[Known]:
        """Tell addresses; returns what is sent: all of them in their order, or as many as a message has, by chance.

        Nothing is sent for none, but on networks that do tell an empty list.

        :param subnetwork: whose addresses they are, where there are subnetworks; None for those of full nodes.
        """
        addresses, phrases = self._addresses(), self.network.phrases
        of_subnetwork = phrases.of_subnetwork
        if subnetwork is not None and of_subnetwork is None:
            raise LocalError(f"{self.network.name} has no subnetworks")
        chosen = self._some(known, addresses.most)
        if self.ending or not (chosen or phrases.tells_none):
            return []

        def words() -> list[Message]:
            if subnetwork is not None and of_subnetwork is not None:
                return [of_subnetwork(chosen, subnetwork)]
            return [addresses.tell(chosen, self.handshake.noted, self.protocol_version)]

        self._tell(words)
        return list(chosen)

    def push_addrcache(
        self, inbound: Sequence[Known], outbound: Sequence[Known], known: Sequence[Known]
    ) -> None:
        """Tell the addresses of our peers, of those that call and those that are called, and of others, in as many
        messages as it takes; nothing for none.
        """
        cache = self.network.phrases.cache
        if cache is None:
            raise self._has_not("addrcache")
        messages = cache(inbound, outbound, known)
        self._tell(lambda: messages)

    def push_getheaders(self, locator: Sequence[Any], stop: bytes = NOWHERE, *, expect: bool = True) -> bool:
        """Ask for headers without waiting for them, with a locator and a stop as `request_headers` has them.

        Returns whether it was sent: a question that only repeats the last one of its kind is left out, by the
        network's own rule.

        :param expect: as `send` has it.
        """
        return self._push("getheaders", expect, locator, stop)

    def push_getblocks(self, locator: Sequence[Any], stop: bytes = NOWHERE, *, expect: bool = True) -> bool:
        """Ask for an inventory of blocks, as `push_getheaders` does for headers."""
        return self._push("getblocks", expect, locator, stop)

    def push_getblockinvs(self, low: bytes, high: bytes, *, expect: bool = True) -> bool:
        """Ask for an inventory of the blocks between two, as `push_getheaders` does for headers."""
        return self._push("getblockinvs", expect, low, high)

    def push_getlocator(self, high: bytes, low: bytes, *, expect: bool = True) -> bool:
        """Ask for a locator of the way from a block down to another; false if the peer has ended."""
        self.locator_requested = self._push("getlocator", expect, high, low)
        return self.locator_requested

    def push_locator(self, hashes: Sequence[bytes]) -> bool:
        """Tell a locator, highest block first; false if the peer has ended."""
        return self._push("locator", True, hashes)

    @overload
    def push_reject(
        self, command: str, code: int, reason: str, hash: bytes | None = None, *, wait: Literal[False] = False
    ) -> None: ...

    @overload
    def push_reject(
        self, command: str, code: int, reason: str, hash: bytes | None = None, *, wait: Literal[True]
    ) -> Deferred[None]: ...

    def push_reject(
        self, command: str, code: int, reason: str, hash: bytes | None = None, *, wait: bool = False
    ) -> Deferred[None] | None:
        """Tell why a message of a command was refused; nothing is sent to a peer whose version knows no rejects.

        :param hash: the hash of the tx or block; of other commands none is sent.
        :param wait: whether to be told when it is with the socket, as `send` does with `notify`.
        """
        about = hash if command in _ABOUT else None
        if command in _ABOUT and hash is None:
            _log.warn("{peer}: the reject of a {command} names none", peer=str(self), command=command)
            about = NOWHERE
        message = self._worded("reject", command, code, reason, about)[0]
        if self.ending:
            return fail(self.ending) if wait else None
        if self.outbox.is_open:
            return self._reject(message, wait)
        held = self.outbox.when_open(lambda: self._reject(message, wait))
        if wait:
            return held
        _let_go(held, "reject")
        return None

    def _reject(self, message: Message, wait: bool) -> Deferred[None] | None:
        if not message.exists_at(self.protocol_version):
            return succeed(None) if wait else None
        return self.send(message, notify=True) if wait else self.send(message)

    def _push(self, command: str, expect: bool, *said: Any) -> bool:
        message, same = self._worded(command, *said)
        if self.ending:
            return False
        if same is not None and self._pushed.get(command) == same:
            if self.notes is not None:
                self.notes.repeated(command)
            return False
        self.send(message, expect=expect)
        self._pushed = {**self._pushed, command: same}
        return True

    def _worded(self, command: str, *said: Any) -> tuple[Message, Hashable]:
        """The message, and what it has in common with one that repeats it."""
        phrase = self.network.phrases.by_command.get(command)
        if phrase is None:
            raise self._has_not(command)
        message = phrase.say(self.protocol_version, *said)
        return message, phrase.same(message)

    def _tell(self, words: Callable[[], Sequence[Message]]) -> None:
        """Send what can only be worded when the handshake is done."""
        if not self.outbox.is_open:
            _let_go(self.outbox.when_open(lambda: self._tell(words)), "a list of addresses")
            return
        try:
            messages = words()
        except ValueError as error:
            raise LocalError(f"an address that cannot be told: {error}") from None
        for message in messages:
            self.send(message)

    def _addresses(self) -> AddressGossip:
        addresses = self.network.phrases.addresses
        if addresses is None:
            raise self._has_not("addresses to tell")
        return addresses

    def _some(self, known: Sequence[Known], most: int) -> list[Known]:
        """At most so many: all in their order, or some by chance."""
        some = list(known)
        if len(some) <= most:
            return some
        for at in range(most):
            other = at + self.factory.random(64) % (len(some) - at)
            some[at], some[other] = some[other], some[at]
        return some[:most]

    def _has_not(self, what: str) -> LocalError:
        return LocalError(f"{self.network.name} has no {what}")


def _let_go(held: Deferred[Any], what: str) -> None:
    """Nobody waits for it: what cannot be sent is told to the log."""
    held.addErrback(not_sent, what)
