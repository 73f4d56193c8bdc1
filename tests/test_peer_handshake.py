"""Tests of the handshake: order, versions, ourselves, time. Every message in every state: see test_peer_states."""

from __future__ import annotations

from peerproto.errors import (
    HandshakeTimeout,
    PeerError,
    Reason,
    SelfConnection,
    VersionExpected,
    VersionTooOld,
)
from peerproto.networks.bitcoin import (
    Alert,
    FeeFilter,
    GetHeaders,
    Ping,
    Pong,
    SendAddrV2,
    SendCmpct,
    SendTxRcncl,
    VerAck,
    WtxidRelay,
)
from peerproto.peer.handshake import Handshake, State, describe
from peerproto.testing import RawPeer, Recorder, memory_factory
from tests.peer_case import HASHES, POLICIES, PeerTestCase, introduction, regtest, unknown_frame

SECOND, READY = State.AWAITING_VERACK, State.READY


class OrderTests(PeerTestCase):
    """Who says what first."""

    def test_outbound_speaks_first(self) -> None:
        """A peer that has called says its version at once, and nothing more until it has theirs."""
        raw = self.raw()
        self.assertEqual([message.command for message in raw.read()], ["version"])

    def test_inbound_waits(self) -> None:
        """A peer that was called says nothing until it has heard their version."""
        raw = self.raw(inbound=True)
        self.assertEqual(raw.read(), [])

    def test_verack_at_once(self) -> None:
        """Both sides acknowledge as soon as they have a version: neither waits for the other's verack."""
        for inbound in (False, True):
            raw = self.raw(inbound=inbound)
            first = raw.read()
            raw.send(raw.version())
            written = [message.command for message in first + raw.read()]
            self.assertEqual(written, ["version", "wtxidrelay", "sendaddrv2", "verack"])
            self.assertIs(raw.peer.state, SECOND)

    def test_whole_conversation_in_one_chunk(self) -> None:
        """All that the other side has to say may come as one piece, with messages behind it."""
        raw = self.raw(inbound=True)
        raw.send(raw.version(), WtxidRelay(), SendAddrV2(), VerAck(), Ping(3))
        written = [message.command for message in raw.read()]
        self.assertEqual(written, ["version", "wtxidrelay", "sendaddrv2", "verack", "sendheaders", "pong"])

    def test_byte_by_byte(self) -> None:
        """Every piece may come alone."""
        raw = self.raw(inbound=True)
        for byte in raw.frame(raw.version()) + raw.frame(VerAck()):
            raw.send(bytes([byte]))
        self.assertIs(raw.peer.state, READY)

    def test_negotiation_in_any_order(self) -> None:
        """What negotiates may come in any order, repeated, among commands that nobody knows."""
        for policy in POLICIES:
            raw = self.raw(policy)
            raw.send(raw.version(), SendCmpct(announce=False, version=2), SendAddrV2(), SendAddrV2())
            raw.send(unknown_frame(raw.peer.network), WtxidRelay(), SendTxRcncl(1, 2), WtxidRelay(), VerAck())
            self.assertIs(raw.peer.state, READY)
            self.assertLessEqual({SendAddrV2, WtxidRelay, SendTxRcncl, SendCmpct}, raw.peer.handshake.noted)

    def test_nothing_leaves_before_ready(self) -> None:
        """What the user sends before the handshake is done goes out after it, in the order of sending."""
        for inbound in (False, True):
            raw = self.raw(inbound=inbound)
            raw.peer.send(FeeFilter(1))
            asked = raw.peer.request(GetHeaders(70016, [], bytes(32)))
            raw.peer.send(FeeFilter(2))
            before = [message.command for message in raw.read()]
            raw.send(raw.version())
            before += [message.command for message in raw.read()]
            self.assertEqual(before, ["version", "wtxidrelay", "sendaddrv2", "verack"])
            raw.send(VerAck())
            self.assertEqual(
                [message.command for message in raw.read()],
                ["sendheaders", "feefilter", "getheaders", "feefilter"],
            )
            raw.close()
            self.failureResultOf(asked, PeerError)

    def test_no_timer_but_its_own(self) -> None:
        """Until the handshake is done its own timer is the only one."""
        self.raw()
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)


