"""Tests of pings and latencies."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from peerproto.peer.pings import Pings


class PingsTests(SynchronousTestCase):
    """Nonces on their way, and how long they took."""

    def setUp(self) -> None:
        self.pings = Pings()

    def test_none_yet(self) -> None:
        """Before the first pong there are no latencies."""
        self.pings.sent(1, 10.0)
        self.assertEqual((self.pings.last, self.pings.least, self.pings.mean), (None, None, None))

    def test_latencies(self) -> None:
        """The last, the least and the mean, in seconds."""
        for nonce, latency in enumerate((0.5, 0.25, 0.75)):
            self.pings.sent(nonce, 10.0)
            self.assertEqual(self.pings.received(nonce, 10.0 + latency), latency)
        self.assertEqual((self.pings.last, self.pings.least, self.pings.mean), (0.75, 0.25, 0.5))

    def test_newest(self) -> None:
        """The nonce of the newest is known until its pong is here; when it went out also later."""
        self.assertEqual((self.pings.nonce, self.pings.last_sent), (None, None))
        self.pings.sent(1, 10.0)
        self.pings.sent(2, 11.0)
        self.pings.received(1, 12.0)
        self.assertEqual((self.pings.nonce, self.pings.last_sent), (2, 11.0))
        self.pings.received(2, 12.0)
        self.assertEqual((self.pings.nonce, self.pings.last_sent), (None, 11.0))

    def test_several_on_their_way(self) -> None:
        """Pongs may come in another order."""
        self.pings.sent(1, 10.0)
        self.pings.sent(2, 11.0)
        self.assertEqual(self.pings.received(2, 12.0), 1.0)
        self.assertEqual(self.pings.received(1, 12.0), 2.0)

    def test_not_asked_for(self) -> None:
        """Row 44: a pong with another nonce, or unasked, or again, is ignored."""
        self.assertIsNone(self.pings.received(1, 10.0))
        self.pings.sent(1, 10.0)
        for nonce in (0, 2):
            self.assertIsNone(self.pings.received(nonce, 11.0))
        self.assertEqual(self.pings.received(1, 12.0), 2.0)
        self.assertIsNone(self.pings.received(1, 13.0))
        self.assertEqual((self.pings.last, self.pings.mean), (2.0, 2.0))

    def test_a_peer_that_never_answers(self) -> None:
        """No more than so many nonces are remembered; the oldest goes."""
        pings = Pings(most=2)
        for nonce in range(3):
            pings.sent(nonce, 10.0)
        self.assertIsNone(pings.received(0, 11.0))
        self.assertEqual(pings.received(1, 11.0), 1.0)
