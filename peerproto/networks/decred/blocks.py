"""Headers, transactions and blocks as messages; `transactions` reads and writes what is inside."""

from __future__ import annotations

from struct import Struct
from typing import Annotated

from peerproto.errors import LocalError, MalformedMessage
from peerproto.networks.decred import stake
from peerproto.networks.decred.records import HEADER, BlockHeader
from peerproto.networks.decred.transactions import (
    FULL,
    MOST_INPUTS,
    MOST_OUTPUTS,
    PREFIX,
    WITNESS,
    TxIn,
    TxOut,
    read_tx,
    write_tx,
)
from peerproto.networks.decred.work import blake3, has_blake3
from peerproto.wire.blake256 import blake256
from peerproto.wire.code import records_packer
from peerproto.wire.codec import Codec
from peerproto.wire.fields import Custom, FixedRecord, ListOf, uint16, uint32
from peerproto.wire.layout import record
from peerproto.wire.message import Message, message
from peerproto.wire.plain import list_from_plain, record_from_plain
from peerproto.wire.varint import read_varint, write_varint

MOST_HEADERS = 2000


def most_block(pver: int) -> int:
    """The longest block or transaction, in bytes."""
    return 1_000_000 if pver <= 3 else 1_310_720


def _read_tx(self: Tx, buf: bytes, at: int, codec: Codec) -> int:
    fields, at = read_tx(buf, at, codec)
    Tx.__init__(self, *fields)
    return at


def _write_tx(self: Tx, codec: Codec) -> bytes:
    return write_tx(self)


@message("tx", most=most_block, lazy=True, by_hand=(_read_tx, _write_tx))
class Tx(Message):
    """A transaction. `ser_type` is 0 for all of it, 1 for its prefix, 2 for its witness."""

    ser_type: uint16
    version: uint16
    tx_in: Annotated[list[TxIn], ListOf(record(TxIn), MOST_INPUTS)]
    tx_out: Annotated[list[TxOut], ListOf(record(TxOut), MOST_OUTPUTS)]
    lock_time: uint32
    expiry: uint32

    def extra(self) -> dict[str, object]:
        hashes = {
            "tx_hash": self.tx_hash,
            "tx_hash_witness": self.tx_hash_witness,
            "tx_hash_full": self.tx_hash_full,
        }
        known = self.ser_type == FULL and self.tx_in
        return {**hashes, "tx_type": stake.tx_type(self)} if known else {**hashes}

    @property
    def tx_hash(self) -> bytes:
        """The transaction's id: BLAKE-256 of its prefix, in wire order; a witness alone does not tell it."""
        return blake256(write_tx(self, PREFIX))

    @property
    def tx_hash_witness(self) -> bytes:
        """BLAKE-256 of its witness."""
        return blake256(write_tx(self, WITNESS))

    @property
    def tx_hash_full(self) -> bytes:
        """BLAKE-256 of both: the leaf of the Merkle tree."""
        return blake256(self.tx_hash + self.tx_hash_witness)


def _most_txs(pver: int) -> int:
    """How many transactions one tree of a block may announce (dcrd wire/msgblock.go)."""
    return most_block(pver) // 15 // 2 + 1


def _read_txs(buf: bytes, at: int, codec: Codec) -> tuple[list[Tx], int]:
    count, at = read_varint(buf, at)
    most = _most_txs(codec.pver)
    if count > most:
        raise MalformedMessage(f"{count} transactions announced, at most {most} allowed", offset=at)
    found = []
    for _ in range(count):
        fields, at = read_tx(buf, at, codec)
        found.append(Tx(*fields))
    return found, at


def _write_txs(txs: list[Tx], codec: Codec) -> bytes:
    most = _most_txs(codec.pver)
    if len(txs) > most:
        raise LocalError(f"transactions: {len(txs)} entries, at most {most} allowed")
    return write_varint(len(txs)) + b"".join(map(write_tx, txs))


def _read_one(buf: bytes, at: int, codec: Codec) -> tuple[Tx, int]:
    fields, at = read_tx(buf, at, codec)
    return Tx(*fields), at


