"""Transactions: nine types, each with data of its own between the version and what all have.

Which data a type has at a version is a table; a type or version that is not in it is not read. Source: the C# node
2.12.0, Network/P2P/Payloads.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Annotated, Any, NamedTuple

from peerproto.errors import LocalError, MalformedMessage
from peerproto.networks.neo.keys import INFINITY, key_kind
from peerproto.networks.neo.records import (
    MOST_BYTES,
    MOST_SCRIPT,
    Hash160,
    Witness,
    var_bytes,
    var_text,
    witness_kind,
)
from peerproto.wire.codec import Codec
from peerproto.wire.fields import (
    Custom,
    FixedRecord,
    Hash,
    ListOf,
    Plain,
    VarBytes,
    boolean,
    int64,
    uint8,
    uint16,
    uint32,
)
from peerproto.wire.layout import record
from peerproto.wire.plain import list_from_plain, whole
from peerproto.wire.varint import read_any_varint, write_varint

MINER, ISSUE, CLAIM, ENROLLMENT = 0x00, 0x01, 0x02, 0x20
REGISTER, CONTRACT, STATE, PUBLISH, INVOCATION = 0x40, 0x80, 0x90, 0xD0, 0xD1

MOST_DATA = 65535


class CoinReference(NamedTuple):
    """An output of a transaction."""

    prev_hash: Hash
    prev_index: uint16


class TxOutput(NamedTuple):
    """What is paid to whom; the amount is in 1e-8 of the asset."""

    asset_id: Hash
    amount: int64
    script_hash: Hash160


class Attribute(NamedTuple):
    """Something said beside; `data` of usages 02 and 03 is a compressed key of 33 bytes."""

    usage: int
    data: bytes


def _size_of(usage: int) -> int | None:
    """How many bytes the data of a usage have on the wire; None if they say so themselves."""
    if usage in (0x00, 0x02, 0x03, 0x30) or 0xA1 <= usage <= 0xAF:
        return 32
    if usage == 0x20:
        return 20
    if usage in (0x81, 0x90) or usage >= 0xF0:
        return None
    raise ValueError(f"attribute usage {usage:#04x} is not in use")


def _read_attribute(buf: bytes, at: int, codec: Codec) -> tuple[Attribute, int]:
    usage = buf[at]
    try:
        size = _size_of(usage)
    except ValueError as error:
        raise MalformedMessage(str(error), offset=at) from None
    at += 1
    if usage == 0x81:
        size, at = buf[at], at + 1
    elif size is None:
        size, at = read_any_varint(buf, at)
        if size > MOST_DATA:
            raise MalformedMessage(f"{size} bytes announced, at most {MOST_DATA} allowed", offset=at)
    end = at + size
    if end > len(buf):
        raise IndexError
    before = bytes((usage,)) if usage in (0x02, 0x03) else b""
    return Attribute(usage, before + buf[at:end]), end


def _write_attribute(value: Attribute, codec: Codec) -> bytes:
    usage, data = value
    size = _size_of(usage)
    if usage in (0x02, 0x03):
        if data[:1] != bytes((usage,)):
            raise LocalError(f"data of attribute {usage:#04x} must begin with that byte")
        data = data[1:]
    if len(data) > (255 if usage == 0x81 else MOST_DATA) or size not in (None, len(data)):
        raise LocalError(f"data of attribute {usage:#04x} has {len(value.data)} bytes")
    length = b"" if size is not None else bytes((len(data),)) if usage == 0x81 else write_varint(len(data))
    return bytes((usage,)) + length + data


class _Shown(NamedTuple):
    usage: uint8
    data: Annotated[bytes, VarBytes(MOST_DATA)]


_shown = record(_Shown)
attribute_kind = Custom(
    _read_attribute,
    _write_attribute,
    plain=_shown.plain,
    unplain=lambda value: Attribute(*_shown.unplain(value)),
)


class Descriptor(NamedTuple):
    """What is set in the state: `field` of an account (type 0x40) or of a validator (0x48)."""

    type: uint8
    key: Annotated[bytes, var_bytes(100)]
    field: Annotated[str, var_text(32)]
    value: Annotated[bytes, var_bytes(65535)]


_STATES = {0x40: (20, "Votes"), 0x48: (33, "Registered")}


class Numbers(VarBytes):
    """Bytes that are shown as a list of numbers."""

    def to_plain(self, value: Any) -> Plain:
        return None if value is None else list(value)

    def from_plain(self, value: Plain) -> Any:
        return bytes(list_from_plain(whole(0, 255), value))


Claims = Annotated[
    list[CoinReference], ListOf(FixedRecord(CoinReference), MOST_BYTES, least=1, any_form=True)
]
Descriptors = Annotated[list[Descriptor], ListOf(record(Descriptor), 16, any_form=True)]
Parameters = Annotated[bytes, Numbers(MOST_BYTES, any_form=True)]
PublicKey = Annotated[bytes, key_kind]
Script = Annotated[bytes, var_bytes()]
Text = Annotated[str, var_text(252)]
LongText = Annotated[str, var_text(MOST_SCRIPT)]


class _Miner(NamedTuple):
    nonce: uint32


class _Nothing(NamedTuple):
    pass


class _Claim(NamedTuple):
    claims: Claims


class _Enrollment(NamedTuple):
    key: PublicKey


class _Register(NamedTuple):
    asset_type: uint8
    name: Annotated[str, var_text(1024)]
    amount: int64
    precision: uint8
    owner: PublicKey
    admin: Hash160


class _State(NamedTuple):
    descriptors: Descriptors


class _Publish0(NamedTuple):
    script: Script
    param_list: Parameters
    return_type: uint8
    name: Text
    code_version: Text
    author: Text
    email: Text
    description: LongText


class _Publish1(NamedTuple):
    script: Script
    param_list: Parameters
    return_type: uint8
    need_storage: boolean
    name: Text
    code_version: Text
    author: Text
    email: Text
    description: LongText


class _Invocation0(NamedTuple):
    script: Annotated[bytes, var_bytes(MOST_SCRIPT)]


class _Invocation1(NamedTuple):
    script: Annotated[bytes, var_bytes(MOST_SCRIPT)]
    gas: int64


class Form(NamedTuple):
    """The data of a type at a version: how they stand on the wire, and what an earlier version takes for granted.

    :ivar one_form: whether the same data cannot stand there in other bytes.
    """

    names: tuple[str, ...]
    kind: Custom
    granted: dict[str, Any]
    one_form: bool


def _form(table: Any, *, one_form: bool = False, **granted: Any) -> Form:
    return Form(table._fields, record(table), granted, one_form)


_nothing = _form(_Nothing, one_form=True)
FORMS: dict[tuple[int, int], Form] = {
    (MINER, 0): _form(_Miner, one_form=True),
    (ISSUE, 0): _nothing,
    (ISSUE, 1): _nothing,
    (CLAIM, 0): _form(_Claim),
    (ENROLLMENT, 0): _form(_Enrollment),
    (REGISTER, 0): _form(_Register),
    (CONTRACT, 0): _nothing,
    (STATE, 0): _form(_State),
    (PUBLISH, 0): _form(_Publish0, need_storage=False),
    (PUBLISH, 1): _form(_Publish1),
    (INVOCATION, 0): _form(_Invocation0, gas=0),
    (INVOCATION, 1): _form(_Invocation1),
}


Attributes = Annotated[list[Attribute], ListOf(attribute_kind, 16, any_form=True)]
Inputs = Annotated[list[CoinReference], ListOf(FixedRecord(CoinReference), MOST_BYTES, any_form=True)]
Outputs = Annotated[list[TxOutput], ListOf(FixedRecord(TxOutput), 65536, any_form=True)]
WitnessList = Annotated[list[Witness], ListOf(witness_kind, MOST_BYTES, any_form=True)]


class Common(NamedTuple):
    """What all transactions have."""

    attributes: Attributes
    inputs: Inputs
    outputs: Outputs


class Witnesses(NamedTuple):
    """What stands behind the part that is hashed."""

    witnesses: WitnessList


common_kind = record(Common)
witnesses_kind = record(Witnesses)


def form_fault(kind: int, version: int) -> str:
    """What is wrong with a type and version; empty if nothing is."""
    return "" if (kind, version) in FORMS else f"transaction type {kind:#04x} has no version {version}"


def fault_of(tx: Any) -> str:
    """What no node takes in a transaction that can be read; empty if nothing is wrong."""
    if tx.outputs and min(map(_AMOUNT, tx.outputs)) <= 0:
        return "an output has an amount that is not above zero"
    judge = _JUDGES.get(tx.type)
    return judge(tx) if judge else ""


_AMOUNT = attrgetter("amount")


def _invocation_fault(tx: Any) -> str:
    if not tx.script:
        return "an invocation has no script"
    return f"gas {tx.gas} is below zero" if tx.gas < 0 else ""


def _register_fault(tx: Any) -> str:
    return "the asset has no owner" if tx.owner == INFINITY and tx.asset_type > 1 else ""


def _state_fault(tx: Any) -> str:
    return next(filter(None, map(_descriptor_fault, tx.descriptors)), "")


_JUDGES: dict[int, Callable[[Any], str]] = {
    INVOCATION: _invocation_fault,
    REGISTER: _register_fault,
    STATE: _state_fault,
}


def _descriptor_fault(item: Descriptor) -> str:
    if item.type not in _STATES:
        return f"state type {item.type:#04x} is not in use"
    size, field = _STATES[item.type]
    if len(item.key) != size or item.field != field:
        return f"a state of type {item.type:#04x} must have a key of {size} bytes and the field {field}"
    return ""