BY_VERSION = {
    209: ("version", "verack"),
    31402: ("version", "verack"),
    60000: ("version", "verack"),
    60002: ("version", "verack"),
    70001: ("version", "verack"),
    70002: ("version", "verack"),
    70012: ("version", "verack", "sendheaders"),
    70013: ("version", "verack", "sendheaders"),
    70015: ("version", "verack", "sendheaders"),
    70016: ("version", "wtxidrelay", "sendaddrv2", "verack", "sendheaders"),
    70017: ("version", "wtxidrelay", "sendaddrv2", "verack", "sendheaders"),
}


class ProtocolVersionTests(PeerTestCase):
    """What two versions make of each other."""

    def test_lower_of_both(self) -> None:
        """The lower of both versions is spoken, and only what it knows is said."""
        for policy in POLICIES:
            for inbound in (False, True):
                for pver, commands in BY_VERSION.items():
                    if policy == "core" and pver < 31800:
                        continue
                    raw = self.raw(policy, inbound=inbound)
                    written = [message.command for message in raw.handshake(protocol_version=pver)]
                    self.assertEqual((pver, tuple(written)), (pver, commands))
                    self.assertEqual(raw.peer.protocol_version, min(pver, 70016))
                    self.assertEqual(raw.peer.codec.pver, min(pver, 70016))
                    self.assertEqual(raw.peer.snapshot().version, pver)

    def test_ours_is_lower(self) -> None:
        """A node may be told to speak an older version than it could."""
        for inbound in (False, True):
            raw = self.raw(inbound=inbound, protocol_version=70002)
            self.assertEqual([message.command for message in raw.handshake()], ["version", "verack"])
            self.assertEqual(raw.peer.protocol_version, 70002)
            self.assertEqual(raw.peer.snapshot().version, 70016)

    def test_relay_byte(self) -> None:
        """Our version has a relay byte from 70001 on: as answer by theirs, as greeting by ours (btcd, run)."""
        base = 24 + 85 + len("/peerproto:0.1.0/")
        for pver, size in ((60002, base), (70001, base + 1)):
            raw = self.raw(inbound=True)
            raw.send(raw.version(protocol_version=pver))
            self.assertEqual(len(raw.transport.take()) - len(raw.frame(VerAck())), size)
            caller = self.raw(protocol_version=pver)
            self.assertEqual(len(caller.transport.take()), size)

    def test_too_old(self) -> None:
        """Below the least version a peer is ended, and told nothing: at its version no reject can be written."""
        for policy, least in (("btcd", 209), ("core", 31800)):
            for inbound in (False, True):
                raw = self.raw(policy, inbound=inbound)
                raw.read()
                raw.send(raw.version(protocol_version=least - 1, user_agent="/old/"))
                error = self.why(raw)
                self.assertIsInstance(error, VersionTooOld)
                self.assertIs(error.reason, Reason.OBSOLETE)
                self.assertEqual(str(error), f"protocol version {least - 1}, {least} or greater is asked")
                self.assertEqual(raw.read(), [])
                self.assertEqual(raw.peer.theirs and raw.peer.theirs.user_agent, "/old/")

    def test_unsupported_version(self) -> None:
        """btcd's own test: a remote of version 1 gets our version and then nothing."""
        raw = self.raw()
        raw.send(raw.version(protocol_version=1))
        self.assertEqual([message.command for message in raw.read()], ["version"])
        self.assertTrue(raw.hung_up)

    def test_addresses_v2_only_from_70016(self) -> None:
        """btcd's own test: with either side at 70015 neither asks for addrv2."""
        for ours, theirs, asks in ((70016, 70016, True), (70015, 70016, False), (70016, 70015, False)):
            raw = self.raw(protocol_version=ours)
            written = [message.command for message in raw.handshake(protocol_version=theirs)]
            self.assertEqual("sendaddrv2" in written, asks)

    def test_old_ping(self) -> None:
        """Up to 60000 a ping has no nonce and no answer."""
        raw = self.ready(says={"protocol_version": 60000})
        raw.send(Ping())
        self.assertEqual(raw.read(), [])
        self.assertEqual(self.heard(raw).names[-1], "on_ping")

    def test_last_alert(self) -> None:
        """The alert that Core-line nodes send to 70012 and below harms nobody."""
        for policy in POLICIES:
            raw = self.ready(policy, says={"protocol_version": 70012})
            raw.send(Alert(b"\x01" * 60, b"\x02" * 70))
            self.assertIs(raw.peer.state, READY)