tx_kind = Custom(
    _read_one,
    lambda tx, codec: write_tx(tx),
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


@message("block", most=most_block, lazy=True)
class Block(Message):
    """A block: its regular transactions, then those of stake. Its hash is known without reading them."""

    header: BlockHeader
    transactions: Annotated[list[Tx], _txs]
    stransactions: Annotated[list[Tx], _txs]

    def extra(self) -> dict[str, object]:
        work = {"pow_hash_v2": blake3(self.header.pack())} if has_blake3() else {}
        return {
            "block_hash": self.block_hash,
            **work,
            "tx_hashes": [tx.tx_hash.hex() for tx in self.transactions],
            "stx_hashes": [tx.tx_hash.hex() for tx in self.stransactions],
        }

    @property
    def block_hash(self) -> bytes:
        """BLAKE-256 of the header, in wire order."""
        raw = self.payload
        if raw is None or self.is_untouched() is None:
            return self.header.block_hash
        return blake256(raw[: HEADER.size])


_BEHIND = HEADER.size
_EACH = HEADER.size + 1
"""Behind each header in `headers` stands a count of transactions, which must be zero."""


def _headers_end(buf: bytes, at: int) -> tuple[int, int]:
    count, at = read_varint(buf, at)
    if count > MOST_HEADERS:
        raise MalformedMessage(f"{count} entries announced, at most {MOST_HEADERS} allowed", offset=at)
    end = at + count * _EACH
    if end > len(buf):
        raise IndexError
    return at, end


def _read_headers(buf: bytes, at: int, codec: Codec) -> tuple[list[BlockHeader], int]:
    at, end = _headers_end(buf, at)
    if buf[at + _BEHIND : end : _EACH].strip(b"\0"):
        first = next(index for index in range(at + _BEHIND, end, _EACH) if buf[index])
        raise MalformedMessage(f"a header announces {buf[first]} transactions, 0 allowed", offset=first)
    return [BlockHeader._make(HEADER.unpack_from(buf, start)) for start in range(at, end, _EACH)], end


def _write_headers(headers: list[BlockHeader], codec: Codec) -> bytes:
    if len(headers) > MOST_HEADERS:
        raise LocalError(f"headers: {len(headers)} entries, at most {MOST_HEADERS} allowed")
    return write_varint(len(headers)) + _pack_headers(headers)


_fixed_header = FixedRecord(BlockHeader)
_pack_headers = records_packer(Struct(HEADER.format + "x"), len(BlockHeader._fields), _fixed_header.strings())
_header_list = ListOf(_fixed_header, MOST_HEADERS)
_headers = Custom(
    _read_headers,
    _write_headers,
    skim=lambda buf, at, codec: _headers_end(buf, at)[1],
    plain=_header_list.to_plain,
    unplain=_header_list.from_plain,
)


@message("headers", most=3 + MOST_HEADERS * _EACH, lazy=True)
class Headers(Message):
    """Headers of linked blocks, oldest first."""

    headers: Annotated[list[BlockHeader], _headers]

    def extra(self) -> dict[str, object]:
        raw = self.serialized()
        hashes = [blake256(header).hex() for header in raw]
        found: dict[str, object] = {"block_hashes": hashes}
        if len(raw) == 1:
            found["block_hash"] = hashes[0]
        if has_blake3():
            work = [blake3(header).hex() for header in raw]
            found |= (
                {"pow_hashes_v2": work, "pow_hash_v2": work[0]} if len(raw) == 1 else {"pow_hashes_v2": work}
            )
        return found

    def serialized(self) -> list[bytes]:
        """The 180 bytes of each header; no objects are made of them if nobody has. Raises MalformedMessage."""
        raw = self.payload
        if raw is None or self.is_untouched() is None:
            return [header.pack() for header in self.headers]
        at, end = _headers_end(raw, 0)
        if raw[at + _BEHIND : end : _EACH].strip(b"\0"):
            self.load()
        return [raw[start : start + _BEHIND] for start in range(at, end, _EACH)]
