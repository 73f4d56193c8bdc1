"""What the tests of Kaspa's peers share."""

from __future__ import annotations

from typing import Any

from peerproto.networks.kaspa import (
    Block,
    GetBlockInvs,
    Reject,
    Tx,
)
from peerproto.testing import RawPeer
from tests.kaspa_vectors import Entry, frame_of, message_of
from tests.peer_case import HASHES, PeerTestCase

ZERO = bytes(32)
ASK_INVS = GetBlockInvs(HASHES[0], HASHES[1])


def tx() -> Tx:
    """A transaction whose id is not its hash."""
    found = message_of("tx-native-1-1")
    assert isinstance(found, Tx)
    return found


def block() -> Block:
    """A block with three parents."""
    found = message_of("block-3-parents-mixed")
    assert isinstance(found, Block)
    return found


class KaspaCase(PeerTestCase):
    """Peers of Kaspa's regtest."""

    def made(self, **options: Any) -> RawPeer:
        """The other side of a new peer."""
        return self.raw("kaspad", family="kaspa", **options)

    def open(self, *, says: dict[str, Any] | None = None, **options: Any) -> RawPeer:
        """The same, with the handshake done."""
        return self.ready("kaspad", family="kaspa", says=says, **options)

    def commands(self, raw: RawPeer) -> list[str]:
        """The commands of what the peer has written since the last look."""
        return [message.command for message in raw.read()]

    def told(self, raw: RawPeer) -> Reject | None:
        """What the peer has told before it hung up; it must not have said anything else."""
        self.assertTrue(raw.hung_up)
        said = raw.read()
        self.assertLessEqual(len(said), 1)
        if not said:
            return None
        assert isinstance(said[0], Reject)
        return said[0]

    def framed(self, raw: RawPeer, entry: Entry) -> bytes:
        """A vector's frame in the network of a peer."""
        return raw.peer.network.magic + frame_of(entry)[4:]


OTHERS = ("on_ready", "on_lost", "on_message", "on_read", "on_write")
"""The methods of a listener that hear of no message of the network."""


class Looks:
    """A listener that looks at all that it hears."""

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("on_") or name in OTHERS:
            raise AttributeError(name)
        return lambda peer, message: message.to_fields()


class Silent:
    """A listener that hears nothing."""
