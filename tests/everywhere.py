"""What tests share that hold for every network and policy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from peerproto import networks
from peerproto.network import Network
from peerproto.networks import bitcoin, decred, kaspa, neo, soter
from peerproto.testing import RawPeer, Recorder, memory_factory
from tests.peer_case import PeerTestCase

WAYS = {
    "btcd": networks.named("bitcoin-regtest", "btcd"),
    "core": networks.named("bitcoin-regtest", "core"),
    "litecoin": networks.named("litecoin-regtest", "core"),
    "dcrd": networks.named("decred-simnet", "dcrd"),
    "dcrd1": networks.named("decred-simnet", "dcrd1"),
    "soterd": networks.named("soter-regtest"),
    "kaspad": networks.named("kaspa-regtest"),
    "neo-cli": networks.named("neo-privnet"),
}
"""Each network in each of its ways."""

CHAINS = ("btcd", "core", "litecoin", "dcrd", "dcrd1", "neo-cli")
"""Those whose locators are hashes."""


def module_of(network: Network) -> Any:
    """The messages of a network, by their names."""
    return next(kinds for kinds in (decred, soter, kaspa, neo, bitcoin) if network.version is kinds.Version)


def tx_of(network: Network, number: int = 1) -> tuple[Any, bytes]:
    """A transaction, different for each number, and the hash that it is asked for by."""
    kinds = module_of(network)
    tx: Any
    if kinds is neo:
        tx = neo.Tx(0, 0, [], [], [], [], nonce=number)
        return tx, tx.tx_hash
    if kinds is kaspa:
        tx = kaspa.Tx(1, [], [], number, kaspa.NATIVE)
        return tx, tx.tx_id
    if kinds is decred:
        tx = decred.Tx(0, 1, [], [], number, 0)
        return tx, tx.tx_hash
    spent = kinds.TxIn(bitcoin.OutPoint(bytes(32), 0), b"", 0, [])
    tx = kinds.Tx(1, [spent], [], number)
    return tx, tx.tx_hash if kinds is soter else tx.txid


def missing(network: Network, asked: Any, first: int | None = None) -> Any:
    """The message that says that all that a getdata asks for is missing, or so many of the first; None on a network
    that is silent then.
    """
    kinds = module_of(network)
    return None if kinds is neo else kinds.NotFound(list(asked.inv_list[:first]))


class EverywhereCase(PeerTestCase):
    """Ready peers of every network."""

    def made(
        self, way: str, *, network: Network | None = None, inbound: bool = False, **options: Any
    ) -> RawPeer:
        """The other side of a new peer."""
        options = {"clock": self.clock, "now": lambda: 1_600_000_000.0, "listener": Recorder(), **options}
        raw = RawPeer(memory_factory(network or WAYS[way], **options), inbound=inbound)
        self._raws.append(raw)
        return raw

    def on(self, way: str, *, says: dict[str, Any] | None = None, **options: Any) -> RawPeer:
        """The same, with the handshake done and what the peer wrote in it read."""
        raw = self.made(way, **options)
        raw.handshake(**(says or {}))
        return raw

    def everywhere(self, ways: Any = tuple(WAYS), **options: Any) -> Iterator[tuple[str, RawPeer]]:
        """One of each network, with the name of its way."""
        for way in ways:
            yield way, self.on(way, **options)

    def commands(self, raw: RawPeer) -> list[str]:
        """The commands of what the peer has written since the last look."""
        return [message.command for message in raw.read()]
