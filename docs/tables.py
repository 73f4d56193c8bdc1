"""Tables in reStructuredText, and messages and records of the wire as such tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, get_args, get_type_hints

from peerproto import networks
from peerproto.networks import bitcoin
from peerproto.wire import fields as field_kinds
from peerproto.wire.kinds import Fixed, Kind, ListOf, VarBytes, Varint, VarText
from peerproto.wire.message import Message
from peerproto.wire.optional import If, Since, Tail
from peerproto.wire.tables import FixedRecord, kind_of, kinds_of

Rows = Iterable[Sequence[str]]


def table(head: Sequence[str], rows: Rows, widths: str = "auto", style: str = "") -> str:
    """A list-table; a cell may have several lines. `style` is its class in CSS."""
    lines = [".. list-table::", "   :header-rows: 1", "   :align: left", f"   :widths: {widths}"]
    lines += [f"   :class: {style}", "   :stub-columns: 1", ""] if style else [""]
    for row in [head, *rows]:
        for index, cell in enumerate(row):
            first, *others = (cell or "\\ ").splitlines()
            lines.append(f"   {'*' if index == 0 else ' '} - {first}")
            lines += [f"       {line}" for line in others]
    return "\n".join([*lines, ""])


def code(text: str) -> str:
    """Text as code."""
    return f"``{text}``"


def codes(texts: Iterable[str]) -> str:
    """Some words as code, or a dash."""
    return ", ".join(map(code, texts)) or "none"


def shortened(text: str | None) -> str:
    """The first sentences of a docstring on one line."""
    return " ".join((text or "").split())


def is_record(thing: Any) -> bool:
    """Whether it is a NamedTuple."""
    return isinstance(thing, type) and issubclass(thing, tuple)


def is_table(kind: Any) -> bool:
    """Whether a class is a message or a record of the wire."""
    if not isinstance(kind, type) or not kind.__module__.startswith("peerproto.networks."):
        return False
    if issubclass(kind, Message):
        return hasattr(kind, "layout")
    try:
        return hasattr(kind, "_fields") and bool(kinds_of(kind))
    except TypeError:
        return False  # a NamedTuple that has no place on the wire


def field_names(kind: Any) -> list[str]:
    """The fields of a message or record."""
    return list(kinds_of(kind))


def table_of(kind: Any) -> str:
    """What a message's or record's docstring does not say: its limits and its fields."""
    if not is_table(kind):
        return ""
    parts = ["", _limits(kind) if issubclass(kind, Message) else "", ""]
    if field_names(kind):
        hints = get_type_hints(kind)
        rows = [[code(name), linked(hints[name]), form(wired)] for name, wired in kinds_of(kind).items()]
        parts.append(table(["field", "in Python", "on the wire"], rows))
    return "\n".join([*parts, ""])


def _limits(kind: type[Message]) -> str:
    words = [f"Command {code(kind.command)}"]
    if kind.since:
        words.append(f"from protocol version {kind.since} on")
    if kind.until is not None:
        words.append(f"up to protocol version {kind.until}")
    highest = networks.named("bitcoin-mainnet").protocol_version
    words.append(f"at most {kind.limit(highest):,} bytes of payload" if field_names(kind) else "no payload")
    if callable(kind.most):
        words.append("fewer at older versions")
    if kind.lazy:
        words.append("read on first use")
    if kind.foreign:
        words.append("not known to the network's reference")
    return f"{'; '.join(words)}."


def linked(hint: Any) -> str:
    """A type as code; the records and messages in it are links."""
    text = hint.__name__ if type(hint) is type else str(hint)
    text = re.sub(r"\b(?:\w+\.)+(?=\w)", "", text)
    for kind in [hint, *get_args(hint)]:
        if is_table(kind) or is_record(kind):
            before, after = text.split(kind.__name__)
            link = f":class:`~{place_of(kind)}`"
            return "\\ ".join(filter(None, [before and code(before), link, after and code(after)]))
    return code(text)


def place_of(kind: type) -> str:
    """Where a class stands in the reference."""
    public = getattr(bitcoin, kind.__name__, None) is kind and kind.__name__ in bitcoin.__all__
    return f"{bitcoin.__name__ if public else kind.__module__}.{kind.__name__}"


_NAMES = [
    (kind_of(getattr(field_kinds, name)), name)
    for name in field_kinds.__all__
    if hasattr(getattr(field_kinds, name), "__metadata__")
]


OWN = "a form of its own"


def form(kind: Kind) -> str:
    """A kind of field in words."""
    if isinstance(kind, FixedRecord):
        without = f" without {codes(kind.without)}" if kind.without else ""
        return f"{linked(kind.record)}{without}"
    for known, name in _NAMES:
        if known == kind:
            return code(name)
    nearest = next(known for known in type(kind).__mro__ if known in _FORMS)
    return _FORMS[nearest](kind)


def _list_form(kind: ListOf) -> str:
    item = "" if form(kind.item) == OWN else f": {form(kind.item)}"
    least = f"{kind.least:,} to" if kind.least else "at most"
    return f"list of {least} {kind.most:,}{item}"


def _since_form(kind: Since) -> str:
    below = f"; below it {form(kind.below)}" if kind.below else ""
    return f"{form(kind.kind)}, from protocol version {kind.pver} on{below}"


def _tail_form(kind: Tail) -> str:
    since = f"; written from protocol version {kind.since} on" if kind.since else ""
    return f"{form(kind.kind)}, may be missing at the end{since}"


_FORMS: dict[type[Kind], Callable[[Any], str]] = {
    Fixed: lambda kind: f"{kind.format.removesuffix('s')} bytes",
    VarBytes: lambda kind: f"at most {kind.most:,} bytes",
    VarText: lambda kind: f"text of at most {kind.most:,} bytes",
    ListOf: _list_form,
    Since: _since_form,
    Tail: _tail_form,
    If: lambda kind: f"{form(kind.kind)}, if {code(kind.condition.replace('self.', ''))}",
    Varint: lambda kind: f"{code('varint')}, in any form",
    Kind: lambda kind: OWN,
}
