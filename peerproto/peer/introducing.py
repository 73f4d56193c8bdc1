"""What we say of ourselves to each peer, from what is known once for all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from peerproto.errors import LocalError
from peerproto.forms.conversation import Timing
from peerproto.forms.introduction import Introduction
from peerproto.network import Network
from peerproto.peer.ending import ip_and_port
from peerproto.peer.nonces import Nonces

Place = tuple[str, int]


class Introducing:
    """The part of a factory that introduces us; `PeerFactory` has the rest and all that is noted here."""

    network: Network
    user_agent: str
    services: int | Callable[[], int]
    height: int | Callable[[], int]
    tip: bytes | Callable[[], bytes] | None
    subnetwork: bytes | None
    host_to_address: Callable[[str, int], Place | None] | None
    port: int
    relay: bool
    protocol_version: int
    nonce: int
    nonces: Nonces
    now: Callable[[], float]
    random: Callable[[int], int]

    def introduce(self, other: object, *, inbound: bool = False) -> Introduction:
        """What we say of ourselves to a peer at this address, with a nonce of its own unless that is given.

        :param inbound: whether the peer has called us.
        """
        nonce = self.nonce or self.make_nonce()
        self.nonces.add(nonce)
        height = self.best_height()
        tip = self.tip() if callable(self.tip) else self.tip
        place = ip_and_port(other) if inbound else self._where(other)
        return replace(self.introduction(nonce, height, place), tip=tip)

    def best_height(self) -> int:
        """The height of our best block."""
        return self.height() if callable(self.height) else self.height

    def offered_services(self) -> int:
        """The bit set that we announce."""
        return self.services() if callable(self.services) else self.services

    def introduction(self, nonce: int = 0, height: int = 0, other: Place | None = None) -> Introduction:
        """What we say of ourselves, but for what differs from peer to peer."""
        return Introduction(
            protocol_version=self.protocol_version,
            services=self.offered_services(),
            timestamp=int(self.now()),
            nonce=nonce,
            user_agent=self.user_agent,
            height=height,
            relay=self.relay,
            port=self.port,
            other=other,
            subnetwork=self.subnetwork,
        )

    def is_own_nonce(self, nonce: int) -> bool:
        """Whether we have sent this nonce in a version."""
        return nonce in self.nonces

    def make_nonce(self) -> int:
        """A random nonce, never zero."""
        return self.random(self.network.nonce_bits) or 1

    def _where(self, other: object) -> Place | None:
        """Where a peer is that we have called, as it is told."""
        host, port = getattr(other, "host", None), getattr(other, "port", 0)
        if self.host_to_address is None or host is None:
            return ip_and_port(other)
        return self.host_to_address(host, port)

    def _check(self) -> None:
        """Whether a version can be made of the options: better told now than in every handshake."""
        version = self.network.make_version(self.introduction(self.nonce))
        self.network.codec(self.protocol_version).encode(version)
        if self.subnetwork is not None and self.network.read_version(version).subnetwork is None:
            raise LocalError(f"subnetwork: {self.network.name} has no subnetworks")


def timing_of(timing: Timing, *, idle: float, trickle: float | tuple[float, float], stalls: bool) -> Timing:
    """The times of a network with what was given for it; 0 leaves what is there. Raises LocalError."""
    if idle:
        timing = replace(timing, idle=_seconds("idle_timeout", idle))
    if trickle:
        least, most = trickle if isinstance(trickle, tuple) else (trickle, trickle)
        if least > most:
            raise LocalError(f"trickle_interval {least:g} to {most:g}: the least stands first")
        timing = replace(
            timing, trickle=(_seconds("trickle_interval", least), _seconds("trickle_interval", most))
        )
    return timing if stalls else replace(timing, stall_tick=0.0)


def _seconds(name: str, given: float) -> float:
    if not given > 0:
        raise LocalError(
            f"{name} {given!r} is no time: seconds above 0 are allowed, or 0 for the network's own"
        )
    return given
