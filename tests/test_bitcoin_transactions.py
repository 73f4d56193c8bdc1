"""Tests of transactions: their two forms, and what is wrong in them."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.errors import LocalError, MalformedMessage
from peerproto.networks.bitcoin import OutPoint, Tx, TxIn, TxOut
from peerproto.networks.bitcoin.transactions import read_tx, write_tx


class TxFields(NamedTuple):
    """What has the fields of a transaction, in their order."""

    version: int
    tx_in: list[TxIn]
    tx_out: list[TxOut]
    lock_time: int


NETWORK = networks.named("bitcoin-mainnet")
BASE, WITNESS = NETWORK.codec(), NETWORK.codec(witness=True)

PREVIOUS = OutPoint(bytes(range(32)), 1)
PLAIN = TxFields(1, [TxIn(PREVIOUS, b"abc", 5, [])], [TxOut(7, b"de")], 9)
SIGNED = TxFields(
    -2,
    [TxIn(PREVIOUS, b"", 5, [b"", b"sig"]), TxIn(PREVIOUS, b"x" * 300, 6, [])],
    [TxOut(-1, b""), TxOut(1, b"y" * 70_000)],
    0xFFFF_FFFF,
)

SCRIPTS = st.binary(max_size=4) | st.integers(250, 256).map(bytes)
INPUTS = st.builds(
    TxIn,
    st.builds(OutPoint, st.binary(min_size=32, max_size=32), st.integers(0, 0xFFFF_FFFF)),
    SCRIPTS,
    st.integers(0, 0xFFFF_FFFF),
    st.lists(SCRIPTS, max_size=2),
)
OUTPUTS = st.builds(TxOut, st.integers(-(1 << 63), (1 << 63) - 1), SCRIPTS)
TRANSACTIONS = st.builds(
    TxFields,
    st.integers(-(1 << 31), (1 << 31) - 1),
    st.lists(INPUTS, min_size=1, max_size=3),
    st.lists(OUTPUTS, max_size=3),
    st.integers(0, 0xFFFF_FFFF),
)


def stripped(tx: TxFields) -> TxFields:
    """The same without witnesses."""
    return tx._replace(tx_in=[item._replace(witness=[]) for item in tx.tx_in])


class FormTests(SynchronousTestCase):
    """The base form and the witness form."""

    def test_base(self) -> None:
        """Without witnesses both encodings are the base form."""
        raw = write_tx(PLAIN, witness=False)
        self.assertEqual(
            raw.hex(),
            "01000000" "01" + bytes(range(32)).hex() + "01000000" "03616263" "05000000"
            "01" "0700000000000000" "026465" "09000000",
        )  # fmt: skip
        self.assertEqual(write_tx(PLAIN, witness=True), raw)
        for codec in (BASE, WITNESS):
            self.assertEqual(read_tx(b"!" + raw + b"!", 1, codec), (PLAIN, 1 + len(raw)))

    def test_witness(self) -> None:
        """The witness form has a marker and a flag, and a list of items for each input."""
        raw, base = write_tx(SIGNED, witness=True), write_tx(SIGNED, witness=False)
        self.assertEqual(raw[:7].hex(), "feffffff000102")
        self.assertEqual(raw[4:6] + raw[-11:-4], b"\0\1" + b"\2\0\3sig\0")
        self.assertEqual(raw[:4] + raw[6:-11] + raw[-4:], base)
        self.assertEqual(read_tx(raw, 0, WITNESS), (SIGNED, len(raw)))
        self.assertEqual(read_tx(base, 0, WITNESS), (stripped(SIGNED), len(base)))
        self.assertEqual(read_tx(base, 0, BASE), (stripped(SIGNED), len(base)))

    def test_no_inputs(self) -> None:
        """Without inputs there is the base form only: with witnesses it would look like a marker."""
        bare = TxFields(1, [], [TxOut(1, b"")], 0)
        raw = write_tx(bare, witness=True)
        self.assertEqual(read_tx(raw, 0, BASE), (bare, len(raw)))
        self.assertEqual(read_tx(write_tx(TxFields(1, [], [], 0), witness=False), 0, BASE)[0][2], [])
        error = self.assertRaises(
            MalformedMessage, read_tx, write_tx(bare._replace(tx_out=[]), witness=True), 0, WITNESS
        )
        self.assertEqual((error.text, error.offset), ("witness flag 0, 1 allowed", 5))

    @given(TRANSACTIONS)
    def test_inverse(self, tx: TxFields) -> None:
        """What is written in either form is read back."""
        raw = write_tx(tx, witness=True)
        self.assertEqual(read_tx(raw, 0, WITNESS), (tx, len(raw)))
        base = write_tx(tx, witness=False)
        for codec in (BASE, WITNESS):
            self.assertEqual(read_tx(base, 0, codec), (stripped(tx), len(base)))

    @given(TRANSACTIONS, st.booleans(), st.floats(0, 1, exclude_max=True))
    def test_cut_anywhere(self, tx: TxFields, witness: bool, share: float) -> None:
        """A transaction that is cut is none; the place that is told is not behind its end."""
        codec = WITNESS if witness else BASE
        raw = write_tx(tx, witness=witness)
        raw = raw[: int(share * len(raw))]
        frame = codec.envelope.wrap(codec.envelope.command("tx"), raw)
        error = self.assertRaises(MalformedMessage, codec.decode, frame)
        self.assertEqual(error.command, "tx")
        self.assertLessEqual(error.offset, len(frame))


class MalformedTests(SynchronousTestCase):
    """What may not be in a transaction."""

    def test_flag(self) -> None:
        """The flag behind the marker is 1."""
        for flag in (0, 2, 255):
            raw = bytes(4) + bytes((0, flag)) + bytes(20)
            error = self.assertRaises(MalformedMessage, read_tx, raw, 0, WITNESS)
            self.assertEqual((error.text, error.offset), (f"witness flag {flag}, 1 allowed", 5))

    def test_no_witness(self) -> None:
        """The witness form is for witnesses: all empty is refused."""
        raw = write_tx(PLAIN, witness=False)
        raw = raw[:4] + b"\0\1" + raw[4:-4] + b"\0" + raw[-4:]
        error = self.assertRaises(MalformedMessage, read_tx, raw, 0, WITNESS)
        self.assertEqual((error.text, error.offset), ("witness form without any witness", len(raw) - 4))

    def test_counts(self) -> None:
        """Counts and lengths over their caps are refused before anything is read of what they count."""
        raw = write_tx(PLAIN, witness=False)
        for at, count, text in (
            (4, 818_402, "818402 inputs announced, at most 818401 allowed"),
            (41, 4_000_001, "4000001 bytes of script announced, at most 4000000 allowed"),
            (49, 3_728_272, "3728272 outputs announced, at most 3728271 allowed"),
            (58, 4_000_001, "4000001 bytes of script announced, at most 4000000 allowed"),
        ):
            wrong = raw[:at] + b"\xfe" + count.to_bytes(4, "little") + raw[at + 1 :]
            error = self.assertRaises(MalformedMessage, read_tx, wrong, 0, BASE)
            self.assertEqual((error.text, error.offset), (text, at + 5))
            allowed = raw[:at] + b"\xfe" + (count - 1).to_bytes(4, "little") + raw[at + 1 :]
            frame = BASE.envelope.wrap(BASE.envelope.command("tx"), allowed)
            error = self.assertRaises(MalformedMessage, BASE.decode, frame)
            self.assertRegex(error.text, "^ends too soon: ")

    def test_witness_counts(self) -> None:
        """So are those of witnesses."""
        raw = write_tx(PLAIN, witness=False)
        raw = raw[:4] + b"\0\1" + raw[4:-4]
        over = b"\xfe" + (4_000_001).to_bytes(4, "little")
        for witness, what in ((over, "witness items"), (b"\1" + over, "bytes of witness")):
            error = self.assertRaises(MalformedMessage, read_tx, raw + witness + bytes(9), 0, WITNESS)
            self.assertEqual(error.text, f"4000001 {what} announced, at most 4000000 allowed")

    def test_longer_forms(self) -> None:
        """A length that is not in its shortest form is refused, in scripts as elsewhere."""
        raw = write_tx(PLAIN, witness=False)
        for at in (41, 58):
            wrong = raw[:at] + b"\xfd" + raw[at : at + 1] + b"\0" + raw[at + 1 :]
            error = self.assertRaises(MalformedMessage, read_tx, wrong, 0, BASE)
            self.assertEqual(error.offset, at)

    def test_does_not_fit(self) -> None:
        """A value that does not fit its field is not written."""
        for wrong in (
            Tx(1 << 31, [], [], 0),
            Tx(1, [], [], -1),
            Tx(1, [TxIn(OutPoint(bytes(31), 0), b"", 0, [])], [], 0),
            Tx(1, [TxIn(OutPoint(bytes(33), 0), b"", 0, [])], [], 0),
            Tx(1, [TxIn(OutPoint(bytes(32), 1 << 32), b"", 0, [])], [], 0),
            Tx(1, [TxIn(PREVIOUS, "abc", 0, [])], [], 0),  # type: ignore[arg-type]
            Tx(1, [TxIn(PREVIOUS, b"", -1, [])], [], 0),
            Tx(1, [TxIn(PREVIOUS, b"", 0, ["x"])], [], 0),  # type: ignore[list-item]
            Tx(1, [], [TxOut(1 << 63, b"")], 0),
            Tx(1, [(1, 2)], [], 0),  # type: ignore[list-item]
            Tx(1, [], None, 0),  # type: ignore[arg-type]
        ):
            with self.assertRaisesRegex(LocalError, "^tx: cannot be written"):
                WITNESS.encode(wrong)
