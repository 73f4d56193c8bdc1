"""Fetch a block from a peer, as a block explorer does, and print what is in it.

Run it with a node's address and the hash of a block; without a hash it is the first block behind genesis:
``python examples/explore_block.py 127.0.0.1:19444 litecoin-regtest [HASH]``
"""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from peerproto import PeerError, PeerFactory, PeerProtocol, connect, networks
from peerproto.chain.rules import display


async def first_hash(peer: PeerProtocol) -> bytes:
    """The hash of the block behind genesis. Raises PeerError, IndexError if there is none."""
    answer = await peer.request_headers([peer.network.genesis])
    first: bytes = answer.headers[0].block_hash
    return first


async def fetch(peer: PeerProtocol, block_hash: bytes) -> Any:
    """The block. Raises the PeerError that it could not be had for."""
    (block,) = await peer.request_blocks([block_hash])
    if isinstance(block, PeerError):
        raise block
    return block


def describe(block: Any) -> str:
    """A line for the block, and one for each of its transactions."""
    header = block.header
    lines = [f"block {display(block.block_hash)} of {header.timestamp}, after {display(header.prev_block)}"]
    for tx in block.transactions:
        value = sum(output.value for output in tx.tx_out) / 1e8
        lines.append(f"  tx {display(tx.txid)}: {len(tx.tx_in)} in, {len(tx.tx_out)} out, {value:.8f}")
    return "\n".join(lines)


async def main(reactor: Any, where: str, name: str = "litecoin-regtest", shown: str = "") -> None:
    """Connect, fetch, print, leave."""
    peer = await connect(reactor, where, PeerFactory(networks.named(name)))
    await peer.when_ready()
    block_hash = bytes.fromhex(shown)[::-1] if shown else await first_hash(peer)
    print(describe(await fetch(peer, block_hash)))
    peer.disconnect()
    await peer.when_disconnected()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    react(lambda reactor: Deferred.fromCoroutine(main(reactor, *sys.argv[1:])))
