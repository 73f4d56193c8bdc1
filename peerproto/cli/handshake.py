"""`peerproto handshake HOST:PORT`: who is there?"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from peerproto.cli.options import add_network, add_proxy, add_pver, seconds
from peerproto.errors import ConnectFailed, HandshakeTimeout, PeerStalled, Reason
from peerproto.networks import named
from peerproto.text import printable

if TYPE_CHECKING:
    from peerproto.peer.protocol import PeerProtocol

_DESCRIPTION = """\
Connects to a peer, shakes hands, pings it once, and prints what it says of
itself: address, agent, services, protocol version (and the one that both
speak), height of its best block, its clock less ours in seconds, and how long
the pong took in milliseconds.

With --json: address, network, agent, services (names), service_bits, version,
negotiated, height, relay, time_offset (seconds), ping (milliseconds; null at
protocol versions without pongs, and on networks where not every node answers).
"""
_EPILOG = """\
Exit code: 0 if it answered; 1 if not, and then one line on standard error names
the reason (connection-refused, connect-timeout, dns, no-route, proxy,
wrong-network, oversize, malformed, self, obsolete, handshake-timeout,
closed-by-peer, reset, eof-in-message, stalled ...); 2 for a wrong option.
"""


def add_parser(subparsers: Any) -> None:
    """Describe the options."""
    parser = subparsers.add_parser(
        "handshake", help="ask a peer who it is", description=_DESCRIPTION, epilog=_EPILOG
    )
    parser.add_argument(
        "where",
        metavar="HOST[:PORT]",
        help="the peer; [ADDRESS]:PORT for IPv6, or one of Twisted's endpoint strings "
        "(default port: the network's own)",
    )
    add_network(parser)
    add_proxy(parser)
    add_pver(parser)
    parser.add_argument(
        "--timeout",
        type=seconds,
        default=30.0,
        metavar="SECONDS",
        help="how long all of it may take (default: %(default)g)",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help='print one JSON object; if it fails {"error": REASON, "reason": TEXT}, in place of the line',
    )


def run(options: argparse.Namespace) -> int:
    """Ask. Returns 1 if there was no answer. Raises LocalError for a place that is none."""
    from peerproto.cli.running import run_reactor

    return run_reactor("peerproto handshake", lambda reactor: _tell(reactor, options), as_json=options.json)


async def _tell(reactor: Any, options: argparse.Namespace) -> int:
    found = await shake_hands(reactor, options)
    print(json.dumps(found) if options.json else table(found))
    return 0


async def shake_hands(reactor: Any, options: argparse.Namespace) -> dict[str, Any]:
    """What the other side is. Raises PeerError, or LocalError for a place that is none."""
    from peerproto.peer.connecting import connect
    from peerproto.peer.factory import PeerFactory
    from peerproto.peer.timers import Timers

    network, limit = named(options.network, options.policy), options.timeout
    timing = replace(network.timing, handshake=limit, grace=1.0)
    factory = PeerFactory(
        network, relay=False, protocol_version=options.pver, timing=timing, proxy=options.proxy
    )
    begun = reactor.seconds()
    connecting = connect(reactor, options.where, factory, timeout=limit)
    peer = await connecting.addTimeout(limit, reactor, lambda *_: _give_up_connecting(options))
    timers = Timers(reactor)
    timers.later("overdue", max(begun + limit - reactor.seconds(), 0), lambda: _give_up(peer, limit))
    try:
        await peer.when_ready()
        answers = peer.protocol_version >= network.pong.since and not network.timing.ping_if_pinged
        latency = await peer.ping(timeout=limit) if answers else None
    finally:
        timers.cancel_all()
    found = describe(peer, latency)
    peer.disconnect()
    await peer.when_disconnected()
    return found


def _give_up_connecting(options: argparse.Namespace) -> Any:
    from twisted.python.failure import Failure

    text = f"{options.where}: timed out after {options.timeout:g} seconds"
    return Failure(ConnectFailed(text, Reason.CONNECT_TIMEOUT))


def _give_up(peer: PeerProtocol, limit: float) -> None:
    from peerproto.peer.handshake import State, describe

    if peer.state is State.READY:
        peer.disconnect(PeerStalled(f"it shook hands, but the ping was not answered after {limit:g} seconds"))
    else:
        peer.disconnect(HandshakeTimeout(f"still {describe(peer.state)} after {limit:g} seconds"))


def describe(peer: PeerProtocol, latency: float | None) -> dict[str, Any]:
    """What a peer says of itself, as JSON.

    :param latency: of its pong, in seconds; None if it was not pinged.
    """
    theirs = peer.theirs
    assert theirs is not None
    return {
        "address": peer.address,
        "network": peer.network.name,
        "agent": theirs.user_agent,
        "services": peer.network.service_names(theirs.services),
        "service_bits": theirs.services,
        "version": theirs.protocol_version,
        "negotiated": peer.protocol_version,
        "height": theirs.height,
        "relay": theirs.relay,
        "time_offset": peer.snapshot().time_offset,
        "ping": None if latency is None else round(latency * 1000, 3),
    }


def table(found: dict[str, Any]) -> str:
    """The same for people; what the peer has sent as text is escaped."""
    ping = found["ping"]
    rows = {
        "address": found["address"],
        "agent": printable(found["agent"]),
        "services": f"{', '.join(found['services']) or 'none'} ({found['service_bits']:#x})",
        "version": f"{found['version']}, spoken: {found['negotiated']}",
        "height": found["height"],
        "time offset": f"{found['time_offset']:+} s",
        "ping": "not asked" if ping is None else f"{ping:.3f} ms",
    }
    return "\n".join(f"{name:<12} {value}" for name, value in rows.items())
