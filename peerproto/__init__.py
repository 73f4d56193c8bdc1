"""peerproto: the peer-to-peer peer layer of the Bitcoin-like networks, for Twisted.

How the house is laid out, each floor knowing only those below it::

    tap, cli     what an operator types: `twistd peernode`, `peerproto handshake` ...
    node/        a node that looks after peers: connector, header chain, service
    peer/        how one peer behaves: PeerProtocol, PeerFactory, handshake, requests, deadlines
    networks/    each network as data: `networks.named("litecoin-regtest")`
    network      the form that a network fills in; forms/ has its parts
    chain/       what a chain of headers must obey
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
    Refused,
    SendQueueFull,
    SendStalled,
)

if TYPE_CHECKING:
    from peerproto.forms.conversation import Timing
    from peerproto.peer.connecting import connect, listen
    from peerproto.peer.factory import PeerFactory
    from peerproto.peer.handshake import State
    from peerproto.peer.listener import IPeerListener, PeerListener
    from peerproto.peer.nonces import Nonces
    from peerproto.peer.protocol import PeerProtocol
    from peerproto.peer.score import Judge
    from peerproto.peer.snapshot import Snapshot
else:
    _HOMES = {
        "IPeerListener": "peer.listener",
        "Judge": "peer.score",
        "Nonces": "peer.nonces",
        "PeerFactory": "peer.factory",
        "PeerListener": "peer.listener",
        "PeerProtocol": "peer.protocol",
        "Snapshot": "peer.snapshot",
        "State": "peer.handshake",
        "Timing": "forms.conversation",
        "connect": "peer.connecting",
        "listen": "peer.connecting",
    }

    def __getattr__(name: str) -> object:
        """Import the peer floor, and Twisted with it, at first use: who only decodes waits for neither."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"peerproto.{_HOMES[name]}"), name)
        globals()[name] = value
        return value


__all__ = [
    "ConnectFailed",
    "HandshakeError",
    "IPeerListener",
    "Judge",
    "LocalError",
    "MalformedMessage",
    "Nonces",
    "NotFound",
    "PeerError",
    "PeerFactory",
    "PeerIdle",
    "PeerListener",
    "PeerLost",
    "PeerProtocol",
    "PeerStalled",
    "Reason",
    "Refused",
    "SendQueueFull",
    "SendStalled",
    "Snapshot",
    "State",
    "Timing",
    "__version__",
    "connect",
    "listen",
    "networks",
]
