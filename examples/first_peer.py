"""A first peer: connect to a Litecoin regtest node, ask for headers and two blocks, ping, leave.

Run it with a node's address: ``python examples/first_peer.py 127.0.0.1:19444``
"""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet.task import react

from peerproto import LocalError, PeerError, PeerFactory, PeerListener, PeerProtocol, connect, networks
from peerproto.networks.bitcoin import GetHeaders, Inv


class MyNode(PeerListener):
    """Hears what peers say; every method is optional."""

    def on_inv(self, peer: PeerProtocol, message: Inv) -> None:
        """Something was announced."""
        print(f"{peer} announces {len(message.inv_list)} things")


async def visit(reactor: Any, where: str) -> None:
    """Ask one peer a few things."""
    factory = PeerFactory(networks.named("litecoin-regtest"), listener=MyNode(), user_agent="/mynode:1.0/")
    peer = await connect(reactor, where, factory)  # any endpoint or endpoint string works too
    await peer.when_ready()
    headers = await peer.request(GetHeaders(peer.protocol_version, [factory.network.genesis], bytes(32)))
    print(f"{len(headers.headers)} headers")
    hashes = [header.block_hash for header in headers.headers[:2]]
    for block in await peer.request_blocks(hashes):
        if isinstance(block, PeerError):  # one that is not found or not answered fails alone
            print(block)
        else:
            print(f"block {block.block_hash[::-1].hex()} has {len(block.transactions)} transactions")
    milliseconds = await peer.ping() * 1000
    print(f"ping {milliseconds:.2f} ms")
    peer.disconnect()
    error = await peer.when_disconnected()  # fires with the reason
    print(f"ended: {error.reason}")


async def program(reactor: Any, *words: str) -> None:
    """That, for who types it: what goes wrong is told in one line, with exit code 1."""
    try:
        await visit(reactor, *words)
    except (LocalError, PeerError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    react(program, sys.argv[1:])
