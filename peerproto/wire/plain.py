"""Messages as JSON: the forms that people read and `peerproto decode` prints.

Bytes are hex in wire order, records are objects, what is not there is left out. What comes back from JSON is
somebody's input: it is checked, and `Misfit` says which field is wrong and what is allowed there.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from peerproto.wire.ip import ip_bytes

if TYPE_CHECKING:
    from peerproto.wire.kinds import Kind

Plain = Any
"""What JSON can hold."""

Fit = Callable[[Plain], Any]
"""Makes a field's value of its JSON form. Raises Misfit."""

_NUMBERS = {
    "B": (0, 0xFF),
    "H": (0, 0xFFFF),
    "I": (0, 0xFFFF_FFFF),
    "Q": (0, 0xFFFF_FFFF_FFFF_FFFF),
    "i": (-0x8000_0000, 0x7FFF_FFFF),
    "q": (-0x8000_0000_0000_0000, 0x7FFF_FFFF_FFFF_FFFF),
}


class Misfit(ValueError):
    """A JSON value that does not fit its field.

    :ivar path: the way to it from outside, `.tx_in[3].sequence`.
    """

    def __init__(self, text: str, path: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.path = path

    def __str__(self) -> str:
        return f"{self.path.removeprefix('.')}: {self.text}" if self.path else self.text

    def inside(self, step: str) -> Misfit:
        """The same, seen from one step further out."""
        return Misfit(self.text, step + self.path)


def record_to_plain(kinds: Mapping[str, Kind], value: Any) -> dict[str, Plain]:
    """The fields of a record or message that are there, then what derives from them."""
    plain = {name: kind.to_plain(getattr(value, name)) for name, kind in kinds.items()}
    plain = {name: item for name, item in plain.items() if item is not None}
    if hasattr(value, "derived"):
        plain.update(shown(value.derived()))
    return plain


def shown(values: Mapping[str, Any]) -> dict[str, Plain]:
    """Values that derive from fields, as JSON."""
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in values.items()}


def record_from_plain(
    kinds: Mapping[str, Kind], value: Plain, optional: Collection[str] = ()
) -> dict[str, Any]:
    """The inverse of `record_to_plain`: derived values are ignored. Raises Misfit.

    :param optional: the fields that need not be there; they are None then.
    """
    if not isinstance(value, dict):
        raise unfit(value, f"an object with {', '.join(kinds) or 'nothing in it'}")
    found: dict[str, Any] = {}
    for name, kind in kinds.items():
        if name in optional and value.get(name) is None:
            found[name] = None
        elif name not in value:
            raise Misfit(f"no field {name!r} given; it has {', '.join(kinds)}")
        else:
            try:
                found[name] = kind.from_plain(value[name])
            except Misfit as error:
                raise error.inside(f".{name}") from None
    return found


def list_from_plain(fit: Fit, value: Plain) -> list[Any]:
    """A list of what `fit` makes of each item. Raises Misfit."""
    if not isinstance(value, list):
        raise unfit(value, "a list")
    found = []
    for item in value:
        try:
            found.append(fit(item))
        except Misfit as error:
            raise error.inside(f"[{len(found)}]") from None
    return found


def unfit(value: Plain, allowed: str) -> Misfit:
    """The error for a value in place of what is allowed."""
    return Misfit(f"{brief(value)} given, {allowed} allowed")


def brief(value: Plain) -> str:
    """A JSON value in a few characters of ASCII: of a long one the ends are shown, of a deep one the outside."""
    try:
        text = _brief.repr(value)
    except ValueError:  # Python does not show a number of thousands of digits
        text = "a huge number"
    return _WORDS.get(text) or text.encode("ascii", "backslashreplace").decode()


_WORDS = {"True": "true", "False": "false", "None": "null"}
_brief = reprlib.Repr()
_brief.maxstring = _brief.maxother = _brief.maxlong = 60
_brief.maxlevel, _brief.maxlist, _brief.maxdict = 1, 3, 3


def whole(low: int, high: int) -> Fit:
    """A whole number between two, both included."""

    def fit(value: Plain) -> int:
        if type(value) is not int or not low <= value <= high:
            raise unfit(value, f"a whole number from {low} to {high}")
        return value

    return fit


def fit_flag(value: Plain) -> bool:
    """True or false."""
    if type(value) is not bool:
        raise unfit(value, "true or false")
    return value


def fit_text(value: Plain) -> str:
    """Text; bytes that are no UTF-8 stand in it as lone surrogates U+DC80 to U+DCFF."""
    if not isinstance(value, str):
        raise unfit(value, "text")
    try:
        value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise Misfit(f"character {error.start} is a surrogate that stands for no byte") from None
    return value


def fit_ip(value: Plain) -> str:
    """An IPv4 or IPv6 address as text."""
    try:
        ip_bytes(fit_text(value))
    except ValueError:
        raise unfit(value, "an IPv4 or IPv6 address") from None
    return str(value)


def hex_bytes(size: int | None = None) -> Fit:
    """Bytes as hexadecimal digits: so many, or any number."""
    allowed = (
        "two hexadecimal digits a byte" if size is None else f"{2 * size} hexadecimal digits ({size} bytes)"
    )

    def fit(value: Plain) -> bytes:
        try:
            found = bytes.fromhex(value)
        except (TypeError, ValueError):
            raise unfit(value, allowed) from None
        if size not in (None, len(found)):
            raise unfit(value, allowed)
        return found

    return fit


def fit_of(form: str) -> Fit:
    """What fits a struct format."""
    if form == "?":
        return fit_flag
    if form.endswith("s"):
        return hex_bytes(int(form[:-1]))
    return whole(*_NUMBERS[form])
