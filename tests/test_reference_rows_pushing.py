"""What the references' own tests and measurements show of requests and pushes, a test for each row.

Rows are named after the reference's test, or after what was measured of it.
"""

from __future__ import annotations

from typing import Any

from peerproto import networks
from peerproto.errors import NotFound, PeerLost, PeerStalled
from peerproto.networks import bitcoin, decred, kaspa, neo, soter
from peerproto.testing import RawPeer
from tests.everywhere import EverywhereCase, missing, module_of
from tests.peer_case import HASHES
from tests.test_peer_pushing import addresses, hosts

ZERO = bytes(32)
INVALID, OBSOLETE = 0x10, 0x11


class RowCase(EverywhereCase):
    """Peers of the nets that the references test with."""

    def on_net(self, name: str) -> RawPeer:
        """The other side of a ready peer of a net by its name."""
        return self.on("btcd", network=networks.named(name))

    def dead(self, raw: RawPeer) -> None:
        """All that can be pushed to a peer that has ended goes nowhere; who waits for it is told."""
        peer = raw.peer
        peer.disconnect()
        peer.disconnect()
        waiting = peer.send(peer.network.make_ping(1, peer.factory), notify=True)
        self.assertIs(self.failureResultOf(waiting, PeerLost).value, peer.ending)
        peer.push_addresses(addresses(5))
        for command in ("getblocks", "getheaders"):
            if command in peer.network.phrases.by_command:
                locator: list[Any] = [5] if module_of(peer.network) is soter else HASHES
                self.assertFalse(getattr(peer, f"push_{command}")(locator))
        self.assertEqual(raw.read(), [])


class BtcdRows(RowCase):
    """btcd's package `peer`, and what was run against it."""

    def test_outbound_peer(self) -> None:
        """TestOutboundPeer: the push helpers, with empty locators and rejects without a hash, and six messages."""
        raw = self.on_net("bitcoin-regtest")
        peer = raw.peer
        self.assertEqual(peer.push_addresses(addresses(5)), addresses(5))
        self.assertTrue(peer.push_getblocks([]))
        self.assertTrue(peer.push_getheaders([]))
        peer.push_reject("block", INVALID, "invalid")
        peer.push_reject("version", INVALID, "invalid", ZERO)
        for message in (
            bitcoin.GetAddr(),
            bitcoin.Ping(1),
            bitcoin.MemPool(),
            bitcoin.GetData([]),
            bitcoin.GetHeaders(70016, [], ZERO),
            bitcoin.FeeFilter(1000),
        ):
            peer.send(message)
        self.assertEqual(
            " ".join(self.commands(raw)),
            "addr getblocks getheaders reject reject getaddr ping mempool getdata getheaders feefilter",
        )

    def test_outbound_peer_dead(self) -> None:
        """TestOutboundPeer: what is given to a dead peer does nothing, and whoever waits for it hears of it."""
        self.dead(self.on_net("bitcoin-simnet"))

    def test_shuffle(self) -> None:
        """Run: of 1500 addresses PushAddrV2Msg sends 1000 of which 503 differ. Here all do."""
        raw = self.made("btcd")
        raw.send(raw.version())
        raw.send(bitcoin.SendAddrV2(), bitcoin.VerAck())
        raw.read()
        sent = raw.peer.push_addresses(addresses(1500))
        (told,) = raw.read()
        assert isinstance(told, bitcoin.AddrV2)
        self.assertEqual([item.addr for item in told.addr_list], hosts(sent))
        self.assertEqual(len(set(hosts(sent))), 1000)

    def test_any_of_four(self) -> None:
        """The stall table: any one answer to a getdata clears what was owed to it, if nobody waits for more."""
        for answer in (bitcoin.NotFound([]), bitcoin.NotFound([bitcoin.InvVect(1, HASHES[4])])):
            raw = self.on("btcd")
            raw.peer.send(bitcoin.GetData([bitcoin.InvVect(1, item) for item in HASHES]))
            raw.send(answer)
            self.let_pass(60)
            self.assertFalse(raw.hung_up)


