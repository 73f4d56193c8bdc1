"""Tests of how the house is built: who may know whom."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import peerproto
from peerproto import networks

ROOT = Path(peerproto.__file__).parent
FLOORS = (
    ("errors", "text"),
    ("wire",),
    ("chain",),
    ("forms",),
    ("network",),
    ("networks",),
    ("peer",),
    ("testing", "node"),
    ("tap",),
    ("cli",),
    ("__main__",),
)
"""From the ground up: each may import itself and what is below it. The package's own `__init__` is the roof."""

WITHOUT_TWISTED = ("errors", "text", "wire", "chain", "forms", "network", "networks")
LOWER_FLOORS = (
    "import peerproto.wire.reader, peerproto.chain.difficulty, peerproto; peerproto.networks.names()"
)


@cache
def modules() -> dict[str, ast.Module]:
    """Each module of the package by its dotted name inside it."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts)] = ast.parse(path.read_text(), str(path))
    return found


def imported(module: ast.AST) -> Iterator[str]:
    """What a module imports anywhere in it, by full name."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def floor_of(name: str) -> int:
    """The floor of a module of the package by the first part of its name."""
    first = name.split(".")[0]
    return next(number for number, floor in enumerate(FLOORS) if first in floor)


def texts(node: ast.AST) -> Iterator[str]:
    """The text constants in an expression."""
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


class LayerTests(SynchronousTestCase):
    """Imports."""

    def test_point_down_only(self) -> None:
        """A module imports nothing from a floor above its own."""
        for name, module in modules().items():
            if name == "__init__":
                continue
            for target in imported(module):
                package, _, inner = target.partition(".")
                if package == "peerproto" and inner != "__version__":
                    self.assertLessEqual(floor_of(inner), floor_of(name), f"{name} imports {target}")

    def test_peers_know_no_network(self) -> None:
        """How a peer behaves is written without any particular network in mind."""
        for name, module in modules().items():
            if name.startswith("peer.") or name == "testing":
                for target in imported(module):
                    self.assertFalse(target.startswith("peerproto.networks"), f"{name} imports {target}")

    def test_twisted(self) -> None:
        """Below the networks nothing imports Twisted; in them only a function may, to tell something to the log."""
        for name, module in modules().items():
            floor = name.split(".")[0]
            if floor in WITHOUT_TWISTED:
                inside = ast.Module(
                    [node for node in module.body if not isinstance(node, ast.FunctionDef)], []
                )
                for target in imported(inside if floor == "networks" else module):
                    self.assertFalse(target.startswith(("twisted", "zope")), f"{name} imports {target}")

    def test_twisted_is_not_loaded(self) -> None:
        """Who only decodes does not wait for Twisted."""
        code = f"{LOWER_FLOORS}; import sys; print([name for name in sys.modules if name.split('.')[0] == 'twisted'])"
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT.parent
        )
        self.assertEqual(done.stdout, "[]\n")

    def test_no_global_reactor(self) -> None:
        """No module imports the reactor while it is imported itself."""
        for name, module in modules().items():
            for node in module.body:
                if isinstance(node, ast.Import | ast.ImportFrom):
                    self.assertNotIn("twisted.internet.reactor", list(imported(node)), name)


class NameTests(SynchronousTestCase):
    """Networks are told apart by their data, not by their names."""

    def test_nobody_asks_for_a_network_by_name(self) -> None:
        """Outside the networks themselves no condition depends on the name of one."""
        families = {name.partition("-")[0] for name in networks.names()}
        for name, module in modules().items():
            if name.startswith("networks."):
                continue
            for node in ast.walk(module):
                if isinstance(node, ast.Compare | ast.MatchValue) or (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and node.func.attr in ("startswith", "endswith", "removeprefix")
                ):
                    for text in texts(node):
                        self.assertNotIn(text.partition("-")[0], families, f"{name}, line {node.lineno}")

    def test_floors_are_all(self) -> None:
        """Each module stands on a floor."""
        for name in modules():
            if name != "__init__":
                floor_of(name)
