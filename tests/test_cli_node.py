"""`peerproto node`: what twistd does, without its plugin cache."""

from __future__ import annotations

import json
import os
import signal
import sys
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from twisted import logger
from twisted.application.service import Service
from twisted.internet.error import ReactorNotRunning
from twisted.trial.unittest import SynchronousTestCase

from peerproto import tap
from peerproto.chain.rules import display
from peerproto.cli import main
from peerproto.node.headerchain import HeaderChain
from peerproto.node.headerstore import HeaderStore
from peerproto.node.resolving import ThreadResolver
from tests.commands import run as command
from tests.node_case import NETWORK, mined
from tests.node_process import NODE, Running, run

REGTEST = ("--network", NETWORK.name)
ANYWHERE = ("--listen", "tcp:0:interface=127.0.0.1")


def at(place: str) -> str:
    """The endpoint string to listen at a place of loopback."""
    return f"tcp:{place.partition(':')[2]}:interface=127.0.0.1"


class Reactor:
    """A reactor that runs until something stops it.

    :ivar work: what happens while it runs.
    """

    def __init__(self) -> None:
        self.triggers: list[tuple[Any, ...]] = []
        self.work: Any = lambda: None
        self.stops = 0

    def addSystemEventTrigger(self, *trigger: Any) -> None:
        """See IReactorCore."""
        self.triggers.append(trigger)

    def installNameResolver(self, resolver: Any) -> None:
        """See IReactorPluggableNameResolver."""
        self.nameResolver = resolver

    def run(self) -> None:
        """See IReactorCore."""
        self.work()

    def stop(self) -> None:
        """See IReactorCore."""
        self.stops += 1
        if self.stops > 1:
            raise ReactorNotRunning("it does not run")


class Recording(Service):
    """A service that remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def privilegedStartService(self) -> None:
        """See IService."""
        self.told.append("privileged")

    def startService(self) -> None:
        """See IService."""
        self.told.append("start")


class CommandTests(SynchronousTestCase):
    """The command in this process, with a reactor and a service that only remember."""

    def setUp(self) -> None:
        self.reactor = Reactor()
        self.service = Recording()
        self.patch(sys.modules["twisted.internet"], "reactor", self.reactor)
        self.patch(tap, "make_service", self.make_service)
        self.observers: list[Any] = []
        self.patch(logger, "globalLogBeginner", self)
        self.out = StringIO()
        self.patch(sys, "stdout", self.out)

    def beginLoggingTo(self, observers: list[Any], *, redirectStandardIO: bool) -> None:
        """See LogBeginner."""
        self.assertFalse(redirectStandardIO)
        self.observers += observers

    def make_service(self, options: tap.Options, reactor: Any, leave: Any) -> Service:
        """Stands for the real one."""
        self.assertIs(reactor, self.reactor)
        self.options, self.leave = options, leave
        return self.service

    def test_runs(self) -> None:
        """All words are the node's options; the service runs until the reactor stops, then exit code 0."""
        code = main(["node", *REGTEST, "--connect", "127.0.0.1:1", "--connect=127.0.0.1:2", "-c", os.devnull])
        self.assertEqual(code, 0)
        self.assertEqual(self.options.net, NETWORK)
        self.assertEqual(self.options["connect"], ["127.0.0.1:1", "127.0.0.1:2"])
        self.assertEqual(self.service.told, ["privileged", "start"])
        self.assertIsInstance(self.reactor.nameResolver, ThreadResolver)
        self.assertEqual(self.reactor.triggers, [("before", "shutdown", self.service.stopService)])

    def test_log(self) -> None:
        """The log goes to standard output, as lines of text."""
        main(["node"])
        (observer,) = self.observers
        observer({"log_format": "hello", "log_time": 0.0, "log_level": logger.LogLevel.info})
        self.assertRegex(self.out.getvalue(), r"\A\S+ \[.*info\] hello\n\Z")

    def test_exit_code(self) -> None:
        """A service that ends by itself stops the reactor, and gives the exit code; a second stop is no trouble."""

        def work() -> None:
            self.leave(3)
            self.leave(4)

        self.reactor.work = work
        self.assertEqual((main(["node"]), self.reactor.stops), (4, 2))

    def test_mistake(self) -> None:
        """What is wrong is one line on standard error, and exit code 1."""
        ran = command(["node", "--conect", "x"])
        self.assertEqual((ran.code, ran.out), (1, b""))
        self.assertEqual(ran.err, "peernode: option --conect not recognized: did you mean '--connect'?\n")

    def test_help(self) -> None:
        """The help is that of the node's options, with this command's name."""
        ran = command(["node", "--help"])
        self.assertEqual(ran.code, 0)
        self.assertIn(b"Usage: peerproto node [options]\n", ran.out)
        self.assertIn(b"--handshake-timeout=", ran.out)
        self.assertIn(b"node ", command(["--help"]).out)


