"""Transactions and blocks as messages; `transactions` reads what is inside."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Any

from peerproto.errors import LocalError, MalformedMessage
from peerproto.networks.neo import transactions as parts
from peerproto.networks.neo.records import (
    BASE,
    Bounded,
    Hash160,
    Witness,
    bare_header,
    one_witness,
    var_text,
)
from peerproto.networks.neo.records import BlockHeader as BlockHeader
from peerproto.networks.neo.transactions import FORMS, MINER, CoinReference
from peerproto.wire.codec import Codec
from peerproto.wire.envelope import sha256d
from peerproto.wire.fields import (
    Custom,
    Fixed,
    Hash,
    If,
    Kind,
    ListOf,
    Plain,
    VarBytes,
    boolean,
    int64,
    kind_of,
    uint8,
    uint32,
    uint64,
)
from peerproto.wire.message import Message, message
from peerproto.wire.plain import list_from_plain, record_from_plain
from peerproto.wire.varint import read_any_varint, write_varint

MOST = 0x0200_0000
"""The longest payload of any message, in bytes."""

MOST_TX = 102_400
"""A longer transaction is passed over by the C# node, not refused; inside a block it may be longer."""

MOST_BLOCK_TX = 65535

_FEW, _CROWDED = 16, 24
"""More than a few transactions are crowded if they have fewer bytes each; those that pay have over a hundred."""


def _of(annotation: Any, *kinds: int) -> Kind:
    """A field that only some types of transactions have."""
    return If(f"self.type in {(*kinds,)}", kind_of(annotation))


def _read_tx(self: Tx, buf: bytes, at: int, codec: Codec) -> int:
    return _read_parts(self, buf, at, codec)[2]


def _read_parts(tx: Tx, buf: bytes, begin: int, codec: Codec) -> tuple[int, int, int]:
    """Fill a transaction; tells where its own data end, where the witnesses begin, and where they end."""
    kind, version = buf[begin], buf[begin + 1]
    form = FORMS.get((kind, version))
    if form is None:
        raise MalformedMessage(parts.form_fault(kind, version), offset=begin)
    own, middle = form.kind.reader(buf, begin + 2, codec)
    (attributes, inputs, outputs), end = parts.common_kind.reader(buf, middle, codec)
    (witnesses,), at = parts.witnesses_kind.reader(buf, end, codec)
    _put_type(tx, kind)
    _put_version(tx, version)
    _put_attributes(tx, attributes)
    _put_inputs(tx, inputs)
    _put_outputs(tx, outputs)
    _put_witnesses(tx, witnesses)
    for name, value in zip(form.names, own, strict=True):
        _put_own[name](tx, value)
    for name, value in form.granted.items():
        _put_own[name](tx, value)
    fault = parts.fault_of(tx)
    if fault:
        raise MalformedMessage(fault, offset=begin)
    return middle, end, at


def _hashed(tx: Tx, buf: bytes, begin: int, middle: int, end: int) -> bytes:
    """What is hashed of a transaction that was read: the same bytes, unless it could be written in fewer."""
    form = FORMS[tx.type, tx.version]
    count_in, count_out = len(tx.inputs), len(tx.outputs)
    shortest = end - middle == 3 + 34 * count_in + 60 * count_out and count_in < 253 and count_out < 253
    if (
        shortest
        and not tx.attributes
        and (form.one_form or buf[begin + 2 : middle] == form.kind.writer(tx, None))
    ):
        return buf[begin:end]
    return _write_unsigned(tx, None)


def _write_unsigned(tx: Tx, codec: Codec | None) -> bytes:
    """What is hashed of a transaction. Raises LocalError for what no node takes."""
    form = FORMS.get((tx.type, tx.version))
    fault = parts.form_fault(tx.type, tx.version) if form is None else parts.fault_of(tx)
    if form is None or fault:
        raise LocalError(fault)
    for name, granted in form.granted.items():
        if getattr(tx, name) not in (None, granted):
            raise LocalError(f"version {tx.version} of type {tx.type:#04x} has no {name}")
    own: bytes = form.kind.writer(tx, codec)
    common: bytes = parts.common_kind.writer(tx, codec)
    return bytes((tx.type, tx.version)) + own + common


def _write_tx(tx: Tx, codec: Codec) -> bytes:
    witnesses: bytes = parts.witnesses_kind.writer(tx, codec)
    return _write_unsigned(tx, codec) + witnesses


