"""Tests of what Decred's messages refuse to be, beyond the vectors: when they are written, and given as JSON."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.errors import LocalError, MalformedMessage
from peerproto.networks import decred
from peerproto.networks.decred.kinds import LATEST
from peerproto.networks.decred.matrices import mixed_vectors
from peerproto.wire.message import Message
from tests.decred_vectors import by_label, codec_of, frame_of

CODEC = networks.named("decred-simnet").codec()


def message(label: str) -> Any:
    """One of dcrd's messages."""
    return codec_of(by_label(label)).decode(frame_of(by_label(label)))


class WriteTests(SynchronousTestCase):
    """What no peer would take is not written, and the error says what is wrong."""

    def refuses(self, message: Message, text: str, pver: int = 12) -> None:
        codec = networks.named("decred-simnet").codec(pver)
        error = self.assertRaises(LocalError, codec.encode, message)
        self.assertIn(text, str(error))

    def test_text(self) -> None:
        """Text that is not printable ASCII, or too long."""
        for text in ("é", "a\n", "\x7f", "\0"):
            self.refuses(decred.GetInitState([text]), "is not printable ASCII")
        self.refuses(decred.GetInitState(["x" * 33]), "33 bytes, at most 32 allowed")
        self.refuses(decred.GetInitState(["x"] * 33), "33 entries, at most 32 allowed")

    def test_numbers(self) -> None:
        """Times and amounts out of bounds."""
        version, request = message("version simnet"), message("mixpairreq no utxo no change")
        for time in (-1, LATEST + 1):
            version.timestamp = time
            self.refuses(version, f"{time} is outside 0 to {LATEST}")
        request.mix_amount = -1
        self.refuses(request, "-1 is outside 0 to 9223372036854775807")

    def test_transactions(self) -> None:
        """A serialization that there is not, hashes of other sizes, more than a block may hold."""
        tx = message("tx full 1 in 1 out")
        tx.ser_type = 3
        self.refuses(tx, "serialization type 3")
        tx.ser_type = 0
        tx.tx_in = [tx.tx_in[0]._replace(previous_out_point=decred.OutPoint(b"short", 0, 0))]
        self.refuses(tx, "5 bytes where 32 belong")
        header = message("block genesis simnet").header
        self.refuses(decred.Block(header, [tx] * 33_335, []), "33335 entries, at most 33334 allowed", pver=3)
        self.refuses(decred.Headers([header._replace(final_state=b"x")]), "1 bytes where 6 belong")

    def test_matrices(self) -> None:
        """Rows of different lengths, values and messages of other sizes, lists that should be as long as another."""
        slots, vectors = message("mixslotres 2x3, 4 seen"), message("mixdcnet 2x3, 4 seen")
        for rows in ([], [()], [(b"a",), (b"a", b"b")], [(b"a",) * 513], [(b"a",)] * 1025):
            slots.dcmix = rows
            self.refuses(slots, "a matrix of ")
        slots.dcmix = [(bytes(33),)]
        self.refuses(slots, "a value of 33 bytes, at most 32 allowed")
        vectors.dcnet = [(bytes(19),)]
        self.refuses(vectors, "19 bytes where 20 belong")
        secrets = message("mixsecrets 3 slots, 2 dc, 4 seen")
        secrets.dcnet_msgs = [bytes(20)] * 1025
        self.refuses(secrets, "1025 entries, at most 1024 allowed")
        secrets.dcnet_msgs = [bytes(21)]
        self.refuses(secrets, "21 bytes where 20 belong")
        texts = message("mixcphrtxt 4")
        texts.ciphertexts.pop()
        self.refuses(texts, "3 ciphertexts for 4 key exchanges")

    def test_versions(self) -> None:
        """A message that the protocol version does not have."""
        self.refuses(decred.Addr([]), "exists up to protocol version 11, not at 12")
        self.refuses(decred.Reject("x", 1, "y"), "exists up to protocol version 8, not at 12")
        self.refuses(message("mixkeyxchg 0 seen"), "exists from protocol version 10 on, not at 9", pver=9)