class WitnessTests(PeerTestCase):
    """Service bit 3 decides how transactions are written and read."""

    def test_by_service_bit(self) -> None:
        """Only with a peer that offers witnesses transactions carry them."""
        for services, witness in ((0, False), (1, False), (8, True), (9, True)):
            raw = self.ready(says={"services": services})
            self.assertIs(raw.peer.codec.witness, witness)

    def test_blocks_are_asked_for_as_they_are_read(self) -> None:
        """Blocks are asked for with their witnesses from such a peer only, also if asked before the handshake."""
        for services, kind in ((1, 2), (9, 2 | 1 << 30)):
            raw = self.raw()
            asked = raw.peer.request_blocks([HASHES[0]])
            raw.handshake(services=services)
            raw.peer.request_blocks([HASHES[0]]).addErrback(lambda _: None)
            later = raw.read()
            self.assertEqual([vector.type for message in later for vector in message.inv_list], [kind])
            raw.close()
            self.failureResultOf(asked, PeerError)


class SelfTests(PeerTestCase):
    """Talking to ourselves."""

    def test_row_19_own_nonce(self) -> None:
        """Row 19: our own nonce coming back ends the peer without a word, on either side."""
        for policy in POLICIES:
            caller = self.raw(policy)
            (ours,) = caller.read()
            called = RawPeer(caller.peer.factory, inbound=True)
            called.send(ours)
            error = self.why(called)
            self.assertIsInstance(error, SelfConnection)
            self.assertIs(error.reason, Reason.SELF)
            self.assertEqual(called.read(), [])
            called.close()
            caller.send(ours)
            self.assertIsInstance(self.why(caller), SelfConnection)

    def test_other_nonce(self) -> None:
        """Any other nonce is another's, zero included."""
        for nonce in (0, 1, 2**64 - 1):
            self.assertIs(self.ready(says={"nonce": nonce}).peer.state, READY)

    def test_each_peer_has_its_own(self) -> None:
        """No two versions of ours have the same nonce."""
        factory = self.raw().peer.factory
        nonces = {factory.introduce(None).nonce for _ in range(20)}
        self.assertEqual(len(nonces), 20)

    def test_called_only(self) -> None:
        """Who only calls and says nothing does not push our own nonces out of memory."""
        caller = self.raw()
        (ours,) = caller.read()
        for _ in range(100):
            RawPeer(caller.peer.factory, inbound=True).close()
        self.assertTrue(caller.peer.factory.is_own_nonce(ours.nonce))


