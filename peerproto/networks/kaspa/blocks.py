"""Transactions and blocks as messages; `transactions` reads and writes what is inside."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Self

from peerproto.errors import LocalError, MalformedMessage
from peerproto.networks.kaspa.messages import MOST
from peerproto.networks.kaspa.records import Header, ShowsAbsent, WithHeader
from peerproto.networks.kaspa.subnetworks import COINBASE, NATIVE, SubnetworkID
from peerproto.networks.kaspa.transactions import (
    LEAST_TX,
    MOST_INPUTS,
    MOST_OUTPUTS,
    MOST_SCRIPT,
    TxIn,
    TxOut,
    fault_of,
    read_tx,
    write_tx,
)
from peerproto.wire.codec import Codec
from peerproto.wire.envelope import sha256d
from peerproto.wire.fields import Count, Custom, Fixed, Hash, If, ListOf, VarBytes, int32, uint32, uint64
from peerproto.wire.layout import record
from peerproto.wire.message import message
from peerproto.wire.plain import Misfit, Plain, list_from_plain, record_from_plain
from peerproto.wire.varint import read_varint, write_varint

MOST_BLOCK_TX = 1_000_001


def _read_tx(self: Tx, buf: bytes, at: int, codec: Codec) -> int:
    fields, at = read_tx(buf, at, codec)
    Tx.__init__(self, *fields)
    return at


def _write_tx(self: Tx, codec: Codec) -> bytes:
    fault = fault_of(self)
    if fault:
        raise LocalError(fault)
    return write_tx(self)


@message("tx", most=MOST, lazy=True, by_hand=(_read_tx, _write_tx))
class Tx(ShowsAbsent):
    """A transaction. Gas, payload and its hash are there outside the native subnetwork only.

    The payload is called `subnetwork_payload` here, since `payload` are the bytes that a message came in; as JSON
    it is `payload`.
    """

    version: int32
    tx_in: Annotated[list[TxIn], ListOf(record(TxIn), MOST_INPUTS)]
    tx_out: Annotated[list[TxOut], ListOf(record(TxOut), MOST_OUTPUTS)]
    lock_time: uint64
    subnetwork_id: SubnetworkID
    gas: uint64 = 0
    payload_hash: Annotated[bytes | None, If("any(self.subnetwork_id)", Fixed("32s"))] = None
    subnetwork_payload: Annotated[bytes | None, If("any(self.subnetwork_id)", VarBytes(MOST_SCRIPT))] = None

    def to_fields(self) -> dict[str, Plain]:
        """The fields as JSON: bytes as hex in wire order, then what derives from them."""
        fields = ShowsAbsent.to_fields(self)
        return {_as_json(name): value for name, value in fields.items()}

    @classmethod
    def from_fields(cls, plain: dict[str, Plain]) -> Self:
        """The inverse of `to_fields`. Raises LocalError for what does not fit the table."""
        try:
            return cls(**_tx_fields(plain))
        except Misfit as error:
            raise LocalError(f"tx: {error}") from None

    def derived(self) -> dict[str, object]:
        """Hash and id; none of a transaction that the reference would not write."""
        return {} if fault_of(self) else {"tx_hash": self.tx_hash, "tx_id": self.tx_id}

    @property
    def tx_hash(self) -> bytes:
        """The double SHA-256 of all but the payload, in wire order: what Merkle roots of headers are made of."""
        return sha256d(write_tx(self, payload=False))

    @property
    def tx_id(self) -> bytes:
        """The double SHA-256 of all but payload and signature scripts, in wire order: what inventories name.

        Of a coinbase transaction it is that of everything.
        """
        if self.subnetwork_id == COINBASE:
            return sha256d(write_tx(self))
        return sha256d(write_tx(self, scripts=False, payload=False))

    def concerns(self, subnetwork: bytes | None) -> bool:
        """Whether it is announced to a node that follows a subnetwork; None for all, the native one sees all too
        (kaspad wire/msgtx.go, IsSubnetworkCompatible).
        """
        return subnetwork is None or subnetwork in (NATIVE, self.subnetwork_id)

    def without_payload(self) -> Self:
        """The same with an empty payload, if it may have one at all: its hash stays."""
        return self if self.subnetwork_payload is None else replace(self, subnetwork_payload=b"")


def _as_json(name: str) -> str:
    return "payload" if name == "subnetwork_payload" else name


_kinds = {_as_json(name): kind for name, kind in Tx.layout.kinds.items()}
_may_be_absent = frozenset(map(_as_json, Tx.may_be_absent()))


def _tx_fields(plain: Plain) -> dict[str, Any]:
    fields = record_from_plain(_kinds, plain, _may_be_absent)
    fields["subnetwork_payload"] = fields.pop("payload")
    return fields


def _read_txs(buf: bytes, at: int, codec: Codec) -> tuple[list[Tx], int]:
    count, at = _read_count(buf, at)
    found = []
    for _ in range(count):
        fields, at = read_tx(buf, at, codec)
        found.append(Tx(*fields))
    return found, at


def _skim_txs(buf: bytes, at: int, codec: Codec) -> int:
    """All that remains, if so many transactions may be in it."""
    count, at = _read_count(buf, at)
    if at + count * LEAST_TX > len(buf):
        raise IndexError
    return len(buf)


def _read_count(buf: bytes, at: int) -> tuple[int, int]:
    count, at = read_varint(buf, at)
    if count > MOST_BLOCK_TX:
        raise MalformedMessage(f"{count} transactions announced, at most {MOST_BLOCK_TX} allowed", offset=at)
    return count, at


def _write_txs(txs: list[Tx], codec: Codec) -> bytes:
    return write_varint(len(txs)) + b"".join([_write_tx(tx, codec) for tx in txs])


_txs = Custom(
    _read_txs,
    _write_txs,
    skim=_skim_txs,
    plain=lambda txs: [tx.to_fields() for tx in txs],
    unplain=lambda plain: list_from_plain(lambda tx: Tx(**_tx_fields(tx)), plain),
)


@message("block", most=MOST, lazy=True)
class Block(WithHeader):
    """A block. Its hash is known without reading it."""

    header: Header
    transactions: Annotated[list[Tx], _txs]

    def for_subnetwork(self, subnetwork: bytes) -> Block:
        """As a partial node of this subnetwork is sent it: without the payloads of others (kaspad wire/msgblock.go,
        ConvertToPartial).
        """
        cut = [tx if tx.subnetwork_id == subnetwork else tx.without_payload() for tx in self.transactions]
        return Block(self.header, cut)


@message("merkleblock", most=MOST, lazy=True)
class MerkleBlock(WithHeader):
    """A block cut down to what a bloom filter matches (BIP37); its hashes are ids of transactions."""

    header: Header
    transactions: uint32
    hashes: Annotated[list[Hash], Count(MOST_BLOCK_TX)]
    flags: Annotated[bytes, VarBytes(125_000)]
