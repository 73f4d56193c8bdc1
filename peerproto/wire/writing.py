"""The source of functions that write a message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peerproto.wire.code import Code, records_packer

if TYPE_CHECKING:
    from peerproto.wire.kinds import Fixed, Kind


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

    def check_count(self, value: str, most: int, what: str, *, least: int = 0) -> None:
        """Refuse to write more than the reader may take, or less than it wants."""
        if least:
            self.line(
                f"if len({value}) < {least}: raise too_few({self.field!r}, len({value}), {least}, {what!r})"
            )
        self.line(f"if len({value}) > {most}: raise too_many({self.field!r}, len({value}), {most}, {what!r})")

    def write_fixed_list(self, item: Fixed, value: str) -> None:
        """Write fixed items at once."""
        form = self.struct([item])
        if item.direct_record():
            pack = self.constant(records_packer(form, len(item.formats()), item.strings()))
            self.part(f"{pack}({value})")
        elif item.strings() and item.is_direct():
            self.line(f"all_exact({value}, {form.size})")
            self.part(f"b''.join({value})")
        else:
            pack = self.constant(form.pack)
            parts = ", ".join(item.take_apart("item", "_"))
            self.part(f"b''.join([{pack}({parts}) for {item.pattern('item')} in {value}])")

    def write_list(self, item: Kind, value: str) -> None:
        """Write items one by one."""
        self.branch(f"for item in {value}:", lambda: item.write(self, "item"))
