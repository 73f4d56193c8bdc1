"""What the tests of peers share: a network of each policy, a hand-played other side, and a look at what is left."""

from __future__ import annotations

import gc
import weakref
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.errors import PeerError
from peerproto.forms.conversation import Timing
from peerproto.forms.introduction import Introduction
from peerproto.network import Network
from peerproto.peer.protocol import PeerProtocol
from peerproto.testing import RawPeer, Recorder, memory_factory
from tests.bitcoin_vectors import golden

POLICIES = ("btcd", "core")
HASHES = [bytes([number]) * 32 for number in range(1, 6)]


def regtest(policy: str = "btcd", family: str = "bitcoin") -> Network:
    """A network to test with."""
    return networks.named(f"{family}-regtest", policy=policy)


def unknown_frame(network: Network, command: bytes = b"protoconf", payload: bytes = b"") -> bytes:
    """A frame of a command that no message of the network has."""
    return network.envelope.wrap(command.ljust(12, b"\0"), payload)


def golden_frames(network: Network) -> list[tuple[str, bytes]]:
    """Commands and frames that reference implementations have written, in the network's own envelope; short ones."""
    entries = [
        entry for entry in golden() if entry["pver"] >= 70016 and len(entry.get("payload", " " * 9999)) < 6000
    ]
    return [(entry["command"], _frame(network, entry["command"], entry["payload"])) for entry in entries]


def _frame(network: Network, command: str, payload: str) -> bytes:
    return network.envelope.wrap(network.envelope.command(command), bytes.fromhex(payload))


def introduction(**changes: Any) -> Introduction:
    """What somebody says of himself."""
    said = {
        "protocol_version": 70016,
        "services": 9,
        "timestamp": 1_600_000_000,
        "nonce": 7,
        "user_agent": "/test:1/",
        "height": 5,
    }
    return Introduction(**{**said, **changes})


class PeerTestCase(SynchronousTestCase):
    """Makes peers, and looks after each test whether anything of them is left."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000.3)
        self._raws: list[RawPeer] = []

    def tearDown(self) -> None:
        """Nothing outlives its connection: no timer, no entry at the factory, nobody who still waits."""
        for raw in self._raws:
            if raw.peer.id in raw.peer.factory.peers:
                raw.close()
        for raw in self._raws:
            self.assertEqual(raw.peer.factory.peers, {})
            self.assertEqual(len(raw.peer.pending), 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def raw(
        self,
        policy: str = "btcd",
        *,
        inbound: bool = False,
        listener: object = None,
        family: str = "bitcoin",
        **options: Any,
    ) -> RawPeer:
        """The other side of a new peer; by default its listener is a Recorder."""
        heard = Recorder() if listener is None else listener
        options = {"clock": self.clock, "now": lambda: 1_600_000_000.0, **options}
        raw = RawPeer(memory_factory(regtest(policy, family), heard, **options), inbound=inbound)
        self._raws.append(raw)
        return raw

    def ready(self, policy: str = "btcd", *, says: dict[str, Any] | None = None, **options: Any) -> RawPeer:
        """The same, with the handshake done and what the peer wrote in it read."""
        raw = self.raw(policy, **options)
        raw.handshake(**(says or {}))
        return raw

    def heard(self, raw: RawPeer) -> Recorder:
        """The listener of a peer."""
        recorder = raw.peer.factory.listener
        assert isinstance(recorder, Recorder)
        return recorder

    def why(self, raw: RawPeer) -> PeerError:
        """Why a peer is ended; it must have hung up."""
        self.assertTrue(raw.hung_up)
        assert raw.peer.ending is not None
        return raw.peer.ending

    def let_pass(self, seconds: float) -> None:
        """Time passes in steps, as it does for a reactor that has nothing else to do."""
        for _ in range(int(seconds)):
            self.clock.advance(1)
        self.clock.advance(seconds - int(seconds))

    def busy(self, seconds: float) -> None:
        """Our own code takes so long; no timer can ring meanwhile."""
        self.clock.rightNow += seconds

    def assert_gone(self, peers: list[weakref.ref[PeerProtocol]]) -> None:
        """Nobody holds the peers any more."""
        gc.collect()
        self.assertEqual([peer() for peer in peers], [None] * len(peers))


SHORT = Timing(handshake=3.0, idle=30.0, ping=12.0, stall_tick=1.5, grace=0.5)
"""Other times than the networks', to see that it is these that count."""
