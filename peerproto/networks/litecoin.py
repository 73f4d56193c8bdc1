"""Litecoin: bitcoin's messages in bitcoin's way, with its own magic, ports, chain and one service bit."""

from __future__ import annotations

from peerproto.network import Network
from peerproto.networks import bitcoin, chainrules
from peerproto.networks.bitcoin import POLICIES, Params, behaviour

NETS = {
    "mainnet": Params("fbc0b6db", 9333, chainrules.LITECOIN_MAINNET),
    "testnet": Params("fdd2c8f1", 19335, chainrules.LITECOIN_TESTNET),
    "regtest": Params("fabfb5da", 19444, chainrules.LITECOIN_REGTEST),
}

__all__ = ["NETS", "POLICIES", "network"]


def network(net: str, policy: str) -> Network:
    """One of litecoin's networks. Raises KeyError for a net or policy that it has not."""
    return bitcoin.make(f"litecoin-{net}", NETS[net], policy, {**behaviour.SERVICES, 24: "MWEB"})
