"""Stay connected to some peers, and print what they announce and why they end.

Run it with a network and addresses: ``python examples/monitor.py bitcoin-mainnet 127.0.0.1:8333 192.0.2.7``
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from peerproto import LocalError, PeerError, PeerFactory, PeerListener, PeerProtocol, connect, networks
from peerproto.chain.rules import display
from peerproto.networks.bitcoin import Addr, AddrV2, Headers, Inv
from peerproto.node.connector import PeerConnector
from peerproto.peer.connecting import client_endpoint
from peerproto.text import printable
from peerproto.wire.codec import Unread


class Monitor(PeerListener):
    """Prints a line for whatever a peer tells unasked."""

    def on_ready(self, peer: PeerProtocol) -> None:
        """A peer has shaken hands."""
        theirs = peer.theirs
        assert theirs is not None
        print(f"{peer} is {printable(theirs.user_agent)} at height {theirs.height}")

    def on_lost(self, peer: PeerProtocol, error: PeerError) -> None:
        """A peer has ended."""
        print(f"{peer} ended: {error.reason}")

    def on_inv(self, peer: PeerProtocol, message: Inv) -> None:
        """Blocks by their hashes, transactions by their number."""
        things = peer.network.item_keys(message)
        for kind, number in Counter(kind for kind, _ in things if kind != "block").items():
            print(f"{peer} announces {number} {kind}")
        for kind, block_hash in things:
            if kind == "block":
                print(f"{peer} announces block {display(block_hash)}")

    def on_headers(self, peer: PeerProtocol, message: Headers) -> None:
        """Blocks by their headers: every node does that to who has sent `sendheaders`, as we do."""
        for header in message.headers:
            print(f"{peer} announces block {display(header.block_hash)}")

    def on_addr(self, peer: PeerProtocol, message: Addr | AddrV2) -> None:
        """Addresses of other nodes."""
        print(f"{peer} knows {len(message.addr_list)} addresses")

    on_addrv2 = on_addr

    def on_message(self, peer: PeerProtocol, unread: Unread) -> None:
        """Something that we do not understand; the command is escaped already."""
        print(f"{peer} sent {unread.command}: {len(unread.payload)} bytes")


def keep(reactor: Any, factory: PeerFactory, where: str) -> PeerConnector:
    """Stay connected to a peer, called again whenever it ends, after longer and longer waits. Raises LocalError."""
    client_endpoint(reactor, where, factory.network.port)  # a place that is none is better told now

    async def call() -> PeerProtocol:
        try:
            return await connect(reactor, where, factory)
        except PeerError as error:
            print(error)
            raise

    connector = PeerConnector(reactor, where, lambda: Deferred.fromCoroutine(call()))
    connector.start()
    return connector


async def main(reactor: Any, name: str, *addresses: str) -> None:
    """Watch until the program is interrupted."""
    factory = PeerFactory(networks.named(name), Monitor())
    for where in addresses:
        keep(reactor, factory, where)
    await Deferred()


async def program(reactor: Any, *words: str) -> None:
    """That, for who types it: what goes wrong is told in one line, with exit code 1."""
    try:
        await main(reactor, *words)
    except (LocalError, PeerError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    react(program, sys.argv[1:])