class ProcessTests(SynchronousTestCase):
    """Real processes that talk to each other."""

    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        store = HeaderStore(self.path("served.sqlite"), NETWORK.chain)
        HeaderChain(store, NETWORK.chain, lambda: 2e9).add(mined(2100))
        store.close()
        self.tip = display(NETWORK.chain.block_hash(mined(2100)[-1]))

    def path(self, name: str) -> str:
        """A path in the test's folder."""
        return os.path.join(self.folder, name)

    def node(self, *words: str) -> Running:
        """A node that runs."""
        node = Running(self.folder, *NODE, *REGTEST, *words)
        self.addCleanup(node.kill)
        return node

    def server(self) -> tuple[Running, str]:
        """A node that serves 2100 headers, and where it is."""
        server = self.node("--store", "served.sqlite", "--book", ":memory:", *ANYWHERE)
        return server, server.wait_for(r"accepting peers at (\S+)")[1]

    def test_one_follows_the_other(self) -> None:
        """A node follows the headers of another into its file, and both stop in good order: exit code 0."""
        server, where = self.server()
        client = self.node("--connect", where)
        client.wait_for(rf"synced: height 2100, tip {self.tip}")
        for node, number in ((client, signal.SIGTERM), (server, signal.SIGINT)):
            self.assertEqual(node.stop(number), 0, node.output)
            self.assertIn("Main loop terminated", node.output)
            self.assertNotIn("Traceback", node.output)
        store = HeaderStore(self.path("headers-bitcoin-regtest.sqlite"), NETWORK.chain)
        self.addCleanup(store.close)
        self.assertEqual(store.tip.height, 2100)

    def test_peer_that_comes_back(self) -> None:
        """A peer that is killed and started again is called again."""
        server, where = self.server()
        client = self.node("--connect", where, "--store", ":memory:")
        client.wait_for("synced: height 2100")
        server.kill()
        client.wait_for(r"refused: nothing listens there \(connection-refused\); next try in \d")
        again = self.node(
            "--store",
            "served.sqlite",
            "--listen",
            at(where),
        )
        again.wait_for("inbound. is ready")
        self.assertEqual(client.stop(), 0)

    def test_ourselves(self) -> None:
        """A node that is told to call itself finds out, and does not call again."""
        passing = self.node("--store", ":memory:", *ANYWHERE)
        place = passing.wait_for(r"accepting peers at (\S+)")[1]
        passing.stop()
        node = self.node("--store", ":memory:", "--connect", place, "--listen", at(place))
        node.wait_for("is ourselves: not called again")
        self.assertEqual(node.stop(), 0)

    def test_sync_command(self) -> None:
        """`peerproto sync` takes the headers from a node, and a second time finds nothing new."""
        _, where = self.server()
        words = ("-m", "peerproto", "sync", where, *REGTEST, "--store", "synced.sqlite", "--json")
        for new in (2100, 0):
            ran = run(self.folder, *words)
            self.assertEqual(ran.returncode, 0, ran.stderr)
            found = json.loads(ran.stdout)
            self.assertEqual((found["height"], found["tip"], found["new"]), (2100, self.tip, new))

    def test_start_errors(self) -> None:
        """What keeps a node from starting is one line on standard error, exit code 1, and nothing is left."""
        Path(self.path("foreign.sqlite")).write_text("hello")
        server, where = self.server()
        taken = at(where)
        for words, wanted in {
            ("--store", "foreign.sqlite"): "foreign.sqlite: not a SQLite file",
            ("--store", "served.sqlite"): "served.sqlite: is in use by another process",
            ("--store", "new.sqlite", *ANYWHERE, "--listen", taken): f"cannot listen on {taken}",
            ("--config", "gone.toml"): "gone.toml: No such file or directory",
        }.items():
            ran = run(self.folder, *NODE, *REGTEST, *words)
            self.assertEqual(ran.returncode, 1)
            self.assertTrue(ran.stderr.startswith(f"peernode: {wanted}"), ran.stderr)
            self.assertEqual(len(ran.stderr.splitlines()), 1)
            self.assertNotIn("Traceback", ran.stdout)
        self.assertEqual(Path(self.path("foreign.sqlite")).read_text(), "hello")
        self.assertEqual(server.stop(), 0)
