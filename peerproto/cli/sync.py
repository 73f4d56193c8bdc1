"""`peerproto sync HOST:PORT`: follow a peer's headers to its tip, into a file."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import TYPE_CHECKING, Any

from peerproto.cli.options import add_network, seconds
from peerproto.networks import named

if TYPE_CHECKING:
    from peerproto.node.headerchain import HeaderChain
    from peerproto.peer.protocol import PeerProtocol

__all__ = ["add_parser", "run"]

NOT_AHEAD = 5.0
"""How long to wait for a peer that has not said that it has more, in seconds: it owes no answer."""


def add_parser(subparsers: Any) -> None:
    """Describe the options."""
    parser = subparsers.add_parser(
        "sync",
        help="sync the header chain from a peer into a file",
        description="Connect to a peer, sync its headers to its tip into a file, show height and tip. What is "
        "already in the file is not asked for again.",
    )
    parser.add_argument("where", metavar="HOST[:PORT]", help="the peer; without a port, the network's own")
    add_network(parser)
    parser.add_argument("--store", required=True, metavar="FILE", help="SQLite file of the header chain; required")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.add_argument(
        "--timeout",
        type=seconds,
        default=90.0,
        metavar="S",
        help="seconds without any progress until it has failed (default: %(default)g)",
    )


def run(options: argparse.Namespace) -> int:
    """Do it. Raises LocalError for a store that cannot be used."""
    from peerproto.cli.running import run_reactor
    from peerproto.node.headerchain import HeaderChain
    from peerproto.node.headerstore import HeaderStore

    network = named(options.network, options.policy)
    store = HeaderStore(options.store, network.chain)
    try:
        chain = HeaderChain(store, network.chain, time.time)
        return run_reactor("peerproto sync", lambda reactor: _sync(reactor, options, chain), as_json=options.json)
    finally:
        store.close()


async def _sync(reactor: Any, options: argparse.Namespace, chain: HeaderChain) -> int:
    from peerproto.cli.progress import progress_bar
    from peerproto.node.node import Node
    from peerproto.node.patience import Patience
    from peerproto.peer.connecting import connect

    begun, had = time.monotonic(), chain.height
    patience = Patience(reactor, options.timeout, "no headers came")
    with progress_bar(sys.stderr) as bar:

        def progressed(peer: PeerProtocol) -> None:
            patience.renew()
            bar.show(chain.height, peer.theirs.height if peer.theirs else 0)

        node = Node(reactor, named(options.network, options.policy), chain, progressed=progressed)
        peer = await connect(reactor, options.where, node.factory, timeout=options.timeout)
        await peer.when_ready()
        if peer.theirs is not None and peer.theirs.height <= chain.height:
            patience.allow_silence(min(NOT_AHEAD, options.timeout))
        await patience.until(node.follower.synced.when(), peer.when_disconnected())
    _show(options, chain, had, time.monotonic() - begun)
    peer.disconnect()
    await peer.when_disconnected()
    return 0


def _show(options: argparse.Namespace, chain: HeaderChain, had: int, spent: float) -> None:
    from peerproto.chain.rules import display

    tip, new = display(chain.tip), chain.height - had
    if options.json:
        print(json.dumps({"height": chain.height, "tip": tip, "new": new, "seconds": round(spent, 3)}))
    else:
        print(f"height {chain.height}\ntip    {tip}\nnew    {new} headers in {spent:.1f} s, kept in {options.store}")
