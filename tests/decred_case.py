"""What the tests of Decred's peers share."""

from __future__ import annotations

from typing import Any

from peerproto import networks
from peerproto.testing import RawPeer, Recorder, memory_factory
from tests.peer_case import PeerTestCase

NOW = 1_795_265_000.0


class DecredCase(PeerTestCase):
    """Makes peers of Decred's simnet, or of another net."""

    def raw(  # type: ignore[override]
        self,
        policy: str = "dcrd",
        *,
        inbound: bool = False,
        listener: object = None,
        net: str = "simnet",
        **options: Any,
    ) -> RawPeer:
        """The other side of a new peer; by default its listener is a Recorder."""
        network = networks.named(f"decred-{net}", policy)
        heard = Recorder() if listener is None else listener
        options = {"clock": self.clock, "now": lambda: NOW, "services": 1, **options}
        raw = RawPeer(memory_factory(network, heard, **options), inbound=inbound)
        raw.version(services=1)
        self._raws.append(raw)
        return raw

    def ready(self, policy: str = "dcrd", *, says: dict[str, Any] | None = None, **options: Any) -> RawPeer:
        """The same, with the handshake done and what the peer wrote in it read."""
        raw = self.raw(policy, **options)
        raw.handshake(**(says or {}))
        return raw

    def commands(self, raw: RawPeer) -> list[str]:
        """The commands of what the peer has written since the last look."""
        return [message.command for message in raw.read()]
