"""`twistd peernode`: its options and its service."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
import time
from dataclasses import replace
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from peerproto import __version__, networks
from peerproto.node.demo import DemoService
from peerproto.node.options import OPTIONS, TIMES
from peerproto.node.program import NodeProgram
from peerproto.node.resolving import ThreadResolver
from peerproto.node.slots import Limits
from peerproto.peer import logs
from peerproto.tap import Options, make_service, makeService
from tests.commands import HOME
from tests.node_process import SECONDS, TWISTD, Running, run

FILES = sorted((HOME / "tap").glob("*.toml"))


class TapCase(SynchronousTestCase):
    """Options from words, and from a file in a folder of their own."""

    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def file(self, text: str) -> str:
        """The path of a file with this text."""
        path = Path(self.folder, "node.toml")
        path.write_text(text)
        return str(path)

    def parse(self, *words: str) -> Options:
        """The options that words mean."""
        options = Options()
        options.parseOptions(words)
        return options

    def fault(self, *words: str) -> str:
        """What is wrong with words, in one line, behind the program's name."""
        stop = self.assertRaises(SystemExit, self.parse, *words)
        assert isinstance(stop, SystemExit)
        return self.line(stop)

    def line(self, stop: SystemExit) -> str:
        """What the program ends with."""
        self.assertIsInstance(stop.code, str)
        line = str(stop.code)
        self.assertEqual(len(line.splitlines()), 1)
        self.assertTrue(line.startswith("peernode: "), line)
        return line.removeprefix("peernode: ")


