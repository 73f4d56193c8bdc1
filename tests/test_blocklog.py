"""Tests of what is said of the blocks that are kept."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from peerproto.node.blocklog import REPORT
from tests.block_case import bringing, grown
from tests.test_blockfollower import FollowCase


class LogTests(FollowCase):
    """What the log says."""

    def said(self) -> list[str]:
        """The lines since the last time."""
        lines = [line for line in self.logged if line.startswith("blocks: ")]
        self.logged.clear()
        return lines

    def test_fetching(self) -> None:
        """A line at once, then now and then, and one at the end."""
        blocks = grown(60)
        raw = self.synced(self.keeping(store=self.block_store(50)), blocks)
        self.assertEqual(self.said(), [])
        raw.send(*blocks[10:14])
        self.assertEqual(self.said(), ["blocks: 1 of 50 are here"])
        self.clock.advance(REPORT)
        raw.send(*blocks[14:16])
        self.assertEqual(self.said(), ["blocks: 5 of 50 are here"])
        self.serve(raw, blocks)
        self.assertEqual(self.said(), ["blocks: all 50 are here"])

    def test_after_a_stop(self) -> None:
        """A slow store that has kept a block when the node had stopped is nothing to tell of."""
        store, waiting = self.block_store(), Deferred[None]()
        self.patch(store, "keep", lambda *arguments: waiting)
        node = self.keeping(store=store)
        raw = self.synced(node, grown(3))
        raw.send(grown(3)[0])
        node.stop()
        waiting.callback(None)
        self.assertEqual(self.said(), [])

    def test_new_ones(self) -> None:
        """Of new blocks that come as they are made nothing is said; when many are missing again it is."""
        blocks = grown(60)
        node = self.keeping(blocks[:30], filled=True)
        raw = self.synced(node, blocks[:30])
        self.assertEqual(self.said(), ["blocks: all 30 are here"])
        for block in blocks[30:33]:
            raw.send(bringing([block]), block)
            self.clock.advance(REPORT)
        self.assertEqual(self.said(), [])
        other = self.full(node, height=60)
        other.send(bringing(blocks[33:]))
        self.assertEqual(self.serve(other, blocks), 27)
        self.assertEqual(self.said(), ["blocks: 34 of 60 are here", "blocks: all 60 are here"])
