"""Files that are damaged or another's and can be done without: kept under another name, and begun anew."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from peerproto.node.storefile import Unfit
from peerproto.peer.logs import Logger

__all__ = ["open_anew", "set_aside"]

A = TypeVar("A")

_log = Logger()


def open_anew(path: str | os.PathLike[str], what: str, opened: Callable[[], A]) -> A:
    """What `opened` gives; if the file is unfit, it is kept beside itself as PATH.bak, and `opened` is called again.

    :param what: it is, for the log.
    :raises StoreError: if it is in use, may not be read, or none can be made.
    """
    try:
        return opened()
    except Unfit as error:
        aside = set_aside(path)
        _log.error(
            "{error}: it is kept as {aside}, and the {what} begins empty", error=error, aside=aside, what=what
        )
        return opened()


def set_aside(path: str | os.PathLike[str]) -> str:
    """Give a file, and its log if there is one, another name; what had that name is gone. The new name."""
    real = os.path.realpath(path)
    for suffix in ("-wal", "-journal", ""):
        with suppress(FileNotFoundError):
            os.replace(real + suffix, f"{real}.bak{suffix}")
    return f"{os.fspath(path)}.bak"
