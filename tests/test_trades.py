"""Tests of how the blocks of each network's chain are asked for, named and checked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.chain.merkle import merkle_root
from peerproto.errors import LocalError, MalformedMessage
from peerproto.forms.blocks import BlockTrade, Held, Thing
from peerproto.networks import decred, neo
from peerproto.networks.bitcoin import (
    MSG_BLOCK,
    MSG_CMPCT_BLOCK,
    MSG_TX,
    MSG_WITNESS_BLOCK,
    MSG_WITNESS_TX,
    MSG_WTX,
    Block,
    GetData,
    InvVect,
    NotFound,
    Tx,
)
from peerproto.networks.bitcoin.records import HEADER, BlockHeader
from peerproto.networks.bitcoin.trade import COMMITMENT, trade
from peerproto.wire.blake256 import blake256
from tests import neo_vectors
from tests.block_case import coinbase, grown, spend
from tests.decred_vectors import load
from tests.node_case import mined

ONE = bytes([1]) * 32
ALL, LIMITED, NOTHING = Held(1000, whole=True), Held(288, whole=False), Held(287, whole=False)


class TradeCase(SynchronousTestCase):
    """One network's."""

    trade: BlockTrade

    def fault(self, block: Any, height: int = 1000) -> str:
        """What is wrong with a block."""
        return self.trade.fault(block, height)


class BitcoinTests(TradeCase):
    """Bitcoin and Litecoin."""

    trade = trade("btcd", 0)

    def block(self, *txs: Tx) -> Block:
        """A block of these."""
        root = merkle_root([tx.txid for tx in txs]) or bytes(32)
        header = BlockHeader._make(HEADER.unpack(mined(1)[0]))._replace(merkle_root=root)
        return Block(header, list(txs))

    def test_things(self) -> None:
        """Whole blocks are blocks, in the form that is asked for; nothing else is."""
        kinds = (MSG_BLOCK, MSG_WITNESS_BLOCK, MSG_CMPCT_BLOCK, MSG_TX)
        vectors = [InvVect(kind, ONE) for kind in kinds]
        found = self.trade.things(GetData(vectors))
        self.assertEqual([thing.vector for thing in found], vectors)
        self.assertEqual([thing.block for thing in found], [ONE, ONE, None, None])
        self.assertEqual([thing.witness for thing in found], [False, True, None, None])

    def test_missing(self) -> None:
        """btcd names all that it lacks, Core only transactions."""
        kinds = (MSG_BLOCK, MSG_WTX, MSG_WITNESS_BLOCK, MSG_WITNESS_TX)
        things = [Thing(InvVect(kind, ONE), None) for kind in kinds]
        self.assertEqual(trade("btcd", 0).missing(things), NotFound([thing.vector for thing in things]))
        self.assertEqual(trade("core", 0).missing(things), NotFound([things[1].vector, things[3].vector]))
        self.assertIsNone(trade("core", 0).missing(things[:1]))

    def test_services(self) -> None:
        """Who has all says so; who has 288 says that; who has fewer says nothing."""
        offered = self.trade.offered
        self.assertEqual(list(map(offered, (ALL, LIMITED, NOTHING))), [1 | 8 | 1024, 8 | 1024, 0])
        offers = self.trade.offers
        self.assertEqual([offers(9, 10**6), offers(1, 0), offers(8, 0)], [True, False, False])
        self.assertEqual([offers(1032, 285), offers(1032, 286), offers(1024, 0)], [True, False, False])

    def test_good(self) -> None:
        """Blocks that are right, with witnesses and without."""
        for block in grown(4):
            self.assertEqual(self.fault(block), "")
        self.assertEqual(self.fault(self.block(coinbase(1, b"", []))), "")

    def test_other_transactions(self) -> None:
        """A block must have the transactions that its header names, each once."""
        block = grown(2)[1]
        for txs in (block.transactions[:2], [*block.transactions, block.transactions[2]], []):
            fault = self.fault(Block(block.header, txs))
            self.assertEqual(fault, "has other transactions than its header names")

    def test_other_witnesses(self) -> None:
        """And the witnesses that its coinbase commits to; none if it does not."""
        first, second = spend(1), spend(2)
        other = Tx(2, [second.tx_in[0]._replace(witness=[b"x"])], second.tx_out, 0)
        block = self.block(coinbase(1, b"", [first, second]), first, other)
        self.assertEqual(self.fault(block), "has other witnesses than its coinbase commits to")
        block = self.block(coinbase(1), first)
        self.assertEqual(self.fault(block), "has witnesses that its coinbase does not commit to")

    def test_without_witnesses(self) -> None:
        """One whose witnesses were left out cannot be served to those who want them."""
        committed = coinbase(1, b"", [spend(1)])
        stripped = Tx(1, [committed.tx_in[0]._replace(witness=[])], committed.tx_out, 0)
        block = self.block(stripped, Tx(2, [spend(1).tx_in[0]._replace(witness=[])], spend(1).tx_out, 0))
        self.assertEqual(self.fault(block), "lacks the witness of its coinbase")

    def test_before_there_were_witnesses(self) -> None:
        """Miners committed to them before there were any: then there may be none, and the commitment means nothing."""
        committed = coinbase(1, b"", [spend(1)])
        stripped = Tx(1, [committed.tx_in[0]._replace(witness=[])], committed.tx_out, 0)
        plain = Tx(2, [spend(1).tx_in[0]._replace(witness=[])], spend(1).tx_out, 0)
        for name, first in (
            ("bitcoin-mainnet", 481_824),
            ("bitcoin-testnet3", 834_624),
            ("litecoin-mainnet", 1_201_536),
            ("litecoin-testnet", 6048),
        ):
            found = networks.named(name).block_trade
            self.assertEqual(found.fault(self.block(stripped, plain), first - 1), "")
            self.assertEqual(
                found.fault(self.block(stripped, plain), first), "lacks the witness of its coinbase"
            )
            text = "has witnesses before there were any"
            self.assertEqual(found.fault(self.block(stripped, spend(1)), first - 1), text)
            self.assertEqual(found.fault(self.block(committed, spend(1)), first), "")

    def test_no_coinbase(self) -> None:
        """A block begins with a coinbase: else what is hashed in the middle of the tree could pass for one."""
        good = coinbase(1)
        for inputs in ([], good.tx_in * 2, spend(1).tx_in):
            wrong = Tx(1, [item._replace(witness=[]) for item in inputs], good.tx_out, 0)
            self.assertEqual(self.fault(self.block(wrong)), "does not begin with a coinbase")

    def test_short_commitment(self) -> None:
        """A script that only begins like a commitment is none; of several the last counts."""
        plain = coinbase(1)
        short = Tx(1, plain.tx_in, [plain.tx_out[0]._replace(pk_script=COMMITMENT + bytes(31))], 0)
        self.assertEqual(self.fault(self.block(short)), "")
        good = coinbase(1, b"", [spend(1)])
        wrong = good.tx_out[1]._replace(pk_script=COMMITMENT + bytes(32))
        both = Tx(1, good.tx_in, [wrong, *good.tx_out], 0)
        self.assertEqual(self.fault(self.block(both, spend(1))), "")