class DecredRows(RowCase):
    """dcrd, as it was measured."""

    def test_outbound_peer(self) -> None:
        """TestOutboundPeer, as in btcd, of which dcrd's is a branch; today's has no rejects."""
        raw = self.on("dcrd1")
        raw.peer.push_addresses(addresses(5))
        raw.peer.push_getblocks([])
        raw.peer.push_getheaders([])
        raw.peer.push_reject("block", INVALID, "invalid")
        raw.peer.push_reject("block", INVALID, "invalid", HASHES[0])
        self.assertEqual(self.commands(raw), ["addr", "getblocks", "getheaders", "reject", "reject"])
        for way in ("dcrd", "dcrd1"):
            self.dead(self.on(way))

    def test_two_of_which_one_is_missing(self) -> None:
        """Measured: of two requested one is not found: today's dcrd hangs up at 45 seconds, its 1.x stays."""
        for way, ends in (("dcrd", True), ("dcrd1", False)):
            raw = self.on(way)
            self.clock.advance(1)
            waiting = raw.peer.request_blocks(HASHES[:2])
            (asked,) = raw.read()
            raw.send(missing(raw.peer.network, asked, 1))
            self.let_pass(43)
            self.assertFalse(raw.hung_up)
            self.let_pass(1.1)
            self.assertEqual(raw.hung_up, ends)
            gone, late = self.successResultOf(waiting)
            self.assertIsInstance(gone, NotFound)
            self.assertIsInstance(late, PeerStalled)

    def test_addresses_at_version_12(self) -> None:
        """Read: at version 12 PushAddrMsg kills its own peer. Here the message of that version goes out."""
        raw = self.on("dcrd", says={"protocol_version": 12})
        raw.peer.push_addresses(addresses(5))
        self.assertEqual([type(message) for message in raw.read()], [decred.AddrV2])
        self.assertFalse(raw.hung_up)


class SoterRows(RowCase):
    """soterd's package `peer`, and what was measured of it."""

    def test_outbound_peer(self) -> None:
        """TestOutboundPeer: all push helpers on a regtest, a reject without a hash too, and several messages."""
        raw = self.on("soterd")
        peer = raw.peer
        peer.push_addresses(addresses(5))
        peer.push_addrcache(addresses(1), addresses(1), addresses(1))
        peer.push_getblocks([])
        peer.push_getheaders([])
        peer.push_reject("block", INVALID, "invalid")
        peer.push_reject("block", INVALID, "invalid", HASHES[0])
        for message in (
            soter.GetAddr(),
            soter.Ping(1),
            soter.MemPool(),
            soter.GetData([]),
            soter.FeeFilter(1000),
        ):
            peer.send(message)
        self.assertEqual(
            " ".join(self.commands(raw)),
            "addr addrcache getblocks getheaders reject reject getaddr ping mempool getdata feefilter",
        )

    def test_outbound_peer_dead(self) -> None:
        """TestOutboundPeer: pushes to a dead peer do nothing; it is disconnected twice without harm."""
        self.dead(self.on_net("soter-regtest"))

    def test_one_notfound(self) -> None:
        """Measured: one notfound clears a getdata of two items."""
        raw = self.on("soterd")
        raw.peer.request_blocks(HASHES[:2])
        (asked,) = raw.read()
        raw.send(missing(raw.peer.network, asked, 1))
        self.let_pass(60)
        self.assertFalse(raw.hung_up)

    def test_times(self) -> None:
        """Measured: what is asked a second after the start ends the peer at 45 seconds, getheaders at 105; getblocks
        that was held back in the handshake at 30.
        """
        for push, seconds in (("push_getblocks", 45), ("push_getheaders", 105)):
            raw = self.on("soterd")
            self.let_pass(1)
            getattr(raw.peer, push)([0])
            self.let_pass(seconds - 1.5)
            self.assertFalse(raw.hung_up)
            self.let_pass(1)
            self.assertIsInstance(self.why(raw), PeerStalled)
        raw = self.made("soterd")
        raw.peer.push_getblocks([0])
        raw.handshake()
        self.let_pass(29.5)
        self.assertFalse(raw.hung_up)
        self.let_pass(1)
        self.assertIsInstance(self.why(raw), PeerStalled)


