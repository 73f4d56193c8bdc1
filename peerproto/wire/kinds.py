"""The kinds of fields, each able to write the code that reads and writes it; `fields` has the names to use.

Fixed kinds are fused: neighbours become one `struct` call, a list of them one `iter_unpack`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, get_args, get_origin, get_type_hints

from peerproto.wire.plain import (
    Fit,
    Plain,
    fit_of,
    fit_text,
    hex_bytes,
    list_from_plain,
    record_from_plain,
    record_to_plain,
    whole,
)

if TYPE_CHECKING:
    from peerproto.wire.code import ReadCode, WriteCode


class Kind(ABC):
    """How one field stands on the wire. `target` and `value` are Python expressions in the generated code."""

    @abstractmethod
    def read(self, code: ReadCode, target: str) -> None:
        """Add the lines that read the field at `at` of `buf` into `target`."""

    @abstractmethod
    def write(self, code: WriteCode, value: str) -> None:
        """Add the parts that write `value`."""

    def absent(self) -> str:
        """The expression for a field that is not there."""
        return "None"

    def to_plain(self, value: Any) -> Plain:
        """Show a value as JSON."""
        return value.hex() if isinstance(value, bytes) else value

    def from_plain(self, value: Plain) -> Any:
        """The inverse of `to_plain`. Raises Misfit for what cannot stand there."""
        return value


@dataclass
class Fixed(Kind):
    """A field of one struct format.

    :ivar load: an expression that makes the value of the unpacked `{}`; `dump` is its inverse.
    :ivar fit: what makes the value of its JSON form; None for what fits the format.
    """

    format: str
    load: str = "{}"
    dump: str = "{}"
    zero: str = "0"
    fit: Fit | None = None

    def build(self, names: list[str]) -> str:
        """The expression that makes the value of the names of the unpacked atoms."""
        return self.load.format(names[0])

    def take_apart(self, value: str) -> list[str]:
        """The expressions to pack for the expression `value`."""
        return [self.dump.format(value)]

    def formats(self) -> list[str]:
        """A struct format for each atom."""
        return [self.format]

    def read(self, code: ReadCode, target: str) -> None:
        code.read_fixed(self, target)

    def write(self, code: WriteCode, value: str) -> None:
        code.write_fixed(self, value)

    def absent(self) -> str:
        return self.zero

    def from_plain(self, value: Plain) -> Any:
        if self.fit is None:
            self.fit = fit_of(self.format)
        return self.fit(value)


class FixedRecord(Fixed):
    """A NamedTuple of fixed fields, fused into what stands around it.

    :ivar without: names of fields that are not on the wire (older protocol versions); they read as None.
    """

    def __init__(self, record: type, *, without: tuple[str, ...] = ()) -> None:
        super().__init__("")
        self.record = record
        self.make = partial(tuple.__new__, record)
        self.kinds = {name: kind for name, kind in fixed_kinds_of(record).items() if name not in without}
        self.without = without

    def formats(self) -> list[str]:
        return [part for kind in self.kinds.values() for part in kind.formats()]

    def build(self, names: list[str]) -> str:
        rest, parts = list(names), [f"{name}=None" for name in self.without]
        for name, kind in self.kinds.items():
            count = len(kind.formats())
            parts.append(f"{name}={kind.build(rest[:count])}")
            del rest[:count]
        return f"{self.record.__name__}({', '.join(parts)})"

    def take_apart(self, value: str) -> list[str]:
        return [part for name, kind in self.kinds.items() for part in kind.take_apart(f"{value}.{name}")]

    def absent(self) -> str:
        return f"{self.record.__name__}({', '.join(kind.absent() for kind in self.kinds.values())})"

    def is_plain_tuple(self) -> bool:
        """Whether the unpacked tuple is the record as it is, so that C code alone can make a list of them."""
        return not self.without and all(
            type(kind) is Fixed and kind.load == "{}" for kind in self.kinds.values()
        )

    def to_plain(self, value: Any) -> Plain:
        return record_to_plain(self.kinds, value)

    def from_plain(self, value: Plain) -> Any:
        return self.record(**dict.fromkeys(self.without), **record_from_plain(self.kinds, value))


@dataclass
class Varint(Kind):
    """An integer of 1, 3, 5 or 9 bytes, in its shortest form only (Bitcoin's CompactSize)."""

    def read(self, code: ReadCode, target: str) -> None:
        code.read_varint(target)

    def write(self, code: WriteCode, value: str) -> None:
        code.part(f"write_varint({value})")

    def from_plain(self, value: Plain) -> Any:
        return _fit_varint(value)


_fit_varint = whole(0, (1 << 64) - 1)
_fit_bytes = hex_bytes()


@dataclass
class VarBytes(Kind):
    """A varint and so many bytes, at most `most`."""

    most: int
    load = "{}"
    dump = "{}"

    def read(self, code: ReadCode, target: str) -> None:
        code.read_count(self.most, "bytes")
        code.read_bytes(target, self.load)

    def write(self, code: WriteCode, value: str) -> None:
        code.line(f"text = {self.dump.format(value)}")
        code.check_count("text", self.most, "bytes")
        code.line("out += write_varint(len(text)) + text")

    def absent(self) -> str:
        return "b''"

    def from_plain(self, value: Plain) -> Any:
        return _fit_bytes(value)


@dataclass
class VarText(VarBytes):
    """Text of at most `most` bytes. Bytes that are no UTF-8 become lone surrogates, so nothing is lost."""

    load = "{}.decode('utf-8', 'surrogateescape')"
    dump = "{}.encode('utf-8', 'surrogateescape')"

    def absent(self) -> str:
        return "''"

    def from_plain(self, value: Plain) -> Any:
        return fit_text(value)


@dataclass
class ListOf(Kind):
    """A varint and so many items, at most `most`."""

    item: Kind
    most: int

    def read(self, code: ReadCode, target: str) -> None:
        code.read_count(self.most, "entries")
        if isinstance(self.item, Fixed):
            code.read_fixed_list(self.item, target)
        else:
            code.read_list(self.item, target)

    def write(self, code: WriteCode, value: str) -> None:
        code.check_count(value, self.most, "entries")
        code.part(f"write_varint(len({value}))")
        if isinstance(self.item, Fixed):
            code.write_fixed_list(self.item, value)
        else:
            code.write_list(self.item, value)

    def absent(self) -> str:
        return "[]"

    def to_plain(self, value: Any) -> Plain:
        return [self.item.to_plain(item) for item in value]

    def from_plain(self, value: Plain) -> Any:
        return list_from_plain(self.item.from_plain, value)


@dataclass
class Custom(Kind):
    """The escape hatch: a kind whose reading and writing is written by hand.

    :ivar reader: `reader(buf, at, codec) -> (value, at)`; `writer(value, codec) -> bytes`. Too few bytes may
        raise IndexError or struct.error, all else MalformedMessage.
    :ivar skim: `skim(buf, at, codec) -> at`: checks counts only, for messages that are read on first use.
    """

    reader: Any
    writer: Any
    skim: Any = None
    plain: Any = None
    unplain: Any = None

    def read(self, code: ReadCode, target: str) -> None:
        code.read_custom(self.reader, self.skim, target)

    def write(self, code: WriteCode, value: str) -> None:
        code.part(f"{code.constant(self.writer)}({value}, codec)")

    def to_plain(self, value: Any) -> Plain:
        return self.plain(value) if self.plain else super().to_plain(value)

    def from_plain(self, value: Plain) -> Any:
        return self.unplain(value) if self.unplain else super().from_plain(value)


@dataclass
class Count:
    """Behind `list[...]`: at most so many entries. The entry's own annotation says what each is."""

    most: int


def kinds_of(table: type) -> dict[str, Kind]:
    """The kind of each field of a class, in wire order."""
    hints = get_type_hints(table, include_extras=True)
    return {
        name: kind_of(hints[name]) for name in table.__annotations__ if get_origin(hints[name]) is not ClassVar
    }


def kind_of(annotation: Any) -> Kind:
    """The kind that an annotation names; a bare NamedTuple is a record of fixed fields.

    Raises TypeError for an annotation that has no place on the wire.
    """
    notes = getattr(annotation, "__metadata__", ())
    for note in notes:
        if isinstance(note, Kind):
            return note
        if isinstance(note, Count):
            (item,) = get_args(annotation.__origin__)
            return ListOf(kind_of(item), note.most)
    if isinstance(annotation, type) and hasattr(annotation, "_fields"):
        return FixedRecord(annotation)
    raise TypeError(f"{annotation} says nothing of the wire")


def fixed_kinds_of(table: type) -> dict[str, Fixed]:
    """The kinds of a record of which all must be fixed."""
    kinds = kinds_of(table)
    fixed = {name: kind for name, kind in kinds.items() if isinstance(kind, Fixed)}
    if len(fixed) < len(kinds):
        raise TypeError(f"{table.__name__} has fields that are not fixed: {set(kinds) - set(fixed)}")
    return fixed