@message("tx", most=MOST_TX, lazy=True, by_hand=(_read_tx, _write_tx))
class Tx(Message):
    """A transaction; what its type does not have is None."""

    type: uint8
    version: uint8
    attributes: parts.Attributes
    inputs: parts.Inputs
    outputs: parts.Outputs
    witnesses: parts.WitnessList
    nonce: Annotated[int | None, _of(uint32, parts.MINER)] = None
    claims: Annotated[list[CoinReference] | None, _of(parts.Claims, parts.CLAIM)] = None
    key: Annotated[bytes | None, _of(parts.PublicKey, parts.ENROLLMENT)] = None
    asset_type: Annotated[int | None, _of(uint8, parts.REGISTER)] = None
    name: Annotated[str | None, If(f"self.type in ({parts.REGISTER}, {parts.PUBLISH})", var_text(1024))] = (
        None
    )
    amount: Annotated[int | None, _of(int64, parts.REGISTER)] = None
    precision: Annotated[int | None, _of(uint8, parts.REGISTER)] = None
    owner: Annotated[bytes | None, _of(parts.PublicKey, parts.REGISTER)] = None
    admin: Annotated[bytes | None, _of(Hash160, parts.REGISTER)] = None
    descriptors: Annotated[list[parts.Descriptor] | None, _of(parts.Descriptors, parts.STATE)] = None
    script: Annotated[bytes | None, _of(parts.Script, parts.PUBLISH, parts.INVOCATION)] = None
    param_list: Annotated[bytes | None, _of(parts.Parameters, parts.PUBLISH)] = None
    return_type: Annotated[int | None, _of(uint8, parts.PUBLISH)] = None
    need_storage: Annotated[bool | None, _of(boolean, parts.PUBLISH)] = None
    code_version: Annotated[str | None, _of(parts.Text, parts.PUBLISH)] = None
    author: Annotated[str | None, _of(parts.Text, parts.PUBLISH)] = None
    email: Annotated[str | None, _of(parts.Text, parts.PUBLISH)] = None
    description: Annotated[str | None, _of(parts.LongText, parts.PUBLISH)] = None
    gas: Annotated[int | None, _of(int64, parts.INVOCATION)] = None

    def __getattr__(self, name: str) -> Any:
        """What its type does not have is not set by reading, as there is so much of it."""
        if name in _may_be_absent and self.is_untouched() is None:
            return None
        return Message.__getattr__(self, name)

    def derived(self) -> dict[str, object]:
        return {"hash": self.tx_hash}

    @property
    def tx_hash(self) -> bytes:
        """The double SHA-256 of all but the witnesses, in wire order. Raises LocalError for what no node takes."""
        return sha256d(_write_unsigned(self, None))


_may_be_absent = Tx.may_be_absent()
_put_own: Any = {name: vars(Tx)[name].__set__ for name in Tx.layout.kinds}
_put_type, _put_version, _put_attributes, _put_inputs, _put_outputs, _put_witnesses = islice(
    _put_own.values(), 6
)


def merkle_root(hashes: list[bytes]) -> bytes:
    """The root of the tree of at least one hash; the last of an odd row stands for two."""
    while len(hashes) > 1:
        hashes = [*hashes, hashes[-1]] if len(hashes) % 2 else hashes
        hashes = [sha256d(hashes[at] + hashes[at + 1]) for at in range(0, len(hashes), 2)]
    return hashes[0]


def _read_count(buf: bytes, at: int) -> tuple[int, int]:
    count, at = read_any_varint(buf, at)
    if not 1 <= count <= MOST_BLOCK_TX:
        raise MalformedMessage(f"{count} transactions announced, 1 to {MOST_BLOCK_TX} allowed", offset=at)
    return count, at


def _read_txs(buf: bytes, at: int, codec: Codec) -> tuple[list[Tx], int]:
    """The transactions of a block, which begins where `buf` does: they must have the root that it names.

    If they are crowded, they are judged before any is kept, as hashes beside so many objects would take too much.
    """
    count, begin = _read_count(buf, at)
    crowded = count > _FEW and len(buf) - begin < _CROWDED * count
    found: list[Tx] = []
    for keeps, judges in ((False, True), (True, False)) if crowded else ((True, True),):
        at, types, hashes = begin, bytearray(), []
        for _ in range(count):
            tx = Tx.__new__(Tx)
            middle, end, behind = _read_parts(tx, buf, at, codec)
            if judges:
                types.append(tx.type)
                hashes.append(sha256d(_hashed(tx, buf, at, middle, end)))
            if keeps:
                found.append(tx)
            at = behind
        if judges and (fault := _block_fault(types, hashes, BASE.unpack_from(buf)[2])):
            raise MalformedMessage(fault, offset=begin)
    return found, at


