"""Tests of Kaspa's transactions: their hashes, their ids, and what cannot be written."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.errors import LocalError
from peerproto.networks.kaspa import COINBASE, NATIVE, REGISTRY, Block, OutPoint, Tx, TxIn, TxOut
from peerproto.wire.envelope import sha256d
from tests.kaspa_vectors import codec_of, frame_of, golden, message_of, session

CODEC = networks.named("kaspa-simnet").codec()
OTHER = b"\x09" * 20
INPUT = TxIn(OutPoint(b"\1" * 32, 3), b"signed", 2**64 - 1)
OUTPUT = TxOut(2**64 - 1, b"\x51")


def tx(subnetwork: bytes = NATIVE, payload: bytes | None = None, **changes: Any) -> Tx:
    """A transaction, outside the native subnetwork with a payload."""
    if subnetwork != NATIVE:
        changes = {"payload_hash": sha256d(payload or b""), "subnetwork_payload": payload or b"", **changes}
    return Tx(
        **{"version": 1, "tx_in": [INPUT], "tx_out": [OUTPUT], "lock_time": 5, **changes},
        subnetwork_id=subnetwork,
    )


def merkle_root(hashes: list[bytes]) -> bytes:
    """The root of a tree of hashes; one that is alone is taken twice."""
    while len(hashes) > 1:
        pairs = [hashes[at : at + 2] for at in range(0, len(hashes), 2)]
        hashes = [sha256d(pair[0] + pair[-1]) for pair in pairs]
    return hashes[0]


class HashTests(SynchronousTestCase):
    """Two hashes of each transaction."""

    def test_native(self) -> None:
        """On the native subnetwork the hash is that of the bytes; the id is without signatures."""
        message = tx()
        self.assertEqual(message.tx_hash, sha256d(CODEC.encode(message)[24:]))
        unsigned = tx(tx_in=[INPUT._replace(signature_script=b"")])
        self.assertEqual(message.tx_id, unsigned.tx_id)
        self.assertEqual(unsigned.tx_id, unsigned.tx_hash)
        self.assertNotEqual(message.tx_id, message.tx_hash)

    def test_payload(self) -> None:
        """Elsewhere neither spans the payload itself, but its hash, and the gas."""
        message = tx(OTHER, b"data", gas=7)
        cut = tx(OTHER, b"", gas=7, payload_hash=message.payload_hash)
        self.assertEqual((message.tx_id, message.tx_hash), (cut.tx_id, cut.tx_hash))
        others = [tx(OTHER, b"data", gas=8), tx(OTHER, b"else", gas=7), tx(REGISTRY, b"data")]
        self.assertEqual(len({item.tx_id for item in (message, *others)}), 4)
        self.assertEqual(len({item.tx_hash for item in (message, *others)}), 4)

    def test_coinbase(self) -> None:
        """The id of a coinbase transaction is the hash of everything, its hash is without the payload."""
        message = tx(COINBASE, b"data")
        self.assertEqual(message.tx_id, sha256d(CODEC.encode(message)[24:]))
        self.assertNotEqual(message.tx_id, message.tx_hash)
        empty = tx(COINBASE)
        self.assertEqual(empty.tx_id, empty.tx_hash)

    def test_merkle_roots(self) -> None:
        """In recorded blocks the hashes of transactions have the root that the header says, for some more than one."""
        sizes = set()
        for entry in session():
            if entry["command"] == "block":
                block = CODEC.decode(frame_of(entry))
                assert isinstance(block, Block)
                root = merkle_root([item.tx_hash for item in block.transactions])
                self.assertEqual(root, block.header.hash_merkle_root)
                sizes.add(len(block.transactions))
        self.assertEqual(sizes, {1, 2})

    def test_payload_hashes(self) -> None:
        """The hash of a payload is what it should be, but where a vector says so, or a payload was left out."""
        wrong = set()
        for entry in golden():
            if entry["command"] == "tx":
                message = codec_of(entry).decode(frame_of(entry))
                assert isinstance(message, Tx)
                payload = message.subnetwork_payload
                if payload is not None and sha256d(payload) != message.payload_hash:
                    wrong.add(entry["label"])
        self.assertEqual(wrong, {"tx-wrong-payload-hash", "tx-subnetwork-partial"})


class FaultTests(SynchronousTestCase):
    """Transactions that are not written."""

    def refused(self, message: object, text: str) -> None:
        """Writing raises LocalError."""
        self.assertRaisesRegex(LocalError, text, CODEC.encode, message)

    def test_native(self) -> None:
        """On the native subnetwork are no gas, no payload and no hash of one."""
        for changes in ({"gas": 1}, {"payload_hash": bytes(32)}, {"subnetwork_payload": b""}):
            self.refused(tx(**changes), "^tx: on the native subnetwork are no gas, no payload")

    def test_built_in(self) -> None:
        """The built-in subnetworks have no gas; such a transaction can be read, but has no hashes to show."""
        for subnetwork in (COINBASE, REGISTRY):
            self.refused(tx(subnetwork, gas=1), "^tx: gas 1 on a built-in subnetwork, 0 allowed")
        self.refused(Block(message_of("block-genesis-simnet").header, [tx(COINBASE, gas=1)]), "^block: gas 1")
        self.assertNotIn("tx_id", message_of("tx-builtin-subnetwork-with-gas").to_fields())

    def test_without_payload(self) -> None:
        """Elsewhere there are a payload and its hash."""
        for changes in ({"payload_hash": None}, {"subnetwork_payload": None}):
            message = tx(OTHER, **changes)
            self.refused(message, "^tx: outside the native subnetwork a payload and its hash are needed")
            self.assertNotIn("tx_hash", message.to_fields())
        for message, name in (
            (tx(OTHER, payload_hash=None), "tx_hash"),
            (tx(COINBASE, subnetwork_payload=None), "tx_id"),
        ):
            self.assertRaisesRegex(ValueError, "a payload and its hash are needed", getattr, message, name)

    def test_sizes(self) -> None:
        """What has another length is not written."""
        self.refused(tx(b"\x09" * 19), "19 bytes where 20 belong")
        self.refused(tx(OTHER, payload_hash=b""), "0 bytes where 32 belong")
        self.refused(
            tx(tx_in=[INPUT._replace(previous_outpoint=OutPoint(b"", 1))]), "0 bytes where 32 belong"
        )

    def test_from_json(self) -> None:
        """The payload is `payload` in JSON; what is wrong is told by its place, in a block too."""
        fields = tx(OTHER, b"data").to_fields()
        self.assertEqual(fields["payload"], b"data".hex())
        self.assertEqual(Tx.from_fields(fields), tx(OTHER, b"data"))
        wrong = {**fields, "payload": 5}
        self.assertRaisesRegex(LocalError, "^tx: payload: 5 given", Tx.from_fields, wrong)
        block = message_of("block-genesis-simnet").to_fields()
        block["transactions"] = [fields, wrong]
        self.assertRaisesRegex(LocalError, r"^block: transactions\[1\].payload: 5", Block.from_fields, block)


class ReadingTests(SynchronousTestCase):
    """Transactions that were read."""

    def test_may_be_changed(self) -> None:
        """One out of a block can be changed, and the block is written with the change."""
        frame = CODEC.encode(Block(message_of("block-genesis-simnet").header, [tx(), tx(OTHER, b"data")]))
        block = CODEC.decode(frame, strict=False)
        assert isinstance(block, Block)
        block.transactions[1].lock_time = 6
        self.assertEqual(CODEC.decode(CODEC.encode(block)), block)
        self.assertEqual(block.transactions, [tx(), tx(OTHER, b"data", lock_time=6)])
        self.assertNotEqual(CODEC.encode(block), frame)

    def test_unread_is_assigned(self) -> None:
        """If one that nobody has looked at is changed, the rest stays what it was."""
        found = CODEC.decode(CODEC.encode(tx(OTHER, b"data")), strict=False)
        assert isinstance(found, Tx)
        found.subnetwork_payload = b"else"
        self.assertEqual(found, tx(OTHER, b"data", subnetwork_payload=b"else"))
