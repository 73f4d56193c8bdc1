"""Tests of Kaspa's peers: what they send and hear, when they open, whom they refuse, and for how long they wait."""

from __future__ import annotations

from typing import Any

from peerproto.errors import (
    HandshakeTimeout,
    MalformedMessage,
    PeerError,
    PeerIdle,
    Refused,
    SelfConnection,
    UnknownCommand,
    VersionExpected,
    VersionTooOld,
)
from peerproto.networks import kaspa
from peerproto.networks.kaspa import (
    FilterLoad,
    GetSelectedTip,
    Ping,
    Pong,
    Reject,
    SelectedTip,
    VerAck,
    Version,
)
from peerproto.peer.factory import Nonces
from peerproto.peer.handshake import State
from peerproto.testing import RawPeer, memory_factory
from peerproto.wire.message import Message
from tests.kaspa_case import ASK_INVS, ZERO, KaspaCase, Looks, Silent, tx
from tests.kaspa_vectors import bad, frame_of, golden, odd
from tests.peer_case import HASHES


class HandshakeTests(KaspaCase):
    """The way to an open peer."""

    def test_outbound(self) -> None:
        """The caller says its version at once, and its verack when it has heard the other's; then it is open."""
        raw = self.made(services=37, user_agent="/kaspad:0.5.0/kaspad:0.5.0/")
        (version,) = raw.read()
        assert isinstance(version, Version)
        self.assertEqual(
            (version.protocol_version, version.services, version.timestamp), (1, 37, 1_600_000_000)
        )
        self.assertEqual(version.addr_you, (1, "192.0.2.2", 8333))
        self.assertEqual(version.addr_me, (37, "::", 0))
        self.assertEqual((version.subnetwork_id, version.disable_relay_tx), (None, False))
        self.assertEqual(version.selected_tip_hash, raw.peer.network.genesis)
        self.assertLess(version.nonce, 2**63)
        self.assertEqual(len(raw.codec.encode(version)), 24 + 142)
        raw.send(raw.version())
        self.assertEqual((self.commands(raw), raw.peer.state), (["verack"], State.AWAITING_VERACK))
        raw.send(VerAck())
        self.assertEqual((raw.peer.state, raw.read()), (State.READY, []))
        self.assertEqual(self.heard(raw).names, ["on_version", "on_ready", "on_verack"])

    def test_inbound(self) -> None:
        """The called one waits, and then says both, before it has seen a verack."""
        raw = self.made(inbound=True)
        self.assertEqual(self.commands(raw), [])
        raw.send(raw.version(relay=False))
        self.assertEqual(self.commands(raw), ["version", "verack"])
        theirs = raw.peer.theirs
        assert theirs is not None
        self.assertEqual((theirs.relay, theirs.height, theirs.services), (False, 0, 9))

    def test_blocks_only(self) -> None:
        """Who wants no transactions says so."""
        (version,) = self.made(relay=False).read()
        self.assertTrue(version.to_fields()["disable_relay_tx"])

    def test_selected_tip(self) -> None:
        """The selected tip is asked each time it is told."""
        tips = iter(HASHES)
        network = kaspa.network("regtest", selected_tip=lambda: next(tips))
        raw = RawPeer(memory_factory(network))
        (version,) = raw.read()
        self.assertEqual(version.to_fields()["selected_tip_hash"], HASHES[1].hex())
        raw.handshake()
        raw.send(GetSelectedTip())
        self.assertEqual(raw.read(), [SelectedTip(HASHES[3])])
        raw.close()

    def test_tip_of_the_factory(self) -> None:
        """A tip that is given to the peers' factory wins, and theirs is part of what they say of themselves."""
        raw = RawPeer(memory_factory(kaspa.network("regtest", selected_tip=lambda: HASHES[0]), tip=HASHES[1]))
        (version,) = raw.read()
        self.assertEqual(version.to_fields()["selected_tip_hash"], HASHES[1].hex())
        raw.handshake(tip=HASHES[2])
        self.assertEqual(raw.peer.theirs and raw.peer.theirs.tip, HASHES[2])
        raw.close()

    def test_newer_version(self) -> None:
        """Whoever speaks a newer version speaks version 1 too."""
        for pver in (2, 5, 2**31 - 1):
            raw = self.open(says={"protocol_version": pver})
            self.assertEqual((raw.peer.protocol_version, raw.peer.state), (1, State.READY))

    def test_no_gate(self) -> None:
        """What comes before their verack is heard and answered, and what was held goes out behind ours."""
        raw = self.made(inbound=True, listener=Silent())
        raw.peer.send(ASK_INVS)
        waiting = raw.peer.request(GetSelectedTip())
        raw.send(raw.version(), GetSelectedTip(), Ping(3))
        sent = ["version", "verack", "getblockinvs", "getseltip", "selectedtip", "pong"]
        self.assertEqual(self.commands(raw), sent)
        raw.send(SelectedTip(ZERO))
        self.assertEqual(self.successResultOf(waiting), SelectedTip(ZERO))
        self.assertEqual(raw.peer.state, State.AWAITING_VERACK)

    def test_no_verack(self) -> None:
        """One that never says verack lives as long as it says something, then as long as the idle limit."""
        raw = self.made()
        raw.send(raw.version())
        self.let_pass(200)
        raw.send(Ping(1))
        self.let_pass(299.5)
        self.assertFalse(raw.hung_up)
        self.let_pass(1)
        self.assertIsInstance(self.why(raw), PeerIdle)

    def test_overdue(self) -> None:
        """The versions must be exchanged within 30 seconds."""
        for inbound in (False, True):
            raw = self.made(inbound=inbound)
            raw.read()
            self.let_pass(29.5)
            self.assertFalse(raw.hung_up)
            self.let_pass(1)
            self.assertIsInstance(self.why(raw), HandshakeTimeout)
            self.assertIsNone(self.told(raw))


