"""Tests of NEO's blocks: what is hashed of their transactions, however these are written."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.errors import LocalError, MalformedMessage
from peerproto.networks.neo import Block, Tx
from peerproto.networks.neo.blocks import merkle_root
from peerproto.networks.neo.keys import compressed
from peerproto.networks.neo.records import BASE, Witness
from peerproto.networks.neo.transactions import Attribute, CoinReference, TxOutput
from tests.neo_vectors import by_label, codec_of, frame_of

CODEC = networks.named("neo-privnet").codec()

MINER_TX = Tx(0x00, 0, [], [], [], [], nonce=7)
COIN = CoinReference(bytes(range(32)), 3)
PAID = TxOutput(bytes(32), 5, bytes(20))
WITNESS = Witness(b"in", b"to")


def block_of(*txs: Tx) -> Block:
    """A block of these."""
    root = merkle_root([tx.tx_hash for tx in txs])
    return Block(0, bytes(32), root, 1, 2, 3, bytes(20), WITNESS, list(txs))


def read(payload: bytes) -> Block:
    """The block of a payload, all of it read."""
    found = CODEC.decode(CODEC.envelope.wrap(b"block".ljust(12, b"\0"), payload))
    assert isinstance(found, Block)
    return found


class HashTests(SynchronousTestCase):
    """The root of a header is that of the transactions as they would be written."""

    def same(self, tx: Tx) -> None:
        """A block with the transaction is read as it was written, which proves its hash."""
        block = block_of(MINER_TX, tx)
        found = CODEC.decode(CODEC.encode(block))
        assert isinstance(found, Block)
        self.assertEqual(found, block)
        self.assertEqual([item.tx_hash for item in found.txs], [MINER_TX.tx_hash, tx.tx_hash])

    def test_shortest(self) -> None:
        """With any number of inputs and outputs, with and without attributes, and with data of its own."""
        for count in (0, 1, 252, 253):
            self.same(Tx(0x80, 0, [], [COIN] * count, [PAID], [WITNESS]))
            self.same(Tx(0x80, 0, [], [COIN], [PAID] * count, []))
        self.same(Tx(0x80, 0, [Attribute(0x20, bytes(20))], [COIN], [], []))
        self.same(Tx(0xD1, 1, [], [], [], [], script=b"script", gas=5))
        self.same(Tx(0xD1, 0, [], [], [], [], script=b"script" * 90, gas=0))
        self.same(Tx(0x02, 0, [], [], [], [], claims=[COIN] * 300))

    def test_longer(self) -> None:
        """Bytes that could be fewer count for what they say, wherever they stand."""
        key = bytes.fromhex(by_label("tx/enrollment")["fields"]["key"])
        long_key = uncompressed(key)
        for tx, short, longer in (
            (Tx(0x80, 0, [], [COIN], [PAID], []), b"\1" + COIN.prev_hash, b"\xfd\1\0" + COIN.prev_hash),
            (Tx(0x80, 0, [], [COIN], [], []), b"\x80\0\0\1", b"\x80\0\xfd\0\0\1"),
            (Tx(0xD1, 1, [], [], [], [], script=b"abc", gas=0), b"\3abc", b"\xfd\3\0abc"),
            (Tx(0x20, 0, [], [], [], [], key=key), key, long_key),
        ):
            payload = CODEC.encode(block_of(MINER_TX, tx))[24:]
            self.assertEqual(payload.count(short), 1)
            self.assertEqual(read(payload.replace(short, longer)).txs[1], tx)

    def test_flag(self) -> None:
        """So do flags: any byte but zero is true, and true is written as one."""
        entry = by_label("tx/publish-v1")
        tx = codec_of(entry).decode(frame_of(entry))
        assert isinstance(tx, Tx)
        tx.need_storage = True
        payload = CODEC.encode(block_of(MINER_TX, tx))[24:]
        tx.need_storage = False
        other = CODEC.encode(block_of(MINER_TX, tx))[24:]
        start = BASE.size + 40
        (at,) = (at for at in range(start, len(payload)) if payload[at] != other[at])
        tx.need_storage = True
        self.assertEqual(read(payload[:at] + b"\5" + payload[at + 1 :]).txs[1], tx)

    def test_wrong_root(self) -> None:
        """A transaction that was changed has another hash, so the block is malformed."""
        payload = CODEC.encode(block_of(MINER_TX, Tx(0x80, 0, [], [COIN], [PAID], [])))[24:]
        wrong = payload.replace(COIN.prev_hash, bytes(32))
        error = self.assertRaises(MalformedMessage, read, wrong)
        self.assertEqual(error.text, "the merkle root is not that of the transactions")


class AbsentTests(SynchronousTestCase):
    """What a type does not have."""

    def test_none(self) -> None:
        """It is None after reading, in a block and alone, and of what nobody has looked at yet."""
        for strict in (True, False):
            found = CODEC.decode(CODEC.encode(MINER_TX), strict=strict)
            assert isinstance(found, Tx)
            self.assertIsNone(found.script)
            self.assertEqual((found.nonce, found), (7, MINER_TX))
        in_block = read(CODEC.encode(block_of(MINER_TX))[24:]).txs[0]
        self.assertIsNone(in_block.claims)
        self.assertEqual(repr(in_block), repr(MINER_TX))
        self.assertRaises(AttributeError, getattr, in_block, "nothing")

    def test_no_transactions(self) -> None:
        """A block without transactions is not written."""
        empty = Block(0, bytes(32), bytes(32), 1, 2, 3, bytes(20), WITNESS, [])
        error = self.assertRaises(LocalError, CODEC.encode, empty)
        self.assertEqual(str(error), "block: txs: 0 entries, 1 to 65535 allowed")


def uncompressed(key: bytes) -> bytes:
    """The long form of a point of secp256r1."""
    prime = 2**256 - 2**224 + 2**192 + 2**96 - 1
    x = int.from_bytes(key[1:])
    square = x**3 - 3 * x + 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    y = pow(square, (prime + 1) // 4, prime)
    y = y if y % 2 == key[0] % 2 else prime - y
    found = b"\4" + key[1:] + y.to_bytes(32)
    assert compressed(found) == key
    return found
