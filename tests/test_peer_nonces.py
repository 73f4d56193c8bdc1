"""Tests of the nonces that are remembered. Our own: see test_peer_factory."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from peerproto.peer.nonces import Nonces


class MetTests(SynchronousTestCase):
    """Which node has which live peer."""

    def test_once(self) -> None:
        """A node is met once at a time, however often the same peer asks."""
        nonces, one, other = Nonces(), object(), object()
        self.assertTrue(nonces.meet(5, one))
        self.assertTrue(nonces.meet(5, one))
        self.assertFalse(nonces.meet(5, other))
        self.assertTrue(nonces.meet(6, other))

    def test_part(self) -> None:
        """When its peer has ended it can be met again; another's end changes nothing."""
        nonces, one, other = Nonces(), object(), object()
        nonces.meet(5, one)
        nonces.part(5, other)
        nonces.part(6, one)
        self.assertFalse(nonces.meet(5, other))
        nonces.part(5, one)
        self.assertTrue(nonces.meet(5, other))
