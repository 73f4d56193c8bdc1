"""Options in a TOML file: every key is the long name of an option, and has its type."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from typing import Any

from peerproto.errors import LocalError
from peerproto.networks import nearest

__all__ = ["KINDS", "read_config"]


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


KINDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "text": ("a string", lambda value: isinstance(value, str)),
    "list": ("a list of strings", _is_list),
    "seconds": ("a number of seconds", _is_number),
    "number": ("a whole number", lambda value: isinstance(value, int) and not isinstance(value, bool)),
    "flag": ("true or false", lambda value: isinstance(value, bool)),
}
"""The types that an option may have: what to call a value of the type, and how to know it."""


def read_config(path: str, options: Mapping[str, str]) -> dict[str, Any]:
    """What a file says.

    :param options: those that it may name, each with its type, one of `KINDS`.
    :raises LocalError: in one line that names the file and, if it can be read, the key and what is allowed.
    """
    found = _load(path)
    for name, value in found.items():
        if name not in options:
            raise LocalError(f"{path}: there is no option {name!r}{nearest(name, options)}")
        wanted, is_right = KINDS[options[name]]
        if not is_right(value):
            raise LocalError(f"{path}: {name} is {value!r}, {wanted} is asked")
    return found


def _load(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise LocalError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LocalError(f"{path}: not TOML: {error}") from None
