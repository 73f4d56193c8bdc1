"""Transactions by hand, in their three serializations (dcrd wire/msgtx.go).

A transaction is a prefix (what is spent, what is made) and a witness (the proofs); either may stand alone:
type 0 is both, 1 the prefix only, 2 the witness only. What a type leaves out reads as zero or empty.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Annotated, NamedTuple

from peerproto.errors import MalformedMessage
from peerproto.networks.decred.records import TREE_REGULAR, OutPoint
from peerproto.wire.code import exact, new
from peerproto.wire.codec import Codec
from peerproto.wire.fields import VarBytes, int64, uint16, uint32
from peerproto.wire.varint import read_varint, write_varint

if TYPE_CHECKING:
    from peerproto.networks.decred.blocks import Tx

FULL, PREFIX, WITNESS = range(3)

MOST_INPUTS, MOST_OUTPUTS, MOST_SCRIPT = 780_336, 3_728_271, 33_554_432

Script = Annotated[bytes, VarBytes(MOST_SCRIPT)]

_WORD, _WORD_COUNT = Struct("<HH"), Struct("<HHB")
_INPUT = Struct("<32sIbI")
_OUTPUT, _OUTPUT_SIZE = Struct("<qH"), Struct("<qHB")
_END = Struct("<II")
_PROOF, _PROOF_SIZE = Struct("<qII"), Struct("<qIIB")
_NOWHERE = OutPoint(bytes(32), 0, TREE_REGULAR)


class TxIn(NamedTuple):
    """An input: an output that is spent, then the proof that it may be.

    :ivar value_in: in atoms. :ivar block_height: with `block_index`, where the spent output was made.
    """

    previous_out_point: OutPoint
    sequence: uint32
    value_in: int64
    block_height: uint32
    block_index: uint32
    signature_script: Script


class TxOut(NamedTuple):
    """An output; the value is in atoms, the version is the script's."""

    value: int64
    version: uint16
    pk_script: Script


TxFields = tuple[int, int, list[TxIn], list[TxOut], int, int]
"""Serialization type, version, inputs, outputs, lock time and expiry: the fields of a transaction in their order."""


def read_tx(buf: bytes, at: int, codec: Codec) -> tuple[TxFields, int]:
    """A transaction, and the offset behind it.

    Raises MalformedMessage for a type, a count or a script that may not be, IndexError or struct.error if bytes
    are missing.
    """
    version, ser_type, count = _WORD_COUNT.unpack_from(buf, at)
    at += 5
    if ser_type == WITNESS:
        proofs, at = _read_proofs(buf, at, count)
        return (WITNESS, version, [TxIn(_NOWHERE, 0, *proof) for proof in proofs], [], 0, 0), at
    if ser_type > WITNESS:
        raise MalformedMessage(f"serialization type {ser_type}, 0 to 2 are known", offset=at - 3)
    inputs, at = _read_inputs(buf, at, count)
    tx_out, at = _read_outputs(buf, at)
    lock_time, expiry = _END.unpack_from(buf, at)
    at += 8
    if ser_type == PREFIX:
        tx_in = [TxIn(OutPoint(*item[:3]), item[3], 0, 0, 0, b"") for item in inputs]
        return (PREFIX, version, tx_in, tx_out, lock_time, expiry), at
    tx_in, at = _read_proofs_of(inputs, buf, at)
    return (FULL, version, tx_in, tx_out, lock_time, expiry), at


_Input = tuple[bytes, int, int, int]
_Proof = tuple[int, int, int, bytes]


def _read_inputs(buf: bytes, at: int, count: int) -> tuple[list[_Input], int]:
    """Hash, index, tree and sequence of what is spent, behind the count, of which the first byte is read."""
    if count > 252:
        count, at = _read_count(buf, at - 1, MOST_INPUTS, "inputs")
    end = at + count * _INPUT.size
    if end > len(buf):
        raise IndexError
    return list(_INPUT.iter_unpack(buf[at:end])) if count else [], end


