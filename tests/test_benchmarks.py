"""The benchmarks measure what they say, and run."""

from __future__ import annotations

import json
import resource
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from benchmarks import codec, crowd, golden, headers, imports, inputs, soak, throughput
from benchmarks.floor import Floor, FloorSender
from benchmarks.load import CASES, Load
from benchmarks.table import show, us
from peerproto import networks
from peerproto.networks.neo import blocks


class InputsTests(SynchronousTestCase):
    """What is measured."""

    def test_same_bytes_everywhere(self) -> None:
        """Every frame has the SHA-256 that is on record."""
        found = {name: sha256(inputs.frame(name)).hexdigest() for name in inputs.FRAMES}
        self.assertEqual(found, inputs.SHA256)

    def test_proper_messages(self) -> None:
        """Every frame is a message of Bitcoin's regtest, which is written as it was read."""
        codec = networks.named("bitcoin-regtest").codec(70016, True)
        for name in inputs.FRAMES:
            frame = inputs.frame(name)
            self.assertEqual(codec.encode(codec.decode(frame, strict=True)), frame, name)


class _Transport(StringTransport):
    def setTcpNoDelay(self, enabled: bool) -> None:
        """There is no TCP."""


class FloorTests(SynchronousTestCase):
    """The bare peer that the library is compared with."""

    def setUp(self) -> None:
        self.heard: list[str] = []
        self.floor = Floor(lambda: self.heard.append("ready"), self.heard.append)
        self.transport = _Transport()
        self.floor.makeConnection(self.transport)

    def test_any_chunks(self) -> None:
        """However a stream is cut, each message is counted once and each ping answered with its nonce."""
        stream = b"".join(map(inputs.frame, ("inv50", "ping", "tx250", "ping")))
        for size in (1, 7, 24, 31, 500, len(stream)):
            for start in range(0, len(stream), size):
                self.floor.dataReceived(stream[start : start + size])
        self.assertEqual((self.floor.count, self.floor.pings), (12, 12))
        pong = inputs.wrap("pong", inputs.frame("ping")[24:])
        self.assertEqual(self.transport.value(), pong * 12)

    def test_damage(self) -> None:
        """A wrong checksum or another network's frame is refused, whole or in pieces."""
        for damaged in (b"\0" + inputs.frame("inv50")[1:], inputs.frame("inv50")[:-1] + b"\0"):
            self.assertRaises(ValueError, Floor(list, self.heard.append).dataReceived, damaged)
            pieces = Floor(list, self.heard.append)
            pieces.dataReceived(damaged[:100])
            self.assertRaises(ValueError, pieces.dataReceived, damaged[100:])

    def test_window(self) -> None:
        """A sender stops when its pings are not answered, and is done with the last pong."""
        done: list[bool] = []
        case = CASES["block1MB"]
        sender = FloorSender(list, self.heard.append, case, 6)
        transport = _Transport()
        sender.makeConnection(transport)
        transport.clear()
        sender.begin(Load(case, 6, sender, lambda: done.append(True)))
        step = len(inputs.frame("block1MB")) + len(inputs.frame("ping"))
        self.assertEqual(len(transport.value()), 4 * step)
        pong = inputs.wrap("pong", inputs.frame("ping")[24:])
        sender.dataReceived(pong * 5)
        self.assertEqual((len(transport.value()), done), (6 * step, []))
        sender.dataReceived(pong)
        self.assertEqual(done, [True])


class RunTests(SynchronousTestCase):
    """The scripts, with tiny counts."""

    def test_throughput(self) -> None:
        """All setups run, and give a row and JSON."""
        figures = throughput.measure(CASES["headers2000"], scale=0.002, rounds=1)
        self.assertEqual(list(figures), list(throughput.SETUPS))
        self.assertEqual(len(throughput.row(figures)), len(throughput.HEAD))
        json.dumps([found.plain() for found in figures.values()])

    def test_codec(self) -> None:
        """Every message is timed in every way."""
        for name in inputs.FRAMES:
            times = codec.measure(name, rounds=1, least=0.0)
            self.assertEqual(len(codec.row(name, times)), len(codec.HEAD))

    def test_golden(self) -> None:
        """Golden frames are timed, those that are only read too; the table has what is asked for, and totals."""
        self.patch(blocks, "sha256d", blocks.sha256d)
        golden.hash_once()
        measured = golden.measure("neo", rounds=1, least=0.0, commands=("block", "ping", "inv"))
        self.assertEqual({item.command for item in measured}, {"block", "ping", "inv"})
        self.assertTrue(all(item.read > 0 and item.write > 0 for item in measured))
        lines = list(golden.rows("neo", measured))
        self.assertEqual([line[0] for line in lines[-2:]], ["neo: all lists", "neo: all others"])
        self.assertEqual({len(line) for line in lines}, {len(golden.HEAD)})
        self.assertEqual(len(list(golden.rows("neo", measured, frames=True))), len(measured) + 2)
        self.assertEqual(len(golden.measure("soter", rounds=1, least=0.0, commands=("version",))), 19)

    def test_golden_limits(self) -> None:
        """A frame is over its limit when it takes longer than the fixed time and its kilobytes may."""
        within = golden.Times("inv", "a", 2000, golden.LISTS, 20e-6, 14e-6)
        self.assertFalse(within.is_over())
        beyond = within._replace(label="b", write=16e-6)
        self.assertTrue(beyond.is_over())
        lines = list(golden.rows("kaspa", [within, beyond], over=True, frames=True))
        self.assertEqual(lines[0], ("kaspa b", "1", "2,000", "20", "16", "15.5", "15", "1"))
        self.assertEqual([line[0] for line in lines], ["kaspa b", "kaspa: all lists"])

    def test_table(self) -> None:
        """A table is aligned; times keep three digits."""
        self.assertEqual(show(("a", "bcd"), [("ef", "1")]), "| a  | bcd |\n| -- | --: |\n| ef |   1 |")
        self.assertEqual([us(1.234e-6), us(0.5e-3), us(1.2e-2)], ["1.23", "500", "12,000"])


