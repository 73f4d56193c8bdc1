"""Transactions (BIP144) as soterd reads them: where bitcoin's reader is strict with witnesses, this one is not."""

from __future__ import annotations

from struct import Struct

from peerproto.errors import MalformedMessage
from peerproto.networks.bitcoin.transactions import (
    TxFields,
    TxIn,
    TxOut,
    read_count,
    read_inputs,
    read_outputs,
    write_tx,
)
from peerproto.wire.codec import Codec

__all__ = ["TxFields", "TxIn", "TxOut", "read_tx", "write_tx"]

MOST_WITNESS_ITEMS = 500_000
MOST_WITNESS_ITEM = 11_000

_VERSION = Struct("<i")
_UINT32 = Struct("<I")


def read_tx(buf: bytes, at: int, codec: Codec) -> tuple[TxFields, int]:
    """A transaction, and the offset behind it (soterd wire/msgtx.go, SotoDecode).

    In the base encoding a witness form reads as what it is not: no inputs and one output. In the witness
    encoding its witnesses may all be empty.

    Raises MalformedMessage for a count or a witness flag that may not be, IndexError or struct.error if bytes
    are missing.
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


def _read_witnesses(tx_in: list[TxIn], buf: bytes, at: int) -> tuple[list[TxIn], int]:
    found = []
    for item in tx_in:
        witness, at = _read_witness(buf, at)
        found.append(item._replace(witness=witness) if witness else item)
    return found, at


def _read_witness(buf: bytes, at: int) -> tuple[list[bytes], int]:
    count, at = read_count(buf, at, MOST_WITNESS_ITEMS, "witness items")
    items = []
    for _ in range(count):
        size, at = read_count(buf, at, MOST_WITNESS_ITEM, "bytes of witness")
        end = at + size
        if end > len(buf):
            raise IndexError
        items.append(buf[at:end])
        at = end
    return items, at
