"""Kinds that are not always there: by protocol version, by what remains, by a field before them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from peerproto.wire.kinds import Kind
from peerproto.wire.plain import Misfit, Plain

if TYPE_CHECKING:
    from peerproto.wire.reading import ReadCode
    from peerproto.wire.writing import WriteCode


@dataclass
class Since(Kind):
    """On the wire from a protocol version on; below it another kind stands there, or nothing."""

    pver: int
    kind: Kind
    below: Kind | None = None

    def read(self, code: ReadCode, target: str) -> None:
        code.branch(f"if codec.pver >= {self.pver}:", lambda: self.kind.read(code, target))
        code.branch("else:", lambda: self._read_below(code, target))

    def _read_below(self, code: ReadCode, target: str) -> None:
        if self.below:
            self.below.read(code, target)
        else:
            code.line(f"{target} = None")

    def write(self, code: WriteCode, value: str) -> None:
        code.branch(f"if codec.pver >= {self.pver}:", lambda: self.kind.write(code, value))
        if self.below:
            below = self.below
            code.branch("else:", lambda: below.write(code, value))

    def to_plain(self, value: Any) -> Plain:
        return None if value is None else self.kind.to_plain(value)

    def from_plain(self, value: Plain) -> Any:
        try:
            return self.kind.from_plain(value)
        except Misfit:
            if self.below is None:
                raise
            with suppress(Misfit):
                return self.below.from_plain(value)
            raise


@dataclass
class Tail(Kind):
    """Read only if bytes remain, else its absent value; written from protocol version `since` on."""

    kind: Kind
    since: int = 0

    def read(self, code: ReadCode, target: str) -> None:
        code.branch("if at < size:", lambda: self.kind.read(code, target))
        code.branch("else:", lambda: code.line(f"{target} = {self.kind.absent()}"))

    def write(self, code: WriteCode, value: str) -> None:
        code.branch(f"if codec.pver >= {self.since}:", lambda: self.kind.write(code, value))

    def absent(self) -> str:
        return self.kind.absent()

    def to_plain(self, value: Any) -> Plain:
        return self.kind.to_plain(value)

    def from_plain(self, value: Plain) -> Any:
        return self.kind.from_plain(value)


@dataclass
class If(Kind):
    """Read and written only where `condition`, an expression over the fields before it, holds."""

    condition: str
    kind: Kind

    def read(self, code: ReadCode, target: str) -> None:
        code.read_if(self.condition, lambda: self.kind.read(code, target), target)

    def write(self, code: WriteCode, value: str) -> None:
        code.branch(f"if {self.condition}:", lambda: self.kind.write(code, value))

    def to_plain(self, value: Any) -> Plain:
        return None if value is None else self.kind.to_plain(value)

    def from_plain(self, value: Plain) -> Any:
        return self.kind.from_plain(value)
