"""Tests of what is known of a peer at one moment."""

from __future__ import annotations

import json
from dataclasses import asdict

from peerproto.networks.bitcoin import GetHeaders, Inv, InvVect, MemPool, Ping, Pong
from peerproto.testing import Pair, Recorder
from tests.peer_case import HASHES, PeerTestCase, regtest


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

    def test_wall_times(self) -> None:
        """What has happened has a time of the wall clock; what has not has none."""
        raw = self.raw(inbound=True, now=lambda: 500.0 + self.clock.seconds())
        seen = raw.peer.snapshot()
        self.assertAlmostEqual(seen.connected_at, 1500.3)
        self.assertEqual((seen.last_sent_at, seen.last_received_at, seen.ping_sent_at), (None, None, None))
        self.clock.advance(1)
        raw.handshake()
        self.clock.advance(2)
        raw.send(Ping(1))
        self.clock.advance(4)
        raw.peer.ping().addErrback(lambda _: None)
        self.clock.advance(8)
        seen = raw.peer.snapshot()
        self.assertAlmostEqual(seen.connected_at, 1500.3)
        self.assertAlmostEqual(seen.last_received_at or 0, 1503.3)
        self.assertAlmostEqual(seen.last_sent_at or 0, 1507.3)
        self.assertAlmostEqual(seen.ping_sent_at or 0, 1507.3)

    def test_received_when_we_were_done(self) -> None:
        """The last message counts from when our own code was done with it."""
        raw = self.ready(
            listener=Recorder({"on_ping": lambda *_: self.busy(20)}), now=lambda: 500.0 + self.clock.seconds()
        )
        raw.send(Ping(1))
        self.clock.advance(3)
        self.assertAlmostEqual(raw.peer.snapshot().last_received_at or 0, 1520.3)

    def test_sent_late(self) -> None:
        """What waits is sent when the peer takes it, and is counted until then."""
        raw = self.ready(now=lambda: 500.0 + self.clock.seconds())
        inv = Inv([InvVect(1, HASHES[0])] * 3000)
        for _ in range(2):
            raw.peer.send(inv)
        self.clock.advance(5)
        size = len(raw.frame(inv))
        seen = raw.peer.snapshot()
        self.assertEqual((seen.bytes_waiting, seen.bytes_sent > 2 * size), (size, True))
        self.assertAlmostEqual(seen.last_sent_at or 0, 1500.3)
        raw.read()
        seen = raw.peer.snapshot()
        self.assertEqual(seen.bytes_waiting, 0)
        self.assertAlmostEqual(seen.last_sent_at or 0, 1505.3)

    def test_ping_nonce(self) -> None:
        """The nonce of the newest ping, until its own pong is here."""
        raw = self.ready()
        for _ in range(2):
            raw.peer.ping().addErrback(lambda _: None)
        older, newer = (ping.nonce for ping in raw.read())
        seen = [raw.peer.snapshot().ping_nonce]
        for nonce in (older, newer):
            raw.send(Pong(nonce))
            seen.append(raw.peer.snapshot().ping_nonce)
        self.assertEqual(seen, [newer, newer, None])

    def test_open_requests(self) -> None:
        """What is waited for by name, and for how long yet; never less than nothing."""
        raw = self.ready()
        waiting = raw.peer.request_blocks(HASHES[:1])
        raw.peer.request(GetHeaders(70016, [], bytes(32)), timeout=40.0).addErrback(lambda _: None)
        raw.peer.send(MemPool())
        self.clock.advance(12)
        requests = raw.peer.snapshot().requests
        self.assertEqual([item.name for item in requests], ["block " + "01" * 32, "getheaders"])
        for item, left in zip(requests, (18, 28), strict=True):
            self.assertAlmostEqual(item.seconds_left, left)
        self.busy(60)
        self.assertEqual([item.seconds_left for item in raw.peer.snapshot().requests], [0.0, 0.0])
        waiting.cancel()
        self.failureResultOf(waiting)
        self.assertEqual([item.name for item in raw.peer.snapshot().requests], ["getheaders"])

    def test_standing(self) -> None:
        """What the accessors tell, hashes as people write them."""
        peer = self.ready(inbound=True).peer
        peer.update_last_block_height(77)
        peer.update_last_announced_block(bytes(31) + b"\x01")
        seen = peer.snapshot()
        self.assertEqual((seen.last_block, seen.last_announced_block), (77, "01" + "00" * 31))
        self.assertEqual((seen.local_address, seen.connected), ("192.0.2.2:8333", True))
        self.assertEqual((seen.verack_received, seen.wants_headers), (True, False))
        self.assertEqual((seen.selected_tip, seen.subnetwork), (None, None))

    def test_closed(self) -> None:
        """After the end it can still be asked for."""
        raw = self.ready()
        raw.close()
        self.assertEqual(raw.peer.snapshot().state, "closed")

    def test_json(self) -> None:
        """It is JSON as it is, whatever the user agent holds."""
        raw = self.ready(says={"user_agent": '/\udcff\n"</script>/'}, time_handlers=True)
        raw.peer.ping().addErrback(lambda _: None)
        seen = raw.peer.snapshot()
        self.assertEqual(json.loads(json.dumps(asdict(seen)))["requests"][0]["name"], "ping")
        self.assertEqual(json.loads(json.dumps(asdict(seen)))["user_agent"], seen.user_agent)
