"""Sync the header chain of a peer into memory, request by request, and print its tip.

Run it with a node's address: ``python examples/sync_headers.py 127.0.0.1:19444 litecoin-regtest``
"""

from __future__ import annotations

import sys
import time
from typing import Any

from twisted.internet.task import react

from peerproto import LocalError, PeerError, PeerFactory, PeerProtocol, connect, networks
from peerproto.chain.rules import display
from peerproto.networks.bitcoin import GetHeaders
from peerproto.node.headerchain import HeaderChain
from peerproto.node.headerstore import HeaderStore

MOST = 2000
"""A message brings so many headers at most; fewer mean that there are no more."""


async def sync(peer: PeerProtocol, chain: HeaderChain) -> None:
    """Ask for what is behind our tip until there is no more. Raises PeerError, also for headers that break a rule."""
    more = True
    while more:
        answer = await peer.request(GetHeaders(peer.protocol_version, chain.locator(), bytes(32)))
        added = chain.add(answer.serialized())
        print(f"height {added.height:,}")
        more = len(answer.headers) == MOST


async def main(reactor: Any, where: str, name: str = "litecoin-regtest") -> None:
    """Connect, sync, leave."""
    network = networks.named(name)
    chain = HeaderChain(HeaderStore(":memory:", network.chain), network.chain, time.time)
    peer = await connect(reactor, where, PeerFactory(network))
    await peer.when_ready()
    theirs = peer.theirs
    if theirs is not None and theirs.height > 0:  # one without blocks owes no answer
        await sync(peer, chain)
    print(f"tip {display(chain.tip)}")
    peer.disconnect()
    await peer.when_disconnected()


async def program(reactor: Any, *words: str) -> None:
    """That, for who types it: what goes wrong is told in one line, with exit code 1."""
    try:
        await main(reactor, *words)
    except (LocalError, PeerError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    react(program, sys.argv[1:])
