"""Transactions (BIP144) as soterd reads them: where bitcoin's reader is strict with witnesses, this one is not."""

from __future__ import annotations

from peerproto.networks.bitcoin import transactions as bitcoin
from peerproto.networks.bitcoin.transactions import TxFields, TxIn, TxOut, read_count, write_tx
from peerproto.wire.codec import Codec

__all__ = ["TxFields", "TxIn", "TxOut", "read_tx", "write_tx"]

MOST_WITNESS_ITEMS = 500_000
MOST_WITNESS_ITEM = 11_000


def read_tx(buf: bytes, at: int, codec: Codec) -> tuple[TxFields, int]:
    """A transaction, and the offset behind it (soterd wire/msgtx.go, SotoDecode).

    In the base encoding a witness form reads as what it is not: no inputs and one output. In the witness
    encoding its witnesses may all be empty.

    Raises as bitcoin's does.
    """
    return bitcoin.read_tx(buf, at, codec, _read_witnesses)


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
