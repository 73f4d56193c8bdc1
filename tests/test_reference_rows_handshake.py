"""The references' own tests of handshakes and of what ends a peer, row by row."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.errors import ListenerFailed, PeerError, PeerLost, Reason, Refused
from peerproto.networks import bitcoin
from peerproto.networks.bitcoin import SendAddrV2
from peerproto.peer.handshake import State
from peerproto.peer.protocol import PeerProtocol
from peerproto.peer.proxy import place_of
from peerproto.testing import CALLED, CALLER, MemoryTransport, Pair, Recorder, memory_factory
from peerproto.wire.reader import Reader
from tests.everywhere import WAYS, EverywhereCase, module_of
from tests.test_reference_rows_standing import ConnectionCase

FULL = ("btcd", "dcrd", "soterd", "kaspad")
"""The references that have these rows; neo-go's seed has none that runs."""


class HandshakeRows(ConnectionCase):
    """Both sides are ours."""

    def test_peer_handshake(self) -> None:
        """TestPeerHandshake (dcrd), basic: both speak 12, 158 bytes each way; we add a sendheaders, as dcrd."""
        agent = "/dcrwire:1.0.0/peer:1.0/"
        pair = self.pair("decred-simnet", agent, 12, 0)
        for peer in (pair.outbound, pair.inbound):
            self.assertEqual((peer.state, peer.user_agent, peer.services), (State.READY, agent, 0))
            self.assertEqual((peer.protocol_version, peer.starting_height, peer.last_block), (12, 0, 0))
            self.assertIn(peer.time_offset, (0, -1))
            seen = peer.snapshot()
            self.assertEqual((seen.ping_nonce, seen.ping_sent_at, seen.ping_last), (None, None, None))
            for total, by_command in ((seen.bytes_sent, seen.sent), (seen.bytes_received, seen.received)):
                sizes = {name: row["bytes"] for name, row in by_command.items()}
                self.assertEqual(sizes, {"version": 134, "verack": 24, "sendheaders": 24})
                self.assertEqual(total - sizes["sendheaders"], 158)

    def test_peer_handshake_callback(self) -> None:
        """TestPeerHandshakeCallback (dcrd): who is called judges the version; if he refuses, nobody becomes ready."""
        heard = Recorder()
        pair = Pair(WAYS["dcrd"], inbound={"listener": heard})
        pair.deliver()
        self.assertEqual(heard.names[:2], ["on_version", "on_verack"])
        refusing = Recorder({"on_version": self.refuse})
        other = Pair(WAYS["dcrd"], inbound={"listener": refusing})
        other.deliver()
        found = self.failureResultOf(other.outbound.when_ready(), PeerLost).value
        self.assertEqual(found.reason, Reason.CLOSED_BY_PEER)
        self.assertEqual(str(other.inbound.ending), "rejected in handshake callback")
        pair.cut()

    @staticmethod
    def refuse(peer: object, version: object) -> None:
        """Whoever it is."""
        raise Refused("rejected in handshake callback")

    def test_send_addr_v2_handshake(self) -> None:
        """TestSendAddrV2Handshake (btcd): both hear sendaddrv2 if both speak 70016, nobody if one speaks 70015."""
        for ours, theirs in ((70016, 70016), (70016, 70015), (70015, 70016)):
            pair = Pair(
                networks.named("bitcoin-regtest"),
                outbound={"protocol_version": ours},
                inbound={"protocol_version": theirs},
            )
            pair.deliver()
            for peer, heard in ((pair.outbound, pair.outbound_heard), (pair.inbound, pair.inbound_heard)):
                said = [name for name in heard.names if name in ("on_sendaddrv2", "on_verack")]
                both = ours == theirs
                self.assertEqual(said, ["on_sendaddrv2", "on_verack"] if both else ["on_verack"])
                self.assertEqual(SendAddrV2 in peer.handshake.noted, both)
            pair.cut()


