"""Messages as JSON: the forms that people read and `peerproto decode` prints.

Bytes are hex in wire order, records are objects, what is not there is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from peerproto.wire.kinds import Kind

Plain = Any
"""What JSON can hold."""


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


def record_from_plain(kinds: Mapping[str, Kind], value: dict[str, Plain]) -> dict[str, Any]:
    """The inverse of `record_to_plain`: derived values are ignored, fields that are not there stay None."""
    return {name: kind.from_plain(value[name]) if name in value else None for name, kind in kinds.items()}
