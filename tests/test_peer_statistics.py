"""Tests of what is counted."""

from __future__ import annotations

from peerproto.networks.bitcoin import Inv, InvVect, Ping, Pong
from peerproto.peer.statistics import Statistics, Tally, by_command
from peerproto.wire.codec import Unread
from tests.peer_case import HASHES, PeerTestCase, unknown_frame


class ByCommandTests(PeerTestCase):
    """The counts as plain data."""

    def test_order(self) -> None:
        """Most messages come first, among equals the alphabet decides."""
        counts = Statistics(0.0)
        for kind, messages in ((Pong, 2), (Ping, 2), (Inv, 3), (Unread, 1)):
            counts.received[kind].messages = messages
            counts.received[kind].bytes = messages * 10
        self.assertEqual(
            list(by_command(counts.received).items()),
            [
                ("inv", {"messages": 3, "bytes": 30}),
                ("ping", {"messages": 2, "bytes": 20}),
                ("pong", {"messages": 2, "bytes": 20}),
                ("unread", {"messages": 1, "bytes": 10}),
            ],
        )

    def test_new(self) -> None:
        """A tally begins at nothing, a peer's counts at its connection."""
        tally, counts = Tally(), Statistics(5.0)
        self.assertEqual((tally.messages, tally.bytes), (0, 0))
        self.assertEqual((counts.connected_at, counts.last_received), (5.0, 5.0))


class CountingTests(PeerTestCase):
    """What peers count."""

    def test_handshake(self) -> None:
        """btcd's own test: version and verack of both sides at 70002 are 167 bytes each way but for the agents."""
        raw = self.raw(inbound=True, protocol_version=70002, user_agent="/btcwire:0.5.0/peer:1.0(comment)/")
        raw.handshake(user_agent="/btcwire:0.5.0/peer:1.0(comment)/")
        seen = raw.peer.snapshot()
        self.assertEqual((seen.bytes_received, seen.bytes_sent), (167, 167))
        self.assertEqual(
            seen.sent, {"verack": {"messages": 1, "bytes": 24}, "version": {"messages": 1, "bytes": 143}}
        )
        self.assertEqual(seen.received, seen.sent)

    def test_each_command(self) -> None:
        """Messages and bytes of each command, headers included; what was not understood counts as one kind."""
        raw = self.ready()
        inv = Inv([InvVect(1, HASHES[0])])
        before = raw.peer.statistics.bytes_received
        raw.send(inv, inv, Ping(1), unknown_frame(raw.peer.network, payload=b"123"))
        seen = raw.peer.snapshot()
        self.assertEqual(seen.received["inv"], {"messages": 2, "bytes": 2 * 61})
        self.assertEqual(seen.received["ping"], {"messages": 1, "bytes": 32})
        self.assertEqual(seen.received["unread"], {"messages": 1, "bytes": 27})
        self.assertEqual(seen.sent["pong"], {"messages": 1, "bytes": 32})
        self.assertEqual(seen.bytes_received - before, 2 * 61 + 32 + 27)

    def test_parts(self) -> None:
        """Bytes count as they come, messages when they are complete."""
        raw = self.ready()
        frame = raw.frame(Ping(1))
        before = raw.peer.statistics.bytes_received
        raw.send(frame[:30])
        self.assertEqual(raw.peer.statistics.bytes_received - before, 30)
        self.assertNotIn("ping", raw.peer.snapshot().received)
        raw.send(frame[30:])
        self.assertEqual(raw.peer.snapshot().received["ping"], {"messages": 1, "bytes": 32})
