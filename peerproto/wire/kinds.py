"""The kinds of fields, each able to write the code that reads and writes it; `fields` has the names to use.

Fixed kinds are fused: neighbours become one `struct` call, a list of them one `iter_unpack`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from peerproto.wire.plain import Fit, Plain, fit_of, fit_text, hex_bytes, list_from_plain, whole

if TYPE_CHECKING:
    from peerproto.wire.reading import ReadCode
    from peerproto.wire.writing import WriteCode


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

    def take_apart(self, value: str, dot: str = ".") -> list[str]:
        """The expressions to pack for the expression `value`; `dot` stands before the name of a part."""
        text = self.dump.format(value)
        return [f"exact({text}, {size})" for _, size in self.strings()] or [text]

    def formats(self) -> list[str]:
        """A struct format for each atom."""
        return [self.format]

    def is_direct(self) -> bool:
        """Whether the unpacked atom is the value as it is."""
        return self.load == "{}"

    def pattern(self, name: str) -> str:
        """What the loop over a list unpacks each value into; `name` and `_` stand before the name of a part."""
        return name

    def records(self) -> list[type]:
        """The classes that `build` names."""
        return []

    def direct_record(self) -> str:
        """The name of the class whose fields are the unpacked atoms as they are; empty if it is not so simple."""
        return ""

    def strings(self) -> list[tuple[int, int]]:
        """Which atoms are byte strings as they are, and how many bytes each must have."""
        return [(0, int(self.format[:-1]))] if self.format.endswith("s") and self.is_direct() else []

    def read(self, code: ReadCode, target: str) -> None:
        code.read_fixed(self, target)

    def write(self, code: WriteCode, value: str) -> None:
        code.write_fixed(self, value)

    def absent(self) -> str:
        return f"bytes({self.format[:-1]})" if self.strings() else self.zero

    def from_plain(self, value: Plain) -> Any:
        if self.fit is None:
            self.fit = fit_of(self.format)
        return self.fit(value)


@dataclass
class BigEndian(Fixed):
    """Two bytes in network order: two atoms, as the structs here are little endian."""

    format: str = "B"

    def formats(self) -> list[str]:
        return ["B", "B"]

    def build(self, names: list[str]) -> str:
        return f"{names[0]} << 8 | {names[1]}"

    def take_apart(self, value: str, dot: str = ".") -> list[str]:
        return [f"{value} >> 8", f"{value} & 255"]

    def is_direct(self) -> bool:
        return False


@dataclass
class Varint(Kind):
    """An integer of 1, 3, 5 or 9 bytes (Bitcoin's CompactSize).

    :ivar any_form: whether one that is not in its shortest form is read too.
    """

    any_form: bool = False

    def read(self, code: ReadCode, target: str) -> None:
        code.read_varint(target, self.any_form)

    def write(self, code: WriteCode, value: str) -> None:
        code.part(f"write_varint({value})")

    def absent(self) -> str:
        return "0"

    def from_plain(self, value: Plain) -> Any:
        return _fit_varint(value)


_fit_varint = whole(0, (1 << 64) - 1)
_fit_bytes = hex_bytes()


@dataclass
class VarBytes(Kind):
    """A varint and so many bytes, at most `most`."""

    most: int
    any_form: bool = False
    load = "{}"
    dump = "{}"

    def read(self, code: ReadCode, target: str) -> None:
        code.read_count(self.most, "bytes", any_form=self.any_form)
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
    """A varint and so many items, at least `least` and at most `most`."""

    item: Kind
    most: int
    least: int = 0
    any_form: bool = False

    def read(self, code: ReadCode, target: str) -> None:
        code.read_count(self.most, "entries", least=self.least, any_form=self.any_form)
        if isinstance(self.item, Fixed):
            code.read_fixed_list(self.item, target)
        else:
            code.read_list(self.item, target)

    def write(self, code: WriteCode, value: str) -> None:
        code.check_count(value, self.most, "entries", least=self.least)
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
