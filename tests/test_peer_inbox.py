"""Tests of what comes in: pieces, counts, codecs that change, and who gets what."""

from __future__ import annotations

from typing import Any

from peerproto.errors import MalformedMessage, PeerLost
from peerproto.networks.bitcoin import (
    Addr,
    GetAddr,
    Inv,
    InvVect,
    Ping,
    Pong,
    SendAddrV2,
    TimedAddress,
    Tx,
    TxIn,
    TxOut,
    VerAck,
    WtxidRelay,
)
from peerproto.networks.bitcoin.records import OutPoint
from peerproto.testing import RawPeer, Recorder
from tests.peer_case import HASHES, PeerTestCase, golden_frames, unknown_frame

ADDRESS = TimedAddress(1_600_000_000, 9, "192.0.2.5", 8333)


class PieceTests(PeerTestCase):
    """Bytes come in whatever pieces the network makes."""

    def whole(self, raw: RawPeer) -> bytes:
        return b"".join(map(raw.frame, (Ping(1), Inv([InvVect(1, HASHES[0])] * 300), GetAddr(), Ping(2))))

    def test_any_pieces(self) -> None:
        """However it is cut, the same is heard and answered."""
        for size in (1, 2, 3, 23, 24, 25, 100, 1000, 100_000):
            raw = self.ready()
            stream = self.whole(raw)
            for start in range(0, len(stream), size):
                raw.send(stream[start : start + size])
            self.assertEqual(self.heard(raw).names[3:], ["on_ping", "on_inv", "on_getaddr", "on_ping"])
            self.assertEqual(raw.read(), [Pong(1), Pong(2)])

    def test_golden_in_pieces(self) -> None:
        """So with everything that other implementations write."""
        raw, cut = (self.ready("core", services=4, says={"services": 13}) for _ in range(2))
        late = {kind.command for kind in raw.peer.network.order.late}
        stream = b"".join(frame for command, frame in golden_frames(raw.peer.network) if command not in late)
        raw.send(stream)
        for start in range(0, len(stream), 997):
            cut.send(stream[start : start + 997])
        self.assertEqual(self.heard(cut).names, self.heard(raw).names)
        self.assertEqual(cut.peer.snapshot().received, raw.peer.snapshot().received)
        self.assertGreater(len(self.heard(raw).names), 100)

    def test_waiting(self) -> None:
        """It tells how many bytes of an unfinished message it holds."""
        raw = self.ready()
        raw.send(raw.frame(Ping(1))[:30])
        self.assertEqual(raw.peer.inbox.waiting, 30)
        raw.send(raw.frame(Ping(1))[30:])
        self.assertEqual(raw.peer.inbox.waiting, 0)

    def test_empty_chunk(self) -> None:
        """A chunk of nothing is nothing."""
        raw = self.ready()
        raw.send(b"")
        self.assertEqual(raw.read(), [])


class CodecTests(PeerTestCase):
    """What a message means may change between two of one chunk."""

    def test_version_changes_the_reading(self) -> None:
        """The message behind an old version and its verack is read as that version writes it."""
        raw = self.raw(inbound=True)
        version = raw.frame(raw.version(protocol_version=31401))
        old = raw.peer.network.codec(31401)
        raw.send(version, old.encode(VerAck()), old.encode(Addr([ADDRESS._replace(timestamp=None)])))
        (message,) = self.heard(raw).heard("on_addr")
        self.assertEqual(message.addr_list, [ADDRESS._replace(timestamp=None)])

    def test_services_change_the_reading(self) -> None:
        """Transactions of a peer that offers witnesses are read with them, from the first on."""
        spent = TxIn(OutPoint(HASHES[0], 0), b"", 0, [b"proof"])
        tx = Tx(2, [spent], [TxOut(1, b"")], 0)
        raw = self.raw(inbound=True)
        raw.send(raw.version(services=8), VerAck(), raw.peer.network.codec(70016, True).encode(tx))
        (message,) = self.heard(raw).heard("on_tx")
        self.assertEqual(message.tx_in, [spent])

    def test_noted_at_once(self) -> None:
        """What negotiates is noted when it is heard."""
        seen: list[Any] = []
        raw = self.raw(
            listener=Recorder({"on_wtxidrelay": lambda peer, _: seen.append(set(peer.handshake.noted))})
        )
        raw.send(raw.version(), SendAddrV2(), WtxidRelay())
        self.assertEqual(seen, [{SendAddrV2, WtxidRelay}])


class OrderTests(PeerTestCase):
    """The order in which one message concerns the peer itself, who waits, and the listener."""

    def test_duty_then_waiter_then_listener(self) -> None:
        """First the pong is noted, then who waits gets it, then the listener hears it."""
        order: list[str] = []
        raw = self.ready(listener=Recorder({"on_pong": lambda *_: order.append("listener")}))
        waiting = raw.peer.ping().addCallback(lambda _: order.append(f"waiter {raw.peer.pings.last}"))
        (ping,) = raw.read()
        raw.send(Pong(ping.nonce))
        self.successResultOf(waiting)
        self.assertEqual(order, ["waiter 0.0", "listener"])

    def test_reading_goes_on_after_what_is_passed_over(self) -> None:
        """A frame that is passed over takes no other with it."""
        raw = self.ready()
        raw.send(
            unknown_frame(raw.peer.network), Ping(1), unknown_frame(raw.peer.network, payload=b"1"), Ping(2)
        )
        self.assertEqual(raw.read(), [Pong(1), Pong(2)])
        self.assertEqual(len(self.heard(raw).heard("on_message")), 2)

    def test_malformed_behind_good(self) -> None:
        """What came before a malformed frame has been handled; what comes behind it is not."""
        raw = self.ready()
        raw.send(Ping(1), b"\0" * 24, Ping(2))
        self.assertEqual([message.command for message in raw.read()], ["pong", "reject"])
        self.assertIsInstance(raw.peer.ending, MalformedMessage)

    def test_listener_that_closes_the_transport(self) -> None:
        """A connection that is lost while a chunk is handled: nothing more is heard of it."""
        raw = self.ready(listener=Recorder({"on_inv": lambda peer, _: raw.close()}))
        raw.send(Inv([]), Inv([]), Ping(1))
        self.assertEqual(self.heard(raw).names[-2:], ["on_inv", "on_lost"])
        self.assertIsInstance(raw.peer.ending, PeerLost)