def _read_outputs(buf: bytes, at: int) -> tuple[list[TxOut], int]:
    count = buf[at]
    at += 1
    if count > 252:
        count, at = _read_count(buf, at - 1, MOST_OUTPUTS, "outputs")
    found = []
    for _ in range(count):
        value, version, size = _OUTPUT_SIZE.unpack_from(buf, at)
        at += 11
        if size > 252:
            size, at = _read_count(buf, at - 1, MOST_SCRIPT, "bytes of script")
        end = at + size
        if end > len(buf):
            raise IndexError
        found.append(new(TxOut, (value, version, buf[at:end])))
        at = end
    return found, at


def _read_proofs(buf: bytes, at: int, count: int) -> tuple[list[_Proof], int]:
    """The proofs behind their count, of which the first byte is read."""
    if count > 252:
        count, at = _read_count(buf, at - 1, MOST_INPUTS, "inputs")
    found = []
    for _ in range(count):
        proof, at = _read_proof(buf, at)
        found.append(proof)
    return found, at


def _read_proofs_of(inputs: list[_Input], buf: bytes, at: int) -> tuple[list[TxIn], int]:
    """The inputs whole; there must be as many proofs as there are inputs."""
    count = buf[at]
    at += 1
    if count > 252:
        count, at = _read_count(buf, at - 1, MOST_INPUTS, "inputs")
    if count != len(inputs):
        raise MalformedMessage(f"{count} witnesses announced for {len(inputs)} inputs", offset=at)
    found = []
    for hash_, index, tree, sequence in inputs:
        proof, at = _read_proof(buf, at)
        found.append(new(TxIn, (new(OutPoint, (hash_, index, tree)), sequence, *proof)))
    return found, at


def _read_proof(buf: bytes, at: int) -> tuple[_Proof, int]:
    value_in, block_height, block_index, size = _PROOF_SIZE.unpack_from(buf, at)
    at += 17
    if size > 252:
        size, at = _read_count(buf, at - 1, MOST_SCRIPT, "bytes of script")
    end = at + size
    if end > len(buf):
        raise IndexError
    return (value_in, block_height, block_index, buf[at:end]), end


def _read_count(buf: bytes, at: int, most: int, what: str) -> tuple[int, int]:
    count, at = read_varint(buf, at)
    if count > most:
        raise MalformedMessage(f"{count} {what} announced, at most {most} allowed", offset=at)
    return count, at


def write_tx(tx: Tx, ser_type: int | None = None) -> bytes:
    """The bytes of a transaction in one of its serializations, its own if none is given.

    Raises struct.error, ValueError or TypeError for a value that does not fit its field.
    """
    ser_type = tx.ser_type if ser_type is None else ser_type
    if not FULL <= ser_type <= WITNESS:
        raise ValueError(f"serialization type {ser_type}, 0 to 2 are known")
    parts = [_WORD.pack(tx.version, ser_type)]
    if ser_type != WITNESS:
        _add_prefix(parts, tx)
    if ser_type != PREFIX:
        _add_witness(parts, tx)
    return b"".join(parts)


def _add_prefix(parts: list[bytes], tx: Tx) -> None:
    pack = _INPUT.pack
    parts.append(write_varint(len(tx.tx_in)))
    for (hash_, index, tree), sequence, _, _, _, _ in tx.tx_in:
        parts.append(pack(exact(hash_, 32), index, tree, sequence))
    parts.append(write_varint(len(tx.tx_out)))
    for value, version, script in tx.tx_out:
        parts += (_OUTPUT.pack(value, version), write_varint(len(script)), script)
    parts.append(_END.pack(tx.lock_time, tx.expiry))


def _add_witness(parts: list[bytes], tx: Tx) -> None:
    pack = _PROOF.pack
    parts.append(write_varint(len(tx.tx_in)))
    for _, _, value_in, block_height, block_index, script in tx.tx_in:
        parts += (pack(value_in, block_height, block_index), write_varint(len(script)), script)
