"""Tests of transactions and blocks as messages."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.errors import LocalError, MalformedMessage
from peerproto.networks.bitcoin import Block, BlockHeader, OutPoint, Tx, TxIn, TxOut
from peerproto.wire.envelope import sha256d

NETWORK = networks.named("bitcoin-mainnet")
BASE, WITNESS = NETWORK.codec(), NETWORK.codec(witness=True)

SIGNED = Tx(1, [TxIn(OutPoint(bytes(32), 1), b"abc", 5, [b"sig"])], [TxOut(7, b"de")], 9)
HEADER = BlockHeader(1, bytes(32), bytes(range(32)), 2, 3, 4)


class TxTests(SynchronousTestCase):
    """Transactions."""

    def test_ids(self) -> None:
        """A transaction has an id without its witnesses and one with them, whatever it was read with."""
        base, witness = BASE.encode(SIGNED)[24:], WITNESS.encode(SIGNED)[24:]
        self.assertEqual((SIGNED.txid, SIGNED.wtxid), (sha256d(base), sha256d(witness)))
        found = WITNESS.decode(WITNESS.encode(SIGNED), strict=False)
        assert isinstance(found, Tx)
        self.assertEqual((found.txid, found.wtxid), (SIGNED.txid, SIGNED.wtxid))

    def test_without_witness(self) -> None:
        """Read without witnesses it has one id only."""
        found = BASE.decode(BASE.encode(SIGNED))
        assert isinstance(found, Tx)
        self.assertEqual((found.txid, found.wtxid), (SIGNED.txid, SIGNED.txid))

    def test_to_another_encoding(self) -> None:
        """An unread transaction is sent on to a peer without witnesses in the base form."""
        found = WITNESS.decode(WITNESS.encode(SIGNED), strict=False)
        self.assertEqual(BASE.encode(found), BASE.encode(SIGNED))

    def test_plain(self) -> None:
        """Its ids are shown with its fields."""
        plain = SIGNED.to_fields()
        self.assertEqual((plain["txid"], plain["wtxid"]), (SIGNED.txid.hex(), SIGNED.wtxid.hex()))
        self.assertEqual(Tx.from_fields(plain), SIGNED)


class BlockTests(SynchronousTestCase):
    """Blocks."""

    block = Block(HEADER, [SIGNED, SIGNED])

    def test_hash(self) -> None:
        """A block's hash is its header's."""
        self.assertEqual(self.block.block_hash, HEADER.block_hash)

    def test_hash_unread(self) -> None:
        """The hash of a block is known without reading it; a header that was changed has another."""
        found = WITNESS.decode(WITNESS.encode(self.block), strict=False)
        assert isinstance(found, Block)
        self.assertEqual(found.block_hash, HEADER.block_hash)
        self.assertIsNotNone(found.is_untouched())
        found.header = HEADER._replace(nonce=5)
        self.assertEqual(found.block_hash, HEADER._replace(nonce=5).block_hash)

    def test_round_trip(self) -> None:
        """A block is read and written in both encodings."""
        self.assertEqual(WITNESS.decode(WITNESS.encode(self.block)), self.block)
        found = BASE.decode(BASE.encode(self.block))
        assert isinstance(found, Block)
        self.assertEqual([tx.txid for tx in found.transactions], [SIGNED.txid] * 2)

    def test_transactions_can_be_sent(self) -> None:
        """A transaction of a block is a message like any other."""
        found = WITNESS.decode(WITNESS.encode(self.block))
        assert isinstance(found, Block)
        self.assertEqual(WITNESS.encode(found.transactions[0]), WITNESS.encode(SIGNED))
        self.assertIsNone(found.transactions[0].payload)

    def test_plain(self) -> None:
        """A block is shown with its hash and its transactions with their ids."""
        plain = self.block.to_fields()
        self.assertEqual(plain["block_hash"], HEADER.block_hash.hex())
        self.assertEqual(plain["transactions"][0]["txid"], SIGNED.txid.hex())
        self.assertEqual(Block.from_fields(plain), self.block)
        plain["transactions"][1]["tx_in"][0]["sequence"] = -1
        with self.assertRaisesRegex(LocalError, r"^block: transactions\[1\].tx_in\[0\].sequence: -1 given, "):
            Block.from_fields(plain)

    def test_too_short(self) -> None:
        """A block without a whole header is none, at once."""
        frame = WITNESS.envelope.wrap(WITNESS.envelope.command("block"), bytes(79))
        error = self.assertRaises(MalformedMessage, WITNESS.decode, frame, strict=False)
        self.assertEqual(
            (str(error), error.offset), ("block: ends too soon: 79 of 80 bytes are there", 24 + 79)
        )

    def test_malformed_transaction(self) -> None:
        """A block with a transaction that cannot be read is found out when they are asked for."""
        frame = WITNESS.envelope.wrap(
            WITNESS.envelope.command("block"), HEADER.pack() + b"\1" + bytes(4) + b"\0\2"
        )
        found = WITNESS.decode(frame, strict=False)
        assert isinstance(found, Block)
        self.assertEqual(found.block_hash, HEADER.block_hash)
        error = self.assertRaises(MalformedMessage, getattr, found, "transactions")
        self.assertEqual((str(error), error.offset), ("block: witness flag 2, 1 allowed", 24 + 80 + 6))
        self.assertEqual(found.block_hash, HEADER.block_hash)

    def test_too_many(self) -> None:
        """More transactions than fit are refused by their count."""
        for count, text in (
            (400_002, "400002 transactions announced, at most 400001 allowed"),
            (400_001, "ends inside transactions: the payload has 85 bytes"),
        ):
            payload = HEADER.pack() + b"\xfe" + count.to_bytes(4, "little")
            frame = WITNESS.envelope.wrap(WITNESS.envelope.command("block"), payload)
            self.assertEqual(self.assertRaises(MalformedMessage, WITNESS.decode, frame).text, text)
