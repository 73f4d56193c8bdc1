"""Tests of what is noted of a peer beside its messages."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from peerproto.errors import PeerStalled
from peerproto.networks.bitcoin import FeeFilter, GetData, Headers, Inv, InvVect, MemPool, NotFound, Ping
from peerproto.peer.inventory import MOST_QUEUED
from peerproto.peer.logs import set_log_level
from peerproto.testing import RawPeer
from tests.peer_case import HASHES
from tests.test_peer_tracing import PEER, TracedCase

NAMESPACE = "peerproto.peer.notes"


class NotesTests(TracedCase):
    """Each is one line of the peer."""

    def noted(self, **options: Any) -> RawPeer:
        """A ready peer with notes, of which the first is read."""
        raw = self.traced("peerproto.peer", **options)
        self.notes()
        return raw

    def notes(self) -> list[str]:
        """What was noted since the last time, without the peer's name."""
        said = self.said(NAMESPACE)
        self.assertEqual([line for line in said if not line.startswith(f"{PEER} ")], [])
        return [line.removeprefix(f"{PEER} ") for line in said]

    def test_none(self) -> None:
        """By default there are none, neither of a new peer nor, later, of one that is there."""
        raw = self.ready()
        set_log_level("peerproto", "debug")
        raw.peer.request(MemPool()).addErrback(lambda _: None)
        self.assertEqual((raw.peer.notes, self.said(NAMESPACE)), (None, []))

    def test_version(self) -> None:
        """What both announce, and what is spoken (dcrd: `Negotiated protocol version`)."""
        self.traced("peerproto.peer", says={"protocol_version": 70002})
        self.assertEqual(self.notes(), ["announces protocol version 70002, we 70016: 70002 is spoken"])

    def test_owed(self) -> None:
        """What is owed, and what has not come (dcrd: `Adding deadline`)."""
        raw = self.noted(stall_handler=False)
        raw.peer.send(MemPool())
        raw.peer.send(MemPool(), expect=False)
        waiting = raw.peer.request(GetData([InvVect(2, HASHES[0])]))
        self.assertEqual(
            self.notes(),
            ["owes an answer to mempool within 30 seconds", "owes an answer to getdata within 30 seconds"],
        )
        self.let_pass(31)
        self.assertIsInstance(self.successResultOf(waiting)[0], PeerStalled)
        self.assertEqual(
            self.notes(),
            ["has not answered mempool in time", f"has not answered block {'01' * 32} in time"],
        )

    def test_repeated(self) -> None:
        """A question that is left out (dcrd: `Filtering duplicate [getheaders]`)."""
        raw = self.noted()
        for _ in range(2):
            raw.peer.push_getheaders(HASHES)
        self.assertEqual(
            self.notes()[1:], ["was asked the same by the last getheaders: this one is not sent"]
        )

    def test_unheard(self) -> None:
        """A message that is nobody's business (dcrd: `Received unhandled message`); others are somebody's."""
        raw = self.noted(listener=object())
        raw.send(FeeFilter(1), NotFound([]))
        self.assertEqual(
            self.notes(),
            ["sent feefilter, which nobody here hears"],
        )
        raw.peer.hear("feefilter", lambda *_: None)
        raw.peer.request(MemPool()).addErrback(lambda _: None)
        raw.send(FeeFilter(1), Inv([]), Ping(1))
        self.assertEqual(self.notes(), ["owes an answer to mempool within 30 seconds"])

    def test_rounds(self) -> None:
        """What became of what waited to be announced (dcrd: `exceeded max pending inventory announcements`)."""
        raw = self.noted()
        vectors = [InvVect(1, number.to_bytes(32, "big")) for number in range(MOST_QUEUED + 3)]
        for vector in vectors:
            raw.peer.queue_inventory(vector)
        raw.peer.add_known_inventory(vectors[-1])
        self.let_pass(11)
        self.assertEqual(
            self.notes(),
            [
                f"in this round {MOST_QUEUED - 1} announced, 1 known by now, 3 dropped since the beginning",
            ],
        )

    def test_best_block(self) -> None:
        """A higher block; a lower one changes nothing (dcrd: `Updating last block height`)."""
        raw = self.noted(says={"height": 7})
        for height in (5, 9, 9):
            raw.peer.update_last_block_height(height)
        self.assertEqual(self.notes(), ["has a best block of height 9, before 7"])

    def test_reading(self) -> None:
        """When it is not read, and when again."""
        work: Deferred[None] = Deferred()
        raw = self.noted()
        raw.peer.hear("headers", lambda *_: work)
        raw.send(Headers([]))
        self.assertEqual(self.notes(), ["is not read: a listener is at work on its headers"])
        work.callback(None)
        self.clock.advance(0)
        self.assertEqual(self.notes(), ["is read again"])

    def test_not_taking(self) -> None:
        """Nor is one that does not take what it is answered."""
        raw = self.noted()
        raw.peer.reading.most = 10
        raw.peer.outbox.flow.pauseProducing()
        raw.send(Ping(1))
        self.assertEqual(self.notes(), ["is not read: it does not take what it is sent, 32 bytes"])
