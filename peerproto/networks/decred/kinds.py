"""Kinds of fields that Decred has and the others have not: text of printable ASCII, numbers with a bound."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

from peerproto.errors import MalformedMessage
from peerproto.wire.fields import Fixed, If, Plain, VarText
from peerproto.wire.plain import fit_text, unfit, whole

if TYPE_CHECKING:
    from peerproto.wire.reading import ReadCode
    from peerproto.wire.writing import WriteCode

LATEST = (1 << 63) - 1 - 62_135_596_800
"""The latest time of 64 bits, in seconds since 1970: what Go can hold, which counts from the year 1."""


def read_ascii(raw: bytes, at: int) -> str:
    """The text of bytes that begin at `at`. Raises MalformedMessage for any outside 0x20 to 0x7e."""
    text = raw.decode("latin-1")
    if not (text.isascii() and text.isprintable()):
        raise MalformedMessage(f"text {raw[:80]!r} is not printable ASCII", offset=at)
    return text


def write_ascii(text: str) -> bytes:
    """The inverse of `read_ascii`. Raises ValueError."""
    if not (text.isascii() and text.isprintable()):
        raise ValueError(f"text {text[:80]!r} is not printable ASCII")
    return text.encode("ascii")


class AsciiText(VarText):
    """Text of at most `most` characters of printable ASCII; its length is judged first (dcrd wire/common.go)."""

    def read(self, code: ReadCode, target: str) -> None:
        code.read_count(self.most, "bytes")
        code.read_bytes(target, f"{code.constant(read_ascii)}({{}}, at)")

    def write(self, code: WriteCode, value: str) -> None:
        code.line(f"text = {code.constant(write_ascii)}({value})")
        code.check_count("text", self.most, "bytes")
        code.line("out += write_varint(len(text)) + text")

    def from_plain(self, value: Plain) -> Any:
        text = fit_text(value)
        try:
            write_ascii(text)
        except ValueError:
            raise unfit(value, "text of printable ASCII") from None
        return text


def _within(name: str, low: int, high: int, error: type[Exception]) -> Callable[[int], int]:
    """A function of that name which lets a number through, or raises an error."""

    def check(value: int) -> int:
        if not low <= value <= high:
            raise error(f"{value} is outside {low} to {high}")
        return value

    check.__name__ = name
    return check


class Bounded(Fixed):
    """A number of 64 bits from `low` to `high`; others are MalformedMessage on reading, LocalError on writing.

    :ivar read_one: lets a number through that was read.
    """

    def __init__(self, form: str, low: int, high: int) -> None:
        super().__init__(form, fit=whole(low, high))
        self.read_one = _within(f"read_from_{low}_to_{high}", low, high, MalformedMessage)
        self._write_one = _within(f"write_from_{low}_to_{high}", low, high, ValueError)

    def build(self, names: list[str]) -> str:
        return f"{self.read_one.__name__}({names[0]})"

    def take_apart(self, value: str, dot: str = ".") -> list[str]:
        return [f"{self._write_one.__name__}({value})"]

    def is_direct(self) -> bool:
        return False

    def records(self) -> list[Any]:
        """What `build` and `take_apart` name; here they are functions."""
        return [self.read_one, self._write_one]


TIME = Bounded("Q", 0, LATEST)

time64 = Annotated[int, TIME]
"""Seconds since 1970 (dcrd wire/common.go, ErrInvalidTimestamp)."""
amount = Annotated[int, Bounded("q", 0, (1 << 63) - 1)]
"""Atoms, a hundred millionth of a coin each; never negative."""


class OrZeros(If):
    """Where the condition does not hold it is as many zero bytes and not on the wire."""

    def read(self, code: ReadCode, target: str) -> None:
        code.read_if(self.condition, lambda: self.kind.read(code, target), target)
        code.line(f"if {target} is None: {target} = {self.kind.absent()}")
