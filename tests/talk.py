"""What can be said to a peer, on every network: frames that references have written or refuse, questions, versions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from typing import Any

from peerproto.errors import UnknownCommand
from peerproto.network import Network
from peerproto.networks import bitcoin, decred, kaspa, neo, soter
from peerproto.testing import RawPeer, memory_factory
from peerproto.wire.message import Message
from tests import bitcoin_vectors, decred_vectors, kaspa_vectors, neo_vectors, soter_vectors
from tests.everywhere import WAYS, missing, module_of, tx_of
from tests.peer_case import unknown_frame

VECTORS: dict[Any, Any] = {
    bitcoin: bitcoin_vectors,
    decred: decred_vectors,
    kaspa: kaspa_vectors,
    neo: neo_vectors,
    soter: soter_vectors,
}
SHORT = 2_500
"""Frames of more bytes would only take longer."""

EVERY_SERVICE = 0xFF
"""Bloom filters among them."""


class Talk:
    """What can be said to the peers of one network in one of its ways.

    :ivar network: the network, with a backlog that is soon too long, if it has one.
    :ivar good: frames after which a ready peer goes on; `answers` are those of them that may answer a question.
    :ivar bad: frames that end it. :ivar questions: what it can be asked, and one message that no answer is owed to.
    :ivar versions: protocol versions that we may speak. :ivar others: those that the other side may say.
    """

    def __init__(self, way: str) -> None:
        self.network = network = narrow(WAYS[way])
        items = [tx_of(network, number) for number in range(3)]
        ask = network.phrases.transactions
        assert ask is not None
        getdata, nothing = ask([name for _, name in items], False), ask([], False)
        self.questions: list[Message] = [getdata, nothing, network.make_ping(1, memory_factory(network))]
        self.good: list[bytes] = []
        self.bad = [network.magic + frame[4:] for frame in written(network, "bad")]
        told = [tx for tx, _ in items] + [answer for answer in [missing(network, getdata)] if answer]
        for frame in (*map(network.codec().encode, told), *self._known(written(network, "golden"))):
            (self.good if goes_on(network, frame) else self.bad).append(frame)
        passed = UnknownCommand in network.codec().policy.tolerates
        (self.good if passed else self.bad).append(unknown_frame(network))
        kinds = {kind.command for expected in network.expects.values() for kind in expected.answers}
        self.answers = [frame for frame in self.good if command_of(frame) in kinds]
        highest, least = network.protocol_version, network.least_protocol_version
        self.versions = [highest] * 3 + [max(highest - 1, least), (highest + least) // 2, least]
        self.others = [*self.versions, *self.versions, max(least - 1, 0)]

    def _known(self, frames: Iterable[bytes]) -> Iterable[bytes]:
        """Frames as this network has them, but not those of the handshake; questions among them are noted as such."""
        network, codec = self.network, self.network.codec()
        late = {kind.command for kind in (network.version, network.verack, *network.order.late)}
        asked = {type(question) for question in self.questions}
        for frame in frames:
            if command_of(frame) in late:
                continue
            wrapped = network.envelope.wrap(frame[4:16], frame[24:])
            yield wrapped
            kind = codec.table[frame[4:16]].kind if frame[4:16] in codec.table else None
            if kind in network.expects and kind not in asked and goes_on(network, wrapped):
                asked.add(kind)
                self.questions.append(codec.decode(wrapped))

    def frame(self, command: str) -> bytes:
        """One of the good frames, by its command."""
        return next(frame for frame in self.good if command_of(frame) == command)


def narrow(network: Network) -> Network:
    """The same network, but that a handful of questions is too much."""
    if network.backlog is None:
        return network
    return replace(network, backlog=replace(network.backlog, messages=1, items=9, ours=3))


def command_of(frame: bytes) -> str:
    """The command in the header of a frame."""
    return frame[4:16].rstrip(b"\0").decode("latin-1")


def written(network: Network, what: str) -> list[bytes]:
    """The short frames of the network's family that its reference has written, or refuses."""
    entries = getattr(VECTORS[module_of(network)], what)()
    frames = (bytes.fromhex(entry.get("frame") or "") for entry in entries)
    return [frame for frame in frames if 24 <= len(frame) < SHORT]


def goes_on(network: Network, frame: bytes) -> bool:
    """Whether a ready peer, whose listener looks into all that comes, goes on after a frame."""
    looks = {kind: lambda _, message: message.load() for kind in network.messages}
    factory = memory_factory(network, services=EVERY_SERVICE)
    factory.handlers.update(looks)
    raw = RawPeer(factory)
    raw.handshake(services=EVERY_SERVICE)
    raw.send(frame)
    raw.close()
    return not raw.hung_up


@cache
def talk(way: str) -> Talk:
    """What can be said in one of the ways."""
    return Talk(way)