class CrowdTests(SynchronousTestCase):
    """Many peers of one process."""

    def test_few(self) -> None:
        """All figures come out, of whatever many peers."""
        found = crowd.sample(3)
        self.assertEqual(set(found), set(crowd.GOALS))
        self.assertTrue(all(value >= 0 for value in found.values()), found)
        self.assertEqual(len(crowd.table([found]).splitlines()), 2 + len(crowd.GOALS))


class SoakTests(SynchronousTestCase):
    """A node whose peers come and go."""

    def test_some(self) -> None:
        """After some seconds of churn nothing is left of who has gone, and nothing of the node that has stopped."""
        with TemporaryDirectory() as folder, soak.Soak(Path(folder), peers=50, churn=50.0, trace=1) as soaked:
            found = {row.name: row for row in soaked.run(2.0)}
        self.assertGreater(found["peers ready"].found, 100)
        self.assertGreater(found["peers evicted"].found + found["peers refused"].found, 10)
        timed = [name for name in found if name.startswith(("ms", "s,"))]
        self.assertEqual([row for name, row in found.items() if row.is_missed and name not in timed], [])
        self.assertTrue(all(found[name].found > 0 for name in timed))
        self.assertEqual(found["peers in memory, stopped"].before, 0)
        self.assertGreater(found[soak.TRACED].after or 0, 1)
        self.assertIn("peerproto", "\n".join(soaked.grown))

    def test_verdict(self) -> None:
        """What is above its limit is marked as missed; what has none cannot be."""
        rows = [
            soak.Row("timers", 2, 1, 3, 5),
            soak.Row("seconds", 0.25, 2.0),
            soak.Row("peers", 1234),
        ]
        self.assertEqual([row.is_missed for row in rows], [True, False, False])
        lines = [line.split("|")[1:-1] for line in soak.table(rows).splitlines()[2:]]
        self.assertEqual(
            [[cell.strip() for cell in line] for line in lines], [list(row.cells()) for row in rows]
        )
        self.assertEqual(rows[0].cells(), ("timers", "3", "5", "2", "1 MISSED"))
        self.assertEqual(rows[2].cells(), ("peers", "-", "-", "1,234", "-"))

    def test_open_files(self) -> None:
        """As many files may be open as the system allows; if these are too few that is one line."""
        given: list[tuple[int, int]] = []
        self.patch(resource, "setrlimit", lambda _, limits: given.append(limits))
        for hard in (1100, resource.RLIM_INFINITY):
            self.patch(resource, "getrlimit", lambda _, hard=hard: (256, hard))
            soak.raise_limit(1100)
        self.assertEqual(given, [(1100, 1100), (resource.RLIM_INFINITY, resource.RLIM_INFINITY)])
        self.patch(resource, "getrlimit", lambda _: (256, 1024))
        ended = self.assertRaises(SystemExit, soak.raise_limit, 1100)
        self.assertEqual(
            ended.code,
            "soak: 1100 open files are needed and 1024 allowed: raise `ulimit -Hn`, or take fewer --peers",
        )


class HeadersTests(SynchronousTestCase):
    """Headers, checked and stored."""

    def test_few(self) -> None:
        """Each case has a line, of whatever many headers, and a last line says what is to be reached."""
        lines = headers.table(scale=0.0021, rounds=1).splitlines()
        cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
        self.assertEqual(
            [line[0] for line in cells[2:]], [*(case.name for case in headers.CASES), "to reach"]
        )
        self.assertEqual([line[1] for line in cells[2:6]], ["2,100", "2,100", "21", "21"])
        self.assertEqual([bool(line[4]) for line in cells[2:6]], [False, False, True, True])


class ImportsTests(SynchronousTestCase):
    """What it costs to name a network."""

    def test_table(self) -> None:
        """A line for each family, and one for all."""
        lines = imports.table(1).splitlines()
        self.assertEqual([line.split()[1] for line in lines[2:]], [*imports.families(), "all"])
