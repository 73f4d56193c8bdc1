"""The source of functions that read a message, and of those that only check its lengths."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from peerproto.wire.code import Code

if TYPE_CHECKING:
    from peerproto.wire.kinds import Fixed, Kind


class ReadCode(Code):
    """The body of a function that reads."""

    def __init__(self) -> None:
        super().__init__()
        self._run: list[tuple[Fixed, str]] = []
        self._run_fields: list[str] = []
        Code.raw(self, "size = len(buf)")

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
            if kind.is_direct():
                names.append(target)
                continue
            atoms = [f"v{index}_{part}" for part in range(len(kind.formats()))]
            names += atoms
            after.append(f"{target} = {kind.build(atoms)}")
        self.raw(f"{', '.join(names)}, = {unpack}(buf, at)")
        for text in after:
            self.raw(text)
        self.raw(f"at += {form.size}")

    def read_varint(self, target: str, any_form: bool = False) -> None:
        """Read a varint; the one-byte form is read in place."""
        reader = "read_any_varint" if any_form else "read_varint"
        self.line(f"{target} = buf[at]")
        self.raw("at += 1")
        self.raw(f"if {target} > 252: {target}, at = {reader}(buf, at - 1)")

    def read_count(self, most: int, what: str, *, least: int = 0, any_form: bool = False) -> None:
        """Read a varint into `count` and check its bounds."""
        self.read_varint("count", any_form)
        self.raw(f"if count > {most}: raise over(count, {most}, {what!r}, at)")
        if least:
            self.raw(f"if count < {least}: raise under(count, {least}, {what!r}, at)")

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
        record = item.direct_record()
        if record:
            self.raw(f"{target} = list(map(new, repeat({record}), {unpack}(buf[at:end]))) if count else []")
        else:
            atoms = [f"v{part}" for part in range(len(item.formats()))]
            self.raw(f"{target} = [{item.build(atoms)} for {', '.join(atoms)}, in {unpack}(buf[at:end])]")
        self.raw("at = end")

    def read_list(self, item: Kind, target: str) -> None:
        """Read `count` items one by one; lists in lists have names of their own."""
        items, one = f"items_{self.depth}", f"item_{self.depth}"
        self.raw(f"{items} = []")
        self.branch("for _ in range(count):", lambda: self._read_item(item, items, one))
        self.raw(f"{target} = {items}")

    def _read_item(self, item: Kind, items: str, one: str) -> None:
        item.read(self, one)
        self.line(f"{items}.append({one})")

    def read_custom(self, reader: Any, skim: Any, target: str) -> None:
        """Let a function read."""
        self.line(f"{target}, at = {self.constant(reader)}(buf, at, codec)")

    def read_if(self, condition: str, then: Callable[[], None], target: str) -> None:
        """Read only where a condition over the fields before holds."""
        self.branch(f"if {condition}:", then)
        self.branch("else:", lambda: self.line(f"{target} = None"))

    def fill_lazily(self, table: type, names: list[str]) -> None:
        """Set the fields at the end, past the `__setattr__` that asks whether they are yet to be read."""
        self.flush()
        self.lines = [line.replace("self.", "own_") for line in self.lines]
        for name in names:
            self.line(f"{self.constant(getattr(table, name).__set__)}(self, own_{name})")


class SkimCode(ReadCode):
    """The body of a function that checks counts and lengths and builds nothing.

    It ends at the first kind that cannot be skimmed (`ended`): what lies behind is checked when it is read.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ended = False

    def raw(self, text: str) -> None:
        if not self.ended:
            super().raw(text)

    def branch(self, head: str, body: Callable[[], None]) -> None:
        if not self.ended:
            super().branch(head, body)

    def end(self) -> None:
        """Leave the rest to reading."""
        self.flush()
        self.ended = True

    def flush(self) -> None:
        if self._run:
            run, self._run = self._run, []
            self.raw(f"at += {self.struct([kind for kind, _ in run]).size}")

    def read_bytes(self, target: str, load: str) -> None:
        self.raw("at += count")

    def read_fixed_list(self, item: Fixed, target: str) -> None:
        self.raw(f"at += count * {self.struct([item]).size}")

    def read_list(self, item: Kind, target: str) -> None:
        self.end()

    def read_custom(self, reader: Any, skim: Any, target: str) -> None:
        if skim is None:
            self.end()
        else:
            self.line(f"at = {self.constant(skim)}(buf, at, codec)")

    def read_if(self, condition: str, then: Callable[[], None], target: str) -> None:
        self.end()
