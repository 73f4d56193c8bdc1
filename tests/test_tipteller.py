"""A chain goes on from node to node: new headers are told to those who want them."""

from __future__ import annotations

from unittest.mock import patch

from peerproto.errors import StoreError
from peerproto.networks.bitcoin import Headers, SendHeaders
from peerproto.node.tipteller import MOST_TOLD
from peerproto.peer.protocol import PeerProtocol
from peerproto.testing import RawPeer
from tests.node_case import NETWORK, NodeCase, bring, mined


class TellingTests(NodeCase):
    """Who is told what."""

    def setUp(self) -> None:
        super().setUp()
        self.follow(mined(20))

    def follow(self, headers: list[bytes]) -> None:
        """A node that has caught up, whose peer brings more."""
        self.under_test = self.node(headers)
        self.bringer = self.wanting(height=20)
        self.bringer.send(bring([]))
        self.bringer.read()

    def wanting(self, **says: int) -> RawPeer:
        """A peer that wants to be told by headers."""
        raw = self.peer(self.under_test, inbound=True, **says)
        raw.send(SendHeaders())
        raw.read()
        return raw

    def told(self, raw: RawPeer) -> list[bytes]:
        """The headers that a peer was told of since the last time."""
        brought = [message for message in raw.read() if isinstance(message, Headers)]
        return [header for message in brought for header in NETWORK.headers.brought(message)]

    def test_who_wants(self) -> None:
        """All who want it, but not who has brought them, nor who has them."""
        wanting, silent, ahead = (
            self.wanting(),
            self.peer(self.under_test, inbound=True),
            self.wanting(height=23),
        )
        silent.read()
        self.bringer.send(bring(mined(23)[20:]))
        self.assertEqual(self.told(wanting), mined(23)[20:])
        for raw in (self.bringer, silent, ahead):
            self.assertEqual(self.told(raw), [])
        self.bringer.send(bring(mined(24)[22:]))
        self.assertEqual([self.told(raw) for raw in (wanting, ahead)], [mined(24)[23:]] * 2)

    def test_nothing_new(self) -> None:
        """What was told is not told again."""
        wanting = self.wanting()
        for _ in range(2):
            self.bringer.send(bring(mined(21)[20:]))
        self.assertEqual(self.told(wanting), mined(21)[20:])

    def test_many(self) -> None:
        """Of many at once the newest are told: who cannot connect them asks. After that it goes on."""
        wanting, end = self.wanting(), 20 + MOST_TOLD
        self.bringer.send(bring(mined(end + 1)[20:]))
        self.assertEqual(self.told(wanting), mined(end + 1)[-MOST_TOLD:])
        self.bringer.send(bring(mined(end + 3)[end + 1 :]))
        self.assertEqual(self.told(wanting), mined(end + 3)[end + 1 :])

    def test_branch(self) -> None:
        """When a branch takes over its newest headers are told."""
        wanting, branch = self.wanting(), mined(12, b"branch", after=10)
        self.bringer.send(bring(branch))
        self.assertEqual(self.told(wanting), branch[-MOST_TOLD:])

    def test_short_chain(self) -> None:
        """So are all of a branch from genesis on that is shorter than that."""
        self.follow(mined(2))
        self.bringer.send(bring(mined(3, b"branch")))
        wanting = self.wanting()
        self.bringer.send(bring(mined(4, b"branch")[3:]))
        self.assertEqual(self.told(wanting), mined(4, b"branch")[3:])

    def test_first_sync(self) -> None:
        """A node that has not caught up tells nothing; when it has, the newest."""
        self.under_test = self.node()
        bringer, wanting = self.wanting(height=2050), self.wanting()
        bringer.send(bring(mined(2000)))
        self.clock.pump([0] * 10)
        self.assertEqual((self.under_test.chain.height, self.told(wanting)), (2000, []))
        bringer.send(bring(mined(2050)[2000:]))
        self.assertEqual((self.under_test.chain.height, self.told(bringer)), (2050, []))
        self.assertEqual(self.told(wanting), mined(2050)[-MOST_TOLD:])

    def test_who_does_not_read(self) -> None:
        """Who does not take what it is sent is told nothing more."""
        wanting = self.wanting()
        with patch.object(PeerProtocol, "is_blocked", True):
            self.bringer.send(bring(mined(21)[20:]))
        self.assertEqual(self.told(wanting), [])

    def test_who_has_gone(self) -> None:
        """Who has gone is forgotten, and after a stop nobody is told."""
        gone, wanting = self.wanting(), self.wanting()
        gone.close()
        self.assertNotIn(gone.peer, self.under_test._parts.teller._peers)  # type: ignore[union-attr]
        self.bringer.send(bring(mined(21)[20:]))
        self.assertEqual(self.told(wanting), mined(21)[20:])
        self.under_test.stop()
        self.bringer.send(bring(mined(22)[21:]))
        self.assertEqual(self.told(wanting), [])

    def test_store_fails(self) -> None:
        """A store that fails is trouble of the node's, not of the peer that brought the header."""
        with patch.object(type(self.under_test.chain), "header_at", side_effect=StoreError("disk full")):
            self.bringer.send(bring(mined(21)[20:]))
        self.assertIsNone(self.bringer.peer.ending)
        error = self.successResultOf(self.under_test.trouble.happened.when())
        self.assertEqual(str(error), "disk full")
