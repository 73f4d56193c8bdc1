"""The demonstration."""

from __future__ import annotations

import io
import re
import signal
import time
from dataclasses import replace
from tempfile import TemporaryDirectory
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from peerproto import networks
from peerproto.chain.rules import display
from peerproto.errors import ConnectFailed, LocalError, Reason
from peerproto.node import demo
from peerproto.node.demo import DemoService
from peerproto.node.headerchain import HeaderChain
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
        service = DemoService(reactor, self.left.callback, out=self.out, **{"amount": 2100, **options})
        service.startService()
        return service

    async def test_good(self) -> None:
        """It mines, syncs with progress, shows a table of what each side saw, and leaves with 0."""
        service = self.begin()
        self.assertEqual(await self.left, 0)
        await service.stopService()
        out = self.out.getvalue()
        self.assertIn("Making up to 2100 headers of bitcoin-regtest ...\n", out)
        self.assertIn("headers 2,000 of 2,100 (95 %)\n", out)
        tip = display(NETWORK.chain.block_hash(mined(2100)[-1]))
        self.assertRegex(out, rf"Synced 2100 headers in \d\.\d\d s, tip {tip}\n")
        for row in (
            r"agent +/demo-server:1\.0/ +/demo-client:1\.0/",
            r"  headers +2 / 1 +1 / 2",
            r"ping +\d",
        ):
            self.assertRegex(out, row)

    async def test_other_networks(self) -> None:
        """So it does on every network whose blocks can be made here: of a graph it syncs the blocks."""
        for name, amount, what in (
            ("litecoin-regtest", 60, "headers"),
            ("decred-simnet", 200, "headers"),
            ("neo-privnet", 200, "headers"),
            ("kaspa-simnet", 200, "blocks"),
            ("soter-regtest", 200, "blocks"),
            ("soter-simnet", 200, "blocks"),
        ):
            service = self.begin(network=networks.named(name), amount=amount)
            self.assertEqual(await self.left, 0, self.out.getvalue())
            await service.stopService()
            out = self.out.getvalue()
            work = r" \(without their work, which takes minutes\)" if name.startswith("soter") else ""
            self.assertRegex(out, rf"Making up to {amount} {what} of {name}{work} \.\.\.\n")
            self.assertRegex(out, rf"\n{what} {amount} of {amount} \(100 %\)\n")
            self.assertRegex(out, rf"Synced {amount} {what} in \d\.\d\d s, tip [0-9a-f]{{64}}\n")
            self.assertRegex(out, r"agent +/demo-server:1\.0/ +/demo-client:1\.0/")

    async def test_not_everything_in_time(self) -> None:
        """Where work takes long less is made."""
        self.patch(demo, "MINING", 0.0)
        service = self.begin(network=networks.named("litecoin-regtest"))
        self.assertEqual(await self.left, 0)
        await service.stopService()
        self.assertRegex(self.out.getvalue(), r"Synced 20 headers in")

    async def test_too_hard(self) -> None:
        """Where nothing can be made it says so, and which nets of the network can be shown."""
        for name, others in (
            ("bitcoin-mainnet", "bits 0x1d00ffff are too hard to mine here; bitcoin-regtest, bitcoin-simnet"),
            ("litecoin-testnet", "bits 0x1e0ffff0 are too hard to mine here; litecoin-regtest"),
            (
                "kaspa-devnet",
                "target 00007fffff0+ is too hard to mine for here; kaspa-mainnet, kaspa-simnet",
            ),
        ):
            error = self.assertRaises(LocalError, self.begin, network=networks.named(name))
            self.assertRegex(str(error), f"^{name}: {others} can be shown$")
        alone = replace(NETWORK, name="other-net", chain=networks.named("bitcoin-mainnet").chain)
        error = self.assertRaises(LocalError, self.begin, network=alone)
        self.assertIn("; no net of this network can be shown", str(error))

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
        after = HeaderChain.after
        self.patch(HeaderChain, "after", lambda *given: after(*given)[:700])
        service = self.begin()
        self.assertEqual(await self.left, 1)
        await service.stopService()
        self.assertIn("failed: what was synced ends at 700, not at 2100\n", self.out.getvalue())

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

    def test_network(self) -> None:
        """Another network can be shown; of one that cannot a line says so, with exit code 1."""
        ran = run(self.folder, *TWISTD, "--demo", "--network", "kaspa-simnet")
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        self.assertIn("Synced 600 blocks", ran.stdout)
        ran = run(self.folder, *TWISTD, "--demo", "--network", "bitcoin-mainnet")
        self.assertEqual((ran.returncode, ran.stdout), (1, ""))
        line = "bits 0x1d00ffff are too hard to mine here; bitcoin-regtest, bitcoin-simnet can be shown"
        self.assertEqual(ran.stderr, f"peernode: bitcoin-mainnet: {line}\n")

    def test_command(self) -> None:
        """So does `peerproto node --demo`."""
        ran = run(self.folder, *NODE, "--demo")
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        self.assertIn("Synced 6000 headers", ran.stdout)

    def test_exit_code(self) -> None:
        """A failure is the program's exit code, through twistd as well, which removes its pid file as ever."""
        patched = (
            "from peerproto.node import demo; from peerproto.node.headerserver import HeaderServer; "
            "demo.AMOUNTS = {'headers': 9}; HeaderServer.take_question = lambda *_: None; demo.PATIENCE = 0.2; "
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