class KaspaRows(RowCase):
    """kaspad's package `peer`, and what was run against it."""

    def test_outbound_peer(self) -> None:
        """TestOutboundPeer: five addresses, getblockinvs, two rejects and plain messages on mainnet and regtest."""
        for net in ("mainnet", "regtest"):
            raw = self.on_net(f"kaspa-{net}")
            peer = raw.peer
            self.assertEqual(peer.push_addresses(addresses(5)), addresses(5))
            self.assertTrue(peer.push_getblockinvs(ZERO, HASHES[0]))
            peer.push_reject("block", INVALID, "invalid")
            peer.push_reject("block", INVALID, "invalid", HASHES[0])
            for message in (kaspa.GetAddr(), kaspa.Ping(1), kaspa.GetData([]), kaspa.FeeFilter(1000)):
                peer.send(message)
            self.assertEqual(
                " ".join(self.commands(raw)),
                "addr getblockinvs reject reject getaddr ping getdata feefilter",
            )

    def test_outbound_peer_dead(self) -> None:
        """TestOutboundPeer: what is queued on a disconnected peer goes nowhere, and the signal of its end comes."""
        self.dead(self.on("kaspad"))

    def test_order_of_addresses(self) -> None:
        """Run: a thousand addresses or fewer keep their order; of none an empty message is sent."""
        raw = self.on("kaspad")
        raw.peer.push_addresses(addresses(1000))
        raw.peer.push_addresses([])
        full, empty = raw.read()
        assert isinstance(full, kaspa.Addr) and isinstance(empty, kaspa.Addr)
        self.assertEqual([item.ip for item in full.addr_list], hosts(addresses(1000)))
        self.assertEqual(empty.addr_list, [])

    def test_hash_of_a_reject(self) -> None:
        """Run: a missing hash becomes 32 zeros, one of another command is dropped."""
        raw = self.on("kaspad")
        raw.peer.push_reject("tx", INVALID, "bad")
        raw.peer.push_reject("version", OBSOLETE, "old", HASHES[0])
        self.assertEqual(
            raw.read(), [kaspa.Reject("tx", INVALID, "bad", ZERO), kaspa.Reject("version", OBSOLETE, "old")]
        )

    def test_unanswered_locator(self) -> None:
        """Run: a getlocator that is never answered is put up with for two minutes and more."""
        raw = self.on("kaspad")
        raw.peer.push_getlocator(HASHES[1], HASHES[0])
        self.let_pass(200)
        self.assertFalse(raw.hung_up)

    def test_times(self) -> None:
        """Run: a getdata ends the peer at 45 seconds, 40 ms after the start; what goes out at the start at 30."""
        for late, seconds in ((0.04, 45), (0, 30)):
            raw = self.on("kaspad")
            self.clock.advance(late)
            raw.peer.request_transactions(HASHES[:1])
            self.clock.advance(1 - late)
            self.let_pass(seconds - 1.5)
            self.assertFalse(raw.hung_up)
            self.let_pass(0.5)
            self.assertIsInstance(self.why(raw), PeerStalled)


class NeoRows(RowCase):
    """The seed of neo-go's `peer`, done for real."""

    def test_request_headers(self) -> None:
        """RequestHeaders: getheaders with the one start and a zero stop; here the answer is waited for."""
        raw = self.on("neo-cli")
        waiting = raw.peer.request_headers(HASHES[:1])
        self.assertEqual(raw.read(), [neo.GetHeaders(HASHES[:1], ZERO)])
        raw.send(neo.Headers([]))
        self.assertEqual(self.successResultOf(waiting), neo.Headers([]))

    def test_request_blocks(self) -> None:
        """RequestBlocks: one getdata of type block, here of 500 at most; and for transactions, which it lacks."""
        raw = self.on("neo-cli")
        waiting = [raw.peer.request_blocks(HASHES), raw.peer.request_transactions(HASHES)]
        self.assertEqual(raw.read(), [neo.GetData(neo.INV_BLOCK, HASHES), neo.GetData(neo.INV_TX, HASHES)])
        raw.close()
        for each in waiting:
            self.failureResultOf(each, PeerLost)

    def test_detector_is_armed(self) -> None:
        """Bug 17: the seed's stall detector is never armed. Here a request is owed after 120 seconds."""
        raw = self.on("neo-cli")
        waiting = raw.peer.request_headers(HASHES)
        self.let_pass(119)
        self.assertFalse(raw.hung_up)
        self.let_pass(31)
        self.assertIsInstance(self.why(raw), PeerStalled)
        self.failureResultOf(waiting, PeerStalled)

    def test_request_after_the_end(self) -> None:
        """Bug 22: a request after the end blocks for ever, as do those that are open then. Here each fails."""
        raw = self.on("neo-cli")
        waiting = [raw.peer.request_headers(HASHES), raw.peer.request_blocks(HASHES)]
        raw.close()
        for each in (*waiting, raw.peer.request_headers(HASHES), raw.peer.request_transactions(HASHES)):
            self.assertIs(self.failureResultOf(each, PeerLost).value, raw.peer.ending)
