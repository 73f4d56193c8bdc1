"""From annotated classes to the kinds of their fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, get_args, get_origin, get_type_hints

from peerproto.wire.kinds import Fixed, Kind, ListOf
from peerproto.wire.plain import Plain, record_from_plain, record_to_plain


class FixedRecord(Fixed):
    """A NamedTuple of fixed fields, fused into what stands around it.

    :ivar without: names of fields that are not on the wire (older protocol versions); they read as None.
    """

    def __init__(self, record: Any, *, without: tuple[str, ...] = ()) -> None:
        super().__init__("")
        self.record = record
        self.kinds = {name: kind for name, kind in fixed_kinds_of(record).items() if name not in without}
        self.without = without

    def formats(self) -> list[str]:
        return [part for kind in self.kinds.values() for part in kind.formats()]

    def build(self, names: list[str]) -> str:
        rest, parts = list(names), dict.fromkeys(self.record._fields, "None")
        for name, kind in self.kinds.items():
            count = len(kind.formats())
            parts[name] = kind.build(rest[:count])
            del rest[:count]
        return f"new({self.record.__name__}, ({', '.join(parts.values())},))"

    def take_apart(self, value: str, dot: str = ".") -> list[str]:
        return [part for name, kind in self.kinds.items() for part in kind.take_apart(f"{value}{dot}{name}")]

    def pattern(self, name: str) -> str:
        return ", ".join(f"{name}_{part}" for part in self.record._fields) + ","

    def is_direct(self) -> bool:
        return False

    def records(self) -> list[type]:
        return [self.record, *(record for kind in self.kinds.values() for record in kind.records())]

    def direct_record(self) -> str:
        plain = not self.without and all(kind.is_direct() for kind in self.kinds.values())
        return str(self.record.__name__) if plain else ""

    def strings(self) -> list[tuple[int, int]]:
        return [(index, size) for index, kind in enumerate(self.kinds.values()) for _, size in kind.strings()]

    def absent(self) -> str:
        parts = [f"{name}=None" for name in self.without]
        parts += [f"{name}={kind.absent()}" for name, kind in self.kinds.items()]
        return f"{self.record.__name__}({', '.join(parts)})"

    def to_plain(self, value: Any) -> Plain:
        return record_to_plain(self.kinds, value)

    def from_plain(self, value: Plain) -> Any:
        return self.record(**dict.fromkeys(self.without), **record_from_plain(self.kinds, value))


@dataclass
class Count:
    """Behind `list[...]`: how many entries there may be. The entry's own annotation says what each is."""

    most: int
    least: int = 0


def kinds_of(table: type) -> dict[str, Kind]:
    """The kind of each field of a class, in wire order; those of its bases do not count."""
    hints = get_type_hints(_without_bases(table), include_extras=True)
    return {name: kind_of(hint) for name, hint in hints.items() if get_origin(hint) is not ClassVar}


def _without_bases(table: type) -> type:
    """A class with the same annotations alone: those of bases would be evaluated anew for each class, which took a
    third of the time of importing all networks.
    """
    return type(
        table.__name__, (), {name: getattr(table, name) for name in ("__module__", "__annotations__")}
    )


def kind_of(annotation: Any) -> Kind:
    """The kind that an annotation names; a bare NamedTuple is a record of fixed fields.

    Raises TypeError for an annotation that has no place on the wire.
    """
    notes = getattr(annotation, "__metadata__", ())
    for note in notes:
        if isinstance(note, Kind):
            return note
        if isinstance(note, Count):
            (item,) = get_args(annotation.__origin__)
            return ListOf(kind_of(item), note.most, note.least)
    if isinstance(annotation, type) and hasattr(annotation, "_fields"):
        return FixedRecord(annotation)
    raise TypeError(f"{annotation} says nothing of the wire")


def fixed_kinds_of(table: type) -> dict[str, Fixed]:
    """The kinds of a record of which all must be fixed."""
    kinds = kinds_of(table)
    fixed = {name: kind for name, kind in kinds.items() if isinstance(kind, Fixed)}
    if len(fixed) < len(kinds):
        raise TypeError(f"{table.__name__} has fields that are not fixed: {set(kinds) - set(fixed)}")
    return fixed