class OptionsTests(TapCase):
    """What can be asked for on the command line."""

    def test_defaults(self) -> None:
        """Without any option: Bitcoin's main network, nobody to talk to, the network's own times."""
        options = self.parse()
        self.assertIs(options.net, networks.named("bitcoin-mainnet"))
        self.assertEqual((options["connect"], options["listen"], options["demo"]), ([], [], 0))
        self.assertEqual(options["log-level"], [])
        self.assertEqual(options.store_path(), "headers-bitcoin-mainnet.sqlite")
        self.assertEqual(options.timing(), options.net.timing)

    def test_all(self) -> None:
        """Each option is taken."""
        words = [
            "--network",
            "litecoin-regtest",
            "--policy=core",
            "--store",
            "x.sqlite",
            "--user-agent",
            "/x:1/",
        ]
        words += ["--connect", "a:1", "--connect=b:2", "--listen", "tcp:3", "--listen", "tcp:4"]
        words += ["--handshake-timeout", "1", "--idle-timeout", "2.5", "--ping-interval", "3", "--grace", "4"]
        options = self.parse(*words)
        self.assertIs(options.net, networks.named("litecoin-regtest", "core"))
        self.assertEqual(
            (options.store_path(), options["user-agent"], options["connect"], options["listen"]),
            ("x.sqlite", "/x:1/", ["a:1", "b:2"], ["tcp:3", "tcp:4"]),
        )
        times = replace(options.net.timing, handshake=1.0, idle=2.5, ping=3.0, grace=4.0)
        self.assertEqual(options.timing(), times)
        self.assertTrue(self.parse("--demo")["demo"])

    def test_settings(self) -> None:
        """What peers are like goes to their factory; what cannot be is told before anything starts."""
        words = ["--network", "litecoin-regtest", "--user-agent-name", "my", "--user-agent-version=1.0"]
        words += ["--user-agent-comment", "a", "--user-agent-comment=b", "--services", "NETWORK,0x8"]
        words += ["--relay", "yes", "--no-stall-handler", "--proxy", "socks5://127.0.0.1:9050"]
        settings = {
            "user_agent": f"/peerproto:{__version__}/",
            "user_agent_name": "my",
            "user_agent_version": "1.0",
        }
        settings |= {"user_agent_comments": ["a", "b"], "services": 9, "relay": True, "stall_handler": False}
        settings |= {"proxy": "socks5://127.0.0.1:9050"}
        self.assertEqual(self.parse(*words).settings, settings)
        for words, fault in (
            (["--services", "NETWRK"], "--services: 'NETWRK' is no service: did you mean 'NETWORK'?"),
            (["--subnetwork", "00" * 20], "--subnetwork: bitcoin-mainnet has no subnetworks"),
            (["--user-agent", "x" * 257], "--user-agent has 257 bytes, at most 256 allowed"),
            (
                ["--user-agent-version", "1"],
                "--user-agent-version and --user-agent-comment need a --user-agent-name",
            ),
        ):
            self.assertEqual(self.fault(*words), fault)

    def test_company(self) -> None:
        """Whom to look for, and what is kept of them."""
        nothing = {
            "outbound": 8,
            "book": "book-bitcoin-mainnet.sqlite",
            "peers_file": None,
            "seeds": None,
            "allow_local": False,
        }
        self.assertEqual(self.parse().company(), {**nothing, "book_every": 60, "limits": Limits()})
        words = ["--outbound", "8", "--book", "b", "--peers-file", "p", "--allow-local", "--inbound", "9"]
        given = {"outbound": 8, "book": "b", "peers_file": "p", "seeds": ["s"], "allow_local": True}
        found = self.parse(*words, "--seed=s", "--book-every=9").company()
        self.assertEqual(found, {**given, "book_every": 9, "limits": Limits(total=9)})

    def test_whom_to_call(self) -> None:
        """Who says whom to call has nobody else called, unless he says so, too."""
        self.assertEqual(self.parse().outbound(), 8)
        self.assertEqual(self.parse("--connect", "a").outbound(), 0)
        self.assertEqual(self.parse("--connect", "a", "--outbound", "3").outbound(), 3)
        self.assertEqual(self.parse("--outbound", "0").outbound(), 0)
        self.assertEqual(
            [self.parse("--outbound", "0").book(), self.parse("--connect", "a").book()], [None, None]
        )
        self.assertEqual(self.parse("--book", ":memory:").book(), ":memory:")
        self.assertEqual(self.parse("--config", self.file('connect = ["a"]\n')).outbound(), 0)

    def test_seeds(self) -> None:
        """Seeds are the network's, those that are named, or none; on the command line and in a file."""
        self.assertEqual(self.parse("--seed", "a", "--seed=https://b:1").seeds(), ["a", "https://b:1"])
        self.assertEqual(self.parse("--no-seeds").seeds(), [])
        self.assertEqual(self.fault("--no-seeds", "--seed", "a"), "--seed and --no-seeds exclude each other")
        self.assertIn("--seed: 'a b' is no HOST[:PORT]", self.fault("--seed", "a b"))
        for words in (("--outbound", "0"), ("--connect", "127.0.0.1:9")):
            text = "--seed: no others are looked for; --outbound above 0 says how many"
            self.assertEqual(self.fault("--seed", "a", *words), text)
        for text, seeds in (
            ('seed = ["a"]\n', ["a"]),
            ("no-seeds = true\n", []),
            ("no-seeds = false\n", None),
        ):
            self.assertEqual(self.parse("--config", self.file(text)).seeds(), seeds)
        self.assertEqual(self.parse("--config", self.file('seed = ["a"]\n'), "--seed", "b").seeds(), ["b"])

    def test_keep_blocks(self) -> None:
        """How many blocks are kept: none, if not asked for; on a network without a chain none can be."""
        self.assertEqual(self.parse()["keep-blocks"], 0)
        self.assertEqual(self.parse("--config", self.file("keep-blocks = 288\n"))["keep-blocks"], 288)
        self.assertEqual(self.parse("--keep-blocks", "1000")["keep-blocks"], 1000)
        said = "--keep-blocks: 'all' is no number from 0 to 10000000"
        self.assertEqual(self.fault("--keep-blocks=all"), said)
        options = self.parse("--network", "kaspa-simnet", "--keep-blocks", "5")
        stop = self.assertRaises(SystemExit, make_service, options, MemoryReactorClock(), sys.exit)
        assert isinstance(stop, SystemExit)
        said = "--keep-blocks: kaspa-simnet has no chain of blocks to keep the newest of"
        self.assertEqual(self.line(stop), said)

    def test_places_that_are_none(self) -> None:
        """What is only found out when the service is made is told with its option, too."""
        for words, said in (
            (
                ["--listen", "tcp:1", "--listen", "tpc:1"],
                "--listen: 'tpc:1' is no endpoint string such as tcp:19444: ",
            ),
            (
                ["--connect", "a:1", "--connect", "b:c"],
                "--connect: 'b:c' is no HOST:PORT and no endpoint string: ",
            ),
            (["--log-level", "x"], "--log-level: log level 'x': NAMESPACE=LEVEL is asked"),
        ):
            stop = self.assertRaises(
                SystemExit, make_service, self.parse(*words), MemoryReactorClock(), sys.exit
            )
            assert isinstance(stop, SystemExit)
            self.assertEqual(self.line(stop)[: len(said)], said)

    def test_number_of_peers_that_is_none(self) -> None:
        """A number of peers is a whole one, on the command line and in a file."""
        for name, most in (("outbound", 1000), ("inbound", 100_000)):
            for wrong in ("-1", "x", str(most + 1)):
                said = f"--{name}: {wrong!r} is no number from 0 to {most}"
                self.assertEqual(self.fault(f"--{name}={wrong}"), said)
        path = self.file("outbound = 1001\n")
        self.assertIn("outbound: 1001 is no number", self.fault("--config", path))
        self.assertEqual(self.parse("--config", self.file("outbound = 3\n")).company()["outbound"], 3)

    def test_store_of_each_network(self) -> None:
        """Each network has a file of its own by default."""
        paths = {self.parse("--network", name).store_path() for name in networks.names()}
        self.assertEqual(len(paths), len(networks.names()))

    def test_pid_file(self) -> None:
        """twistd's own is left out in the foreground, unless it was asked for."""
        for words, foreground, wanted in (
            (["twistd", "-n"], 1, ""),
            (["twistd", "-n", "--pidfile=x.pid"], 1, "x.pid"),
            (["twistd"], 0, "x.pid"),
        ):
            self.patch(sys, "argv", words)
            options = Options()
            options.parent = {"nodaemon": foreground, "pidfile": "x.pid"}  # type: ignore[assignment]
            options.parseOptions([])
            self.assertEqual(options.parent["pidfile"], wanted)  # type: ignore[index]

    def test_process_words(self) -> None:
        """Without words they are the process's."""
        self.patch(sys, "argv", ["peernode", "--network", "bitcoin-simnet"])
        options = Options()
        options.parseOptions()
        self.assertEqual(options["network"], "bitcoin-simnet")

    def test_wrong_option(self) -> None:
        """A wrong option is named with the nearest right one."""
        self.assertEqual(
            self.fault("--conect", "x"), "option --conect not recognized: did you mean '--connect'?"
        )
        self.assertIn("did you mean '--config'?", self.fault("--confg", "x"))
        self.assertIn("choose from --network, ", self.fault("--qqq"))

    def test_wrong_value(self) -> None:
        """A wrong value is shown with its option and what is allowed."""
        allowed = "seconds above 0, at most 86400, are allowed"
        for word in ("abc", "0", "-1", "nan", "inf", "86401", ""):
            line = f"--idle-timeout: {word!r} is no time: {allowed}"
            self.assertEqual(self.fault(f"--idle-timeout={word}"), line)
        self.assertIn("did you mean 'litecoin-regtest'?", self.fault("--network", "litecoin-regtst"))
        line = self.fault("--network", "litecoin-regtest", "--policy", "cor")
        self.assertIn("no policy 'cor'", line)
        self.assertIn("btcd, core", line)

    def test_missing_value(self) -> None:
        """An option without its value is named."""
        self.assertEqual(self.fault("--network"), "option --network requires argument")

    def test_argument(self) -> None:
        """There is nothing but options."""
        self.assertEqual(self.fault("regtest"), "'regtest' is one argument too many")

    def test_version(self) -> None:
        """The version is ours, not Twisted's."""
        out = StringIO()
        self.patch(sys, "stdout", out)
        stop = self.assertRaises(SystemExit, self.parse, "--version")
        assert isinstance(stop, SystemExit)
        self.assertEqual((stop.code, out.getvalue()), (0, f"peerproto {__version__}\n"))

    def test_help(self) -> None:
        """Every option is explained with its default, and times with their unit."""
        text = re.sub(r"\s+", " ", str(Options()))
        for name in (*OPTIONS, "config"):
            explained = text.partition(f" --{name}")[2].partition(" --")[0]
            self.assertEqual(explained.count("[default: "), 1, name)
            self.assertEqual(name in TIMES, "Seconds " in explained, name)