class RefusalTests(KaspaCase):
    """Whom a peer ends, and what it tells."""

    def refused(
        self, *things: Message | bytes, inbound: bool = True, **options: Any
    ) -> tuple[PeerError, Any]:
        """Why a new peer ends when it hears something, and what it tells."""
        raw = self.made(inbound=inbound, **options)
        raw.read()
        raw.send(*things)
        return self.why(raw), self.told(raw)

    def test_first_is_no_version(self) -> None:
        """What came instead is named, and the peer is ended; a kaspad would die of it."""
        for command in ("ping", "verack", "inv", "tx", "block", "getseltip"):
            entry = next(entry for entry in golden() if entry["command"] == command)
            for inbound in (True, False):
                error, told = self.refused(self.framed(self.made(), entry), inbound=inbound)
                self.assertIsInstance(error, VersionExpected)
                self.assertEqual((told.cmd, told.code), (command, 0x01))
                self.assertEqual(told.hash, ZERO if command in ("tx", "block") else None)

    def test_version_is_refused(self) -> None:
        """Of a version that does not suit nothing is told: not of an old one, nor of a negative one, nor of our own."""
        raw = self.made()
        for pver in (0, -1, -(2**31)):
            error, told = self.refused(raw.version(protocol_version=pver))
            self.assertIsInstance(error, VersionTooOld)
            self.assertIsNone(told)
        nonces = Nonces()
        nonces.add(raw.says.nonce)
        error, told = self.refused(raw.version(protocol_version=1), nonces=nonces)
        self.assertIsInstance(error, SelfConnection)
        self.assertIsNone(told)

    def test_partial_node(self) -> None:
        """Nothing is told of a subnetwork that does not suit either."""
        raw = self.made()
        for entry in golden():
            if entry["label"] in ("version-partial-node", "version-native-subnetwork-id"):
                for inbound in (True, False):
                    error, told = self.refused(self.framed(raw, entry), inbound=inbound)
                    self.assertIsInstance(error, Refused)
                    self.assertIsNone(told)

    def test_first_cannot_be_read(self) -> None:
        """During the handshake nothing is told of what cannot be read."""
        envelope = self.made().peer.network.envelope
        for frame, kind in (
            (envelope.wrap(b"bogus".ljust(12, b"\0"), b""), UnknownCommand),
            (envelope.wrap(b"version".ljust(12, b"\0"), b"\1"), MalformedMessage),
            (bytes(24), MalformedMessage),
        ):
            error, told = self.refused(frame)
            self.assertIsInstance(error, kind)
            self.assertIsNone(told)

    def test_second_version(self) -> None:
        """A second version is told, and the peer stays."""
        for gate in ((), (VerAck(),)):
            raw = self.made(inbound=True)
            raw.send(raw.version(), *gate)
            raw.read()
            raw.send(raw.version(user_agent="/other/"), Ping(7))
            self.assertEqual(raw.read(), [Reject("version", 0x12, "duplicate version message"), Pong(7)])
            self.assertFalse(raw.hung_up)
            assert raw.peer.theirs is not None
            self.assertEqual(raw.peer.theirs.user_agent, "/raw:1/")

    def test_second_verack(self) -> None:
        """A second verack is told, and the peer stays."""
        raw = self.open()
        raw.read()
        raw.send(VerAck(), VerAck(), Ping(7))
        duplicate = Reject("verack", 0x12, "duplicate verack message")
        self.assertEqual(raw.read(), [duplicate, duplicate, Pong(7)])
        self.assertFalse(raw.hung_up)

    def test_unreadable(self) -> None:
        """Of an open peer each bad frame that is whole is told as malformed, and ends it, before a verack too."""
        whole = 0
        for entry in bad():
            frame = frame_of(entry)
            if entry["label"].startswith("stream-") or len(frame) < 24:
                continue
            whole += 1
            for gate in ((), (VerAck(),)):
                raw = RawPeer(memory_factory(kaspa.network("simnet"), Looks()))
                raw.send(raw.version(), *gate)
                raw.read()
                raw.send(frame)
                self.assertIsInstance(self.why(raw), MalformedMessage, entry["label"])
                told = self.told(raw)
                assert told is not None
                self.assertEqual((told.cmd, told.code), ("malformed", 0x01), entry["label"])
                self.assertTrue(0 < len(told.reason) <= 250)
                raw.close()
        self.assertEqual(whole, len(bad()) - 4)

    def test_odd(self) -> None:
        """What kaspad reads in spite of all ends nobody: bytes behind the last field, flags of any form, stray gas."""
        for entry in odd():
            if entry["command"] != "version":
                raw = self.open(listener=Looks(), services=4, says={"services": 5})
                raw.send(self.framed(raw, entry), Ping(1))
                self.assertEqual(raw.read()[-1], Pong(1), entry["label"])
        for entry in odd():
            if entry["command"] == "version" and entry["fields"]["subnetwork_id"] is None:
                raw = self.made()
                raw.send(self.framed(raw, entry))
                self.assertEqual(self.commands(raw), ["version", "verack"], entry["label"])

    def test_empty_filter(self) -> None:
        """An empty filter with hash functions, of which a kaspad dies, is a message like another."""
        raw = self.open(services=4)
        raw.send(FilterLoad(b"", 5, 0, 0), tx(), Ping(1))
        self.assertEqual(raw.read(), [Pong(1)])


class KeepAliveTests(KaspaCase):
    """Pings, and the end of silence."""

    def test_pings(self) -> None:
        """Each 120 seconds a ping goes out; its pong is measured, another one is not."""
        raw = self.open()
        raw.read()
        self.let_pass(119.5)
        self.assertEqual(raw.read(), [])
        self.let_pass(1)
        (ping,) = raw.read()
        assert isinstance(ping, Ping)
        self.let_pass(2)
        raw.send(Pong(ping.nonce ^ 1))
        self.assertIsNone(raw.peer.pings.last)
        raw.send(Pong(ping.nonce))
        assert raw.peer.pings.last is not None
        self.assertAlmostEqual(raw.peer.pings.last, 2)

    def test_idle(self) -> None:
        """After 300 seconds without a message the peer is ended; half a message does not help."""
        raw = self.open()
        self.let_pass(150)
        raw.send(raw.frame(Ping(1))[:30])
        self.let_pass(149.5)
        self.assertFalse(raw.hung_up)
        self.let_pass(1)
        self.assertIsInstance(self.why(raw), PeerIdle)
