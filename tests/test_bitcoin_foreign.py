"""Tests of the messages that btcd does not know."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.errors import UnknownCommand
from peerproto.networks.bitcoin import (
    Alert,
    BlockHeader,
    BlockTxn,
    CmpctBlock,
    GetBlockTxn,
    OutPoint,
    PrefilledTx,
    SendCmpct,
    SendTxRcncl,
    Tx,
    TxIn,
    TxOut,
    WtxidRelay,
)
from peerproto.networks.bitcoin.behaviour import MESSAGES
from peerproto.wire.codec import Unread
from peerproto.wire.message import Message
from peerproto.wire.reader import Reader
from tests.bitcoin_vectors import by_label, codec_of, frame_of

CODEC = networks.named("bitcoin-mainnet").codec(witness=True)
HASH = bytes(range(32))
TX = Tx(1, [TxIn(OutPoint(HASH, 1), b"abc", 5, [b"sig"])], [TxOut(7, b"de")], 9)
COMPACT = CmpctBlock(BlockHeader(1, bytes(32), HASH, 2, 3, 4), 5, [b"abcdef"], [PrefilledTx(0, TX)])

FOREIGN: tuple[Message, ...] = (
    WtxidRelay(),
    SendTxRcncl(1, 2),
    SendCmpct(True, 2),
    COMPACT,
    GetBlockTxn(HASH, [0, 5, 300]),
    BlockTxn(HASH, [TX]),
    Alert(b"abc", b"de"),
)


class ForeignTests(SynchronousTestCase):
    """What Bitcoin Core's line sends beside what btcd knows."""

    def test_which(self) -> None:
        """These and no others are foreign, and none of them is lazy."""
        self.assertEqual({type(message) for message in FOREIGN}, {kind for kind in MESSAGES if kind.foreign})
        self.assertFalse(any(type(message).lazy for message in FOREIGN))

    def test_round_trip(self) -> None:
        """They are read and written, and shown."""
        for message in FOREIGN:
            self.assertEqual(CODEC.decode(CODEC.encode(message)), message)
            self.assertEqual(type(message).from_fields(message.to_fields()), message)

    def test_another_form(self) -> None:
        """In a form that cannot be read each is passed over, as btcd does with all of them."""
        for message in FOREIGN:
            frame = CODEC.encode(message)
            for payload in (frame[24:] + b"\0", frame[24:-1] if len(frame) > 24 else b"ab"):
                wrong = CODEC.envelope.wrap(CODEC.envelope.command(message.command), payload)
                (found,) = Reader(CODEC).feed(wrong)
                assert isinstance(found, Unread)
                self.assertEqual((found.command, found.payload), (message.command, payload))
                self.assertIs(type(found.error), UnknownCommand)

    def test_too_old(self) -> None:
        """A wtxidrelay from a peer at an older version is passed over as well."""
        frame = CODEC.encode(WtxidRelay())
        self.assertRaises(UnknownCommand, networks.named("bitcoin-mainnet").codec(70015).decode, frame)


class CompactBlockTests(SynchronousTestCase):
    """Blocks by short ids (BIP152)."""

    def test_keys(self) -> None:
        """The keys of the short ids follow from the header and the nonce."""
        entry = by_label("cmpctblock-5tx-witness-prefill1")
        found = codec_of(entry).decode(frame_of(entry))
        assert isinstance(found, CmpctBlock)
        self.assertEqual(
            (found.siphash_k0, found.siphash_k1),
            (entry["fields"]["siphash_k0"], entry["fields"]["siphash_k1"]),
        )
        found.nonce ^= 1
        self.assertNotEqual(found.siphash_k0, entry["fields"]["siphash_k0"])

    def test_hash(self) -> None:
        """It bears the hash of its block, beside its fields."""
        self.assertEqual(COMPACT.extra(), {"block_hash": COMPACT.header.block_hash})

    def test_indexes(self) -> None:
        """An index counts from behind the one before."""
        self.assertEqual(GetBlockTxn(HASH, [0, 0, 5, 1]).absolute_indexes, [0, 1, 7, 9])
        self.assertEqual(GetBlockTxn(HASH, []).absolute_indexes, [])


class AlertTests(SynchronousTestCase):
    """The last alert."""

    def test_content(self) -> None:
        """What an alert says is shown."""
        entry = by_label("alert-full")
        found = codec_of(entry).decode(frame_of(entry))
        assert isinstance(found, Alert)
        self.assertEqual(found.content, entry["fields"]["payload"])

    def test_no_content(self) -> None:
        """What it says is nobody's concern: it may be cut, or of another form."""
        whole = bytes.fromhex(by_label("alert-full")["fields"]["serialized_payload"])
        for raw in (b"", b"abc", whole[:-1], whole[:40], whole[:40] + b"\xff" * 9):
            alert = Alert(raw, b"")
            self.assertIsNone(alert.content)
            self.assertEqual(CODEC.decode(CODEC.encode(alert)), alert)
