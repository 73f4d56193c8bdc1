"""Tests of the documentation: what it says is so, what it shows runs. Sphinx is not needed.

The pages themselves are built by ``make docs``, which takes every warning for an error.
"""

from __future__ import annotations

import doctest
import io
import re
import shlex
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

import peerproto
from peerproto import PeerError, cli, errors, networks
from peerproto.cli import COMMANDS
from peerproto.errors import Reason
from peerproto.networks.bitcoin import Version
from peerproto.tap import Options
from tests.commands import run

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(page for page in DOCS.rglob("*.rst") if "_build" not in page.parts)

with patch.object(sys, "path", [str(DOCS), *sys.path]):
    import parts
    import tables


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
