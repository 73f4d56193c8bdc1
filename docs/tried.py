"""What a peer of a network does, found out by doing it to one in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tables import code, codes

from peerproto.network import Network
from peerproto.testing import RawPeer, Recorder, memory_factory
from peerproto.wire.message import Message

Say = Callable[[RawPeer], list[Message | bytes]]

NOW = 1_600_000_000.0
"""The wall clock of the peers, in seconds since 1970."""

NONCE = 0x5E1F
"""What the peers put into their versions."""


def raw_peer(network: Network, *, inbound: bool = False, pver: int | None = None) -> RawPeer:
    """The other side of a peer that looks at all that it hears, as one looks who uses it."""
    looks = {f"on_{kind.command}": lambda _, message: message.to_fields() for kind in network.messages}
    factory = memory_factory(
        network, Recorder(looks), now=lambda: NOW, random=lambda bits: NONCE, protocol_version=pver
    )
    return RawPeer(factory, inbound=inbound)


STEPS = ("at once", "on their version", "on their verack")


def handshake(network: Network, inbound: bool, step: str) -> str:
    """What a peer says at a step of the handshake, given whether it was called."""
    raw = raw_peer(network, inbound=inbound)
    for message in (raw.version(), network.verack())[: STEPS.index(step)]:
        raw.read()
        raw.send(message)
    return codes(message.command for message in raw.read())


@dataclass(frozen=True)
class Outcome:
    """What became of a peer: why it was ended, or empty; and the message that told so, if there was one."""

    reason: str
    told: Message | None

    def __str__(self) -> str:
        return code(self.reason) if self.reason else "goes on"


def outcome(raw: RawPeer, say: Say) -> Outcome | None:
    """What comes of saying that; None where it cannot be said."""
    raw.read()
    things = say(raw)
    if not things:
        return None
    raw.send(*things)
    told = [message for message in raw.read() if message.command == "reject"]
    ending = raw.peer.ending
    return Outcome(str(ending.reason) if ending else "", told[0] if told else None)


def _framed(raw: RawPeer, command: bytes, payload: bytes) -> bytes:
    return raw.peer.network.envelope.wrap(command.ljust(12, b"\0"), payload)


def _ping(raw: RawPeer) -> bytes:
    """Any good frame."""
    network = raw.peer.network
    return raw.codec.encode(network.make_ping(7, raw.peer.factory))


def _changed(frame: bytes, at: int) -> bytes:
    return frame[:at] + bytes((frame[at] ^ 0xFF,)) + frame[at + 1 :]


def _longest(raw: RawPeer) -> bytes:
    """A header that announces more than any message may have."""
    envelope = raw.peer.network.envelope
    return _ping(raw)[:16] + (envelope.most + 1).to_bytes(4, "little") + bytes(4)


def _trailing(raw: RawPeer) -> bytes:
    asked = raw.codec.encode(raw.peer.network.request_blocks([bytes(32)], False))
    return _framed(raw, b"getdata", asked[24:] + b"\0")


def _too_old(raw: RawPeer) -> list[Message | bytes]:
    least = raw.peer.network.least_protocol_version
    return [raw.version(protocol_version=least - 1)] if least else []


def _unfit(raw: RawPeer) -> list[Message | bytes]:
    """A version of another chain, or of a part of one, where versions tell."""
    version = raw.version()
    told = [name for name in ("genesis_hash", "subnetwork_id") if name in version.layout.kinds]
    for name in told:
        setattr(version, name, bytes(range(1, {"genesis_hash": 32, "subnetwork_id": 20}[name] + 1)))
    return [version] if told else []


EARLY: dict[str, Say] = {
    "another message before the version": lambda raw: [_ping(raw)],
    "another message between version and verack": lambda raw: [raw.version(), _ping(raw)],
    "our own nonce in their version": lambda raw: [raw.version(nonce=NONCE)],
    "a lower version than the least": _too_old,
    "a version of another chain": _unfit,
}
LATE: dict[str, Say] = {
    "a second version": lambda raw: [raw.version()],
    "a second verack": lambda raw: [raw.peer.network.verack()],
    "an unknown command": lambda raw: [_framed(raw, b"unknown", b"")],
    "a wrong checksum": lambda raw: [_changed(_ping(raw), 20)],
    "another network's magic": lambda raw: [_changed(_ping(raw), 0)],
    "a length over any message's": lambda raw: [_longest(raw)],
    "a payload that cannot be read": lambda raw: [_framed(raw, b"inv", b"\xff" * 9)],
    "a byte behind the last field": lambda raw: [_trailing(raw)],
}


def tried(network: Network, what: str) -> Outcome | None:
    """What becomes of a peer that hears it; None where nobody can say so."""
    if what in EARLY:
        return outcome(raw_peer(network), EARLY[what])
    raw = raw_peer(network)
    raw.handshake()
    return outcome(raw, LATE[what])