class TimeoutTests(PeerTestCase):
    """Thirty seconds for the whole handshake, and nothing prolongs them."""

    def check(self, raw: RawPeer, state: str) -> None:
        self.assertFalse(raw.hung_up)
        self.clock.advance(0.101)
        error = self.why(raw)
        self.assertIsInstance(error, HandshakeTimeout)
        self.assertIs(error.reason, Reason.HANDSHAKE_TIMEOUT)
        self.assertEqual(str(error), f"still {state} after 30 seconds")
        raw.close()
        self.assertEqual(self.heard(raw).names[-1], "on_lost")

    def test_silence(self) -> None:
        """Row 9: who says nothing is ended after 30 seconds, and not before."""
        for policy in POLICIES:
            for inbound in (False, True):
                raw = self.raw(policy, inbound=inbound)
                self.let_pass(29.9)
                self.check(raw, "awaiting version")

    def test_only_pings(self) -> None:
        """Row 10: messages that are passed over do not prolong it."""
        raw = self.raw("core")
        for _ in range(299):
            self.clock.advance(0.1)
            raw.send(Ping(1))
        self.check(raw, "awaiting version")

    def test_never_verack(self) -> None:
        """Row 11: the version does not prolong it, nor does anything behind it."""
        for policy in POLICIES:
            raw = self.raw(policy, inbound=True)
            self.let_pass(20)
            raw.send(raw.version())
            self.let_pass(9)
            raw.send(WtxidRelay(), unknown_frame(raw.peer.network))
            self.let_pass(0.9)
            self.check(raw, "awaiting verack")

    def test_bytes_one_by_one(self) -> None:
        """Bytes of a message that is never complete do not prolong it."""
        raw = self.raw()
        frame = raw.frame(raw.version())
        for position in range(99):
            self.clock.advance(0.3)
            raw.send(frame[position : position + 1])
        self.clock.advance(0.2)
        self.check(raw, "awaiting version")

    def test_just_in_time(self) -> None:
        """A verack in the thirtieth second is in time, and the timer is gone."""
        raw = self.raw()
        raw.send(raw.version())
        self.let_pass(29.9)
        raw.send(VerAck())
        self.let_pass(60)
        self.assertIs(raw.peer.state, READY)


class UnitTests(PeerTestCase):
    """The object alone, without a peer."""

    def make(self, policy: str = "btcd", *, inbound: bool = False) -> Handshake:
        factory = memory_factory(
            regtest(policy), Recorder(), now=lambda: 1_600_000_000.9, height=77, services=9
        )
        return Handshake(factory, inbound=inbound)

    def test_introduction(self) -> None:
        """The version has the height of the moment, the services twice, and the other side's address."""
        handshake = self.make()
        (version,) = handshake.begin(self.raw().transport.getPeer())
        self.assertEqual(version.timestamp, 1_600_000_000)
        self.assertEqual(version.last_block, 77)
        self.assertEqual((version.services, version.addr_me.services), (9, 9))
        self.assertEqual((version.addr_me.ip, version.addr_me.port), ("::", 0))
        self.assertEqual((version.addr_you.ip, version.addr_you.port), ("192.0.2.2", 8333))
        self.assertFalse(version.disable_relay_tx)

    def test_time_offset(self) -> None:
        """Row 23: their clock less ours, in whole seconds; times before 1970 and after 2106 count as the nearer."""
        latest = 2**32 - 1
        for theirs, offset in (
            (1_600_000_000, 0),
            (1_600_003_600, 3600),
            (0, -1_600_000_000),
            (-(2**63), -1_600_000_000),
            (latest, latest - 1_600_000_000),
            (2**63 - 1, latest - 1_600_000_000),
        ):
            handshake = self.make()
            handshake.begin(None)
            handshake.received(handshake.network.make_version(introduction(timestamp=theirs)))
            self.assertIs(handshake.state, SECOND)
            self.assertEqual(handshake.time_offset, offset)

    def test_what_is_known(self) -> None:
        """What the other side has said is there as soon as its version is."""
        handshake = self.make()
        self.assertIsNone(handshake.theirs)
        message = handshake.network.make_version(introduction(user_agent="/them/", height=9))
        handshake.received(message)
        assert handshake.theirs is not None
        self.assertEqual((handshake.theirs.user_agent, handshake.theirs.height), ("/them/", 9))
        self.assertIs(handshake.version, message)

    def test_words(self) -> None:
        """States are named for people."""
        self.assertEqual(
            [describe(state) for state in State], ["awaiting version", "awaiting verack", "ready", "closed"]
        )

    def test_pong_before_version(self) -> None:
        """The error of an early message names it."""
        with self.assertRaisesRegex(VersionExpected, "^pong while awaiting version$"):
            self.make().received(Pong(1))
