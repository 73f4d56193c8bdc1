"""Keywords that are passed on: whether somebody takes them is told where they are given."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from inspect import signature
from typing import Any

from peerproto.networks import nearest

__all__ = ["check_keywords"]


def check_keywords(given: Iterable[str], *takers: Callable[..., Any]) -> None:
    """Raises TypeError, with the name that was meant, for a keyword that none of these callables takes."""
    known = [name for taker in takers for name in signature(taker).parameters]
    for name in given:
        if name not in known:
            raise TypeError(f"{takers[0].__name__} has no keyword {name!r}{nearest(name, known)}")
