"""Tests of a graph of blocks, with those that a kaspad has mined on a simnet."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import InvalidHeaders
from peerproto.networks.kaspa import NATIVE, Block, Tx
from peerproto.networks.kaspa.dag import Dag, stated_blue_score
from tests.kaspa_graph import RULES, changed, filled, mined


class AddTests(SynchronousTestCase):
    """What a graph takes."""

    def test_empty(self) -> None:
        """At the beginning it knows the first block, which it does not have."""
        dag = Dag(RULES)
        self.assertEqual(
            (len(dag), dag.selected_tip, dag.genesis), (1, RULES.genesis_hash, RULES.genesis_hash)
        )
        self.assertIn(RULES.genesis_hash, dag)
        self.assertIsNone(dag.block(RULES.genesis_hash))

    def test_mined(self) -> None:
        """It takes what a kaspad has mined, each block once; the tip has the highest score."""
        dag = filled()
        self.assertEqual(len(dag), 138)
        self.assertEqual(dag.blue_score(dag.selected_tip), 137)
        self.assertIs(dag.block(mined()[7].block_hash), mined()[7])
        dag.add(mined()[7])
        self.assertEqual(len(dag), 138)

    def test_missing_parents(self) -> None:
        """It says which parents it lacks."""
        last = mined()[-1]
        self.assertEqual(Dag(RULES).missing_parents(last), last.header.parent_hashes)
        self.assertEqual(filled().missing_parents(last), [])

    def test_work(self) -> None:
        """A block without the work that its bits ask is refused; bits that ask less than the net does help nothing."""
        block, refused = mined()[0], 0
        for nonce in range(30):
            for bits in (0x1E7FFFFF, 0x2100FFFF):
                wrong = changed(block, nonce=nonce, bits=bits)
                if int.from_bytes(wrong.block_hash, "little") > RULES.pow_limit or bits == 0x1E7FFFFF:
                    refused += 1
                    self.assertRaisesRegex(InvalidHeaders, "has not the work", Dag(RULES).add, wrong)
                else:
                    Dag(RULES).add(wrong)
        self.assertGreater(refused, 30)
        self.assertRaises(InvalidHeaders, Dag(RULES).add, changed(block, bits=0x1E800001))

    def test_score(self) -> None:
        """A block's score is above its parents', and at most the number of all blocks; it has parents."""
        first, second = mined()[:2]
        self.assertRaisesRegex(
            InvalidHeaders,
            "cannot have the blue score 2",
            Dag(RULES).add,
            Block(first.header, second.transactions),
        )
        self.assertRaisesRegex(
            InvalidHeaders,
            "cannot have the blue score 1",
            filled(1).add,
            Block(second.header, first.transactions),
        )
        self.assertRaisesRegex(
            InvalidHeaders, "cannot have", Dag(RULES).add, changed(first, parent_hashes=[])
        )

    def test_no_score(self) -> None:
        """A block whose coinbase transaction says nothing has no score."""
        coinbase = mined()[0].transactions[0]
        short = Tx.from_fields({**coinbase.to_fields(), "payload": "00" * 7})
        native = Tx(1, [], [], 0, NATIVE)
        for transactions in ([], [short], [native]):
            block = Block(mined()[0].header, transactions)
            self.assertRaisesRegex(InvalidHeaders, "states no blue score", stated_blue_score, block)


class WayTests(SynchronousTestCase):
    """Ways through the graph."""

    def test_locator(self) -> None:
        """From below the high block down to the low one, in steps that double, on the selected chain."""
        dag = filled(133)
        scores = [dag.blue_score(item) for item in dag.locator(dag.selected_tip, dag.genesis)]
        self.assertEqual(scores, [131, 128, 126, 122, 114, 98, 66, 2, 0])
        low = mined()[60].block_hash
        found = dag.locator(dag.selected_tip, low)
        self.assertEqual(found[-1], low)
        self.assertTrue(all(dag.blue_score(item) > dag.blue_score(low) for item in found[:-1]))

    def test_locator_of_neighbours(self) -> None:
        """Where nothing is between, there is the low block alone, also if it is not below."""
        dag = filled(10)
        for high, low in (
            (dag.genesis, dag.genesis),
            (mined()[0].block_hash, dag.genesis),
            (dag.genesis, mined()[3].block_hash),
        ):
            self.assertEqual(dag.locator(high, low), [low])

    def test_between(self) -> None:
        """All blocks in the past of one and not before the other, parents first, both included."""
        dag = filled()
        everything = dag.between(dag.genesis, dag.selected_tip)
        self.assertEqual((everything[0], everything[-1]), (dag.genesis, dag.selected_tip))
        seen = set(everything[:1])
        for item in everything[1:]:
            block = dag.block(item)
            assert block is not None
            self.assertLessEqual(set(block.header.parent_hashes), seen)
            seen.add(item)
        low = mined()[100].block_hash
        some = dag.between(low, dag.selected_tip)
        self.assertIn(low, some)
        self.assertEqual(set(everything) - set(some), set(dag.between(dag.genesis, low)) - {low})
