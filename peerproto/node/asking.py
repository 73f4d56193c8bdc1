"""What is asked of whoever can answer, and told to all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import inf
from typing import Any

from peerproto.errors import LocalError, NoPeers, PeerError
from peerproto.peer.protocol import PeerProtocol
from peerproto.wire.message import Message

Able = Callable[[PeerProtocol], bool]
Peers = Callable[[], Iterable[PeerProtocol]]


def anybody(peer: PeerProtocol) -> bool:
    """All peers are able."""
    return True


async def ask_any(
    peers: Peers, message: Message, *, timeout: float | None = None, able: Able = anybody
) -> Any:
    """The answer of the first peer that gives one: the most available is asked, and when it stalls, has not what is
    asked or ends, the next, among them those that have come meanwhile; none of them twice.

    A getdata is answered by a list in its order; of the next peer only what is missing is asked. What nobody has is in
    the end the PeerError (NotFound, PeerStalled) that the last one gave.

    :param timeout: seconds for each peer, in place of the network's own. :param able: who may be asked.

    Raises NoPeers when nobody is left and nothing has come, and LocalError for what cannot be asked.
    """
    asked: set[int] = set()
    errors: list[PeerError] = []
    parts = Parts(message)
    while True:
        left = [peer for peer in peers() if peer.id not in asked and _can(peer, message) and able(peer)]
        if not left:
            return parts.outcome(errors)
        peer = min(left, key=availability)
        asked.add(peer.id)
        try:
            found = await peer.request(parts.question(peer), timeout=timeout)
        except PeerError as error:
            errors.append(error)
            continue
        if not peer.network.expects[type(message)].each:
            return found
        errors += parts.take(found)
        if parts.is_whole:
            return parts.outcome(errors)


class Parts:
    """What has come of the things that a message asks for, each by its place in it."""

    def __init__(self, message: Message) -> None:
        self._message = message
        self._found: dict[int, Any] = {}
        self._missing: Sequence[int] | None = None

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing."""
        return self._missing is not None and not self._missing

    def question(self, peer: PeerProtocol) -> Message:
        """The message, or one that asks only for what is missing."""
        if self._missing is None or len(self._missing) == len(self._found):
            return self._message
        return part_of(self._message, self._missing, len(peer.network.item_keys(self._message)))

    def take(self, found: Sequence[Any]) -> list[PeerError]:
        """Note what has come for what was missing; returns the errors in it."""
        places = range(len(found)) if self._missing is None else self._missing
        self._found.update(zip(places, found, strict=True))
        self._missing = [at for at in places if isinstance(self._found[at], PeerError)]
        return [self._found[at] for at in self._missing]

    def outcome(self, errors: Sequence[PeerError]) -> list[Any]:
        """What there is, in order. Raises NoPeers if that is nothing."""
        if not self.is_whole and len(self._missing or ()) == len(self._found):
            raise NoPeers(_nobody(self._message, errors), errors)
        return [self._found[at] for at in sorted(self._found)]


def part_of(message: Message, places: Sequence[int], count: int) -> Message:
    """A message that asks for some of the things that another asks for, by their places in its list of `count`.

    Raises LocalError if it has no such list.
    """
    fields = {name: getattr(message, name) for name in type(message).layout.kinds}
    for name, value in fields.items():
        if isinstance(value, list | tuple) and len(value) == count:
            return type(message)(**{**fields, name: [value[at] for at in places]})
    raise LocalError(f"{message.command} has no list of what it asks for")


def availability(peer: PeerProtocol) -> tuple[bool, int, float, int]:
    """What is least for the peer that will answer first: it takes what it is sent, owes little, and is quick."""
    mean = peer.pings.mean
    return peer.is_blocked, len(peer.pending), inf if mean is None else mean, peer.id


def tell_all(peers: Iterable[PeerProtocol], message: Message, *, able: Able = anybody) -> tuple[int, int]:
    """Send a message to all that know such a message, but not to those that do not take what they are sent: for them
    it would wait in our memory. No answer is waited for.

    Returns to how many it was sent, and to how many not because of that.
    """
    sent = dropped = 0
    for peer in list(peers):
        if not _can(peer, message) or not able(peer):
            continue
        if peer.is_blocked:
            dropped += 1
        else:
            peer.send(message, expect=False)
            sent += 1
    return sent, dropped


def _can(peer: PeerProtocol, message: Message) -> bool:
    return not peer.ending and type(message).exists_at(peer.protocol_version)


def _nobody(message: Message, errors: Sequence[PeerError]) -> str:
    if not errors:
        return f"{message.command}: there is nobody who could be asked"
    return f"{message.command}: nobody has answered it; the last one: {errors[-1]}"
