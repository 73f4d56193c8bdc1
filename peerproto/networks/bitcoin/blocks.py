"""Transactions and blocks as messages; `transactions` reads and writes what is inside."""

from __future__ import annotations

from typing import Annotated

from peerproto.errors import MalformedMessage
from peerproto.networks.bitcoin.records import BlockHeader
from peerproto.networks.bitcoin.transactions import (
    MOST_INPUTS,
    MOST_OUTPUTS,
    TxIn,
    TxOut,
    read_tx,
    write_tx,
)
from peerproto.wire.codec import Codec
from peerproto.wire.envelope import sha256d
from peerproto.wire.fields import Custom, ListOf, int32, uint32
from peerproto.wire.layout import record
from peerproto.wire.message import Message, message
from peerproto.wire.plain import list_from_plain, record_from_plain
from peerproto.wire.varint import read_varint, write_varint

MOST = 4_000_000
MOST_BLOCK_TX = 400_001


def _read_tx(self: Tx, buf: bytes, at: int, codec: Codec) -> int:
    fields, at = read_tx(buf, at, codec)
    Tx.__init__(self, *fields)
    return at


def _write_tx(self: Tx, codec: Codec) -> bytes:
    return write_tx(self, witness=codec.witness)


@message("tx", most=MOST, lazy=True, by_hand=(_read_tx, _write_tx))
class Tx(Message):
    """A transaction."""

    version: int32
    tx_in: Annotated[list[TxIn], ListOf(record(TxIn), MOST_INPUTS)]
    tx_out: Annotated[list[TxOut], ListOf(record(TxOut), MOST_OUTPUTS)]
    lock_time: uint32

    def derived(self) -> dict[str, object]:
        return {"txid": self.txid, "wtxid": self.wtxid}

    @property
    def txid(self) -> bytes:
        """The double SHA-256 of the base encoding, in wire order."""
        return sha256d(write_tx(self, witness=False))

    @property
    def wtxid(self) -> bytes:
        """The double SHA-256 of the witness encoding, in wire order."""
        return sha256d(write_tx(self, witness=True))


def _read_txs(buf: bytes, at: int, codec: Codec) -> tuple[list[Tx], int]:
    count, at = read_varint(buf, at)
    if count > MOST_BLOCK_TX:
        raise MalformedMessage(f"{count} transactions announced, at most {MOST_BLOCK_TX} allowed", offset=at)
    found = []
    for _ in range(count):
        fields, at = read_tx(buf, at, codec)
        found.append(Tx(*fields))
    return found, at


def _write_txs(txs: list[Tx], codec: Codec) -> bytes:
    return write_varint(len(txs)) + b"".join([write_tx(tx, witness=codec.witness) for tx in txs])


def _read_one(buf: bytes, at: int, codec: Codec) -> tuple[Tx, int]:
    fields, at = read_tx(buf, at, codec)
    return Tx(*fields), at


tx_kind = Custom(
    _read_one,
    lambda tx, codec: write_tx(tx, witness=codec.witness),
    plain=lambda tx: tx.to_fields(),
    unplain=lambda plain: Tx(**record_from_plain(Tx.layout.kinds, plain)),
)
"""The kind of a single transaction inside another message."""

_txs = Custom(
    _read_txs,
    _write_txs,
    plain=lambda value: [tx.to_fields() for tx in value],
    unplain=lambda value: list_from_plain(tx_kind.from_plain, value),
)
Txs = Annotated[list[Tx], _txs]


@message("block", most=MOST, lazy=True)
class Block(Message):
    """A block. Its hash is known without reading its transactions."""

    header: BlockHeader
    transactions: Txs

    def derived(self) -> dict[str, object]:
        return {"block_hash": self.block_hash}

    @property
    def block_hash(self) -> bytes:
        """The double SHA-256 of the header, in wire order."""
        raw = self.payload
        if raw is None or self.is_untouched() is None:
            return self.header.block_hash
        return sha256d(raw[:80])
