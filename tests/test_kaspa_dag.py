"""Tests of what is judged of a block of Kaspa's graph, with those that a kaspad has mined on a simnet."""

from __future__ import annotations

from peerproto import networks
from peerproto.errors import InvalidBlock, LocalError
from peerproto.networks.kaspa import COINBASE, NATIVE, Block, Tx
from peerproto.networks.kaspa.dag import check, grow, rank, stated_blue_score
from peerproto.wire.envelope import sha256d
from tests.graph_case import GraphCase
from tests.kaspa_graph import RULES, SIMNET, add, changed, filled, mined


def with_transactions(block: Block, *transactions: Tx) -> Block:
    """The block with other transactions, and a header that names them."""
    (root,) = [tx.tx_hash for tx in transactions] or [bytes(32)]
    return Block(block.header._replace(hash_merkle_root=root), list(transactions))


class CheckTests(GraphCase):
    """What a block says for itself."""

    def test_mined(self) -> None:
        """What a kaspad has mined is right; the tip has the highest score."""
        graph = filled()
        self.assertEqual((len(graph), graph.height), (138, 137))

    def test_work(self) -> None:
        """A block without the work that its bits ask is refused; bits that ask less than the net does help nothing."""
        block, refused = mined()[0], 0
        for nonce in range(30):
            for bits in (0x1E7FFFFF, 0x2100FFFF):
                wrong = changed(block, nonce=nonce, bits=bits)
                if int.from_bytes(wrong.block_hash, "little") > RULES.pow_limit or bits == 0x1E7FFFFF:
                    refused += 1
                    self.assertRaisesRegex(InvalidBlock, "has not the work", check, wrong, RULES.pow_limit)
                else:
                    check(wrong, RULES.pow_limit)
                check(wrong, None)
        self.assertGreater(refused, 30)

    def test_bits(self) -> None:
        """Bits that are no target are refused."""
        wrong = changed(mined()[0], bits=0x1E800001)
        self.assertRaisesRegex(InvalidBlock, "bits 0x1e800001 are negative", check, wrong, RULES.pow_limit)

    def test_transactions(self) -> None:
        """A block has the transactions that its header names; there is at least one."""
        first, second = mined()[:2]
        for transactions in (second.transactions, [*first.transactions, *first.transactions], []):
            block = Block(first.header, transactions)
            self.assertRaisesRegex(InvalidBlock, "has other transactions", check, block, None)

    def test_payloads(self) -> None:
        """A payload, which the hash of its transaction leaves out, is the one that the transaction names."""
        first, second = mined()[:2]
        fields = first.transactions[0].to_fields()
        other = second.transactions[0].to_fields()["payload"]
        swapped = Block(first.header, [Tx.from_fields({**fields, "payload": other})])
        self.assertEqual(swapped.transactions[0].tx_hash, first.transactions[0].tx_hash)
        self.assertRaisesRegex(InvalidBlock, "has a payload that is not", check, swapped, None)
        check(with_transactions(first, Tx(1, [], [], 0, NATIVE)), None)


class RankTests(GraphCase):
    """The blue score."""

    def test_score(self) -> None:
        """It is above the parents', and at most the number of all blocks; a block has parents."""
        first, second = mined()[:2]
        graph = filled(1)
        parents = [graph.vertex(1)]
        self.assertEqual(rank(graph, second, parents), 2)
        self.assertRaisesRegex(InvalidBlock, "cannot have the blue score 1", rank, graph, first, parents)
        self.assertRaisesRegex(
            InvalidBlock, "score 2", rank, self.empty(SIMNET), second, [self.empty(SIMNET).selected]
        )
        self.assertRaisesRegex(InvalidBlock, "score 2", rank, graph, second, [])

    def test_no_score(self) -> None:
        """A block whose coinbase transaction says nothing has no score."""
        coinbase = mined()[0].transactions[0]
        short = Tx.from_fields({**coinbase.to_fields(), "payload": "00" * 7})
        for transactions in ([], [short], [Tx(1, [], [], 0, NATIVE)]):
            block = Block(mined()[0].header, transactions)
            self.assertRaisesRegex(InvalidBlock, "states no blue score", stated_blue_score, block)


class GrowTests(GraphCase):
    """Blocks of our own."""

    def test_right(self) -> None:
        """They are judged right, and their score counts the blocks before them."""
        graph, copy = self.grown(SIMNET, 40), self.empty(SIMNET)
        for row in range(1, len(graph)):
            vertex = graph.vertex(row)
            block = graph.block(vertex)
            assert isinstance(block, Block)
            add(copy, block)
            found = copy.find(vertex.block_hash)
            self.assertEqual(found, vertex)
        self.assertEqual(copy.height, len(copy) - 1)

    def test_number(self) -> None:
        """Another number makes another block."""
        graph = self.empty(SIMNET)
        made = {grow(RULES, graph, [graph.vertex(0)], number).block_hash for number in range(5)}
        self.assertEqual(len(made), 5)

    def test_too_hard(self) -> None:
        """Where the work takes longer than a moment no block is made."""
        net = networks.named("kaspa-testnet")
        graph = self.empty(net)
        error = self.assertRaises(LocalError, grow, net.chain, graph, [graph.selected], 1)
        self.assertRegex(str(error), "^kaspa-testnet: target 00007fffff0+ is too hard to mine for here$")


class CoinbaseTests(GraphCase):
    """What stands in a coinbase transaction of ours."""

    def test_payload(self) -> None:
        """It names its payload, which begins with the score."""
        graph = self.empty(SIMNET)
        block = graph.block(self.add(SIMNET, graph))
        assert isinstance(block, Block)
        (coinbase,) = block.transactions
        self.assertEqual((coinbase.subnetwork_id, stated_blue_score(block)), (COINBASE, 1))
        self.assertEqual(coinbase.payload_hash, sha256d(coinbase.subnetwork_payload or b""))