class FileTests(TapCase):
    """The same options from a file."""

    def test_taken(self) -> None:
        """What the file says counts."""
        path = self.file(
            'network = "litecoin-regtest"\npolicy = "core"\nconnect = ["a:1"]\nlisten = ["tcp:1"]\n'
            'store = "x.sqlite"\nuser-agent = "/x:1/"\ngrace = 2\nidle-timeout = 7.5\ndemo = true\n'
            'services = "NETWORK"\nprotocol-version = 70002\nrelay = false\ntrickle-interval = 1.5\n'
            'user-agent-name = "my"\nuser-agent-comment = ["a"]\nno-stall-handler = true\n'
        )
        options = self.parse("--config", path)
        self.assertIs(options.net, networks.named("litecoin-regtest", "core"))
        self.assertEqual((options["connect"], options["listen"]), (["a:1"], ["tcp:1"]))
        self.assertEqual((options.store_path(), options["user-agent"]), ("x.sqlite", "/x:1/"))
        self.assertEqual((options.timing().grace, options.timing().idle), (2.0, 7.5))
        settings = {"services": 1, "protocol_version": 70002, "relay": False, "trickle_interval": 1.5}
        settings |= {"user_agent_name": "my", "user_agent_comments": ["a"], "stall_handler": False}
        self.assertEqual(options.settings, {"user_agent": "/x:1/", **settings})
        self.assertTrue(options["demo"])

    def test_command_line_wins(self) -> None:
        """What the command line says wins, lists as wholes, wherever the file is named."""
        path = self.file(
            'network = "bitcoin-simnet"\nconnect = ["a:1", "b:2"]\nlisten = ["tcp:1"]\ngrace = 2\nstore = "x"\n'
        )
        words = ["--network", "litecoin-regtest", "--connect", "c:3", "--grace", "9"]
        for order in (["-c", path, *words], [*words, f"--config={path}"], [*words, f"-c{path}"]):
            options = self.parse(*order)
            self.assertEqual(options.net.name, "litecoin-regtest")
            self.assertEqual((options["connect"], options["listen"]), (["c:3"], ["tcp:1"]))
            self.assertEqual((options.timing().grace, options.store_path()), (9.0, "x"))

    def test_default_on_the_command_line(self) -> None:
        """A default that is given on the command line wins as well."""
        path = self.file('network = "bitcoin-simnet"')
        self.assertEqual(self.parse("-c", path, "--network", "bitcoin-mainnet").net.name, "bitcoin-mainnet")

    def test_wrong(self) -> None:
        """What is wrong in a file is told with its name: keys, types, values, the file itself."""
        for text, wanted in {
            "conect = []": "there is no option 'conect': did you mean 'connect'?",
            'connect = "a"': "connect is 'a', a list of strings is asked",
            "port = true": "port is True, a whole number is asked",
            "grace = 0": "grace: 0 is no time: seconds above 0, at most 86400, are allowed",
            'config = "x"': "there is no option 'config'",
            "grace": "not TOML",
        }.items():
            path = self.file(text)
            line = self.fault("--config", path)
            self.assertTrue(line.startswith(f"{path}: {wanted}"), line)
        self.assertIn("No such file or directory", self.fault("--config", f"{path}.gone"))
        self.assertIn(
            "did you mean 'bitcoin-simnet'?", self.fault("-c", self.file('network = "bitcoin-simnt"'))
        )

    def test_files_that_come_with_it(self) -> None:
        """Each file in tap/ can be used as it is, bears its network's name, and listens on loopback only."""
        self.assertGreaterEqual(len(FILES), 3)
        for path in FILES:
            options = self.parse("--config", str(path))
            self.assertEqual(options.net.name, path.stem)
            what = "blocks" if options.net.graph_sync else "headers"
            self.assertEqual(options.store_path(), f"{what}-{path.stem}.sqlite")
            make_service(options, MemoryReactorClock(), lambda code: None)
            for where in [*options["connect"], *options["listen"]]:
                self.assertIn("127.0.0.1", where)


