"""What goes into the log: loggers that heed a level for each namespace, and lines that are not repeated for ever.

Twisted's own loggers emit everything, and leave it to each observer to drop what nobody wants; `twistd` drops nothing.
These ask first, so that what is off costs next to nothing, whoever observes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from twisted import logger
from twisted.logger import InvalidLogLevelError, LogLevel, LogLevelFilterPredicate

from peerproto.errors import LocalError

ROOT = "peerproto"
MESSAGES = "peerproto.messages"
"""One line for each message, at level debug."""
TRACE = "peerproto.trace"
"""The fields and the bytes of each message, at level debug; only if it is set by this name."""


def default_levels() -> LogLevelFilterPredicate:
    """Info and graver; a trace does not follow what is set above it, since it is long."""
    levels = LogLevelFilterPredicate()
    levels.setLogLevelForNamespace(TRACE, LogLevel.info)
    return levels


_levels = default_levels()


def set_log_level(namespace: str, level: str) -> None:
    """From now on only what is as grave as this is logged in a namespace and below it.

    Peers that exist already go on to log messages or not, as they did.

    :param namespace: of peerproto's modules (`peerproto.peer`), `peerproto.messages` or `peerproto.trace`.
    :param level: debug, info, warn, error or critical.

    Raises LocalError for another level, or a namespace that is none of ours.
    """
    if namespace.split(".")[0] != ROOT:
        raise LocalError(f"log namespace {namespace!r} is not {ROOT!r} or something below it")
    try:
        _levels.setLogLevelForNamespace(namespace, LogLevel.levelWithName(level))
    except InvalidLogLevelError:
        names = ", ".join(known.name for known in LogLevel.iterconstants())
        raise LocalError(f"log level {level!r} is none of {names}") from None


def set_log_levels(given: Iterable[str]) -> None:
    """Set some levels, each as NAMESPACE=LEVEL. Raises LocalError; then none is set, or only those before it."""
    for each in given:
        namespace, equals, level = each.partition("=")
        if not equals:
            raise LocalError(f"log level {each!r}: NAMESPACE=LEVEL is asked, as in {MESSAGES}=debug")
        set_log_level(namespace, level)


def log_level(namespace: str) -> str:
    """The level that is set for a namespace."""
    name: str = _levels.logLevelForNamespace(namespace).name
    return name


def is_logged(namespace: str, level: Any = LogLevel.debug) -> bool:
    """Whether what is logged there at that level goes into the log."""
    wanted: bool = level >= _levels.logLevelForNamespace(namespace)
    return wanted


class Logger(logger.Logger):
    """Twisted's, but what the level of its namespace leaves out it does not emit."""

    def emit(self, level: Any, format: str | None = None, **values: object) -> None:
        """See twisted.logger.Logger."""
        if is_logged(self.namespace, level):
            super().emit(level, format, **values)


class Quiet:
    """Lets a few lines about one place through, then one a minute (dcrd's connmgr does so for drops).

    :param burst: lines at once. :param every: seconds for one more. :param most: places that are remembered; of those
        that are longest silent nothing is known any more.
    """

    def __init__(self, burst: int = 4, every: float = 60.0, most: int = 1000) -> None:
        self._burst = burst
        self._every = every
        self._most = most
        self._places: OrderedDict[str, tuple[float, float, int]] = OrderedDict()

    def asks(self, place: str, now: float) -> int | None:
        """How many lines about a place were left out since the last one; None if this one is to be left out too.

        :param now: in seconds.
        """
        tokens, seen, left_out = self._places.pop(place, (float(self._burst), now, 0))
        tokens = min(tokens + (now - seen) / self._every, self._burst)
        goes = tokens >= 1
        self._places[place] = (tokens - 1, now, 0) if goes else (tokens, now, left_out + 1)
        if len(self._places) > self._most:
            self._places.popitem(last=False)
        return left_out if goes else None