class EndRows(EverywhereCase):
    """What ends a peer, and what it says."""

    def test_unsupported_version_peer(self) -> None:
        """TestUnsupportedVersionPeer (btcd, soterd, kaspad): a remote with an old version is ended, and nothing is sent
        behind our own version.
        """
        for way, version in (("btcd", 1), ("soterd", 1), ("kaspad", 0)):
            raw = self.made(way)
            raw.read()
            raw.send(raw.version(protocol_version=version))
            self.assertEqual((self.why(raw).reason, raw.peer.connected), (Reason.OBSOLETE, False), way)
            self.assertEqual(self.commands(raw), [])

    def test_old_protocol_version(self) -> None:
        """TestOldProtocolVersion (dcrd): version 8 is too old for both sides."""
        for inbound in (True, False):
            raw = self.made("dcrd", inbound=inbound)
            raw.send(raw.version(protocol_version=8))
            self.assertEqual(self.why(raw).reason, Reason.OBSOLETE)

    def test_no_newest_block(self) -> None:
        """TestNoNewestBlock (dcrd), TestOutboundPeer (btcd, soterd): what is asked for our best block fails: the peer
        ends by itself, on either side, and what is given to it afterwards does nothing.
        """

        def fail() -> int:
            raise ValueError("newest block not found")

        for way in ("btcd", "dcrd", "soterd"):
            for inbound in (True, False):
                raw = self.made(way, inbound=inbound, height=fail)
                if inbound:
                    raw.send(raw.version())
                self.assertEqual((self.why(raw).reason, raw.peer.connected), (Reason.LOCAL_ERROR, False))
                self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
                kinds = module_of(WAYS[way])
                vector = kinds.InvVect(1, 0, bytes(32)) if way == "soterd" else kinds.InvVect(1, bytes(32))
                raw.peer.queue_inventory(vector)
                raw.peer.add_known_inventory(vector)
                waiting = raw.peer.send(kinds.VerAck(), notify=True)
                self.assertIs(self.failureResultOf(waiting, ListenerFailed).value, raw.peer.ending)
                raw.peer.disconnect()
                self.assertEqual(raw.read(), [])

    def test_duplicate_version_msg(self) -> None:
        """TestDuplicateVersionMsg (btcd, dcrd, soterd): a second version ends the peer. (kaspad has no such row.)"""
        for way in ("btcd", "dcrd", "soterd"):
            pair = Pair(WAYS[way])
            pair.deliver()
            version = WAYS[way].make_version(pair.outbound.factory.introduction(7))
            sent = pair.outbound.send(version, notify=True)
            pair.deliver()
            self.successResultOf(sent)
            self.assertEqual(self.reason(pair.inbound), Reason.DUPLICATE_VERSION, way)
            self.assertFalse(pair.outbound.connected)

    def reason(self, peer: PeerProtocol) -> Reason:
        """Why it has ended."""
        error: PeerError = self.successResultOf(peer.when_disconnected())
        return error.reason

    def test_mismatched_genesis_block(self) -> None:
        """TestMismatchedGenesisBlock (soterd): another first block: ended, one reject, and nothing behind it."""
        raw = self.made("soterd")
        raw.read()
        version: Any = raw.version()
        version.genesis_hash = b"\1" * 32
        raw.send(version)
        self.assertTrue(raw.hung_up)
        self.assertEqual(self.commands(raw), ["reject"])

    def test_incompatible_ua_version(self) -> None:
        """TestIncompatibleUAVersion (soterd): our own program in another major version: ended, one reject, no more."""
        raw = self.made(
            "soterd", user_agent="/soterwire:0.6.0/", user_agent_name="peer", user_agent_version="1.0.0"
        )
        raw.read()
        raw.send(raw.version(user_agent="/soterwire:0.6.0/peer:0.3.1/"))
        self.assertTrue(raw.hung_up)
        self.assertEqual(self.commands(raw), ["reject"])

    def test_recover_from_panic(self) -> None:
        """TestRecoverFromPanic (btcd): our own code fails: that peer is ended, with a traceback in the log."""

        def panic(peer: object, message: object) -> None:
            raise ZeroDivisionError

        raw, other = self.on("btcd"), self.on("btcd")
        raw.peer.hear("feefilter", panic)
        raw.send(bitcoin.FeeFilter(1))
        self.assertEqual(self.why(raw).reason, Reason.LOCAL_ERROR)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        other.send(bitcoin.FeeFilter(1))
        self.assertFalse(other.hung_up)


class ConnectionRows(SynchronousTestCase):
    """How a connection comes to a peer, and goes."""

    def peer(self) -> PeerProtocol:
        """One without a connection as yet."""
        return memory_factory(networks.named("bitcoin-simnet")).build(inbound=False)

    def test_disconnect_before_associate_connection(self) -> None:
        """TestDisconnectBeforeAssociateConnection (btcd): a connection that comes too late is closed, once, unused."""
        peer, transport = self.peer(), MemoryTransport(CALLER, CALLED)
        peer.disconnect()
        peer.makeConnection(transport)  # type: ignore[no-untyped-call]
        self.assertTrue(transport.closing)
        self.assertEqual((bytes(transport.outgoing), peer.connected), (b"", False))
        peer.connectionLost()
        self.assertEqual(self.successResultOf(peer.when_disconnected()).reason, Reason.LOCAL_CLOSE)

    def test_socks_proxy(self) -> None:
        """TestPeerConnection, TestPeerHandshake, "socks proxy": a remote address that is no address of IP makes no
        difference but that nothing is told of it.
        """

        for way in FULL:
            network = WAYS[way]
            peer = memory_factory(network).build(inbound=True)
            transport = MemoryTransport(CALLED, place_of("example.onion", 8333))
            peer.makeConnection(transport)  # type: ignore[no-untyped-call]
            codec = network.codec()
            hello = network.make_version(peer.factory.introduction(7))
            peer.dataReceived(codec.encode(hello) + codec.encode(network.verack()))
            self.assertEqual((peer.state, peer.address), (State.READY, "example.onion:8333"))
            ours: Any = next(iter(Reader(codec).feed(transport.take())))
            self.assertEqual((ours.addr_you.ip, ours.addr_you.port), ("::", 0))
            peer.connectionLost()
