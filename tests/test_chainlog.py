"""What the log says of the chain."""

from __future__ import annotations

from peerproto.chain.rules import display
from peerproto.node.chainlog import QUIET, REPORT, ChainLog
from peerproto.node.headerchain import HeaderChain
from peerproto.peer.protocol import PeerProtocol
from peerproto.testing import RawPeer
from tests.graph_node_case import KASPA, GraphNodeCase
from tests.node_case import bring, mined


class ChainLogTests(GraphNodeCase):
    """A node's chain, and what is told of it."""

    def begin(self, height: int) -> tuple[RawPeer, HeaderChain]:
        """A node at a height, with a peer that says it has 900 headers."""
        chain = self.chain(mined(height) if height else None)
        self.log = ChainLog(self.clock, chain)
        self.more_to_come = False
        node = self.node(
            chain=chain, progressed=lambda peer: self.log.progressed(node.total(peer)), finished=self.finished
        )
        self.log.start()
        return self.peer(node, height=900), chain

    def finished(self, peer: PeerProtocol) -> None:
        """The log is told, unless the test says that the sync goes on."""
        if not self.more_to_come:
            self.log.finished(peer)

    def tearDown(self) -> None:
        """The log's timer is its own business."""
        self.log.stop()
        super().tearDown()

    def test_graph(self) -> None:
        """Of a graph it says how many blocks there are, of how many that are known, and the best one's rank."""
        node = self.keeping(KASPA, 5)
        self.log = log = ChainLog(self.clock, node.chain)
        log.start()
        for _ in range(3):
            self.add(KASPA, node.chain)
        log.progressed(20)
        self.clock.advance(REPORT)
        blocks, rank = len(node.chain) - 1, node.chain.height
        lines = [line.partition(", tip")[0] for line in self.logged]
        self.assertIn(f"syncing: blocks {blocks} of 20, rank {rank}", lines)

    def told(self) -> list[str]:
        """The lines since the last time, without the tip."""
        lines = [line.partition(", tip")[0] for line in self.logged if ", tip" in line]
        self.logged.clear()
        return lines

    def test_start(self) -> None:
        """At the start the log says where the chain stands, the tip as people write hashes."""
        _, chain = self.begin(20)
        self.assertIn(f"at start: height 20, tip {display(chain.tip)}", self.logged)

    def test_synced(self) -> None:
        """The end of a sync is told at once; that there was nothing new, too."""
        raw, _ = self.begin(20)
        raw.send(bring(mined(50)))
        self.assertEqual(self.told(), ["at start: height 20", "synced: height 50"])

    def test_nothing_new(self) -> None:
        """That a chain is up to date is told once."""
        raw, _ = self.begin(20)
        for _ in range(3):
            raw.send(bring([]))
            self.clock.advance(REPORT)
        self.assertEqual(self.told(), ["at start: height 20", "synced: height 20"])

    def test_long_sync(self) -> None:
        """While a sync goes on there is a line now and then, with how far it goes."""
        raw, _ = self.begin(0)
        self.more_to_come = True
        raw.send(bring(mined(100)))
        self.clock.advance(REPORT)
        raw.send(bring(mined(200)[100:]))
        self.clock.advance(REPORT)
        self.clock.advance(REPORT)
        self.assertEqual(
            self.told(), ["at start: height 0", "syncing: height 100 of 900", "syncing: height 200 of 900"]
        )

    def test_blocks_one_by_one(self) -> None:
        """New blocks are told as they come, but a flood of them only now and then."""
        raw, chain = self.begin(20)
        raw.send(bring([]))
        self.told()
        self.clock.advance(QUIET)
        for height in range(21, 31):
            raw.send(bring(mined(30)[height - 1 : height]))
        self.assertEqual(self.told(), ["synced: height 21"])
        self.clock.advance(REPORT)
        self.assertEqual(self.told(), ["synced: height 30"])
        self.assertEqual(chain.height, 30)

    def test_end_of_a_sync_that_was_just_reported(self) -> None:
        """The end of a sync is not held back because a line about it was written a moment before."""
        raw, _ = self.begin(0)
        self.more_to_come = True
        raw.send(bring(mined(100)))
        self.clock.advance(REPORT)
        self.more_to_come = False
        raw.send(bring(mined(150)[100:]))
        self.assertEqual(self.told()[-2:], ["syncing: height 100 of 900", "synced: height 150"])

    def test_stop(self) -> None:
        """The last line says where the chain stands at the end, unless that is known."""
        raw, _ = self.begin(0)
        raw.send(bring(mined(10)))
        raw.send(bring(mined(11)[10:]))
        self.told()
        self.log.stop()
        self.log.stop()
        self.assertEqual(self.told(), ["synced: height 11"])
