"""Accept peers, take transactions from them, and serve and announce these to the others.

Nothing is checked: this is for test networks of your own. Run it with an endpoint to listen at:
``python examples/relay.py bitcoin-regtest tcp:18555:interface=127.0.0.1``
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from peerproto import LocalError, PeerError, PeerFactory, PeerListener, PeerProtocol, listen, networks
from peerproto.networks.bitcoin import MSG_TX, MSG_WITNESS_TX, GetData, Inv, InvVect, MemPool, NotFound, Tx

MOST = 10_000
"""So many transactions are kept; the oldest goes first."""

BLOOM = 1 << 2
"""The service that says that `mempool` is answered; who asks others is ended."""


class Relay(PeerListener):
    """Keeps transactions, and tells its other peers of each new one."""

    def __init__(self) -> None:
        self.transactions: OrderedDict[bytes, Tx] = OrderedDict()
        self.ready: dict[int, PeerProtocol] = {}

    def on_ready(self, peer: PeerProtocol) -> None:
        """A peer has shaken hands."""
        self.ready[peer.id] = peer

    def on_lost(self, peer: PeerProtocol, error: object) -> None:
        """A peer has ended, perhaps before it was ready."""
        self.ready.pop(peer.id, None)

    def on_inv(self, peer: PeerProtocol, message: Inv) -> None:
        """Ask for what is new to us."""
        wanted = [
            InvVect(MSG_WITNESS_TX, item.hash)
            for item in message.inv_list
            if item.type == MSG_TX and item.hash not in self.transactions
        ]
        if wanted:
            peer.send(GetData(wanted))

    def on_tx(self, peer: PeerProtocol, message: Tx) -> None:
        """Keep a transaction, and announce it to all but who brought it."""
        if message.txid in self.transactions:
            return
        self.transactions[message.txid] = message
        if len(self.transactions) > MOST:
            self.transactions.popitem(last=False)
        for other in self.ready.values():
            if other is not peer:
                other.send(Inv([InvVect(MSG_TX, message.txid)]))

    def on_getdata(self, peer: PeerProtocol, message: GetData) -> None:
        """Serve what we have, and say what we do not have."""
        missing = []
        for item in message.inv_list:
            tx = self.transactions.get(item.hash) if item.type in (MSG_TX, MSG_WITNESS_TX) else None
            if tx is None:
                missing.append(item)
            else:
                peer.send(tx)
        if missing:
            peer.send(NotFound(missing))

    def on_mempool(self, peer: PeerProtocol, message: MemPool) -> None:
        """Announce all that we have."""
        peer.send(Inv([InvVect(MSG_TX, txid) for txid in self.transactions]))


async def main(reactor: Any, name: str, where: str) -> None:
    """Serve until the program is interrupted."""
    network = networks.named(name)
    port = await listen(
        reactor, where, PeerFactory(network, Relay(), services=network.witness_service | BLOOM)
    )
    print(f"listening at {port.getHost()}")
    await Deferred()


async def program(reactor: Any, *words: str) -> None:
    """That, for who types it: what goes wrong is told in one line, with exit code 1."""
    try:
        await main(reactor, *words)
    except (LocalError, PeerError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    react(program, sys.argv[1:])
