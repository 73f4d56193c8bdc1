"""The node as a program: how it ends."""

from __future__ import annotations

import atexit
import io
import os
import sys
from typing import Any

from twisted.internet.error import ReactorNotRunning
from twisted.internet.testing import MemoryReactorClock

from peerproto.node import program
from peerproto.node.program import NodeProgram, StartFailed, end_with, leave_twistd
from peerproto.testing import RawPeer
from tests.commands import python
from tests.node_case import NETWORK, NodeCase, bring, mined


class Reactor:
    """Something that can be stopped once."""

    def __init__(self) -> None:
        self.running = True

    def stop(self) -> None:
        """See IReactorCore."""
        if not self.running:
            raise ReactorNotRunning("it does not run")
        self.running = False


class NodeProgramTests(NodeCase):
    """A node whose end is that of the program."""

    def setUp(self) -> None:
        super().setUp()
        self.clock = self.reactor = MemoryReactorClock()
        self.codes: list[int] = []

    def program(self, **options: Any) -> NodeProgram:
        """A program with a store in memory."""
        return NodeProgram(self.reactor, NETWORK, leave=self.codes.append, **options)

    def start_failed(self, stderr: Any) -> StartFailed:
        """What a start raises that cannot succeed, with this as the process's standard error."""
        self.patch(sys, "__stderr__", stderr)
        error = self.assertRaises(StartFailed, self.program(store="/nowhere/headers.sqlite").startService)
        assert isinstance(error, StartFailed)
        return error

    def test_cannot_start(self) -> None:
        """Why it cannot start is one line on standard error, and the exit code is 1."""
        stderr = io.StringIO()
        error = self.start_failed(stderr)
        self.assertEqual(stderr.getvalue(), "peernode: /nowhere/headers.sqlite: No such file or directory\n")
        self.assertEqual(error.code, 1)
        self.assertEqual(str(error), "/nowhere/headers.sqlite: No such file or directory")
        self.assertEqual((self.logged, self.codes), ([], []))

    def test_cannot_start_as_a_daemon(self) -> None:
        """A daemon's standard error goes nowhere: then it is the log that says why."""
        with open(os.devnull, "w") as nowhere:
            self.start_failed(nowhere)
        self.assertEqual(self.logged, ["peernode: /nowhere/headers.sqlite: No such file or directory"])

    def test_without_standard_error(self) -> None:
        """So it is where there is none at all."""
        self.start_failed(None)
        self.assertEqual(len(self.logged), 1)

    def test_start_failed(self) -> None:
        """twistd cleans up after an Exception, and the interpreter shows no traceback of a SystemExit: it is both."""
        self.assertTrue(issubclass(StartFailed, Exception) and issubclass(StartFailed, SystemExit))
        ran = python("-c", "from peerproto.node.program import StartFailed; raise StartFailed('why')")
        self.assertEqual((ran.returncode, ran.stdout, ran.stderr), (1, "", ""))

    def test_runs(self) -> None:
        """One that can start runs as any service does; stopped from outside, it leaves nobody."""
        node_program = self.program()
        node_program.startService()
        self.assertTrue(node_program.running)
        self.successResultOf(node_program.stopService())
        self.assertEqual(self.codes, [])

    def test_cannot_go_on(self) -> None:
        """A node that stops by itself leaves with exit code 1."""
        node_program = self.program()
        node_program.startService()
        assert node_program.node is not None
        raw = RawPeer(node_program.node.factory)
        self._raws.append(raw)
        raw.handshake(height=30)
        node_program.node.chain._store.close()
        raw.send(bring(mined(30)))
        self.assertEqual(self.codes, [1])
        raw.close()


class LeavingTests(NodeCase):
    """The end of the process."""

    def setUp(self) -> None:
        super().setUp()
        self.registered: list[tuple[object, ...]] = []
        self.patch(atexit, "register", lambda *what: self.registered.append(what))

    def test_good(self) -> None:
        """Exit code 0 is what twistd has anyhow."""
        reactor = Reactor()
        leave_twistd(reactor, 0)
        self.assertEqual((self.registered, reactor.running), ([], False))

    def test_bad(self) -> None:
        """Another one is set at the very end of the process; a reactor that stops already is no trouble."""
        reactor = Reactor()
        reactor.stop()
        leave_twistd(reactor, 3)
        self.assertEqual(self.registered, [(end_with, 3)])

    def test_end(self) -> None:
        """What is still buffered goes out before the end; a closed output is no trouble."""
        ended: list[int] = []
        out, err = io.StringIO(), io.StringIO()
        err.close()
        self.patch(program.os, "_exit", ended.append)
        self.patch(sys, "stdout", out)
        self.patch(sys, "stderr", err)
        end_with(4)
        self.assertEqual(ended, [4])

    def test_process(self) -> None:
        """The exit code is that of the process, and nothing that was printed is lost."""
        ran = python(
            "-c",
            "import atexit; from peerproto.node.program import end_with\n"
            "atexit.register(end_with, 5); print('printed')",
        )
        self.assertEqual((ran.returncode, ran.stdout, ran.stderr), (5, "printed\n", ""))
