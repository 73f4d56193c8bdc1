"""peerproto: the peer-to-peer peer layer of the Bitcoin-like networks, for Twisted.

How the house is laid out, each floor knowing only those below it::

    tap, cli     what an operator types: `twistd peernode`, `peerproto handshake` ...
    node/        a node that looks after peers: connector, header chain, service
    peer/        how one peer behaves: PeerProtocol, PeerFactory, handshake, requests, deadlines
    networks/    each network as data: `networks.named("litecoin-regtest")`
    wire/        bytes to messages and back
    errors       everything that can go wrong
"""

from __future__ import annotations

__version__ = "0.1.0"

from importlib import import_module
from typing import TYPE_CHECKING

from peerproto import networks
from peerproto.errors import (
    ConnectFailed,
    HandshakeError,
    LocalError,
    MalformedMessage,
    NotFound,
    PeerError,
    PeerIdle,
    PeerLost,
    PeerStalled,
    Reason,
)

if TYPE_CHECKING:
    from peerproto.peer.connecting import connect, listen
    from peerproto.peer.factory import PeerFactory
    from peerproto.peer.handshake import State
    from peerproto.peer.listener import IPeerListener, PeerListener
    from peerproto.peer.protocol import PeerProtocol
else:
    _HOMES = {
        "IPeerListener": "listener",
        "PeerFactory": "factory",
        "PeerListener": "listener",
        "PeerProtocol": "protocol",
        "State": "handshake",
        "connect": "connecting",
        "listen": "connecting",
    }

    def __getattr__(name: str) -> object:
        """Import the peer floor, and Twisted with it, at first use: who only decodes waits for neither."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"peerproto.peer.{_HOMES[name]}"), name)
        globals()[name] = value
        return value


__all__ = [
    "ConnectFailed",
    "HandshakeError",
    "IPeerListener",
    "LocalError",
    "MalformedMessage",
    "NotFound",
    "PeerError",
    "PeerFactory",
    "PeerIdle",
    "PeerListener",
    "PeerLost",
    "PeerProtocol",
    "PeerStalled",
    "Reason",
    "State",
    "__version__",
    "connect",
    "listen",
    "networks",
]
