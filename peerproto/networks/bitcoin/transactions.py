"""Transactions (BIP144) by hand: they are most of what a node reads, and have a form that bytes decide."""

from __future__ import annotations

from struct import Struct
from typing import Annotated, NamedTuple, Protocol

from peerproto.errors import MalformedMessage
from peerproto.networks.bitcoin.records import OutPoint
from peerproto.wire.code import exact
from peerproto.wire.codec import Codec
from peerproto.wire.fields import Count, VarBytes, int64, uint32
from peerproto.wire.varint import read_varint, write_varint

MOST_INPUTS = 33_554_432 // 41 + 1
MOST_OUTPUTS = 33_554_432 // 9 + 1
MOST_SCRIPT = 4_000_000

Script = Annotated[bytes, VarBytes(MOST_SCRIPT)]

_VERSION = Struct("<i")
_OUT_POINT = Struct("<32sI")
_UINT32 = Struct("<I")
_VALUE = Struct("<q")


class TxIn(NamedTuple):
    """An input. `witness` is empty in the base encoding."""

    previous_out_point: OutPoint
    signature_script: Script
    sequence: uint32
    witness: Annotated[list[Script], Count(MOST_SCRIPT)]


class TxOut(NamedTuple):
    """An output; the value is in the smallest unit."""

    value: int64
    pk_script: Script


class TxFields(NamedTuple):
    """The fields of a transaction."""

    version: int
    tx_in: list[TxIn]
    tx_out: list[TxOut]
    lock_time: int


class AnyTx(Protocol):
    """What has the fields of a transaction: `TxFields`, or the message of a network."""

    @property
    def version(self) -> int:
        """Of the rules that it goes by."""

    @property
    def tx_in(self) -> list[TxIn]:
        """Its inputs."""

    @property
    def tx_out(self) -> list[TxOut]:
        """Its outputs."""

    @property
    def lock_time(self) -> int:
        """From when on it may stand in a block."""


def read_tx(buf: bytes, at: int, codec: Codec) -> tuple[TxFields, int]:
    """A transaction, and the offset behind it (btcd wire/msgtx.go, BtcDecode).

    Raises MalformedMessage for a count, a script or a witness form that may not be, IndexError or
    struct.error if bytes are missing.
    """
    (version,) = _VERSION.unpack_from(buf, at)
    at += 4
    has_witness = codec.witness and buf[at] == 0
    if has_witness:
        if buf[at + 1] != 1:
            raise MalformedMessage(f"witness flag {buf[at + 1]}, 1 allowed", offset=at + 1)
        at += 2
    tx_in, at = read_inputs(buf, at)
    tx_out, at = read_outputs(buf, at)
    if has_witness:
        tx_in, at = _read_witnesses(tx_in, buf, at)
    (lock_time,) = _UINT32.unpack_from(buf, at)
    return TxFields(version, tx_in, tx_out, lock_time), at + 4


def read_inputs(buf: bytes, at: int) -> tuple[list[TxIn], int]:
    """The inputs, without witnesses, and the offset behind them; raises as `read_tx` does."""
    count, at = read_count(buf, at, MOST_INPUTS, "inputs")
    tx_in = []
    for _ in range(count):
        out_point = OutPoint._make(_OUT_POINT.unpack_from(buf, at))
        at += 36
        size = buf[at]
        at += 1
        if size > 252:
            size, at = read_count(buf, at - 1, MOST_SCRIPT, "bytes of script")
        end = at + size
        (sequence,) = _UINT32.unpack_from(buf, end)
        tx_in.append(TxIn(out_point, buf[at:end], sequence, []))
        at = end + 4
    return tx_in, at


def read_outputs(buf: bytes, at: int) -> tuple[list[TxOut], int]:
    """The outputs, and the offset behind them; raises as `read_tx` does."""
    count, at = read_count(buf, at, MOST_OUTPUTS, "outputs")
    tx_out = []
    for _ in range(count):
        (value,) = _VALUE.unpack_from(buf, at)
        at += 8
        size = buf[at]
        at += 1
        if size > 252:
            size, at = read_count(buf, at - 1, MOST_SCRIPT, "bytes of script")
        end = at + size
        if end > len(buf):
            raise IndexError
        tx_out.append(TxOut(value, buf[at:end]))
        at = end
    return tx_out, at


def _read_witnesses(tx_in: list[TxIn], buf: bytes, at: int) -> tuple[list[TxIn], int]:
    found = []
    for item in tx_in:
        witness, at = _read_witness(buf, at)
        found.append(item._replace(witness=witness) if witness else item)
    if not any(item.witness for item in found):
        raise MalformedMessage("witness form without any witness", offset=at)
    return found, at


def _read_witness(buf: bytes, at: int) -> tuple[list[bytes], int]:
    count, at = read_count(buf, at, MOST_SCRIPT, "witness items")
    items = []
    for _ in range(count):
        size, at = read_count(buf, at, MOST_SCRIPT, "bytes of witness")
        end = at + size
        if end > len(buf):
            raise IndexError
        items.append(buf[at:end])
        at = end
    return items, at


def read_count(buf: bytes, at: int, most: int, what: str) -> tuple[int, int]:
    """A count, and the offset behind it. Raises MalformedMessage if it is over `most`."""
    count, at = read_varint(buf, at)
    if count > most:
        raise MalformedMessage(f"{count} {what} announced, at most {most} allowed", offset=at)
    return count, at


def write_tx(tx: AnyTx, *, witness: bool) -> bytes:
    """The bytes of a transaction; with `witness`, in the witness form if any input has one.

    Raises struct.error, ValueError or TypeError for a value that does not fit its field.
    """
    has_witness = witness and any(item.witness for item in tx.tx_in)
    parts = [_VERSION.pack(tx.version), b"\0\1" if has_witness else b"", write_varint(len(tx.tx_in))]
    for (hash_, index), script, sequence, _ in tx.tx_in:
        parts += (
            _OUT_POINT.pack(exact(hash_, 32), index),
            write_varint(len(script)),
            script,
            _UINT32.pack(sequence),
        )
    parts.append(write_varint(len(tx.tx_out)))
    for value, script in tx.tx_out:
        parts += (_VALUE.pack(value), write_varint(len(script)), script)
    if has_witness:
        for item in tx.tx_in:
            parts.append(write_varint(len(item.witness)))
            for part in item.witness:
                parts += (write_varint(len(part)), part)
    parts.append(_UINT32.pack(tx.lock_time))
    return b"".join(parts)
