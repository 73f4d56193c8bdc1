"""Transactions and blocks as messages; `transactions` reads what is inside, `records` has the sub-headers."""

from __future__ import annotations

from typing import Annotated

from peerproto.networks.bitcoin.blocks import MOST, MOST_BLOCK_TX
from peerproto.networks.bitcoin.transactions import MOST_INPUTS, MOST_OUTPUTS, read_count
from peerproto.networks.soter.records import (
    BlockHeader,
    ParentSubHeader,
    VerificationSubHeader,
    bare_header,
    hash_of_parents,
    parents_kind,
    verification_kind,
)
from peerproto.networks.soter.transactions import TxIn, TxOut, read_tx, write_tx
from peerproto.wire.codec import Codec
from peerproto.wire.envelope import sha256d
from peerproto.wire.fields import Count, Custom, Hash, ListOf, Plain, VarBytes, int32, uint32
from peerproto.wire.layout import record
from peerproto.wire.message import Message, message
from peerproto.wire.plain import list_from_plain, record_from_plain
from peerproto.wire.varint import write_varint

__all__ = ["Block", "MerkleBlock", "Tx"]


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
        return {
            "has_witness": self.has_witness,
            "tx_hash": self.tx_hash,
            "witness_hash": self.witness_hash,
        }

    @property
    def has_witness(self) -> bool:
        """Whether any input has a witness."""
        return any(item.witness for item in self.tx_in)

    @property
    def tx_hash(self) -> bytes:
        """The double SHA-256 of the base encoding, in wire order."""
        return sha256d(write_tx(self, witness=False))

    @property
    def witness_hash(self) -> bytes:
        """The double SHA-256 of the witness encoding, in wire order."""
        return sha256d(write_tx(self, witness=True))


def _read_txs(buf: bytes, at: int, codec: Codec) -> tuple[list[Tx], int]:
    count, at = read_count(buf, at, MOST_BLOCK_TX, "transactions")
    found = []
    for _ in range(count):
        fields, at = read_tx(buf, at, codec)
        found.append(Tx(*fields))
    return found, at


def _write_txs(txs: list[Tx], codec: Codec) -> bytes:
    return write_varint(len(txs)) + b"".join([write_tx(tx, witness=codec.witness) for tx in txs])


def _tx_of(plain: Plain) -> Tx:
    return Tx(**record_from_plain(Tx.layout.kinds, plain))


_txs = Custom(
    _read_txs,
    _write_txs,
    plain=lambda value: [tx.to_fields() for tx in value],
    unplain=lambda value: list_from_plain(_tx_of, value),
)


@message("block", most=MOST, lazy=True)
class Block(Message):
    """A block of the graph. Its hash is that of the header alone, and known without reading the rest."""

    header: Annotated[BlockHeader, bare_header]
    parents: Annotated[ParentSubHeader, parents_kind]
    verification: Annotated[VerificationSubHeader, verification_kind]
    transactions: Annotated[list[Tx], _txs]

    def derived(self) -> dict[str, object]:
        return {
            "block_hash": self.block_hash,
            "tx_hashes": [tx.tx_hash.hex() for tx in self.transactions],
        }

    @property
    def block_hash(self) -> bytes:
        """The double SHA-256 of the header, in wire order."""
        raw = self.payload
        if raw is None or self.is_untouched() is None:
            return self.header.block_hash
        return sha256d(raw[:80])

    @property
    def has_its_parents(self) -> bool:
        """Whether the parents are those that the header names.

        If not, somebody has changed them on the way: the hash is the same, so the true block must not be
        taken for known when it comes. The genesis block has none and names none.
        """
        hashes = [parent.hash for parent in self.parents.parents]
        return self.header.prev_block == (hash_of_parents(hashes) if hashes else bytes(32))


@message("merkleblock", most=MOST, since=70001, lazy=True)
class MerkleBlock(Message):
    """A block cut down to what a bloom filter matches (BIP37), without its sub-headers."""

    header: Annotated[BlockHeader, bare_header]
    transactions: uint32
    hashes: Annotated[list[Hash], Count(MOST_BLOCK_TX)]
    flags: Annotated[bytes, VarBytes(50_000)]

    def derived(self) -> dict[str, object]:
        return {"block_hash": self.block_hash}

    @property
    def block_hash(self) -> bytes:
        """The double SHA-256 of the header, in wire order."""
        return self.header.block_hash
