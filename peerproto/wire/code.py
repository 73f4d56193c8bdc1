"""Writers of source text: `layout` fills them from a table, one line of Python after the other.

The generated functions know these names: `buf` (bytes), `at` (offset), `size` (length of buf), `codec`.
Too few bytes raise IndexError or struct.error there; `layout.explain` says where and in which field.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import starmap
from struct import Struct
from typing import TYPE_CHECKING, Any

from peerproto.errors import LocalError, MalformedMessage
from peerproto.wire.ip import ip_bytes, ip_text
from peerproto.wire.varint import read_varint, write_varint

if TYPE_CHECKING:
    from peerproto.wire.kinds import Fixed, Kind


def over(count: int, most: int, what: str, at: int) -> MalformedMessage:
    """The error for a list or string that announces more than it may hold."""
    return MalformedMessage(f"{count} {what} announced, at most {most} allowed", offset=at)


def too_many(field: str, count: int, most: int, what: str) -> LocalError:
    """The error for a message of ours that may not be written."""
    return LocalError(f"{field}: {count} {what}, at most {most} allowed")


class Code:
    """Lines of source, the constants they use, and the field that each line is about."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.fields: list[str] = []
        self.field = ""
        self.depth = 1
        self.names: dict[str, Any] = {
            "read_varint": read_varint,
            "write_varint": write_varint,
            "ip_text": ip_text,
            "ip_bytes": ip_bytes,
            "over": over,
            "too_many": too_many,
            "starmap": starmap,
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
            self.raw("pass")
        self.depth -= 1

    def flush(self) -> None:
        """Write down what waits to be fused."""

    def struct(self, kinds: list[Fixed]) -> Struct:
        """One struct for neighbouring fixed kinds; their classes become known to the code."""
        for kind in kinds:
            for part in (kind, *getattr(kind, "kinds", {}).values()):
                if hasattr(part, "record"):
                    self.names[part.record.__name__] = part.record
        return Struct("<" + "".join(part for kind in kinds for part in kind.formats()))

    def source(self, head: str) -> str:
        """The whole function."""
        self.flush()
        return "\n".join([head, *self.lines]) + "\n"


class ReadCode(Code):
    """The body of a function that reads."""

    def __init__(self) -> None:
        super().__init__()
        self._run: list[tuple[Fixed, str]] = []
        self._run_fields: list[str] = []
        self.raw("size = len(buf)")

    def read_fixed(self, kind: Fixed, target: str) -> None:
        """Read a fixed kind together with its neighbours."""
        self._run.append((kind, target))
        self._run_fields.append(self.field)

    def flush(self) -> None:
        if not self._run:
            return
        run, self._run = self._run, []
        names, self._run_fields = self._run_fields, []
        after, self.field = self.field, names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
        self._read_run(run)
        self.field = after

    def _read_run(self, run: list[tuple[Fixed, str]]) -> None:
        form = self.struct([kind for kind, _ in run])
        unpack = self.constant(form.unpack_from)
        names, after = [], []
        for index, (kind, target) in enumerate(run):
            if len(kind.formats()) == 1 and kind.load == "{}" and not hasattr(kind, "record"):
                names.append(target)
                continue
            atoms = [f"v{index}_{part}" for part in range(len(kind.formats()))]
            names += atoms
            after.append(f"{target} = {kind.build(atoms)}")
        self.raw(f"{', '.join(names)}, = {unpack}(buf, at)")
        for text in after:
            self.raw(text)
        self.raw(f"at += {form.size}")

    def read_varint(self, target: str) -> None:
        """Read a varint; the one-byte form is read in place."""
        self.line(f"{target} = buf[at]")
        self.raw("at += 1")
        self.raw(f"if {target} > 252: {target}, at = read_varint(buf, at - 1)")

    def read_count(self, most: int, what: str) -> None:
        """Read a varint into `count` and check its cap."""
        self.read_varint("count")
        self.raw(f"if count > {most}: raise over(count, {most}, {what!r}, at)")

    def read_bytes(self, target: str, load: str) -> None:
        """Read `count` bytes; `load` makes the value of the slice `{}`."""
        self.raw("end = at + count")
        self.raw("if end > size: raise IndexError")
        self.raw(f"{target} = {load.format('buf[at:end]')}")
        self.raw("at = end")

    def read_fixed_list(self, item: Fixed, target: str) -> None:
        """Read `count` fixed items at once."""
        form = self.struct([item])
        unpack = self.constant(form.iter_unpack)
        self.raw(f"end = at + count * {form.size}")
        self.raw("if end > size: raise IndexError")
        if getattr(item, "is_plain_tuple", lambda: False)():
            make = self.constant(item.make)  # type: ignore[attr-defined]
            self.raw(f"{target} = list(map({make}, {unpack}(buf[at:end])))")
        else:
            atoms = [f"v{part}" for part in range(len(item.formats()))]
            self.raw(f"{target} = [{item.build(atoms)} for {', '.join(atoms)}, in {unpack}(buf[at:end])]")
        self.raw("at = end")

    def read_list(self, item: Kind, target: str) -> None:
        """Read `count` items one by one."""
        self.raw("items = []")
        self.branch("for _ in range(count):", lambda: self._read_item(item))
        self.raw(f"{target} = items")

    def _read_item(self, item: Kind) -> None:
        item.read(self, "item")
        self.line("items.append(item)")

    def read_custom(self, reader: Any, skim: Any, target: str) -> None:
        """Let a function read."""
        self.line(f"{target}, at = {self.constant(reader)}(buf, at, codec)")


class SkimCode(ReadCode):
    """The body of a function that checks counts and lengths and builds nothing.

    It ends at the first kind that cannot be skimmed (`ended`): what lies behind is checked when it is read.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ended = False

    def raw(self, text: str) -> None:
        if not getattr(self, "ended", False):
            super().raw(text)

    def flush(self) -> None:
        if self._run:
            run, self._run = self._run, []
            self.raw(f"at += {self.struct([kind for kind, _ in run]).size}")

    def read_bytes(self, target: str, load: str) -> None:
        self.raw("at += count")

    def read_fixed_list(self, item: Fixed, target: str) -> None:
        self.raw(f"at += count * {self.struct([item]).size}")

    def read_list(self, item: Kind, target: str) -> None:
        self.flush()
        self.ended = True

    def read_custom(self, reader: Any, skim: Any, target: str) -> None:
        self.flush()
        if skim is None:
            self.ended = True
        else:
            self.raw(f"at = {self.constant(skim)}(buf, at, codec)")


class WriteCode(Code):
    """The body of a function that writes: the parts are joined once, at the end or before a branch."""

    def __init__(self) -> None:
        super().__init__()
        self._fixed: list[tuple[Fixed, str]] = []
        self._parts: list[str] = []
        self._started = False

    def write_fixed(self, kind: Fixed, value: str) -> None:
        """Write a fixed kind together with its neighbours."""
        self._fixed.append((kind, value))

    def part(self, expression: str) -> None:
        """Add an expression of bytes."""
        self._fuse()
        self._parts.append(expression)

    def _fuse(self) -> None:
        if self._fixed:
            run, self._fixed = self._fixed, []
            pack = self.constant(self.struct([kind for kind, _ in run]).pack)
            values = [text for kind, value in run for text in kind.take_apart(value)]
            self._parts.append(f"{pack}({', '.join(values)})")

    def flush(self) -> None:
        self._fuse()
        if self._parts:
            parts, self._parts = self._parts, []
            joined = parts[0] if len(parts) == 1 else f"b''.join(({', '.join(parts)}))"
            self.raw(f"out {'+=' if self._started else '='} {joined}")
        elif not self._started:
            self.raw("out = b''")
        self._started = True

    def check_count(self, value: str, most: int, what: str) -> None:
        """Refuse to write more than the reader may take."""
        self.line(f"if len({value}) > {most}: raise too_many({self.field!r}, len({value}), {most}, {what!r})")

    def write_fixed_list(self, item: Fixed, value: str) -> None:
        """Write fixed items at once."""
        pack = self.constant(self.struct([item]).pack)
        if getattr(item, "is_plain_tuple", lambda: False)():
            self.part(f"b''.join(starmap({pack}, {value}))")
        else:
            self.part(f"b''.join([{pack}({', '.join(item.take_apart('item'))}) for item in {value}])")

    def write_list(self, item: Kind, value: str) -> None:
        """Write items one by one."""
        self.branch(f"for item in {value}:", lambda: item.write(self, "item"))