class CutTests(SynchronousTestCase):
    """Payloads that end inside a matrix."""

    def test_cut(self) -> None:
        """Rows that are announced and not there."""
        self.assertRaises(IndexError, mixed_vectors.reader, b"\1\1\x14" + bytes(19), 0, CODEC)
        entry = by_label("mixsecrets 3 slots, 2 dc, 4 seen")
        payload = frame_of(entry)[24:][:232]
        frame = CODEC.envelope.wrap(CODEC.envelope.command(entry["command"]), payload)
        error = self.assertRaises(MalformedMessage, CODEC.decode, frame)
        self.assertIn("ends inside dcnet_msgs", str(error))


class PlainTests(SynchronousTestCase):
    """What cannot stand in JSON."""

    def refuses(self, label: str, text: str, **changes: Any) -> None:
        found = message(label)
        error = self.assertRaises(LocalError, type(found).from_fields, {**found.to_fields(), **changes})
        self.assertIn(text, str(error))

    def test_text(self) -> None:
        """Text that is not ASCII."""
        self.refuses("getinitstate 1", "text of printable ASCII allowed", types=["é"])
        self.refuses("getinitstate 1", "types[0]: 5 given, text allowed", types=[5])

    def test_numbers(self) -> None:
        """Numbers out of bounds."""
        self.refuses("version simnet", f"a whole number from 0 to {LATEST} allowed", timestamp=-1)
        self.refuses("cftypes 1", "supported_filters[0]: 256 given", supported_filters=[256])

    def test_change(self) -> None:
        """An output that may be missing, but not be half."""
        found = message("mixpairreq one utxo with change")
        plain = found.to_fields()
        self.assertIsNone(decred.MixPairReq.from_fields({**plain, "change": None}).change)
        del plain["change"]
        self.assertIsNone(decred.MixPairReq.from_fields(plain).change)
        self.refuses(
            "mixpairreq one utxo with change", "change: no field 'version' given", change={"value": 1}
        )

    def test_addresses(self) -> None:
        """An address that is none."""
        self.refuses("version simnet", "addr_me: 5 given", addr_me=5)


class UnreadTests(SynchronousTestCase):
    """Messages that nobody has looked at."""

    def test_hashes(self) -> None:
        """Hashes are known without reading what is inside, and are those of the fields once those are changed."""
        entry = by_label("block 3 regular 5 stake")
        block: Any = codec_of(entry).decode(frame_of(entry), strict=False)
        self.assertEqual(block.block_hash.hex(), entry["extra"]["block_hash"])
        self.assertIsNotNone(block.is_untouched())
        block.header = block.header._replace(nonce=1)
        self.assertNotEqual(block.block_hash.hex(), entry["extra"]["block_hash"])
        entry = by_label("mixkeyxchg 4 seen")
        mix: Any = codec_of(entry).decode(frame_of(entry), strict=False)
        self.assertEqual(mix.mix_hash.hex(), entry["extra"]["mix_hash"])
        self.assertIsNotNone(mix.is_untouched())
        mix.run += 1
        self.assertNotEqual(mix.mix_hash.hex(), entry["extra"]["mix_hash"])

    def test_headers(self) -> None:
        """The headers of a message are to be had without objects; one that announces transactions is malformed."""
        entry = by_label("headers 2")
        for strict in (True, False):
            found: Any = codec_of(entry).decode(frame_of(entry), strict=strict)
            self.assertEqual([len(raw) for raw in found.serialized()], [180, 180])
        payload = bytearray(frame_of(entry)[24:])
        payload[181] = 1
        codec = codec_of(entry)
        found = codec.decode(
            codec.envelope.wrap(codec.envelope.command("headers"), bytes(payload)), strict=False
        )
        error = self.assertRaises(MalformedMessage, found.serialized)
        self.assertIn("a header announces 1 transactions", str(error))


class ChangedTests(SynchronousTestCase):
    """Serializations of one transaction."""

    def test_prefix_and_witness(self) -> None:
        """The id is that of the prefix alone; the witness hash that of the witness alone."""
        tx = message("tx full 2 in 3 out, empty scripts")
        full_id, full_witness = tx.tx_hash, tx.tx_hash_witness
        for ser_type, size in ((decred.PREFIX, 180), (decred.WITNESS, 112)):
            tx.ser_type = ser_type
            frame = CODEC.encode(tx)
            self.assertEqual(len(frame) - 24, size)
            part: Any = CODEC.decode(frame)
            same = part.tx_hash == full_id, part.tx_hash_witness == full_witness
            self.assertEqual(same, (ser_type == decred.PREFIX, ser_type == decred.WITNESS))
