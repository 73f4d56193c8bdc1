"""Tests of the reactor for a command."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import signal
from collections.abc import Callable, Coroutine
from typing import Any
from unittest.mock import patch

from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.trial.unittest import SynchronousTestCase

from peerproto.cli.running import run_reactor
from peerproto.errors import ConnectFailed, LocalError, Reason
from tests.commands import start


class Reactor:
    """Runs what is to be run, then stops if nobody else has stopped it: as a signal would."""

    def __init__(self) -> None:
        self.begin: Callable[[], object] = lambda: None
        self.ending: Callable[[], object] = lambda: None
        self.lost: Callable[[], object] = lambda: None
        self.stopped = False

    def callWhenRunning(self, call: Callable[[], object]) -> None:
        self.begin = call

    def addSystemEventTrigger(self, phase: str, event: str, call: Callable[[], object]) -> None:
        assert (phase, event) == ("before", "shutdown")
        self.ending = call

    def run(self) -> None:
        self.begin()
        if not self.stopped:
            self.stop()
        self.lost()

    def stop(self) -> None:
        if self.stopped:
            raise ReactorNotRunning
        self.stopped = True
        self.ending()


class RunTests(SynchronousTestCase):
    """From a coroutine to an exit code."""

    def go(self, work: Callable[[Any], Coroutine[Any, Any, int]], **more: Any) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run_reactor("a command", work, reactor=Reactor(), **more)
        return code, out.getvalue(), err.getvalue()

    def test_done(self) -> None:
        """The coroutine's own exit code is the command's."""

        async def work(reactor: Any) -> int:
            return 7

        self.assertEqual(self.go(work), (7, "", ""))

    def test_own_reactor(self) -> None:
        """Unless a reactor is given, it is Twisted's own."""

        async def work(reactor: Any) -> int:
            return int(reactor is fake)

        fake = Reactor()
        with patch("twisted.internet.reactor", fake, create=True):
            self.assertEqual(run_reactor("a command", work), 1)

    def test_peer_error(self) -> None:
        """What goes wrong with a peer is one line with its reason, or JSON."""

        async def work(reactor: Any) -> int:
            raise ConnectFailed("refused", Reason.CONNECTION_REFUSED)

        self.assertEqual(self.go(work), (1, "", "a command: connection-refused: refused\n"))
        self.assertEqual(
            self.go(work, as_json=True), (1, '{"error": "connection-refused", "reason": "refused"}\n', "")
        )

    def test_other_errors(self) -> None:
        """All else is raised."""

        async def work(reactor: Any) -> int:
            raise LocalError("a wrong word")

        self.assertRaises(LocalError, self.go, work)

    def test_signal(self) -> None:
        """If the reactor is stopped from outside, the work's end is nobody's business any more."""
        waiting: Deferred[int] = Deferred()
        reactor = Reactor()
        reactor.lost = lambda: waiting.errback(ConnectFailed("lost", Reason.RESET))

        async def work(_: Any) -> int:
            return await waiting

        self.assertRaises(KeyboardInterrupt, run_reactor, "a command", work, reactor=reactor)

    def test_signal_in_the_same_turn(self) -> None:
        """A reactor that was stopped a moment before the work is done has yet to end: nothing is complained of."""

        class Late(Reactor):
            def stop(self) -> None:
                if self.stopped:
                    raise ReactorNotRunning
                self.stopped = True

        async def work(reactor: Any) -> int:
            reactor.stop()
            return 3

        self.assertEqual(run_reactor("a command", work, reactor=Late()), 3)
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])


class ProcessTests(SynchronousTestCase):
    """Ctrl-C, for real."""

    def test_interrupted(self) -> None:
        """A command that waits for a peer ends at once, quietly, with exit code 130."""
        code = (
            "import sys; from peerproto.cli.running import run_reactor; from twisted.internet.defer import Deferred\n"
            "async def work(reactor):\n"
            "    reactor.callLater(0, print, 'running', flush=True)\n"
            "    await Deferred()\n"
            "try: run_reactor('x', work)\n"
            "except KeyboardInterrupt: sys.exit(130)\n"
        )
        with start("-c", code) as process:
            assert process.stdout
            self.assertEqual(process.stdout.readline(), b"running\n")
            os.kill(process.pid, signal.SIGINT)
            _, err = process.communicate(None, 60)
        self.assertEqual((process.returncode, err), (130, b""))
