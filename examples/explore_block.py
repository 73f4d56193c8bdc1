"""Fetch a block from a peer, as a block explorer does, and print what is in it.

Run it with a node's address and the hash of a block; without a hash it is the first block behind genesis:
``python examples/explore_block.py 127.0.0.1:19444 litecoin-regtest [HASH]``
"""

from __future__ import annotations

import re
import sys
from typing import Any

from twisted.internet.task import react

from peerproto import LocalError, PeerError, PeerFactory, PeerProtocol, connect, networks
from peerproto.chain.rules import display


def hash_of(shown: str) -> bytes:
    """A hash in wire order, of the digits that people write the other way round. Raises LocalError."""
    if not re.fullmatch("[0-9a-fA-F]{64}", shown):
        raise LocalError(f"{shown!r} is no hash: 64 hexadecimal digits are asked")
    return bytes.fromhex(shown)[::-1]


async def first_hash(peer: PeerProtocol) -> bytes:
    """The hash of the block behind genesis. Raises PeerError, LocalError if there is none."""
    answer = await peer.request_headers([peer.network.genesis])
    if not answer.headers:
        raise LocalError(f"{peer} has no block but the first")
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
    block_hash = hash_of(shown) if shown else None
    peer = await connect(reactor, where, PeerFactory(networks.named(name)))
    await peer.when_ready()
    print(describe(await fetch(peer, block_hash or await first_hash(peer))))
    peer.disconnect()
    await peer.when_disconnected()


async def program(reactor: Any, *words: str) -> None:
    """That, for who types it: what goes wrong is told in one line, with exit code 1."""
    try:
        await main(reactor, *words)
    except (LocalError, PeerError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 4:
        sys.exit(__doc__)
    react(program, sys.argv[1:])
