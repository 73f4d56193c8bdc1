"""Kaspa's transactions by hand: they are most of what a node reads, and end in a way that their bytes decide."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Annotated, NamedTuple

from peerproto.errors import MalformedMessage
from peerproto.networks.kaspa.records import OutPoint
from peerproto.networks.kaspa.subnetworks import BUILT_IN, NATIVE
from peerproto.wire.code import exact, new
from peerproto.wire.codec import Codec
from peerproto.wire.fields import VarBytes, uint64
from peerproto.wire.varint import read_varint, write_varint

if TYPE_CHECKING:
    from peerproto.networks.kaspa.blocks import Tx

MOST_INPUTS = 33_554_432 // 41 + 1
MOST_OUTPUTS = 33_554_432 // 9 + 1
MOST_SCRIPT = 33_554_432
LEAST_TX = 4 + 1 + 1 + 8 + 20

Script = Annotated[bytes, VarBytes(MOST_SCRIPT)]

_VERSION = Struct("<i")
_OUT_POINT = Struct("<32sI")
_UINT64 = Struct("<Q")
_LOCK_TIME = Struct("<Q20s")
_GAS = Struct("<Q32s")
_VERSION_COUNT, _OUT_POINT_SIZE = Struct("<iB"), Struct("<32sIB")
_VALUE_SIZE, _GAS_SIZE = Struct("<QB"), Struct("<Q32sB")


class TxIn(NamedTuple):
    """An input."""

    previous_outpoint: OutPoint
    signature_script: Script
    sequence: uint64


class TxOut(NamedTuple):
    """An output; the value is in the smallest unit."""

    value: uint64
    script_pub_key: Script


TxFields = tuple[int, list[TxIn], list[TxOut], int, bytes, int, bytes | None, bytes | None]
"""A transaction's fields in their order; the last two are None on the native subnetwork."""


def read_tx(buf: bytes, at: int, codec: Codec) -> tuple[TxFields, int]:
    """The fields of a transaction, and the offset behind it (kaspad wire/msgtx.go, KaspaDecode).

    Raises MalformedMessage for a count or a length that may not be, IndexError or struct.error if bytes are
    missing.
    """
    version, count = _VERSION_COUNT.unpack_from(buf, at)
    tx_in, at = _read_inputs(buf, at + 5, count)
    tx_out, at = _read_outputs(buf, at)
    lock_time, subnetwork = _LOCK_TIME.unpack_from(buf, at)
    at += 28
    if subnetwork == NATIVE:
        return (version, tx_in, tx_out, lock_time, subnetwork, 0, None, None), at
    gas, payload_hash, size = _GAS_SIZE.unpack_from(buf, at)
    at += 41
    if size > 252:
        size, at = _read_count(buf, at - 1, MOST_SCRIPT, "bytes of payload")
    end = at + size
    if end > len(buf):
        raise IndexError
    return (version, tx_in, tx_out, lock_time, subnetwork, gas, payload_hash, buf[at:end]), end


def _read_inputs(buf: bytes, at: int, count: int) -> tuple[list[TxIn], int]:
    """The inputs behind their count, of which the first byte is read."""
    if count > 252:
        count, at = _read_count(buf, at - 1, MOST_INPUTS, "inputs")
    tx_in = []
    for _ in range(count):
        tx_id, index, size = _OUT_POINT_SIZE.unpack_from(buf, at)
        at += 37
        if size > 252:
            size, at = _read_count(buf, at - 1, MOST_SCRIPT, "bytes of script")
        end = at + size
        (sequence,) = _UINT64.unpack_from(buf, end)
        tx_in.append(new(TxIn, (new(OutPoint, (tx_id, index)), buf[at:end], sequence)))
        at = end + 8
    return tx_in, at


def _read_outputs(buf: bytes, at: int) -> tuple[list[TxOut], int]:
    count = buf[at]
    at += 1
    if count > 252:
        count, at = _read_count(buf, at - 1, MOST_OUTPUTS, "outputs")
    tx_out = []
    for _ in range(count):
        value, size = _VALUE_SIZE.unpack_from(buf, at)
        at += 9
        if size > 252:
            size, at = _read_count(buf, at - 1, MOST_SCRIPT, "bytes of script")
        end = at + size
        if end > len(buf):
            raise IndexError
        tx_out.append(new(TxOut, (value, buf[at:end])))
        at = end
    return tx_out, at


def _read_count(buf: bytes, at: int, most: int, what: str) -> tuple[int, int]:
    count, at = read_varint(buf, at)
    if count > most:
        raise MalformedMessage(f"{count} {what} announced, at most {most} allowed", offset=at)
    return count, at


def write_tx(tx: Tx, *, scripts: bool = True, payload: bool = True) -> bytes:
    """The bytes of a transaction; without signature scripts or payload, empty ones stand there.

    Raises struct.error, ValueError or TypeError for a value that does not fit its field.
    """
    parts = [_VERSION.pack(tx.version), write_varint(len(tx.tx_in))]
    for (tx_id, index), script, sequence in tx.tx_in:
        signed = script if scripts else b""
        parts += (
            _OUT_POINT.pack(exact(tx_id, 32), index),
            write_varint(len(signed)),
            signed,
            _UINT64.pack(sequence),
        )
    parts.append(write_varint(len(tx.tx_out)))
    for value, script in tx.tx_out:
        parts += (_UINT64.pack(value), write_varint(len(script)), script)
    if tx.subnetwork_id == NATIVE:
        parts.append(_LOCK_TIME.pack(tx.lock_time, NATIVE))
    else:
        parts += _subnetwork_parts(tx, tx.subnetwork_payload if payload else b"")
    return b"".join(parts)


def _subnetwork_parts(tx: Tx, payload: bytes | None) -> tuple[bytes, ...]:
    if tx.payload_hash is None or payload is None:
        raise ValueError(_NO_PAYLOAD)
    return (
        _LOCK_TIME.pack(tx.lock_time, exact(tx.subnetwork_id, 20)),
        _GAS.pack(tx.gas, exact(tx.payload_hash, 32)),
        write_varint(len(payload)),
        payload,
    )


def fault_of(tx: Tx) -> str:
    """Why kaspad would not write a transaction (wire/msgtx.go, encodeTx), though it may read it; else empty."""
    has_hash, has_payload = tx.payload_hash is not None, tx.subnetwork_payload is not None
    if tx.subnetwork_id == NATIVE:
        return _NATIVE_ONLY if tx.gas or has_hash or has_payload else ""
    if tx.subnetwork_id in BUILT_IN and tx.gas:
        return f"gas {tx.gas} on a built-in subnetwork, 0 allowed"
    return "" if has_hash and has_payload else _NO_PAYLOAD


_NATIVE_ONLY = "on the native subnetwork are no gas, no payload and no payload hash"
_NO_PAYLOAD = "outside the native subnetwork a payload and its hash are needed, though it may be empty"
