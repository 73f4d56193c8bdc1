"""Tests of the documentation: what it says is so, what it shows runs. Sphinx is not needed.

The pages themselves are built by ``make docs``, which takes every warning for an error.
"""

from __future__ import annotations

import doctest
import inspect
import io
import re
import shlex
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

import peerproto
from peerproto import PeerError, PeerFactory, cli, errors, networks
from peerproto.cli import COMMANDS
from peerproto.errors import Reason
from peerproto.networks.bitcoin import Version
from peerproto.node.blockstore import IBlockStore
from peerproto.peer.listener import IPeerListener
from peerproto.tap import Options
from peerproto.testing import Pair
from tests.commands import run

_COMMON = """String ID NA Addr Inbound Services UserAgent LastPingNonce LastPingTime LastPingMicros VersionKnown
VerAckReceived ProtocolVersion LastSend LastRecv BytesSent BytesReceived TimeConnected TimeOffset PushAddrMsg
PushRejectMsg QueueMessage QueueInventory AddKnownInventory StatsSnapshot Connected Disconnect AssociateConnection
WaitForDisconnect """
_CHAIN = (
    _COMMON
    + """LocalAddr StartingHeight WantsHeaders LastAnnouncedBlock UpdateLastAnnouncedBlock IsWitnessEnabled
PushGetBlocksMsg PushGetHeadersMsg QueueMessageWithEncoding """
)
GO_METHODS = {
    "btcd": _CHAIN + "UpdateLastBlockHeight LastBlock WantsAddrV2 PushAddrV2Msg Done ShouldDowngradeToV1",
    "dcrd": """
        String UpdateLastBlockHeight AddKnownInventory IsKnownInventory StatsSnapshot ID Addr Inbound
        Services UserAgent LastPingNonce LastPingTime LastPingMicros ProtocolVersion LastBlock LastSend
        LastRecv LocalAddr BytesSent BytesReceived TimeConnected TimeOffset StartingHeight WantsHeaders
        PushAddrMsg PushAddrV2Msg PushGetHeadersMsg QueueMessage QueueInventory QueueInventoryImmediate
        Connected Disconnect Handshake Run WaitForDisconnect
    """,
    "soterd": _CHAIN + "UpdateMaxBlockHeight MaxBlockHeight PushAddrCacheMsg",
    "kaspad": _COMMON
    + """WasBlockLocatorRequested SetWasBlockLocatorRequested SubnetworkID SelectedTipHash
        SetSelectedTipHash IsSelectedTipKnown AddBanScore AddBanScoreAndPushRejectMsg PushGetBlockLocatorMsg
        PushGetBlockInvsMsg PushBlockLocatorMsg""",
    "neo-go": """Write Read Disconnect Port CreatedAt Height CanRelay LocalAddr RemoteAddr Services Inbound
        IsVerackReceived NotifyDisconnect PingLoop Run StartProtocol ReadLoop WriteLoop RequestHeaders RequestBlocks""",
}
"""The public methods of Peer in each reference, at the commits that the rows of their tests are of."""
GO_STATISTICS = """ID Addr Services LastSend LastRecv BytesSent BytesRecv ConnTime TimeOffset Version UserAgent Inbound
StartingHeight LastBlock LastPingNonce LastPingTime LastPingMicros SelectedTipHash"""

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(page for page in DOCS.rglob("*.rst") if "_build" not in page.parts)

with patch.object(sys, "path", [str(DOCS), *sys.path]):
    import calls
    import configs
    import parts
    import sidebyside
    import tables
    import tried
    import ways


