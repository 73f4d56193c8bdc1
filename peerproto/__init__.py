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
from peerproto.peer.connecting import connect, listen
from peerproto.peer.factory import PeerFactory
from peerproto.peer.handshake import State
from peerproto.peer.listener import IPeerListener, PeerListener
from peerproto.peer.protocol import PeerProtocol

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
