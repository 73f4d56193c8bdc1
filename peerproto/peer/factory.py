"""What the peers of one node share: the network, the listener, the nonces, the clock."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import cast

from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import Factory

from peerproto import __version__
from peerproto.errors import LocalError
from peerproto.network import Introduction, Network, Timing
from peerproto.peer.duties import duties_of
from peerproto.peer.ending import ip_and_port
from peerproto.peer.flow import SEND_BUDGET
from peerproto.peer.listener import Handler, handlers_of, method_of
from peerproto.peer.nonces import Nonces as Nonces
from peerproto.peer.protocol import PeerProtocol
from peerproto.peer.score import Judge

USER_AGENT = f"/peerproto:{__version__}/"
MOST_USER_AGENT = 256
_numbers = count(1)


_nonces = Nonces()
_JUDGE = Judge()


class PeerFactory(Factory):
    """Makes peers of one network.

    The factory itself makes outbound peers: `endpoint.connect(factory)`. `factory.inbound()` makes those that call
    us: `endpoint.listen(factory.inbound())`.

    :param listener: hears of all peers (see `IPeerListener`); None if you only wait and ask.
    :param user_agent: of at most 256 bytes (BIP14: `/name:version/`).
    :param services: the bit set that we announce.
    :param height: of our best block, or a function that is asked at each handshake.
    :param tip: the hash of our best block (wire order), or a function likewise; None for the first block.
    :param port: where others can call us, for networks whose versions say that; may be set later.
    :param relay: whether transactions shall be announced to us.
    :param protocol_version: the highest that we speak; None for the network's own.
    :param least_protocol_version: the lowest that a peer may speak; None for the network's own.
    :param services_wanted: the services that a peer must offer which we call; others are ended.
    :param one_per_nonce: whether a node may be only one of our peers, known by its host and nonce; None for as the
        network has it.
    :param manual: whether those that we call are chosen by hand: then nothing is held against them.
    :param judge: what becomes of the scores of peers.
    :param timing: in place of the network's own.
    :param send_budget: how many bytes may wait for one peer.
    :param notes_inventory: whether what a peer announces counts as known to it (see `is_known_inventory`).
    :param time_handlers: whether it is measured how long listeners take for each command; peers made from then on.
    :param clock: the reactor or a `Clock`; None for the reactor that Twisted has installed.
    :param now: the wall clock, in seconds since 1970. :param random: makes nonces of 64 bits.

    Raises LocalError for what cannot stand in a version.

    :ivar peers: those that have a connection, by id.
    :ivar handlers: which method hears which kind of message of a ready peer; may be changed.
    :ivar early_handlers: the same for the messages of the handshake.
    """

    noisy = False

    def __init__(
        self,
        network: Network,
        listener: object = None,
        *,
        user_agent: str = USER_AGENT,
        services: int = 0,
        height: int | Callable[[], int] = 0,
        tip: bytes | Callable[[], bytes] | None = None,
        port: int = 0,
        relay: bool = True,
        protocol_version: int | None = None,
        least_protocol_version: int | None = None,
        services_wanted: int = 0,
        one_per_nonce: bool | None = None,
        manual: bool = False,
        judge: Judge = _JUDGE,
        timing: Timing | None = None,
        send_budget: int = SEND_BUDGET,
        notes_inventory: bool = True,
        time_handlers: bool = False,
        clock: IReactorTime | None = None,
        now: Callable[[], float] = time.time,
        random: Callable[[int], int] = secrets.randbits,
        nonces: Nonces = _nonces,
    ) -> None:
        size = len(user_agent.encode("utf-8", "surrogatepass"))
        if size > MOST_USER_AGENT:
            raise LocalError(f"user_agent has {size} bytes, at most {MOST_USER_AGENT} allowed")
        self.network = network
        self.listener = listener
        self.user_agent = user_agent
        self.services = services
        self.height = height
        self.tip = tip
        self.port = port
        self.relay = relay
        self.protocol_version = protocol_version or network.protocol_version
        self.least_protocol_version = self._least(least_protocol_version)
        self.services_wanted = services_wanted
        self.one_per_nonce = network.order.one_per_nonce if one_per_nonce is None else one_per_nonce
        self.manual = manual
        self.judge = judge
        self.timing = timing or network.timing
        self.send_budget = send_budget
        self.time_handlers = time_handlers
        self.peers: dict[int, PeerProtocol] = {}
        heard = handlers_of(listener, network)
        self.late = frozenset((network.version, network.verack, *network.order.late))
        self.early_handlers: dict[type, Handler] = heard
        self.handlers: dict[type, Handler] = {kind: heard[kind] for kind in heard if kind not in self.late}
        self.on_ready = method_of(listener, "on_ready")
        self.on_lost = method_of(listener, "on_lost")
        self.on_read = method_of(listener, "on_read")
        self.on_write = method_of(listener, "on_write")
        self.duties = duties_of(network, services, notes_inventory=notes_inventory)
        self.now = now
        self._clock = clock
        self.random = random
        self.nonces = nonces
        self._check()

    def buildProtocol(self, addr: IAddress | None) -> PeerProtocol:  # type: ignore[override]
        """An outbound peer."""
        return self.build(inbound=False)

    def inbound(self) -> InboundFactory:
        """What to listen with."""
        return InboundFactory(self)

    def build(self, *, inbound: bool) -> PeerProtocol:
        """A peer without a connection as yet."""
        return PeerProtocol(self, next(_numbers), inbound=inbound)

    def remember(self, peer: PeerProtocol) -> None:
        """The peer has a connection."""
        self.peers[peer.id] = peer

    def forget(self, peer: PeerProtocol) -> None:
        """The peer has ended."""
        self.peers.pop(peer.id, None)

    def get_clock(self) -> IReactorTime:
        """The clock of all timers."""
        if self._clock is None:
            from twisted.internet import reactor

            self._clock = cast(IReactorTime, reactor)
        return self._clock

    def use_clock(self, clock: IReactorTime) -> None:
        """Take this clock, unless one was given."""
        if self._clock is None:
            self._clock = clock

    def introduce(self, other: object) -> Introduction:
        """What we say of ourselves to a peer at this address, with a nonce of its own."""
        nonce = self.make_nonce()
        self.nonces.add(nonce)
        height = self.best_height()
        tip = self.tip() if callable(self.tip) else self.tip
        return replace(self.introduction(nonce, height, ip_and_port(other)), tip=tip)

    def best_height(self) -> int:
        """The height of our best block."""
        return self.height() if callable(self.height) else self.height

    def introduction(
        self, nonce: int = 0, height: int = 0, other: tuple[str, int] | None = None
    ) -> Introduction:
        """What we say of ourselves, but for what differs from peer to peer."""
        return Introduction(
            protocol_version=self.protocol_version,
            services=self.services,
            timestamp=int(self.now()),
            nonce=nonce,
            user_agent=self.user_agent,
            height=height,
            relay=self.relay,
            port=self.port,
            other=other,
        )

    def _check(self) -> None:
        """Whether a version can be made of the options: better told now than in every handshake."""
        version = self.network.make_version(self.introduction())
        self.network.codec(self.protocol_version).encode(version)

    def _least(self, least: int | None) -> int:
        lowest, highest = self.network.least_protocol_version, self.protocol_version
        if least is not None and not lowest <= least <= highest:
            raise LocalError(f"least_protocol_version {least}, {lowest} to {highest} are allowed")
        return lowest if least is None else least

    def is_own_nonce(self, nonce: int) -> bool:
        """Whether we have sent this nonce in a version."""
        return nonce in self.nonces

    def make_nonce(self) -> int:
        """A random nonce, never zero."""
        return self.random(self.network.nonce_bits) or 1


class InboundFactory(Factory):
    """Makes the peers that call us."""

    noisy = False

    def __init__(self, node: PeerFactory) -> None:
        self.node = node

    def buildProtocol(self, addr: IAddress | None) -> PeerProtocol:  # type: ignore[override]
        """An inbound peer."""
        return self.node.build(inbound=True)