class DecredTests(TradeCase):
    """Decred."""

    network = networks.named("decred-simnet")
    trade = network.block_trade

    def blocks(self) -> list[Any]:
        """Those of a chain that dcrd has mined."""
        codec = self.network.codec()
        return [decred.Block.read(bytes.fromhex(entry["block"]), codec) for entry in load("simnet-chain")]

    def test_mined(self) -> None:
        """The blocks of dcrd are right; with a transaction less they are not."""
        blocks = self.blocks()
        self.assertEqual({self.fault(block) for block in blocks}, {""})
        last = blocks[-1].load()
        self.assertGreater(len(last.stransactions) + len(last.transactions), 1)
        for changed in (
            decred.Block(last.header, [], last.stransactions),
            decred.Block(last.header, last.transactions * 2, last.stransactions),
        ):
            self.assertEqual(self.fault(changed), "has other transactions than its header names")

    def test_apart(self) -> None:
        """Before DCP0005 each tree has its own root in the header."""
        block = self.blocks()[-1].load()
        regular = merkle_root([tx.tx_hash_full for tx in block.transactions], blake256)
        stake = merkle_root([tx.tx_hash_full for tx in block.stransactions], blake256) or bytes(32)
        header = block.header._replace(merkle_root=regular, stake_root=stake)
        self.assertEqual(self.fault(decred.Block(header, block.transactions, block.stransactions)), "")
        together = block.header._replace(merkle_root=blake256((regular or b"") + stake), stake_root=ONE)
        self.assertEqual(self.fault(decred.Block(together, block.transactions, block.stransactions)), "")

    def test_things(self) -> None:
        """Blocks are blocks; types that nobody knows are passed over; all that is missing is named."""
        vectors = [InvVect(kind, ONE) for kind in (2, 1, 9)]
        found = self.trade.things(decred.GetData(vectors))
        self.assertEqual(
            [(thing.vector, thing.block) for thing in found], [(vectors[0], ONE), (vectors[1], None)]
        )
        self.assertEqual(self.trade.missing(found), decred.NotFound(vectors[:2]))
        self.assertEqual(self.trade.vector(ONE), vectors[0])

    def test_services(self) -> None:
        """Only who has all says so."""
        self.assertEqual(list(map(self.trade.offered, (ALL, LIMITED))), [1, 0])
        self.assertEqual([self.trade.offers(1, 5), self.trade.offers(6, 0)], [True, False])


class NeoTests(TradeCase):
    """NEO."""

    trade = networks.named("neo-privnet").block_trade

    def test_things(self) -> None:
        """Those of type block are blocks; what is missing is not named."""
        found = self.trade.things(neo.GetData(neo.INV_BLOCK, [ONE]))
        self.assertEqual(found, [Thing(neo.InvVect(neo.INV_BLOCK, ONE), ONE)])
        (other,) = self.trade.things(neo.GetData(neo.INV_TX, [ONE]))
        self.assertIsNone(other.block)
        self.assertIsNone(self.trade.missing(found))
        self.assertEqual(self.trade.vector(ONE), found[0].vector)

    def test_fault(self) -> None:
        """Reading a block checks it."""
        network = networks.named("neo-mainnet")
        frames = [
            bytes.fromhex(entry["payload"]) for entry in neo_vectors.golden() if entry["command"] == "block"
        ]
        for raw in frames:
            self.assertEqual(self.fault(neo.Block.read(raw, network.codec())), "")
            wrong = neo.Block.read(raw[:36] + ONE + raw[68:], network.codec())
            self.assertRaises(MalformedMessage, self.fault, wrong)
        self.assertTrue(frames)

    def test_services(self) -> None:
        """Only who has all says so."""
        self.assertEqual(list(map(self.trade.offered, (ALL, LIMITED))), [1, 0])
        self.assertEqual([self.trade.offers(1, 5), self.trade.offers(0, 0)], [True, False])


class NetworkTests(SynchronousTestCase):
    """All networks."""

    def test_chains(self) -> None:
        """Every network with a chain of headers says how its blocks are had, and no other."""
        for name in networks.names():
            network = networks.named(name)
            self.assertEqual(network.trade is None, network.header_sync is None)
        network = replace(networks.named("bitcoin-regtest"), trade=None)
        self.assertRaises(LocalError, lambda: network.block_trade)
