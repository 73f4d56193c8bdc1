"""The peers that a node has, and the stream of who comes and goes."""

from __future__ import annotations

from peerproto.errors import PeerLost, Reason
from peerproto.node.roster import Change, PeerAdded, PeerGone, Roster
from peerproto.testing import RawPeer
from tests.manager_case import ManagerCase


class RosterTests(ManagerCase):
    """One ordered stream."""

    def setUp(self) -> None:
        super().setUp()
        self.roster = Roster()
        self.heard: list[tuple[str, int]] = []

    def hear(self, change: Change) -> None:
        """Write down a change."""
        self.heard.append((type(change).__name__, change.peer.id))

    def watched(self) -> RawPeer:
        """A peer that is watched, and has not shaken hands."""
        raw = self.raw_at()
        self.roster.watch(raw.peer)
        return raw

    def test_comes_and_goes(self) -> None:
        """A peer is added when it is ready, and gone when it has ended; the end says why."""
        changes: list[Change] = []
        self.roster.subscribe(changes.append)
        raw = self.watched()
        self.assertEqual(changes, [])
        raw.handshake()
        self.assertEqual((changes, self.roster.peers), ([PeerAdded(raw.peer)], {raw.peer.id: raw.peer}))
        raw.close()
        self.assertIsInstance(changes[1], PeerGone)
        assert isinstance(changes[1], PeerGone)
        self.assertEqual(changes[1].error.reason, Reason.CLOSED_BY_PEER)
        self.assertEqual((len(changes), self.roster.peers), (2, {}))

    def test_never_ready(self) -> None:
        """Of a peer that ends before it is ready nobody hears."""
        self.roster.subscribe(self.hear)
        self.watched().close()
        self.assertEqual(self.heard, [])

    def test_late_subscriber(self) -> None:
        """Who comes later first hears of the peers that are there."""
        first, second = self.watched(), self.watched()
        second.handshake()
        first.handshake()
        self.roster.subscribe(self.hear)
        self.assertEqual(self.heard, [("PeerAdded", second.peer.id), ("PeerAdded", first.peer.id)])

    def test_unsubscribed(self) -> None:
        """Who has left hears nothing more, also if it is another subscriber that sent him away just now."""
        leave = self.roster.subscribe(self.hear)
        raw = self.watched()
        raw.handshake()
        leave()
        raw.close()
        self.assertEqual(len(self.heard), 1)
        self.roster.subscribe(lambda change: leave_last())
        leave_last = self.roster.subscribe(self.hear)
        self.watched().handshake()
        self.assertEqual(len(self.heard), 1)

    def test_same_order_for_all(self) -> None:
        """What one subscriber brings about is told when all have heard the change before."""

        def end_at_once(change: Change) -> None:
            if isinstance(change, PeerAdded):
                change.peer.disconnect(PeerLost("not you", Reason.LOCAL_CLOSE))
                raw.close()

        self.roster.subscribe(end_at_once)
        self.roster.subscribe(self.hear)
        raw = self.watched()
        raw.handshake()
        self.assertEqual(self.heard, [("PeerAdded", raw.peer.id), ("PeerGone", raw.peer.id)])

    def test_subscriber_in_the_midst(self) -> None:
        """Who subscribes while a change is told hears of each peer once."""
        self.roster.subscribe(
            lambda change: self.roster.subscribe(self.hear) if isinstance(change, PeerAdded) else None
        )
        raw = self.watched()
        raw.handshake()
        raw.close()
        self.assertEqual(self.heard, [("PeerAdded", raw.peer.id), ("PeerGone", raw.peer.id)])

    def test_subscriber_fails(self) -> None:
        """A subscriber that raises is logged, and the others hear all the same."""
        self.roster.subscribe(lambda change: 1 / 0)
        self.roster.subscribe(self.hear)
        raw = self.watched()
        raw.handshake()
        raw.close()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)
        self.assertEqual(len(self.heard), 2)