class ServiceTests(TapCase):
    """The service that options make."""

    def make(self, *words: str) -> Any:
        """It, on a reactor in memory."""
        return make_service(self.parse(*words), MemoryReactorClock(), lambda code: None)

    def test_node(self) -> None:
        """A node that runs as it was told to."""
        words = ["--network", "litecoin-regtest", "--store", ":memory:", "--connect", "127.0.0.1"]
        words += ["--listen", "tcp:18111:interface=127.0.0.1", "--user-agent", "/x:1/", "--grace", "2"]
        service = self.make(*words)
        self.assertIsInstance(service, NodeProgram)
        service.startService()
        self.assertEqual(service.reactor.tcpClients[0][:2], ("127.0.0.1", 19444))
        self.assertEqual(service.reactor.tcpServers[0][0], 18111)
        factory = service.node.factory
        self.assertEqual((factory.user_agent, factory.timing.grace), ("/x:1/", 2.0))
        self.successResultOf(service.stopService())

    def test_proxy(self) -> None:
        """A node calls through its proxy, and only what can be called so."""
        words = ["--network", "litecoin-regtest", "--store", ":memory:", "--proxy", "socks5://127.0.0.1:9050"]
        service = self.make(*words, "--connect", "seed.example.org", "--connect", "192.0.2.1:7")
        service.startService()
        self.assertEqual([call[:2] for call in service.reactor.tcpClients], [("127.0.0.1", 9050)] * 2)
        self.successResultOf(service.stopService())
        stop = self.assertRaises(SystemExit, self.make, *words, "--connect", "tcp:192.0.2.1:7")
        assert isinstance(stop, SystemExit)
        self.assertIn("with a proxy nothing else is called", self.line(stop))

    def test_demo(self) -> None:
        """Or the demonstration, of Bitcoin's regtest or of a network that is given."""
        for words, name in (([], "bitcoin-regtest"), (["--network", "soter-simnet"], "soter-simnet")):
            service = self.make("--demo", *words)
            self.assertIsInstance(service, DemoService)
            self.assertEqual(service.network.name, name)

    def test_log_levels(self) -> None:
        """The levels that were asked for count from then on, given as words or in a file."""
        self.patch(logs, "_levels", logs.default_levels())
        self.make("--demo", "--log-level", "peerproto=warn", "--log-level=peerproto.peer=debug")
        levels = [logs.log_level(space) for space in ("peerproto.node", "peerproto.peer.inbox")]
        self.assertEqual(levels, ["warn", "debug"])
        self.make("--demo", "--config", self.file('log-level = ["peerproto.trace=debug"]\n'))
        self.assertEqual(logs.log_level("peerproto.trace"), "debug")

    def test_wrong_log_level(self) -> None:
        """A level that is none is one line."""
        self.patch(logs, "_levels", logs.default_levels())
        for given, text in (("debug", "NAMESPACE=LEVEL is asked"), ("peerproto=loud", "debug, info, warn")):
            stop = self.assertRaises(SystemExit, self.make, "--demo", "--log-level", given)
            assert isinstance(stop, SystemExit)
            self.assertIn(text, self.line(stop))

    def test_demo_that_cannot_be(self) -> None:
        """A network that cannot be shown is one line."""
        stop = self.assertRaises(SystemExit, self.make, "--demo", "--network", "bitcoin-mainnet")
        assert isinstance(stop, SystemExit)
        self.assertIn("bitcoin-regtest, bitcoin-simnet can be shown", self.line(stop))

    def test_graph(self) -> None:
        """A node of a network whose blocks form a graph keeps the blocks."""
        service = self.make("--network", "kaspa-devnet", "--store", ":memory:", "--connect", "127.0.0.1")
        service.startService()
        self.assertEqual(service.reactor.tcpClients[0][:2], ("127.0.0.1", 16611))
        self.assertEqual(len(service.node.chain), 1)
        self.successResultOf(service.stopService())
        self.assertEqual(self.parse("--network", "kaspa-devnet").store_path(), "blocks-kaspa-devnet.sqlite")

    def test_places_that_are_none(self) -> None:
        """Where nobody can connect or listen is told before anything is started."""
        for words in (["--connect", "a b"], ["--listen", "nonsense"], ["--connect", "host:99999"]):
            stop = self.assertRaises(SystemExit, self.make, *words)
            assert isinstance(stop, SystemExit)
            self.assertIn(repr(words[1]), self.line(stop))

    def test_twistd_asks_for_it(self) -> None:
        """twistd calls `makeService`, and gets a service on its own reactor."""
        from twisted.internet import reactor

        known: Any = reactor
        self.addCleanup(known.installNameResolver, known.nameResolver)
        service: Any = makeService(self.parse("--store", ":memory:"))
        self.assertIs(service.reactor, reactor)
        self.assertIsInstance(known.nameResolver, ThreadResolver)