class PageTests(SynchronousTestCase):
    """What stands in the pages."""

    def test_interactive_examples(self) -> None:
        """What is shown at a prompt gives what is shown below it."""
        tried = 0
        for page in PAGES:
            found = doctest.DocTestParser().get_doctest(page.read_text("utf-8"), {}, page.name, str(page), 0)
            out = io.StringIO()
            result = doctest.DocTestRunner(verbose=False).run(found, out=out.write)
            self.assertEqual(result.failed, 0, out.getvalue())
            tried += result.attempted
        self.assertGreater(tried, 80)

    def test_no_other_python(self) -> None:
        """Python stands in the pages only where it is run: at a prompt, or as an example's file."""
        for page in PAGES:
            self.assertNotIn("code-block:: py", page.read_text("utf-8"), page)

    def test_included_files(self) -> None:
        """Files that are included are there, and so are the lines where what is shown of them begins and ends."""
        pattern = re.compile(r"\.\. literalinclude:: (\S+)\n((?:   :.*\n)*)")
        for page in PAGES:
            for name, options in pattern.findall(page.read_text("utf-8")):
                text = (page.parent / name).read_text("utf-8")
                for marker in re.findall(r":(?:start-at|end-before): (.*)", options):
                    self.assertIn(marker, text, page)

    def test_examples_are_told_of(self) -> None:
        """Every example is named where people begin."""
        start = (DOCS / "start.rst").read_text("utf-8")
        for path in (ROOT / "examples").glob("*.py"):
            self.assertIn(f"examples/{path.name}", start)


def prompts(text: str) -> Iterator[tuple[str, str]]:
    """The commands behind a dollar sign, and what is shown below each."""
    text = re.sub(r"\\\n\s*", " ", text)
    for found in re.finditer(r"^( +)\$ (.*)\n((?:\1(?!\$ )\S.*\n)*)", text, re.MULTILINE):
        yield found[2], textwrap.dedent(found[3])


class CommandTests(SynchronousTestCase):
    """The command lines in the pages and in the README."""

    def test_can_be_typed(self) -> None:
        """Each command line is one that the programs understand."""
        seen = 0
        for page in [*PAGES, ROOT / "README.rst"]:
            for line, _ in prompts(page.read_text("utf-8")):
                for stage in line.split(" | "):
                    words = shlex.split(stage.partition(" <")[0])
                    seen += self.understand(words, f"{page.name}: {line}")
        self.assertGreater(seen, 15)

    def understand(self, words: list[str], where: str) -> bool:
        """Whether it is one of our programs, whose options must be right then."""
        if words[0] == "peerproto":
            try:
                cli.parse(words[1:])
            except SystemExit as stop:
                self.assertEqual(stop.code, 0, where)
        elif words[0] == "twistd":
            Options().parseOptions(words[words.index("peernode") + 1 :])
        elif words[0] == "python":
            self.assertTrue((ROOT / words[1]).is_file(), where)
        else:
            return False
        return True

    def test_files_of_options(self) -> None:
        """Each file of options that is shown is one that the node takes."""
        pattern = re.compile(r"^\.\. code-block:: toml\n\n((?:   .*\n|\n)+)", re.MULTILINE)
        texts = [text for page in PAGES for text in pattern.findall(page.read_text("utf-8"))]
        self.assertGreater(len(texts), 0)
        for text in texts:
            with TemporaryDirectory() as folder:
                path = Path(folder, "node.toml")
                path.write_text(textwrap.dedent(text))
                Options().parseOptions(["--config", str(path)])

    def test_prints_what_is_shown(self) -> None:
        """What stands below a command line is what it prints."""
        shown = 0
        for page in [*PAGES, ROOT / "README.rst"]:
            for line, below in prompts(page.read_text("utf-8")):
                if below:
                    shown += 1
                    first, second = map(shlex.split, line.split(" | "))
                    self.assertEqual((first[0], second[0]), ("echo", "peerproto"))
                    ran = run(second[1:], f"{first[1]}\n".encode())
                    self.assertEqual(ran.out.decode(), below, line)
        self.assertGreater(shown, 4)


