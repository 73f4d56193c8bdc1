"""Tests of what can be imported from where."""

from __future__ import annotations

import ast
from importlib import import_module
from types import ModuleType

from twisted.trial.unittest import SynchronousTestCase

import peerproto
from peerproto import errors
from peerproto.errors import Reason
from tests.test_layers import modules


def with_exports() -> list[ModuleType]:
    """The modules that say what they offer."""
    return [
        import_module(f"peerproto.{name}".removesuffix(".__init__"))
        for name, module in modules().items()
        if any(
            isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__" for node in module.body
        )
    ]


def defined_in(module: ModuleType) -> set[str]:
    """The public classes and functions that a module defines itself."""
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and getattr(value, "__module__", None) == module.__name__
        and getattr(value, "__name__", None) == name
    }


class ExportTests(SynchronousTestCase):
    """`__all__`."""

    def test_exist(self) -> None:
        """What a module says to offer is there, each once."""
        for module in with_exports():
            self.assertEqual(len(set(module.__all__)), len(module.__all__), module.__name__)
            for name in module.__all__:
                self.assertTrue(hasattr(module, name), f"{module.__name__} has no {name}")

    def test_all_is_offered(self) -> None:
        """Below the node, a module that says what it offers offers all public classes and functions of its own."""
        for module in with_exports():
            if not module.__name__.startswith(("peerproto.node", "peerproto.cli")):
                self.assertEqual(defined_in(module) - set(module.__all__), set(), module.__name__)

    def test_top(self) -> None:
        """All that a user needs first can be imported from the top, now or on first use."""
        self.assertTrue(
            {"connect", "listen", "networks", "PeerFactory", "PeerListener"} <= set(peerproto.__all__)
        )
        for name in peerproto.__all__:
            self.assertIsNotNone(getattr(peerproto, name))
        scope: dict[str, object] = {}
        exec("from peerproto import *", scope)
        self.assertLessEqual(set(peerproto.__all__), set(scope))

    def test_top_has_nothing_else(self) -> None:
        """A name that is not there is said to be missing in the words that Python uses."""
        with self.assertRaisesRegex(AttributeError, "^module 'peerproto' has no attribute 'peers'$"):
            _ = peerproto.peers  # type: ignore[attr-defined]


class ReasonTests(SynchronousTestCase):
    """The list of reasons is closed, and has nothing in it that nobody uses."""

    def test_each_is_used(self) -> None:
        """Each reason is that of a class of errors, or is given to one somewhere."""
        used = {ast.unparse(node) for module in modules().values() for node in ast.walk(module)}
        self.assertEqual([reason for reason in Reason if f"Reason.{reason.name}" not in used], [])

    def test_no_other(self) -> None:
        """Every error has a reason of the list, or is told one when it is made."""
        for name in errors.__all__:
            kind = getattr(errors, name)
            if issubclass(kind, errors.PeerError) and hasattr(kind, "reason"):
                self.assertIn(kind.reason, Reason)
