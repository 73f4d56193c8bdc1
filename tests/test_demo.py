"""The demonstration."""

from __future__ import annotations

import io
import re
import signal
import time
from tempfile import TemporaryDirectory
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from peerproto.chain.rules import display
from peerproto.errors import ConnectFailed, Reason
from peerproto.node import demo
from peerproto.node.demo import DemoService
from peerproto.node.headerserver import HeaderServer
from tests.node_case import NETWORK, mined
from tests.node_process import NODE, TWISTD, Running, run


class ServiceTests(TestCase):
    """The service, on real loopback; it leaves nothing on the reactor."""

    timeout = 20

    def begin(self, **options: Any) -> DemoService:
        """It, begun."""
        from twisted.internet import reactor

        self.out = io.StringIO()
        self.left: Deferred[int] = Deferred()
        service = DemoService(reactor, self.left.callback, out=self.out, **{"height": 2100, **options})
        service.startService()
        return service

    async def test_good(self) -> None:
        """It mines, syncs with progress, shows a table of what each side saw, and leaves with 0."""
        service = self.begin()
        self.assertEqual(await self.left, 0)
        await service.stopService()
        out = self.out.getvalue()
        self.assertIn("Mining 2100 headers of bitcoin-regtest ...\n", out)
        self.assertIn("headers 2,000 of 2,100 (95 %)\n", out)
        tip = display(NETWORK.chain.block_hash(mined(2100)[-1]))
        self.assertRegex(out, rf"Synced 2100 headers in \d\.\d\d s, tip {tip}\n")
        for row in (
            r"agent +/demo-server:1\.0/ +/demo-client:1\.0/",
            r"  headers +2 / 1 +1 / 2",
            r"ping +\d",
        ):
            self.assertRegex(out, row)

    async def test_failure(self) -> None:
        """What goes wrong with a peer is one line, and it leaves with 1."""

        def refuse(*_: Any) -> Any:
            raise ConnectFailed("127.0.0.1:1: refused", Reason.CONNECTION_REFUSED)

        self.patch(demo, "connect", refuse)
        service = self.begin()
        self.assertEqual(await self.left, 1)
        await service.stopService()
        self.assertIn("\nfailed: 127.0.0.1:1: refused\n", self.out.getvalue())

    async def test_chains_that_differ(self) -> None:
        """A chain that is not all of the other is a failure, too."""
        after = demo.HeaderChain.after
        self.patch(demo.HeaderChain, "after", lambda *given: after(*given)[:700])
        service = self.begin()
        self.assertEqual(await self.left, 1)
        await service.stopService()
        self.assertIn("failed: the chain that was synced ends at 700, not at 2100\n", self.out.getvalue())

    async def test_nothing_comes(self) -> None:
        """Without any progress it fails after its time."""
        self.patch(demo, "PATIENCE", 0.2)
        self.patch(HeaderServer, "take_question", lambda *_: None)
        service = self.begin()
        self.assertEqual(await self.left, 1)
        await service.stopService()
        self.assertIn("failed: no headers came for 0.2 seconds\n", self.out.getvalue())

    async def test_bug(self) -> None:
        """Our own bug is logged with all that is known of it, and it leaves with 1."""
        self.patch(demo, "peer_table", lambda peers: 1 / 0)
        service = self.begin()
        self.assertEqual(await self.left, 1)
        await service.stopService()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    async def test_stopped(self) -> None:
        """Stopped in the middle it ends its peers and its port, and leaves with 1."""
        from twisted.internet import reactor

        self.patch(HeaderServer, "take_question", lambda *_: None)
        service = self.begin()
        while "Connected" not in self.out.getvalue():
            await deferLater(reactor, 0.01)
        await service.stopService()
        self.assertEqual(await self.left, 1)
        self.assertTrue(self.out.getvalue().endswith("interrupted\n"))

    async def test_stopped_before_it_began(self) -> None:
        """One that was not started, or stopped before the reactor ran, shows nothing and has nothing to stop."""
        from twisted.internet import reactor

        await DemoService(reactor, lambda code: None).stopService()
        clock = MemoryReactorClock()
        out = io.StringIO()
        service = DemoService(clock, lambda code: None, out=out)
        service.startService()
        await service.stopService()
        for call, arguments, more in clock.whenRunningHooks:
            call(*arguments, **more)
        self.assertEqual(out.getvalue(), "")


class ProgramTests(SynchronousTestCase):
    """The real program, by both of its names."""

    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def test_twistd(self) -> None:
        """`twistd -n peernode --demo` shows the table and ends with 0 in less than twenty seconds."""
        begun = time.monotonic()
        ran = run(self.folder, *TWISTD, "--demo")
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        self.assertLess(time.monotonic() - begun, 20)
        self.assertIn("headers 6,000 of 6,000 (100 %)", ran.stdout)
        self.assertIsNotNone(re.search(r"^  headers +4 / 1 +1 / 4$", ran.stdout, re.MULTILINE))
        self.assertEqual(ran.stderr, "")

    def test_command(self) -> None:
        """So does `peerproto node --demo`."""
        ran = run(self.folder, *NODE, "--demo")
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        self.assertIn("Synced 6000 headers", ran.stdout)

    def test_exit_code(self) -> None:
        """A failure is the program's exit code, through twistd as well, which removes its pid file as ever."""
        patched = (
            "from peerproto.node import demo; from peerproto.node.headerserver import HeaderServer; "
            "demo.HEIGHT = 0; HeaderServer.take_question = lambda *_: None; "
            "demo.PATIENCE = 0.2; demo.mine = lambda *_: mine(demo.networks.named('bitcoin-regtest').chain, 9); "
            "from peerproto.node.mining import mine; "
        )
        twistd = (TWISTD[0], patched + TWISTD[1], *TWISTD[2:])
        command = ("-c", f"{patched} import sys; from peerproto.cli import main; sys.exit(main())", "node")
        for words in (twistd, command):
            ran = run(self.folder, *words, "--demo")
            self.assertEqual(ran.returncode, 1, ran.stdout + ran.stderr)
            self.assertIn("failed: no headers came for 0.2 seconds", ran.stdout)
            self.assertNotIn("Traceback", ran.stdout + ran.stderr)

    def test_interrupted(self) -> None:
        """A signal in the middle of it ends it in good order."""
        slow = (
            "from peerproto.node.headerserver import HeaderServer; "
            "HeaderServer.take_question = lambda *_: None; "
        )
        node = Running(self.folder, TWISTD[0], slow + TWISTD[1], *TWISTD[2:], "--demo")
        self.addCleanup(node.kill)
        node.wait_for("Connected to")
        self.assertNotEqual(node.stop(signal.SIGINT), 0)
        self.assertIn("interrupted", node.output)
        self.assertNotIn("Traceback", node.output)
