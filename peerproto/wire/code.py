"""Source text in the making: `layout` fills it from a table, one line of Python after the other.

`reading` and `writing` have the two directions.

The generated functions know these names: `buf` (bytes), `at` (offset), `size` (length of buf), `codec`.
Too few bytes raise IndexError or struct.error there; `layout.cut_short` says where and in which field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain, repeat, starmap
from operator import itemgetter
from struct import Struct
from typing import TYPE_CHECKING, Any

from peerproto.errors import LocalError, MalformedMessage
from peerproto.wire.ip import ip_bytes, ip_text
from peerproto.wire.varint import read_any_varint, read_varint, write_varint

if TYPE_CHECKING:
    from peerproto.wire.kinds import Fixed


new = tuple.__new__
"""Makes a named tuple, `new(TxOut, (value, script))`, in half the time that its class takes."""


def over(count: int, most: int, what: str, at: int) -> MalformedMessage:
    """The error for a list or string that announces more than it may hold."""
    return MalformedMessage(f"{count} {what} announced, at most {most} allowed", offset=at)


def under(count: int, least: int, what: str, at: int) -> MalformedMessage:
    """The error for a list that announces less than it must hold."""
    return MalformedMessage(f"{count} {what} announced, at least {least} required", offset=at)


def too_many(field: str, count: int, most: int, what: str) -> LocalError:
    """The error for a message of ours that may not be written."""
    return LocalError(f"{field}: {count} {what}, at most {most} allowed")


def exact(value: bytes, size: int) -> bytes:
    """The value, which must have that many bytes: struct would cut or fill it. Raises ValueError."""
    if len(value) != size:
        raise ValueError(f"{len(value)} bytes where {size} belong")
    return value


def all_exact(values: Iterable[bytes], size: int) -> None:
    """Refuse values of another number of bytes, as `exact` does."""
    others = set(map(len, values)) - {size}
    if others:
        raise ValueError(f"{others.pop()} bytes where {size} belong")


_MANY = 32


def records_packer(form: Struct, atoms: int, strings: list[tuple[int, int]]) -> Callable[[Any], bytes]:
    """What packs a list of records of `atoms` values, of which `strings` tells the byte strings and their sizes.

    Of a long list many are packed with each call, in half the time.
    """
    pack, pack_many, step = form.pack, Struct("<" + form.format[1:] * _MANY).pack, atoms * _MANY

    def pack_records(records: list[tuple[Any, ...]]) -> bytes:
        if not records:
            return b""
        for index, size in strings:
            all_exact(map(itemgetter(index), records), size)
        if len(records) < _MANY:
            return b"".join(starmap(pack, records))
        rest = len(records) % _MANY
        flat = list(chain.from_iterable(records[: len(records) - rest]))
        parts = [pack_many(*flat[at : at + step]) for at in range(0, len(flat), step)]
        return b"".join((*parts, *starmap(pack, records[len(records) - rest :])))

    return pack_records


def too_few(field: str, count: int, least: int, what: str) -> LocalError:
    """The error for a message of ours that nobody would take."""
    return LocalError(f"{field}: {count} {what}, at least {least} required")


class Code:
    """Lines of source, the constants they use, and the field that each line is about."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.fields: list[str] = []
        self.field = ""
        self.depth = 1
        self.names: dict[str, Any] = {
            "read_varint": read_varint,
            "read_any_varint": read_any_varint,
            "write_varint": write_varint,
            "ip_text": ip_text,
            "ip_bytes": ip_bytes,
            "over": over,
            "under": under,
            "too_many": too_many,
            "too_few": too_few,
            "exact": exact,
            "all_exact": all_exact,
            "repeat": repeat,
            "new": new,
        }

    def constant(self, value: Any) -> str:
        """A name for `value` in the generated code."""
        name = f"{getattr(value, '__name__', 'constant').strip('_<>')}_{len(self.names)}"
        self.names[name] = value
        return name

    def line(self, text: str) -> None:
        """Add a line, after what still waits to be fused."""
        self.flush()
        self.raw(text)

    def raw(self, text: str) -> None:
        """Add a line as it is."""
        self.lines.append("    " * self.depth + text)
        self.fields.append(self.field)

    def branch(self, head: str, body: Callable[[], None]) -> None:
        """Add an indented block; `body` fills it."""
        self.line(head)
        self.depth += 1
        before = len(self.lines)
        body()
        self.flush()
        if len(self.lines) == before:
            Code.raw(self, "pass")
        self.depth -= 1

    def flush(self) -> None:
        """Write down what waits to be fused."""
        raise NotImplementedError

    def struct(self, kinds: list[Fixed]) -> Struct:
        """One struct for neighbouring fixed kinds; their classes become known to the code."""
        for kind in kinds:
            self.names.update({record.__name__: record for record in kind.records()})
        return Struct("<" + "".join(part for kind in kinds for part in kind.formats()))

    def source(self, head: str) -> str:
        """The whole function."""
        self.flush()
        return "\n".join([head, *self.lines]) + "\n"
