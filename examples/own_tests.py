"""Tests of a listener of one's own, with peers in memory: python -m twisted.trial examples/own_tests.py"""

from twisted.trial.unittest import SynchronousTestCase

from peerproto import PeerProtocol, PeerStalled, Reason, networks
from peerproto.networks.bitcoin import BlockHeader, GetHeaders, Headers, Inv, InvVect
from peerproto.testing import Pair, RawPeer, Recorder, memory_factory

NETWORK = networks.named("bitcoin-regtest")
HEADER = BlockHeader(1, NETWORK.genesis, bytes(32), 1_600_000_000, 0x207FFFFF, 0)


class TipWatcher:
    """What is tested: asks for the headers behind the first block, and keeps the hash of the last that comes."""

    tip = NETWORK.genesis

    def on_ready(self, peer: PeerProtocol) -> None:
        peer.send(GetHeaders(peer.protocol_version, [self.tip], bytes(32)))

    def on_headers(self, peer: PeerProtocol, message: Headers) -> None:
        if not message.headers:
            peer.disconnect()
            return
        self.tip = message.headers[-1].block_hash
        peer.queue_inventory(InvVect(2, self.tip))


class TipWatcherTests(SynchronousTestCase):
    """The listener, and three ways to have somebody on the other side."""

    def setUp(self) -> None:
        self.watcher = TipWatcher()

    def test_by_hand(self) -> None:
        """The other side says what it is told to, and nothing else: headers that were asked for, and then garbage."""
        raw = RawPeer(memory_factory(NETWORK, self.watcher))
        self.assertEqual(raw.handshake()[-1], GetHeaders(70016, [NETWORK.genesis], bytes(32)))
        raw.send(Headers([HEADER]), b"\xff" * 100)
        self.assertEqual(self.watcher.tip, HEADER.block_hash)
        self.assertIs(raw.peer.ending and raw.peer.ending.reason, Reason.OVERSIZE)
        raw.close()

    def test_by_a_script(self) -> None:
        """The other side answers by itself: there is nothing new, so the listener leaves."""
        raw = RawPeer(memory_factory(NETWORK, self.watcher))
        raw.send(raw.version(), NETWORK.verack())
        raw.play({"getheaders": lambda asked: Headers([])})
        self.assertIs(raw.peer.ending and raw.peer.ending.reason, Reason.LOCAL_CLOSE)
        self.assertTrue(raw.hung_up)
        raw.close()

    def test_with_a_pair(self) -> None:
        """A real peer on the other side: its listener serves one header, and records the announcement."""
        serving = Recorder({"on_getheaders": lambda peer, message: peer.send(Headers([HEADER]))})
        pair = Pair(NETWORK, outbound={"listener": self.watcher}, inbound={"listener": serving})
        pair.deliver()
        self.assertEqual(serving.heard("on_inv"), [Inv([InvVect(2, HEADER.block_hash)])])
        pair.cut()

    def test_silence(self) -> None:
        """Time is the clock's: half a minute of silence, and a request has failed."""
        pair = Pair(NETWORK, outbound={"listener": None})
        pair.deliver()
        asked = pair.outbound.request(GetHeaders(70016, [NETWORK.genesis], bytes(32)), timeout=30.0)
        pair.advance(29.0)
        self.assertNoResult(asked)
        pair.advance(1.5)
        self.failureResultOf(asked, PeerStalled)
        pair.cut()
