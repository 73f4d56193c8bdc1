"""What stands inside NEO's messages: witnesses, block headers, addresses, state roots, and a few kinds of fields.

A varint need not be in its shortest form here. Sources: the C# node 2.12.0 (Network/P2P/Payloads); names of fields
are those of neo-go in snake case.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Annotated, Any, NamedTuple

from peerproto.errors import LocalError, MalformedMessage
from peerproto.wire.codec import Codec
from peerproto.wire.envelope import sha256d
from peerproto.wire.fields import (
    Custom,
    Fixed,
    Hash,
    ListOf,
    Plain,
    VarBytes,
    Varint,
    VarText,
    ip_address,
    port,
    uint8,
    uint32,
    uint64,
)
from peerproto.wire.layout import record
from peerproto.wire.plain import unfit, whole
from peerproto.wire.varint import read_any_varint

MOST_SCRIPT = 65536
MOST_BYTES = 0x0100_0000
"""What the C# node's reader takes where a payload sets no limit of its own, in bytes or entries."""

Hash160 = Annotated[bytes, Fixed("20s")]
"""20 bytes in wire order."""


def var_bytes(most: int = MOST_BYTES) -> VarBytes:
    """So many bytes, at most `most`."""
    return VarBytes(most, any_form=True)


def var_text(most: int) -> VarText:
    """Text of at most `most` bytes."""
    return VarText(most, any_form=True)


class Bounded(Varint):
    """A varint in any form, at most `most`."""

    def __init__(self, most: int) -> None:
        super().__init__(any_form=True)
        self.most = most

    def read(self, code: Any, target: str) -> None:
        super().read(code, target)
        code.raw(f"if {target} > {self.most}: raise over({target}, {self.most}, {code.field!r}, at)")

    def write(self, code: Any, value: str) -> None:
        code.line(
            f"if {value} > {self.most}: raise too_many({code.field!r}, {value}, {self.most}, 'entries')"
        )
        super().write(code, value)

    def from_plain(self, value: Plain) -> Any:
        return whole(0, self.most)(value)


def checked_byte(allowed: Callable[[int], bool], text: str) -> Custom:
    """A byte that not every value may stand in; `text` says what may."""

    def fault(value: int) -> str:
        return "" if allowed(value) else f"{value:#04x} stands where {text} belongs"

    def skim(buf: bytes, at: int, codec: Codec) -> int:
        if fault(buf[at]):
            raise MalformedMessage(fault(buf[at]), offset=at)
        return at + 1

    def reader(buf: bytes, at: int, codec: Codec) -> tuple[int, int]:
        return buf[at], skim(buf, at, codec)

    def writer(value: int, codec: Codec) -> bytes:
        if fault(value):
            raise LocalError(fault(value))
        return value.to_bytes(1)

    def unplain(value: Plain) -> int:
        found: int = whole(0, 255)(value)
        if fault(found):
            raise unfit(value, text)
        return found

    return Custom(reader, writer, skim=skim, unplain=unplain)


class Witness(NamedTuple):
    """What proves that somebody may do what he does: a script and what it is run on."""

    invocation_script: Annotated[bytes, var_bytes(MOST_SCRIPT)]
    verification_script: Annotated[bytes, var_bytes(MOST_SCRIPT)]


witness_kind = record(Witness)


def _marker(buf: bytes, at: int) -> int:
    if buf[at] != 1:
        raise MalformedMessage(f"{buf[at]} witnesses announced, 1 allowed", offset=at)
    return at + 1


def _read_one(buf: bytes, at: int, codec: Codec) -> tuple[Witness, int]:
    found: tuple[Witness, int] = witness_kind.reader(buf, _marker(buf, at), codec)
    return found


def _skim_one(buf: bytes, at: int, codec: Codec) -> int:
    at = _marker(buf, at)
    for _ in range(2):
        size, at = read_any_varint(buf, at)
        if size > MOST_SCRIPT:
            raise MalformedMessage(f"{size} bytes announced, at most {MOST_SCRIPT} allowed", offset=at)
        at += size
    return at


one_witness = Custom(
    _read_one,
    lambda value, codec: b"\1" + witness_kind.writer(value, codec),
    skim=_skim_one,
    plain=witness_kind.plain,
    unplain=witness_kind.unplain,
)
"""A witness behind a byte that must be 1."""

_witnesses = ListOf(witness_kind, 1, any_form=True)


class _Witnesses(NamedTuple):
    found: Annotated[list[Witness], _witnesses]


_few = record(_Witnesses)


def _read_optional(buf: bytes, at: int, codec: Codec) -> tuple[Witness | None, int]:
    (found,), at = _few.reader(buf, at, codec)
    return (found[0] if found else None), at


optional_witness = Custom(
    _read_optional,
    lambda value, codec: b"\0" if value is None else one_witness.writer(value, codec),
    plain=lambda value: None if value is None else witness_kind.plain(value),
    unplain=lambda value: None if value is None else witness_kind.unplain(value),
)
"""A list of no witness or one."""

BASE = Struct("<I32s32sIIQ20s")


class BlockHeader(NamedTuple):
    """A block without its transactions; the hash covers all but the witness.

    :ivar timestamp: in seconds. :ivar index: the height. :ivar next_consensus: who makes the next block.
    """

    version: uint32
    prev_hash: Hash
    merkle_root: Hash
    timestamp: uint32
    index: uint32  # type: ignore[assignment]  # the field's own name, though tuples have a method of that name
    consensus_data: uint64
    next_consensus: Hash160
    witness: Annotated[Witness, one_witness]

    def derived(self) -> dict[str, object]:
        """What is shown beside the fields."""
        return {"hash": self.block_hash}

    def pack(self) -> bytes:
        """The 104 bytes that are hashed."""
        return BASE.pack(*self[:7])

    @property
    def block_hash(self) -> bytes:
        """The double SHA-256 of the 104 bytes, in wire order."""
        return sha256d(self.pack())


header_kind = record(BlockHeader)


def _read_bare(buf: bytes, at: int, codec: Codec) -> tuple[BlockHeader, int]:
    header, at = header_kind.reader(buf, at, codec)
    if buf[at]:
        raise MalformedMessage(f"a header announces {buf[at]} transactions, 0 allowed", offset=at)
    return header, at + 1


bare_header = Custom(
    _read_bare,
    lambda value, codec: header_kind.writer(value, codec) + b"\0",
    plain=header_kind.plain,
    unplain=header_kind.unplain,
)
"""A header as `headers` has it: behind it stands a count of transactions, which must be zero."""


class NetAddress(NamedTuple):
    """An address of a node; the time is when it was last seen, in seconds since 1970. The port is host order here."""

    timestamp: uint32
    service: uint64
    ip: ip_address
    port: port


_ROOT = Struct("<BI32s32s")


class SignedRoot(NamedTuple):
    """The hash of all state behind a block; `witness` is None until the validators have signed it."""

    version: uint8
    index: uint32  # type: ignore[assignment]  # the field's own name, though tuples have a method of that name
    prev_hash: Hash
    root: Hash
    witness: Annotated[Witness | None, optional_witness] = None

    def derived(self) -> dict[str, object]:
        """What is shown beside the fields; a witness that is not there is shown as null."""
        nothing = {"witness": None} if self.witness is None else {}
        return {**nothing, "hash": self.root_hash}

    @property
    def root_hash(self) -> bytes:
        """The double SHA-256 of all but the witness, in wire order."""
        return sha256d(_ROOT.pack(*self[:4]))


root_kind = record(SignedRoot)
