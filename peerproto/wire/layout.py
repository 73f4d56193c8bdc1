"""Compiles a table of fields into functions, once, at import.

The source of each function stays at hand: in `Layout.source`, and in `linecache` for tracebacks.
"""

from __future__ import annotations

import linecache
import struct
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

from peerproto.errors import MalformedMessage
from peerproto.wire.code import Code
from peerproto.wire.kinds import Custom, Kind
from peerproto.wire.plain import record_from_plain, record_to_plain
from peerproto.wire.reading import ReadCode, SkimCode
from peerproto.wire.tables import kinds_of
from peerproto.wire.writing import WriteCode

if TYPE_CHECKING:
    from peerproto.wire.message import Message

TOO_SHORT = (IndexError, struct.error)
"""What the generated functions raise when bytes are missing."""

_field_of_line: dict[str, list[str]] = {}


class Layout(NamedTuple):
    """How a message stands on the wire.

    :ivar read: `read(message, buf, at, codec) -> at` sets the fields.
    :ivar skim: `skim(message, buf, at, codec) -> at` checks counts and lengths, sets nothing; None if it would
        do nothing.
    :ivar skims_all: whether `skim` gets to the end, so that what it returns must be the payload's length.
    :ivar write: `write(message, codec) -> bytes`.
    """

    kinds: dict[str, Kind]
    read: Callable[..., int]
    skim: Callable[..., int] | None
    skims_all: bool
    write: Callable[..., bytes]
    source: str


def compile_layout(table: type[Message]) -> Layout:
    """The layout of a message's class, of its annotations in their order."""
    kinds = kinds_of(table)
    read, skim, write = ReadCode(), SkimCode(), WriteCode()
    for name, kind in kinds.items():
        read.field = skim.field = write.field = name
        kind.read(read, f"self.{name}")
        kind.read(skim, "skimmed")
        kind.write(write, f"self.{name}")
    if table.lazy:
        read.fill_lazily(table, list(kinds))
    read.line("return at")
    skim.flush()
    Code.raw(skim, "return at")
    write.line("return out")
    functions = [
        _function(table, "read", "def read(self, buf, at, codec):", read),
        _function(table, "skim", "def skim(self, buf, at, codec):", skim),
        _function(table, "write", "def write(self, codec):", write),
    ]
    source = "\n".join(text for _, text in functions)
    return Layout(kinds, functions[0][0], functions[1][0], not skim.ended, functions[2][0], source)


def record(table: type) -> Custom:
    """The kind of a NamedTuple whose fields are not all fixed; `If` has no place in it."""
    kinds = kinds_of(table)
    read, write = ReadCode(), WriteCode()
    for name, kind in kinds.items():
        read.field = write.field = name
        kind.read(read, f"{name}_")  # `at`, `size` and their like may be fields too
        kind.write(write, f"self.{name}")
    values = "".join(f"{name}_, " for name in kinds)
    read.line(f"return new({read.constant(table)}, ({values})), at")
    write.line("return out")
    reader, _ = _function(table, "read", "def read(buf, at, codec):", read)
    writer, _ = _function(table, "write", "def write(self, codec):", write)
    return Custom(
        reader,
        writer,
        plain=lambda value: record_to_plain(kinds, value),
        unplain=lambda value: table(**record_from_plain(kinds, value)),
    )


def _function(table: type, name: str, head: str, code: Code) -> tuple[Any, str]:
    filename = f"<{table.__module__}.{table.__qualname__}.{name}>"
    source = code.source(head)
    scope: dict[str, Any] = dict(code.names)
    exec(compile(source, filename, "exec"), scope)
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    _field_of_line[filename] = ["", *code.fields]
    return scope[name], source


def cut_short(error: Exception, size: int) -> MalformedMessage:
    """What an exception of `TOO_SHORT` means: where the payload of `size` bytes ended, and in which field.

    The place is taken from the frames that raised, so that reading need not note it as it goes.
    """
    field, at = "", 0
    for frame, line in _frames(error.__traceback__):
        fields = _field_of_line.get(frame.f_code.co_filename)
        if fields:
            field = ".".join(filter(None, (field, fields[line - 1])))
        at = frame.f_locals.get("at", at)
    where = f"inside {field}" if field else "too soon"
    return MalformedMessage(f"ends {where}: the payload has {size} bytes", offset=min(at, size))


def _frames(trace: TracebackType | None) -> list[tuple[FrameType, int]]:
    frames = []
    while trace:
        frames.append((trace.tb_frame, trace.tb_lineno))
        trace = trace.tb_next
    return frames
