"""Tests of what a peer does of itself."""

from __future__ import annotations

from peerproto.errors import MalformedMessage, PeerLost, PeerStalled, Reason
from peerproto.networks.bitcoin import GetBlocks, GetHeaders, Headers, Inv, Ping, Pong, SendHeaders, VerAck
from peerproto.peer import duties
from peerproto.testing import RawPeer
from tests.peer_case import HASHES, POLICIES, PeerTestCase, regtest, unknown_frame


class PingTests(PeerTestCase):
    """Answering and timing."""

    def test_answer(self) -> None:
        """A ping is answered at once, with its nonce, whatever the nonce is."""
        for policy in POLICIES:
            for inbound in (False, True):
                raw = self.ready(policy, inbound=inbound)
                for nonce in (1, 0, 2**64 - 1):
                    raw.send(Ping(nonce))
                    self.assertEqual(raw.read(), [Pong(nonce)])

    def test_core_line_nodes(self) -> None:
        """Nodes of Core's line ping directly behind their verack, in the same chunk."""
        raw = self.raw(inbound=True)
        raw.send(raw.version(), VerAck(), Ping(9))
        self.assertEqual(raw.read()[-1], Pong(9))

    def test_odd_pongs(self) -> None:
        """Row 44: an unasked pong and one with another nonce are ignored; the ping stays open."""
        for policy in POLICIES:
            raw = self.ready(policy)
            raw.send(Pong(5))
            waiting = raw.peer.ping()
            (ping,) = raw.read()
            raw.send(Pong(ping.nonce ^ 1))
            self.assertNoResult(waiting)
            self.clock.advance(0.5)
            raw.send(Pong(ping.nonce), Pong(ping.nonce))
            self.assertAlmostEqual(self.successResultOf(waiting), 0.5)
            self.assertEqual(raw.peer.pings.last, raw.peer.pings.mean)
            self.assertFalse(raw.hung_up)

    def test_short_pong(self) -> None:
        """Row 44: a short pong ends the peer by btcd's policy; by Core's it is passed over, and who waits fails."""
        for policy in POLICIES:
            raw = self.ready(policy)
            waiting = raw.peer.ping()
            raw.send(raw.peer.network.envelope.wrap(b"pong".ljust(12, b"\0"), b"1234"))
            self.assertEqual(raw.hung_up, policy == "btcd")
            if policy == "btcd":
                raw.close()
                self.failureResultOf(waiting, MalformedMessage)
            else:
                self.failureResultOf(waiting, PeerStalled)
                self.assertFalse(raw.hung_up)

    def test_late_pong(self) -> None:
        """Row 47: a pong that comes when nobody waits any more is still timed, and no error."""
        raw = self.ready("core")
        waiting = raw.peer.ping(timeout=1)
        (ping,) = raw.read()
        self.let_pass(2)
        self.failureResultOf(waiting, PeerStalled)
        raw.send(Pong(ping.nonce))
        self.assertAlmostEqual(raw.peer.pings.last, 2)


class NotingTests(PeerTestCase):
    """What negotiates and may come at any time."""

    def test_sendheaders(self) -> None:
        """That the other side wants headers is noted, however often it says so."""
        raw = self.ready()
        self.assertNotIn(SendHeaders, raw.peer.handshake.noted)
        raw.send(SendHeaders(), SendHeaders())
        self.assertIn(SendHeaders, raw.peer.handshake.noted)


class JudgingTests(PeerTestCase):
    """What a policy has a rule for."""

    def locator(self, raw: RawPeer, count: int, *, blocks: bool) -> None:
        kind = GetBlocks if blocks else GetHeaders
        raw.send(kind(70016, [HASHES[0]] * count, bytes(32)))

    def test_long_locator(self) -> None:
        """Row 43: by Core's policy a locator of 102 hashes ends the peer; btcd takes 500."""
        for blocks in (False, True):
            raw = self.ready("core")
            self.locator(raw, 101, blocks=blocks)
            self.assertFalse(raw.hung_up)
            self.locator(raw, 102, blocks=blocks)
            error = self.why(raw)
            self.assertIsInstance(error, PeerLost)
            self.assertIs(error.reason, Reason.MISBEHAVING)
            self.assertIn("102 locator hashes, at most 101 allowed", str(error))
            self.assertEqual(len([name for name in self.heard(raw).names if name.startswith("on_get")]), 1)
            other = self.ready("btcd")
            self.locator(other, 500, blocks=blocks)
            self.assertFalse(other.hung_up)

    def test_malformed_locator(self) -> None:
        """A locator that cannot be read is passed over by Core's policy, as Core does."""
        raw = self.ready("core")
        raw.send(raw.peer.network.envelope.wrap(b"getheaders".ljust(12, b"\0"), bytes(3)), Ping(1))
        self.assertEqual(raw.read(), [Pong(1)])
        self.assertEqual(self.heard(raw).names[-2:], ["on_message", "on_ping"])


class ReplyingTests(PeerTestCase):
    """What nodes want to hear, and nobody else says."""

    def test_empty_headers(self) -> None:
        """Who does not serve headers answers that there are none: Core-line nodes ask right after the handshake."""
        for policy in POLICIES:
            for inbound in (False, True):
                raw = self.ready(policy, inbound=inbound, listener=object())
                self.locator(raw, 19)
                self.assertEqual(raw.read(), [Headers([])])

    def test_only_if_nobody_hears(self) -> None:
        """A listener that hears the question answers it, or not."""
        raw = self.ready("core")
        self.locator(raw, 19)
        self.assertEqual(raw.read(), [])
        self.assertEqual(self.heard(raw).names[-1], "on_getheaders")

    def test_not_if_it_breaks_a_rule(self) -> None:
        """A question that breaks a rule is not answered."""
        raw = self.ready("core", listener=object())
        self.locator(raw, 102)
        self.assertEqual((raw.read(), raw.hung_up), ([], True))

    def locator(self, raw: RawPeer, count: int) -> None:
        raw.send(GetHeaders(70016, [HASHES[0]] * count, bytes(32)))


class TableTests(PeerTestCase):
    """Which kinds have a duty at all."""

    def test_most_have_none(self) -> None:
        """Messages that a peer has nothing to do about cost no call."""
        for policy in POLICIES:
            found = duties.duties_of(regtest(policy), notes_inventory=False)
            self.assertNotIn(Inv, found)
            self.assertIs(found[Ping], duties.answer_ping)

    def test_unknown_has_none(self) -> None:
        """Nor do frames that were not understood."""
        raw = self.ready(listener=object())
        raw.send(unknown_frame(raw.peer.network))
        self.assertEqual(raw.read(), [])