class PartTests(SynchronousTestCase):
    """The parts that are made from the code."""

    def used(self) -> list[list[str]]:
        """Which parts the pages use, with their arguments."""
        pattern = re.compile(r"^\.\. from-code:: (.*)$", re.MULTILINE)
        return [words.split() for page in PAGES for words in pattern.findall(page.read_text("utf-8"))]

    def test_used(self) -> None:
        """The pages ask only for parts that there are, and for every one of them."""
        names = {name for name, *_ in self.used()}
        self.assertEqual(names, set(parts.PARTS))
        tables_used = [name for part, *rest in self.used() if part == "ways" for name in rest]
        self.assertEqual(tables_used, list(sidebyside.TABLES))
        for name, *arguments in self.used():
            self.assertGreater(len(parts.PARTS[name](*arguments)), 50)

    def test_reasons(self) -> None:
        """Every reason has a sentence, and an error that carries it."""
        self.assertEqual(list(parts.REASONS), list(Reason))
        for reason, sentence in parts.REASONS.items():
            self.assertTrue(sentence.endswith("."), reason)
            self.assertIn(":exc:", parts.classes_of(reason), reason)

    def test_errors(self) -> None:
        """Every error of a peer stands in the table of reasons or below it."""
        text = parts.reason_table() + (DOCS / "reasons.rst").read_text("utf-8")
        for name in errors.__all__:
            if issubclass(getattr(errors, name), PeerError):
                self.assertIn(f"errors.{name}`", text)

    def test_options(self) -> None:
        """Every option of the node is in the table."""
        names = set(re.findall(r"--([\w-]+)", str(Options())))
        self.assertLess({"network", "connect", "config"}, names)
        for name in names:
            self.assertIn(f"--{name}``", parts.option_table())

    def test_configs(self) -> None:
        """Each field of the references' configurations has keywords and, if it has one, an option that there are."""
        keywords = inspect.signature(PeerFactory).parameters
        options = {name.rstrip("=") for name in Options().longOpt}
        for field in configs.FIELDS:
            self.assertEqual(set(field.keywords) - set(keywords), set())
            self.assertIn(field.option, options | {""})
        common = "HostToNetAddress Proxy UserAgentName UserAgentVersion UserAgentComments Services ProtocolVersion "
        common += "DisableRelayTx Listeners "
        for reference, names in {
            "btcd": f"{common} NewestBlock ChainParams TrickleInterval AllowSelfConns DisableStallHandler",
            "dcrd": f"{common} NewestBlock Net IdleTimeout",
            "soterd": f"{common} NewestBlock ChainParams TrickleInterval",
            "kaspad": f"{common} SelectedTipHash IsInDAG AddBanScore DAGParams SubnetworkID",
            "neo-go": "Net UserAgent Services Nonce ProtocolVer Relay Port StartHeight OnHeader~...",
        }.items():
            theirs = {configs.name_of(field, reference) for field in configs.FIELDS} - {None}
            self.assertEqual(theirs, {name.replace("~", " ") for name in names.split()}, reference)

    def test_calls(self) -> None:
        """Each method of the references' peers stands in the table once; what is ours a ready peer has."""
        pair = Pair(networks.named("kaspa-simnet"))
        pair.deliver()
        theirs = [name for call in calls.CALLS for name in call.theirs]
        self.assertEqual(
            sorted(theirs), sorted({name for names in GO_METHODS.values() for name in names.split()})
        )
        for name in (name for call in calls.CALLS for name in call.ours):
            getattr(pair.outbound, name)
        snapshot = asdict(pair.outbound.snapshot())
        self.assertLess(set(calls.STATISTICS.values()), set(snapshot))
        self.assertEqual(set(calls.STATISTICS), set(GO_STATISTICS.split()))
        pair.cut()

    def test_commands(self) -> None:
        """The help of every command is in its page."""
        text = parts.command_list()
        for command in COMMANDS:
            self.assertRegex(text, rf"peerproto {command}\b")

    def test_networks(self) -> None:
        """Every network is in the table, and of the forms every field."""
        for name in networks.names():
            self.assertIn(f"``{name}``", parts.network_table())
        self.assertIn("``least_protocol_version``", parts.form_table("Network"))

    def test_policies(self) -> None:
        """Of each row of the policies' table both sides are told, and they differ but for what is common to both."""
        rows = parts.policy_table("bitcoin-regtest").split("\n   * - ")[2:]
        self.assertGreater(len(rows), 10)
        same = [row for row in rows if len(set(row.split("\n     - ")[1:])) == 1]
        self.assertEqual(len(same), 1, same)

    def test_messages(self) -> None:
        """A message's table names each of its fields, in wire order, with its form."""
        text = tables.table_of(Version)
        places = [text.index(f"* - ``{name}``") for name in tables.field_names(Version)]
        self.assertEqual(places, sorted(places))
        self.assertIn("text of at most 256 bytes, may be missing at the end", text)
        self.assertEqual(tables.table_of(PeerError), "")

    def test_reference_is_complete(self) -> None:
        """Every module, and every name that `peerproto` offers, has its place in the reference."""
        packages = [words[1] for words in self.used() if words[0] == "modules"]
        documented = {name for package in packages for name in parts.modules_of(package)}
        missing = set(parts.modules_of("peerproto")) - documented
        self.assertEqual(missing, {"peerproto", "peerproto.errors"})
        page = (DOCS / "reference" / "peerproto.rst").read_text("utf-8")
        for name in (
            set(peerproto.__all__) - set(errors.__all__) - {"__version__", "networks", "IPeerListener"}
        ):
            self.assertRegex(page, rf"(?m):: {name}$")

    def test_interfaces(self) -> None:
        """What a user of the library implements has its place there, with all that it asks for."""
        text = "\n".join(
            parts.PARTS[name](*rest) for name, *rest in self.used() if name in ("modules", "interfaces")
        )
        for found in (IPeerListener, IBlockStore):
            self.assertEqual(text.count(f".. py:class:: {found.__name__}\n"), 1)
            for name in found:
                self.assertRegex(text, rf"\.\. py:(method|attribute):: {name}\b")
        self.assertIn("py:attribute:: most\n\n      How many of the newest blocks it keeps", text)


