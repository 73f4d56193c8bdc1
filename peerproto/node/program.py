"""The node as a program: how it ends when it cannot start or go on, under twistd and elsewhere."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning

from peerproto.errors import LocalError
from peerproto.node.service import PeerNodeService
from peerproto.node.systemd import READY, STOPPING, notify
from peerproto.peer.logs import Logger

__all__ = ["NodeProgram", "StartFailed", "end_with", "leave_twistd"]


class StartFailed(SystemExit, Exception):
    """The program ends with exit code 1; why is told by now.

    Both of its parents are needed by twistd: for an Exception it removes its pid file and tells who waits for a
    daemon to start, a SystemExit ends it without a traceback.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.code = 1


class NodeProgram(PeerNodeService):
    """A node whose end is that of the program.

    :param leave: called with exit code 1 if the node stops by itself.
    """

    _log = Logger()

    def __init__(self, *arguments: Any, leave: Callable[[int], object], **options: Any) -> None:
        super().__init__(*arguments, failed=lambda error: leave(1), **options)

    def startService(self) -> None:
        """Start the node, and tell systemd. Raises StartFailed, once it is told in one line why."""
        try:
            super().startService()
        except LocalError as error:
            self._complain(f"peernode: {error}")
            raise StartFailed(str(error)) from None
        notify(READY)

    def stopService(self) -> Deferred[None]:
        """Stop the node, and tell systemd that it stops."""
        notify(STOPPING)
        return super().stopService()

    def _complain(self, line: str) -> None:
        """To standard error itself, since twistd has put its log in the place of `sys.stderr`; of a daemon, the log."""
        if _goes_nowhere(sys.__stderr__):
            self._log.critical("{line}", line=line)
        else:
            print(line, file=sys.__stderr__)


def _goes_nowhere(file: Any) -> bool:
    """Whether it is the null device, or none at all."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(os.devnull))
    except (OSError, ValueError, AttributeError):
        return file is None


def leave_twistd(reactor: Any, code: int) -> None:
    """Stop the reactor; twistd, which knows no exit code of its own, ends with this one.

    It does so behind all that twistd does at its end, so that the pid file is removed as ever.
    """
    if code:
        atexit.register(end_with, code)
    stop(reactor)


def stop(reactor: Any) -> None:
    """Stop the reactor unless it is stopping."""
    with suppress(ReactorNotRunning):
        reactor.stop()


def end_with(code: int) -> None:
    """End the process now, with an exit code."""
    for file in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            file.flush()
    os._exit(code)