def _block_fault(types: bytearray, hashes: list[bytes], root: bytes) -> str:
    if [kind == MINER for kind in types] != [True] + [False] * (len(types) - 1):
        return "the first transaction must be a miner's, and no other"
    if len(set(hashes)) < len(hashes):
        return "a transaction stands in the block twice"
    return "" if merkle_root(hashes) == root else "the merkle root is not that of the transactions"


def _write_txs(txs: list[Tx], codec: Codec) -> bytes:
    if not 1 <= len(txs) <= MOST_BLOCK_TX:
        raise LocalError(f"txs: {len(txs)} entries, 1 to {MOST_BLOCK_TX} allowed")
    return write_varint(len(txs)) + b"".join([_write_tx(tx, codec) for tx in txs])


def _tx_of(plain: Plain) -> Tx:
    return Tx(**record_from_plain(Tx.layout.kinds, plain, Tx.may_be_absent()))


_txs = Custom(
    _read_txs,
    _write_txs,
    skim=lambda buf, at, codec: _read_count(buf, at)[1],
    plain=lambda value: [tx.to_fields() for tx in value],
    unplain=lambda value: list_from_plain(_tx_of, value),
)


class _Based:
    """What blocks have of their header."""

    __slots__ = ()

    @property
    def header(self) -> BlockHeader:
        """The header alone."""
        return BlockHeader(*(getattr(self, name) for name in BlockHeader._fields))

    @property
    def block_hash(self) -> bytes:
        """The double SHA-256 of the 104 bytes, in wire order."""
        return self.header.block_hash


@message("block", most=MOST, lazy=True)
class Block(_Based, Message):
    """A block. Its hash is that of the header, and known without reading the rest."""

    version: uint32
    prev_hash: Hash
    merkle_root: Hash
    timestamp: uint32
    index: uint32
    consensus_data: uint64
    next_consensus: Hash160
    witness: Annotated[Witness, one_witness]
    txs: Annotated[list[Tx], _txs]

    def derived(self) -> dict[str, object]:
        return {"hash": self.block_hash}

    @property
    def block_hash(self) -> bytes:
        """The double SHA-256 of the 104 bytes, in wire order."""
        raw = self.payload
        if raw is None or self.is_untouched() is None:
            return self.header.block_hash
        return sha256d(raw[: BASE.size])


class _Hashes(ListOf):
    """At most one hash for each transaction."""

    def read(self, code: Any, target: str) -> None:
        super().read(code, target)
        code.line(
            f"if len({target}) > self.tx_count: raise over(len({target}), self.tx_count, 'entries', at)"
        )


class _Flags(VarBytes):
    """At most one bit for each transaction."""

    def read(self, code: Any, target: str) -> None:
        super().read(code, target)
        code.line("most = (self.tx_count + 7) // 8")
        code.line(f"if len({target}) > most: raise over(len({target}), most, 'bytes', at)")


@message("merkleblock", most=MOST)
class MerkleBlock(_Based, Message):
    """A block cut down to what a bloom filter matches."""

    version: uint32
    prev_hash: Hash
    merkle_root: Hash
    timestamp: uint32
    index: uint32
    consensus_data: uint64
    next_consensus: Hash160
    witness: Annotated[Witness, one_witness]
    tx_count: Annotated[int, Bounded(MOST_BLOCK_TX)]
    hashes: Annotated[list[bytes], _Hashes(Fixed("32s"), MOST_BLOCK_TX, any_form=True)]
    flags: Annotated[bytes, _Flags((MOST_BLOCK_TX + 7) // 8, any_form=True)]

    def derived(self) -> dict[str, object]:
        return {"hash": self.block_hash}


@message("headers", most=MOST, lazy=True)
class Headers(Message):
    """Headers one after the other, those behind the hash that was asked for."""

    headers: Annotated[list[BlockHeader], ListOf(bare_header, 2000, any_form=True)]
