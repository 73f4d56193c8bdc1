"""`peerproto sync HOST:PORT`: follow a peer's headers to its tip, into a file."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from peerproto.cli.options import add_network, seconds
from peerproto.errors import ConnectFailed, Reason
from peerproto.networks import named

if TYPE_CHECKING:
    from peerproto.cli.progress import Bar
    from peerproto.node.headerchain import HeaderChain
    from peerproto.peer.protocol import PeerProtocol

__all__ = ["add_parser", "run"]

NOT_AHEAD = 5.0
"""How long to wait for a peer that has not said that it has more, in seconds: it owes no answer."""

_DESCRIPTION = """\
Connects to a peer, syncs its headers to its tip into a file, and prints height
and tip (as people write hashes). Every header is checked. What is already in
the file is not asked for again: interrupted and started again, it goes on.

With --json: height, tip, new (how many headers), seconds.
"""
_EPILOG = """\
Exit code: 0 if the peer's tip was reached; 1 if not, and then one line on
standard error names the reason (connection-refused, wrong-network, misbehaving,
stalled ...); 2 for a wrong option, or a file that is no header store of this
network, is damaged or in use: it is left as it is.
"""


def add_parser(subparsers: Any) -> None:
    """Describe the options."""
    parser = subparsers.add_parser(
        "sync", help="sync the header chain from a peer into a file", description=_DESCRIPTION, epilog=_EPILOG
    )
    parser.add_argument(
        "where",
        metavar="HOST[:PORT]",
        help="the peer; [ADDRESS]:PORT for IPv6, or one of Twisted's endpoint strings "
        "(default port: the network's own)",
    )
    add_network(parser)
    parser.add_argument(
        "--store",
        required=True,
        metavar="FILE",
        help="SQLite file of the header chain, made if it is not there; required",
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
    from peerproto.node.headerchain import HeaderChain
    from peerproto.node.headerstore import HeaderStore

    network = named(options.network, options.policy)
    _ = network.headers  # not every network has them: to be told before a file is made
    store = HeaderStore(options.store, network.chain)
    try:
        chain = HeaderChain(store, network.chain, time.time)
        return run_reactor(
            "peerproto sync", lambda reactor: _sync(reactor, options, chain), as_json=options.json
        )
    except KeyboardInterrupt:
        print(
            f"peerproto sync: interrupted at height {store.tip.height}; started again, it goes on there",
            file=sys.stderr,
        )
        raise
    finally:
        store.close()


async def _sync(reactor: Any, options: argparse.Namespace, chain: HeaderChain) -> int:
    from peerproto.cli.progress import progress_bar

    begun, had = reactor.seconds(), chain.height
    with progress_bar(sys.stderr) as bar:
        await follow(reactor, options, chain, bar)
    _show(options, chain, had, reactor.seconds() - begun)
    return 0


async def follow(reactor: Any, options: argparse.Namespace, chain: HeaderChain, bar: Bar) -> None:
    """Bring the chain to the peer's tip. Raises PeerError, or LocalError."""
    from peerproto.node.node import Node
    from peerproto.node.patience import Patience
    from peerproto.peer.connecting import connect

    network, limit = named(options.network, options.policy), options.timeout
    patience = Patience(reactor, limit, "no headers came")

    def progressed(peer: PeerProtocol) -> None:
        patience.renew()
        bar.show(chain.height, peer.theirs.height if peer.theirs else 0)

    timing = replace(network.timing, handshake=min(limit, network.timing.handshake), grace=1.0)
    node = Node(reactor, network, chain, progressed=progressed, timing=timing)
    connecting = connect(reactor, options.where, node.factory, timeout=limit)
    peer = await connecting.addTimeout(limit, reactor, lambda *_: _no_connection(options))
    try:
        await peer.when_ready()
        if peer.theirs is not None and peer.theirs.height <= chain.height:
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


def _show(options: argparse.Namespace, chain: HeaderChain, had: int, spent: float) -> None:
    from peerproto.chain.rules import display

    tip, new = display(chain.tip), chain.height - had
    if options.json:
        print(json.dumps({"height": chain.height, "tip": tip, "new": new, "seconds": round(spent, 3)}))
    else:
        print(
            f"height {chain.height}\ntip    {tip}\nnew    {new} headers in {spent:.1f} s, kept in {options.store}"
        )
