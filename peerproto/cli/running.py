"""The reactor for a command: it runs until the work is done, and what goes wrong with a peer is one line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.python.failure import Failure

from peerproto.errors import PeerError


def run_reactor(
    name: str,
    work: Callable[[Any], Coroutine[Any, Any, int]],
    *,
    as_json: bool = False,
    reactor: Any = None,
) -> int:
    """Run the reactor until `work(reactor)` is done; returns its exit code, or 1 if a PeerError ended it.

    :param name: what a line on standard error begins with.
    :param as_json: a PeerError becomes `{"error": REASON, "reason": TEXT}` on standard output instead.
    :param reactor: None for Twisted's own.

    Raises what else `work` raised; KeyboardInterrupt if a signal stopped the reactor before it was done.
    """
    if reactor is None:
        from twisted.internet import reactor
    outcome: list[int | Failure] = []
    over = False

    def done(result: int | Failure) -> None:
        if not over:
            outcome.append(result)
            with suppress(ReactorNotRunning):  # a signal may have been faster, by less than a turn
                reactor.stop()

    def ending() -> None:
        # After a signal, connections are lost and `work` hears of it: then nobody is to be told any more.
        nonlocal over
        over = True

    reactor.addSystemEventTrigger("before", "shutdown", ending)
    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(work(reactor)).addBoth(done))
    reactor.run()
    if not outcome:
        raise KeyboardInterrupt
    return _exit_code(name, outcome[0], as_json)


def _exit_code(name: str, result: int | Failure, as_json: bool) -> int:
    if not isinstance(result, Failure):
        return result
    error = result.value
    if not isinstance(error, PeerError):
        result.raiseException()
    if as_json:
        print(json.dumps({"error": error.reason.value, "reason": str(error)}))
    else:
        print(f"{name}: {error.reason}: {error}", file=sys.stderr)
    return 1
