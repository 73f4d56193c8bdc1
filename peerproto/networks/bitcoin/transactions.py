"""Transactions (BIP144) by hand: they are most of what a node reads, and have a form that bytes decide."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from struct import Struct
from typing import Annotated, NamedTuple, Protocol

from peerproto.errors import MalformedMessage
from peerproto.networks.bitcoin.records import OutPoint
from peerproto.wire.code import exact, new
from peerproto.wire.codec import Codec
from peerproto.wire.fields import Count, VarBytes, int64, uint32
from peerproto.wire.varint import read_varint, write_varint

MOST_INPUTS = 33_554_432 // 41 + 1
MOST_OUTPUTS = 33_554_432 // 9 + 1
MOST_SCRIPT = 4_000_000

Script = Annotated[bytes, VarBytes(MOST_SCRIPT)]

_VERSION, _VERSION_COUNT = Struct("<i"), Struct("<iB")
_OUT_POINT, _OUT_POINT_SIZE = Struct("<32sI"), Struct("<32sIB")
_UINT32 = Struct("<I")
_VALUE, _VALUE_SIZE = Struct("<q"), Struct("<qB")


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


_WITNESS = attrgetter("witness")

WitnessReader = Callable[[list[TxIn], bytes, int], tuple[list[TxIn], int]]
"""Reads a witness for each input, which it has no place for yet: `(inputs, buf, at) -> (inputs, at)`."""


TxFields = tuple[int, list[TxIn], list[TxOut], int]
"""Version, inputs, outputs and lock time: the fields of a transaction in their order."""


class AnyTx(Protocol):
    """What has the fields of a transaction: the message of a network."""

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


def read_tx(
    buf: bytes, at: int, codec: Codec, read_witnesses: WitnessReader | None = None
) -> tuple[TxFields, int]:
    """A transaction, and the offset behind it (btcd wire/msgtx.go, BtcDecode).

    :param read_witnesses: what reads the witnesses, if a network has rules of its own for them.

    Raises MalformedMessage for a count, a script or a witness form that may not be, IndexError or
    struct.error if bytes are missing.
    """
    version, count = _VERSION_COUNT.unpack_from(buf, at)
    at += 5
    has_witness = codec.witness and count == 0
    if has_witness:
        if buf[at] != 1:
            raise MalformedMessage(f"witness flag {buf[at]}, 1 allowed", offset=at)
        count = buf[at + 1]
        at += 2
    tx_in, at = _read_inputs(buf, at, count)
    tx_out, at = _read_outputs(buf, at)
    if has_witness:
        tx_in, at = (read_witnesses or _read_witnesses)(tx_in, buf, at)
    (lock_time,) = _UINT32.unpack_from(buf, at)
    return (version, tx_in, tx_out, lock_time), at + 4


def _read_inputs(buf: bytes, at: int, count: int) -> tuple[list[TxIn], int]:
    """The inputs, without witnesses, behind their count, of which the first byte is read.

    Here as below, a script that is cut raises with what must stand behind it.
    """
    if count > 252:
        count, at = read_count(buf, at - 1, MOST_INPUTS, "inputs")
    tx_in = []
    for _ in range(count):
        hash_, index, size = _OUT_POINT_SIZE.unpack_from(buf, at)
        at += 37
        if size > 252:
            size, at = read_count(buf, at - 1, MOST_SCRIPT, "bytes of script")
        end = at + size
        (sequence,) = _UINT32.unpack_from(buf, end)
        tx_in.append(new(TxIn, (new(OutPoint, (hash_, index)), buf[at:end], sequence, [])))
        at = end + 4
    return tx_in, at


def _read_outputs(buf: bytes, at: int) -> tuple[list[TxOut], int]:
    count = buf[at]
    at += 1
    if count > 252:
        count, at = read_count(buf, at - 1, MOST_OUTPUTS, "outputs")
    tx_out = []
    for _ in range(count):
        value, size = _VALUE_SIZE.unpack_from(buf, at)
        at += 9
        if size > 252:
            size, at = read_count(buf, at - 1, MOST_SCRIPT, "bytes of script")
        end = at + size
        tx_out.append(new(TxOut, (value, buf[at:end])))
        at = end
    return tx_out, at


def _read_witnesses(tx_in: list[TxIn], buf: bytes, at: int) -> tuple[list[TxIn], int]:
    found = []
    for out_point, script, sequence, _ in tx_in:
        witness, at = _read_witness(buf, at)
        found.append(new(TxIn, (out_point, script, sequence, witness)))
    if not any(map(_WITNESS, found)):
        raise MalformedMessage("witness form without any witness", offset=at)
    return found, at


def _read_witness(buf: bytes, at: int) -> tuple[list[bytes], int]:
    count, at = read_count(buf, at, MOST_SCRIPT, "witness items")
    items = []
    for _ in range(count):
        size = buf[at]
        at += 1
        if size > 252:
            size, at = read_count(buf, at - 1, MOST_SCRIPT, "bytes of witness")
        end = at + size
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
    tx_in, tx_out = tx.tx_in, tx.tx_out
    has_witness = witness and any(map(_WITNESS, tx_in))
    parts = [_VERSION.pack(tx.version), b"\0\1" if has_witness else b"", write_varint(len(tx_in))]
    for (hash_, index), script, sequence, _ in tx_in:
        if len(hash_) != 32:
            exact(hash_, 32)
        size = len(script)
        if size < 253:
            head = _OUT_POINT_SIZE.pack(hash_, index, size)
        else:
            head = _OUT_POINT.pack(hash_, index) + write_varint(size)
        parts += (head, script, _UINT32.pack(sequence))
    parts.append(write_varint(len(tx_out)))
    for value, script in tx_out:
        size = len(script)
        head = _VALUE_SIZE.pack(value, size) if size < 253 else _VALUE.pack(value) + write_varint(size)
        parts += (head, script)
    if has_witness:
        for item in tx_in:
            parts.append(write_varint(len(item.witness)))
            for part in item.witness:
                parts += (write_varint(len(part)), part)
    parts.append(_UINT32.pack(tx.lock_time))
    return b"".join(parts)