def rows_of(text: str) -> list[list[str]]:
    """The rows of a table in reStructuredText, each its cells."""
    rows: list[list[str]] = []
    for line in text.splitlines():
        if line.startswith("   * - "):
            rows.append([line[7:]])
        elif line.startswith("     - "):
            rows[-1].append(line[7:])
    return rows


class SideBySideTests(SynchronousTestCase):
    """The tables that show all networks side by side."""

    def columns(self, table: str) -> dict[str, dict[str, str]]:
        """Of each column the cells by the names of their rows."""
        (_, *heads), *rows = rows_of(sidebyside.ways_table(table))
        return {head: {row[0]: row[index] for row in rows} for index, head in enumerate(heads, 1)}

    def test_every_network(self) -> None:
        """Every network, with each of its policies, has its place in one column of every table."""
        families = {name.partition("-")[0]: name for name in networks.names()}
        wanted = {(family, policy) for family, name in families.items() for policy in networks.policies(name)}
        for table in sidebyside.TABLES:
            found = []
            for head in self.columns(table):
                told, _, policy = head.removesuffix(")").partition(" (")
                found += [(family, policy) for family in told.split(", ")]
            self.assertEqual(sorted(found), sorted(wanted), table)

    def test_alike(self) -> None:
        """Networks share a column only if nothing that is shown is different."""
        heads = [head for head, _ in ways.ways()]
        self.assertEqual(heads[:2], ["bitcoin, litecoin (btcd)", "bitcoin, litecoin (core)"])
        for name in networks.names():
            family = name.partition("-")[0]
            shown = next(network for head, network in ways.ways() if family in head)
            other = networks.named(name)
            for what in (*tried.EARLY, *tried.LATE):
                self.assertEqual(str(tried.tried(shown, what)), str(tried.tried(other, what)), (name, what))

    def test_handshake(self) -> None:
        """Who speaks first, in which order, and what verack is, are those that the networks are known for."""
        found = self.columns("handshake")
        self.assertEqual(
            {head for head, cells in found.items() if cells["speaks first"] == "both"}, {"neo (neo-cli)"}
        )
        bitcoin, neo = found["bitcoin, litecoin (btcd)"], found["neo (neo-cli)"]
        self.assertEqual(bitcoin["who is called says at once"], "none")
        self.assertEqual(
            bitcoin["who is called says on their version"],
            "``version``, ``wtxidrelay``, ``sendaddrv2``, ``verack``",
        )
        self.assertEqual(neo["who is called says at once"], "``version``")
        self.assertEqual(neo["who is called says on their version"], "``verack``")
        no_gate = {head for head, cells in found.items() if cells["their verack is a gate"] == "no"}
        self.assertEqual(no_gate, {"decred (dcrd1)", "soter (soterd)", "kaspa (kaspad)"})
        self.assertEqual(found["kaspa (kaspad)"]["a second version"], "goes on")
        self.assertEqual(found["soter (soterd)"]["a version of another chain"], "``wrong-network``")
        self.assertEqual(neo["a lower version than the least"], "\\ ")

    def test_frames(self) -> None:
        """What becomes of a frame in the table is what the network's policy says."""
        found = self.columns("frames")
        for head, network in ways.ways():
            passed = network.policy.tolerates
            for what, kind in (
                ("an unknown command", errors.UnknownCommand),
                ("a wrong checksum", errors.BadChecksum),
                ("a payload that cannot be read", errors.MalformedMessage),
                ("another network's magic", errors.WrongNetwork),
            ):
                told = "goes on" if kind in passed else f"``{kind.reason}``"
                self.assertEqual(found[head][what], told, (head, what))
            trailing = "goes on" if network.policy.trailing else "``malformed``"
            self.assertEqual(found[head]["a byte behind the last field"], trailing, head)

    def test_rejects(self) -> None:
        """A reject is told of only where the network has one, with the versions that have it."""
        found = self.columns("rejects")
        versions = {head: cells["protocol versions with ``reject``"] for head, cells in found.items()}
        self.assertEqual(versions["bitcoin, litecoin (btcd)"], "70002 to 70016")
        self.assertEqual(versions["decred (dcrd1)"], "1 to 8")
        for head in ("bitcoin, litecoin (core)", "decred (dcrd)", "neo (neo-cli)"):
            self.assertEqual(set(found[head].values()), {"never", "\\ "})
        self.assertEqual(found["soter (soterd)"]["a version of another chain"], "``version`` 0x10")
        self.assertEqual(found["kaspa (kaspad)"]["a second version"], "``version`` 0x12")

    def test_held(self) -> None:
        """What is held against a peer is the data of each network, and nobody's offence is left out."""
        scores, bloom = map(self.columns, ("scores", "bloom"))
        for head, network in ways.ways():
            table = network.scoring
            told = {name: cell for name, cell in scores[head].items() if cell != "\\ "}
            self.assertEqual(len(told), len(table.offences) + len(table.unasked) + bool(table.costs), head)
            since = bloom[head]["ends a peer from version"]
            self.assertEqual(since, str(network.bloom.since) if network.bloom else "\\ ")
        self.assertEqual(scores["kaspa (kaspad)"]["``unrequested-tx``"], "20")
        self.assertEqual(scores["decred (dcrd)"]["``malformed``"], "at once")
        self.assertEqual(scores["decred (dcrd)"]["a missing tx that was not asked for"], "10, forgotten")
        self.assertIn("``mempool``", bloom["soter (soterd)"]["may come only if we offer them"])

    def test_numbers(self) -> None:
        """Times, what is owed, and how blocks are come by, are the data of each network."""
        timing, stall, sync, told = map(self.columns, ("timing", "stall", "sync", "inventory"))
        for head, network in ways.ways():
            self.assertEqual(timing[head]["idle: no complete message"], f"{network.timing.idle:g}")
            self.assertEqual(told[head]["vectors remembered of a peer"], f"{network.inventory.known:,}")
            owed = [cell for cell in stall[head].values() if cell != "\\ "]
            self.assertEqual(len(owed), len(network.expects))
            bold = [cell for cell in owed if cell.startswith("**")]
            self.assertEqual(len(bold), sum(kind.ends_peer for kind in network.expects.values()))
            chain = "a chain of headers" if network.header_sync else "a graph of blocks"
            self.assertEqual(sync[head]["nodes follow"], chain)
            self.assertNotEqual(sync[head]["asked for by"], "none")
        self.assertEqual(told["kaspa (kaspad)"]["rounds of announcements"], "each 0.1 s")
        self.assertEqual(told["decred (dcrd)"]["rounds of announcements"], "each 0.1 to 0.5 s")
        at_once = {head for head, cells in told.items() if cells["blocks are announced"] == "at once"}
        self.assertEqual(set(told) - at_once, {"decred (dcrd)", "decred (dcrd1)"})
