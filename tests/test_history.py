"""Tests of what is kept of connections that have ended."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import PeerLost, Reason
from peerproto.node.history import Ended, ended
from tests.book_case import NOW, peer

ERROR = PeerLost("closed by the peer", Reason.CLOSED_BY_PEER)


class EndedTests(SynchronousTestCase):
    """One connection."""

    def test_of_a_snapshot(self) -> None:
        """Who it was, from when to when, and why it ended."""
        self.assertEqual(
            ended(peer(inbound=True), ERROR, NOW + 9),
            Ended("8.8.8.8", 8333, True, NOW, NOW + 9, "closed-by-peer", "closed by the peer", "/them:1/"),
        )

    def test_where(self) -> None:
        """Of an address of IPv6 the brackets are left out; of what is no host and port the port is 0."""
        for address, where in (
            ("[2a01::1]:8333", ("2a01::1", 8333)),
            ("example.org:1", ("example.org", 1)),
            ("nowhere", ("nowhere", 0)),
            ("/tmp/a:b", ("/tmp/a:b", 0)),
        ):
            self.assertEqual(ended(peer(address=address), ERROR, NOW)[:2], where)