class TwistdTests(TapCase):
    """The real program."""

    def twistd(self, *words: str) -> tuple[int, str, str]:
        """Exit code, standard output and standard error of `twistd -n peernode`."""
        ran = run(self.folder, *TWISTD, *words)
        self.assertNotIn("Traceback", ran.stdout + ran.stderr)
        return ran.returncode, ran.stdout, ran.stderr

    def left(self) -> list[str]:
        """What is left in its folder, but for what this test has made."""
        return [name for name in os.listdir(self.folder) if not name.startswith("output")]

    def test_help(self) -> None:
        """Its help is shown, with exit code 0."""
        code, out, _ = self.twistd("--help")
        self.assertEqual(code, 0)
        self.assertIn("peernode [options]", out)
        self.assertIn("--handshake-timeout=", out)

    def test_wrong_option(self) -> None:
        """A wrong option is one line on standard error, exit code 1, and nothing is left."""
        code, out, err = self.twistd("--grace", "x")
        line = "peernode: --grace: 'x' is no time: seconds above 0, at most 86400, are allowed\n"
        self.assertEqual((code, out, err, self.left()), (1, "", line, []))

    def test_messages_in_the_log(self) -> None:
        """With a level of debug the log has a line for each message."""
        ran = run(self.folder, *TWISTD, "--demo", "--log-level", "peerproto.messages=debug")
        self.assertEqual(ran.returncode, 0, ran.stderr)
        for line in ("sent version to ", "received verack from ", "162027 bytes: 2000 headers, the last "):
            self.assertRegex(ran.stdout, rf"peerproto.messages#debug\] .*{line}")

    def test_store(self) -> None:
        """So is a store that cannot be used; it stays as it is, and the pid file does not."""
        Path(self.folder, "x.sqlite").write_text("hello")
        code, _, err = self.twistd("--store", "x.sqlite")
        self.assertEqual((code, err), (1, "peernode: x.sqlite: not a SQLite file, it begins with b'hello'\n"))
        self.assertEqual(self.left(), ["x.sqlite"])
        self.assertEqual(Path(self.folder, "x.sqlite").read_text(), "hello")

    def test_port_in_use(self) -> None:
        """So is a port that somebody has."""
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            where = f"tcp:{taken.getsockname()[1]}:interface=127.0.0.1"
            forgetting = ("--store", ":memory:", "--book", ":memory:")
            code, _, err = self.twistd("--network", "bitcoin-regtest", *forgetting, "--listen", where)
        self.assertEqual(code, 1)
        self.assertRegex(err, rf"\Apeernode: cannot listen on {where}: .*Address already in use.*\n\Z")
        self.assertEqual(self.left(), [])

    def test_book(self) -> None:
        """So is a book that cannot be made, or is in use; and a place for blocks that cannot be had."""
        words = ("--store", ":memory:", "--network", "bitcoin-regtest")
        code, _, err = self.twistd(*words, "--book", "nowhere/book.sqlite")
        self.assertEqual((code, err), (1, "peernode: nowhere/book.sqlite: No such file or directory\n"))
        Path(self.folder, "headers.sqlite.blocks").mkdir()
        code, _, err = self.twistd(*words[2:], "--store", "headers.sqlite", "--keep-blocks", "9")
        self.assertEqual((code, err), (1, "peernode: headers.sqlite.blocks: not a file\n"))

    def test_daemon(self) -> None:
        """Who waits for a daemon hears that it could not start; its log says why, and its pid file is gone."""
        words = (*TWISTD[:2], "peernode", "--store", "nowhere/x.sqlite")
        ran = run(self.folder, *words)
        self.assertEqual(ran.returncode, 1)
        self.assertIn("nowhere/x.sqlite: No such file or directory", ran.stderr)
        until = time.monotonic() + SECONDS
        while "twistd.pid" in self.left() and time.monotonic() < until:
            time.sleep(0.01)  # it takes it away after it has told who waits
        self.assertEqual(self.left(), ["twistd.log"])
        log = Path(self.folder, "twistd.log").read_text()
        self.assertIn("peernode: nowhere/x.sqlite: No such file or directory", log)

    def wait_until_it_runs(self, port: int) -> None:
        """Until it hangs up on nonsense: before its reactor runs, a signal ends it as it ends any process."""
        with socket.create_connection(("127.0.0.1", port), SECONDS) as connection:
            connection.sendall(bytes(24))
            self.assertEqual(connection.recv(1), b"")

    def test_runs_and_stops(self) -> None:
        """It runs until SIGTERM, and then stops in good order: port closed, store and book whole. There is a pid file
        only if it was asked for, and it goes with the node.
        """
        words = ("--network", "bitcoin-regtest", "--listen", "tcp:0:interface=127.0.0.1")
        files = ("book-bitcoin-regtest.sqlite", "headers-bitcoin-regtest.sqlite")
        for asked, there in (((), []), (("--pidfile=x.pid",), ["x.pid"])):
            node = Running(self.folder, *TWISTD[:-1], *asked, "peernode", *words)
            self.addCleanup(node.kill)
            found = node.wait_for(r"accepting peers at 127.0.0.1:(\d+)")
            self.wait_until_it_runs(int(found[1]))
            self.assertEqual([name for name in self.left() if not name.startswith(files)], there)
            node.stop(signal.SIGTERM)
            self.assertRegex(node.output, r"Port \d+ Closed")
            self.assertIn("Server Shut Down", node.output)
            self.assertNotIn("Traceback", node.output)
            self.assertCountEqual(self.left(), files)
