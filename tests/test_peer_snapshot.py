"""Tests of what is known of a peer at one moment."""

from __future__ import annotations

import json
from dataclasses import asdict

from peerproto.networks.bitcoin import GetHeaders, Ping, Pong
from peerproto.testing import Pair, Recorder
from tests.peer_case import PeerTestCase, regtest


class SnapshotTests(PeerTestCase):
    """Plain data."""

    def test_before_anything(self) -> None:
        """Before the version is here there is little to tell."""
        seen = self.raw(inbound=True).peer.snapshot()
        self.assertEqual(
            (seen.state, seen.address, seen.inbound), ("awaiting version", "192.0.2.1:50001", True)
        )
        self.assertEqual(
            (seen.version, seen.services, seen.user_agent, seen.starting_height), (None, [], "", None)
        )
        self.assertEqual((seen.relay, seen.time_offset, seen.protocol_version), (True, None, 70016))
        self.assertEqual((seen.ping_last, seen.ping_least, seen.ping_mean), (None, None, None))

    def test_ready(self) -> None:
        """What the other side says of itself, and what is spoken."""
        says = {
            "protocol_version": 70015,
            "services": 1 << 0 | 1 << 3 | 1 << 40,
            "timestamp": 1_600_000_007,
            "user_agent": "/\x1b[31mred/",
            "height": 321,
            "relay": False,
        }
        seen = self.ready(says=says).peer.snapshot()
        self.assertEqual((seen.state, seen.version, seen.protocol_version), ("ready", 70015, 70015))
        self.assertEqual((seen.services, seen.starting_height), (["NETWORK", "WITNESS", "bit 40"], 321))
        self.assertEqual((seen.relay, seen.time_offset), (False, 7))
        self.assertEqual(seen.user_agent, "/\x1b[31mred/")

    def test_times(self) -> None:
        """Times count back from now, in seconds."""
        raw = self.ready()
        self.clock.advance(7)
        raw.send(Ping(1))
        self.clock.advance(3)
        seen = raw.peer.snapshot()
        self.assertAlmostEqual(seen.connected_for, 10)
        self.assertAlmostEqual(seen.silent_for, 3)

    def test_silence_without_our_own_time(self) -> None:
        """How long a peer is silent does not count what our own code took."""
        raw = self.ready(listener=Recorder({"on_ping": lambda *_: self.busy(20)}))
        raw.send(Ping(1))
        self.clock.advance(3)
        seen = raw.peer.snapshot()
        self.assertAlmostEqual(seen.connected_for, 23)
        self.assertAlmostEqual(seen.silent_for, 3)

    def test_pings_and_requests(self) -> None:
        """Latencies, and how many requests are open."""
        raw = self.ready()
        waiting = raw.peer.ping()
        raw.peer.request(GetHeaders(70016, [], bytes(32))).addErrback(lambda _: None)
        ping = raw.read()[0]
        self.clock.advance(0.5)
        self.assertEqual(raw.peer.snapshot().open_requests, 2)
        raw.send(Pong(ping.nonce))
        self.assertAlmostEqual(self.successResultOf(waiting), 0.5)
        seen = raw.peer.snapshot()
        self.assertEqual(seen.open_requests, 1)
        for latency in (seen.ping_last, seen.ping_least, seen.ping_mean):
            self.assertAlmostEqual(latency, 0.5)

    def test_both_sides_agree(self) -> None:
        """btcd's own test: what one side has sent the other has received."""
        pair = Pair(
            regtest(), inbound={"protocol_version": 70002, "services": 9}, outbound={"user_agent": "/me/"}
        )
        pair.deliver()
        out, back = pair.outbound.snapshot(), pair.inbound.snapshot()
        self.assertEqual((out.sent, out.received), (back.received, back.sent))
        self.assertEqual((out.bytes_sent, out.bytes_received), (back.bytes_received, back.bytes_sent))
        self.assertEqual((out.protocol_version, back.protocol_version), (70002, 70002))
        self.assertEqual((out.services, back.services), (["NETWORK", "WITNESS"], []))
        self.assertEqual(back.user_agent, "/me/")
        self.assertNotEqual(out.id, back.id)

    def test_closed(self) -> None:
        """After the end it can still be asked for."""
        raw = self.ready()
        raw.close()
        self.assertEqual(raw.peer.snapshot().state, "closed")

    def test_json(self) -> None:
        """It is JSON as it is, whatever the user agent holds."""
        seen = self.ready(says={"user_agent": '/\udcff\n"</script>/'}).peer.snapshot()
        self.assertEqual(json.loads(json.dumps(asdict(seen)))["user_agent"], seen.user_agent)
