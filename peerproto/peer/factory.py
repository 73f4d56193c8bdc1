"""What the peers of one node share: the network, the listener, the nonces, the clock."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable
from itertools import count
from typing import cast

from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import Factory

from peerproto import __version__
from peerproto.errors import LocalError
from peerproto.forms.agents import user_agent_of
from peerproto.forms.conversation import Timing
from peerproto.network import Network
from peerproto.peer.duties import duties_of
from peerproto.peer.flow import SEND_BUDGET
from peerproto.peer.introducing import Introducing, timing_of
from peerproto.peer.listener import Handler, handlers_of, method_of
from peerproto.peer.logs import Logger, Quiet
from peerproto.peer.nonces import Nonces as Nonces
from peerproto.peer.protocol import PeerProtocol
from peerproto.peer.score import Judge
from peerproto.peer.socks import Proxy, proxy_at

USER_AGENT = f"/peerproto:{__version__}/"
_numbers = count(1)
_log = Logger()


_nonces = Nonces()
_JUDGE = Judge()


class PeerFactory(Introducing, Factory):
    """Makes peers of one network.

    The factory itself makes outbound peers: `endpoint.connect(factory)`. `factory.inbound()` makes those that call
    us: `endpoint.listen(factory.inbound())`.

    :param listener: hears of all peers (see `IPeerListener`); None if you only wait and ask.
    :param user_agent: BIP14: `/name:version/`, of as many bytes as the network's `agents` says.
    :param user_agent_name: of the program that is built on that: `name:version(comment; comment)/` is said behind
        `user_agent`, with `user_agent_version` and `user_agent_comments`; where the network falls back, what does not
        fit is left out.
    :param services: the bit set that we announce, or a function that is asked at each handshake.
    :param height: of our best block, or a function that is asked at each handshake.
    :param tip: the hash of our best block (wire order), or a function likewise; None for the first block.
    :param has_block: tells whether we have the block of a hash (see `selected_tip_known`).
    :param subnetwork: the part of the network that we follow, its 20 bytes; None for all of it.
    :param host_to_address: what a peer that we call is told of its own address, of the host and port that were called
        (with a proxy by name): host and port, or None for nothing; without it, an address of IP as it is.
    :param port: where others can call us, for networks whose versions say that; may be set later.
    :param relay: whether transactions shall be announced to us.
    :param nonce: of our versions; 0 for a new one in each.
    :param protocol_version: the highest that we speak; None or 0 for the network's own.
    :param least_protocol_version: the lowest that a peer may speak; None for the network's own.
    :param services_wanted: the services that a peer must offer which we call; others are ended.
    :param one_per_nonce: whether a node may be only one of our peers, known by its host and nonce; None for as the
        network has it.
    :param manual: whether those that we call are chosen by hand: then nothing is held against them.
    :param judge: what becomes of the scores of peers.
    :param timing: in place of the network's own. :param idle_timeout: seconds, in its place; 0 for as it is there.
    :param trickle_interval: seconds, or the least and the most, likewise.
    :param stall_handler: whether a peer is ended that owes an answer; a request fails at its time all the same.
    :param proxy: `socks5://[user:password@]host[:port]`, through which all are called; see `connect`.
    :param send_budget: how many bytes may wait for one peer.
    :param notes_inventory: whether what a peer announces counts as known to it (see `is_known_inventory`).
    :param time_handlers: whether it is measured how long listeners take for each command; peers made from then on.
    :param clock: the reactor or a `Clock`; None for the reactor that Twisted has installed.
    :param now: the wall clock, in seconds since 1970. :param random: makes nonces of 64 bits.

    Raises LocalError for what cannot stand in a version.

    :ivar peers: those that have a connection, by id.
    :ivar handlers: which method hears which kind of message of a ready peer; may be changed.
    :ivar early_handlers: the same for the messages of the handshake.
    :ivar guests: more listeners, with which each peer begins that is made from now on; they hear behind the other one.
    """

    noisy = False

    def __init__(
        self,
        network: Network,
        listener: object = None,
        *,
        user_agent: str = USER_AGENT,
        user_agent_name: str = "",
        user_agent_version: str = "",
        user_agent_comments: Iterable[str] = (),
        services: int | Callable[[], int] = 0,
        height: int | Callable[[], int] = 0,
        tip: bytes | Callable[[], bytes] | None = None,
        has_block: Callable[[bytes], bool] | None = None,
        subnetwork: bytes | None = None,
        host_to_address: Callable[[str, int], tuple[str, int] | None] | None = None,
        port: int = 0,
        relay: bool = True,
        nonce: int = 0,
        protocol_version: int | None = None,
        least_protocol_version: int | None = None,
        services_wanted: int = 0,
        one_per_nonce: bool | None = None,
        manual: bool = False,
        judge: Judge = _JUDGE,
        timing: Timing | None = None,
        idle_timeout: float = 0.0,
        trickle_interval: float | tuple[float, float] = 0.0,
        stall_handler: bool = True,
        proxy: str | Proxy | None = None,
        send_budget: int = SEND_BUDGET,
        notes_inventory: bool = True,
        time_handlers: bool = False,
        clock: IReactorTime | None = None,
        now: Callable[[], float] = time.time,
        random: Callable[[int], int] = secrets.randbits,
        nonces: Nonces = _nonces,
    ) -> None:
        self.network = network
        self.listener = listener
        self.guests: list[object] = []
        self.user_agent = user_agent_of(
            network.agents, user_agent, user_agent_name, user_agent_version, user_agent_comments
        )
        if user_agent_name and self.user_agent == user_agent:
            _log.warn(
                "{name} does not fit behind {agent}, and is left out", name=user_agent_name, agent=user_agent
            )
        self.services = services
        self.height = height
        self.tip = tip if tip is None or callable(tip) else bytes(tip)
        self.has_block = has_block
        self.subnetwork = None if subnetwork is None else bytes(subnetwork)
        self.host_to_address = host_to_address
        self.port = port
        self.nonce = nonce
        self.relay = relay
        self.protocol_version = protocol_version or network.protocol_version
        self.least_protocol_version = self._least(least_protocol_version)
        self.services_wanted = services_wanted
        self.one_per_nonce = network.order.one_per_nonce if one_per_nonce is None else one_per_nonce
        self.manual = manual
        self.judge = judge
        self.timing = timing_of(
            timing or network.timing, idle=idle_timeout, trickle=trickle_interval, stalls=stall_handler
        )
        self.proxy = proxy_at(proxy) if isinstance(proxy, str) else proxy
        self.send_budget = send_budget
        self.time_handlers = time_handlers
        self.quiet = Quiet()
        self.peers: dict[int, PeerProtocol] = {}
        heard = handlers_of(listener, network)
        self.late = frozenset((network.version, network.verack, *network.order.late))
        self.early_handlers: dict[type, Handler] = heard
        self.handlers: dict[type, Handler] = {kind: heard[kind] for kind in heard if kind not in self.late}
        self.on_ready = method_of(listener, "on_ready")
        self.on_lost = method_of(listener, "on_lost")
        self.on_read = method_of(listener, "on_read")
        self.on_write = method_of(listener, "on_write")
        self.duties = duties_of(network, self.offered_services(), notes_inventory=notes_inventory)
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

    def _least(self, least: int | None) -> int:
        lowest, highest = self.network.least_protocol_version, self.protocol_version
        if least is not None and not lowest <= least <= highest:
            raise LocalError(f"least_protocol_version {least}, {lowest} to {highest} are allowed")
        return lowest if least is None else least


class InboundFactory(Factory):
    """Makes the peers that call us."""

    noisy = False

    def __init__(self, node: PeerFactory) -> None:
        self.node = node

    def buildProtocol(self, addr: IAddress | None) -> PeerProtocol:  # type: ignore[override]
        """An inbound peer."""
        return self.node.build(inbound=True)
