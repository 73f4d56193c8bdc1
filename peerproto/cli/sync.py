"""`peerproto sync HOST:PORT`: follow a peer's headers, or its graph of blocks, to its tip, into a file."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from peerproto.cli.options import add_network, add_proxy, seconds
from peerproto.errors import ConnectFailed, Reason
from peerproto.networks import named

if TYPE_CHECKING:
    from peerproto.cli.progress import Bar
    from peerproto.node.keeping import Chain
    from peerproto.peer.protocol import PeerProtocol

__all__ = ["add_parser", "run"]

NOT_AHEAD = 5.0
"""How long to wait for a peer that has not said that it has more, in seconds: it owes no answer."""

_DESCRIPTION = """\
Connects to a peer, syncs its headers to its tip into a file, and prints height
and tip (as people write hashes). Every header is checked. What is already in
the file is not asked for again: interrupted and started again, it goes on.

On a network whose blocks form a graph (Soter, Kaspa) it syncs the blocks, and
prints how many there are, the rank of the best one, and its hash as the tip.

With --json: height (or blocks, rank), tip, new (how many), seconds.
"""
_EPILOG = """\
Exit code: 0 if the peer's tip was reached; 1 if not, and then one line on
standard error names the reason (connection-refused, wrong-network, misbehaving,
stalled ...); 2 for a wrong option, or a file that is no store of this network,
is damaged or in use: it is left as it is.
"""


def add_parser(subparsers: Any) -> None:
    """Describe the options."""
    parser = subparsers.add_parser(
        "sync",
        help="sync the header chain or the blocks from a peer into a file",
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    parser.add_argument(
        "where",
        metavar="HOST[:PORT]",
        help="the peer; [ADDRESS]:PORT for IPv6, or one of Twisted's endpoint strings "
        "(default port: the network's own)",
    )
    add_network(parser)
    add_proxy(parser)
    parser.add_argument(
        "--store",
        required=True,
        metavar="FILE",
        help="SQLite file of what is synced, made if it is not there; required",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help='print one JSON object; if it fails {"error": REASON, "reason": TEXT}, in place of the line',
    )
    parser.add_argument(
        "--timeout",
        type=seconds,
        default=90.0,
        metavar="SECONDS",
        help="how long it may go without any progress (default: %(default)g)",
    )


def run(options: argparse.Namespace) -> int:
    """Do it. Returns 1 if the peer did not do its part. Raises LocalError for a store or a place that is none."""
    from peerproto.cli.running import run_reactor
    from peerproto.node.keeping import kept_in, standing

    with kept_in(options.store, named(options.network, options.policy), time.time) as chain:
        try:
            return run_reactor(
                "peerproto sync", lambda reactor: _sync(reactor, options, chain), as_json=options.json
            )
        except KeyboardInterrupt:
            (grows, count), *_ = standing(chain).items()
            print(
                f"peerproto sync: interrupted at {grows} {count}; started again, it goes on there",
                file=sys.stderr,
            )
            raise


async def _sync(reactor: Any, options: argparse.Namespace, chain: Chain) -> int:
    from peerproto.cli.progress import progress_bar
    from peerproto.node.keeping import count_of, what_is_kept

    begun, had = reactor.seconds(), count_of(chain)
    with progress_bar(sys.stderr, what_is_kept(named(options.network, options.policy))) as bar:
        await follow(reactor, options, chain, bar)
    _show(options, chain, count_of(chain) - had, reactor.seconds() - begun)
    return 0


async def follow(reactor: Any, options: argparse.Namespace, chain: Chain, bar: Bar) -> None:
    """Bring the chain, or the graph, to the peer's tip. Raises PeerError, or LocalError."""
    from peerproto.node.keeping import what_is_kept
    from peerproto.node.node import Node
    from peerproto.node.patience import Patience
    from peerproto.peer.connecting import connect

    network, limit = named(options.network, options.policy), options.timeout
    patience = Patience(reactor, limit, f"no {what_is_kept(network)} came")

    def progressed(peer: PeerProtocol) -> None:
        patience.renew()
        bar.show(node.so_far(), node.total(peer))

    timing = replace(network.timing, handshake=min(limit, network.timing.handshake), grace=1.0)
    node = Node(reactor, network, chain, progressed=progressed, timing=timing, proxy=options.proxy)
    connecting = connect(reactor, options.where, node.factory, timeout=limit)
    peer = await connecting.addTimeout(limit, reactor, lambda *_: _no_connection(options))
    try:
        await peer.when_ready()
        if not node.owes(peer):
            patience.allow_silence(min(NOT_AHEAD, limit))
        ends = peer.when_disconnected(), node.trouble.happened.when()
        await patience.until(node.follower.synced.when(), *ends)
    finally:
        peer.disconnect()
        await peer.when_disconnected()


def _no_connection(options: argparse.Namespace) -> Any:
    from twisted.python.failure import Failure

    text = f"{options.where}: timed out after {options.timeout:g} seconds"
    return Failure(ConnectFailed(text, Reason.CONNECT_TIMEOUT))


def _show(options: argparse.Namespace, chain: Chain, new: int, spent: float) -> None:
    from peerproto.node.keeping import standing, what_is_kept

    found, what = standing(chain), what_is_kept(named(options.network, options.policy))
    if options.json:
        print(json.dumps({**found, "new": new, "seconds": round(spent, 3)}))
    else:
        print("\n".join(f"{name:<6} {value}" for name, value in found.items()))
        print(f"new    {new} {what} in {spent:.1f} s, kept in {_for_terminal(options.store)}")


def _for_terminal(path: str) -> str:
    """A path as standard output can show it: it may be of bytes that are no text, or of signs that are not there."""
    encoding = sys.stdout.encoding
    return path.encode(encoding, "backslashreplace").decode(encoding)
