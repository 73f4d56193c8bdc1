"""Tests of what all commands have in common: options, exit codes, start-up."""

from __future__ import annotations

import os
import sys
from runpy import run_module
from types import ModuleType
from typing import Any
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

import peerproto
from peerproto import cli
from tests.commands import Ran, python, run

REGTEST = ["--network", "bitcoin-regtest"]


class MistakeTests(SynchronousTestCase):
    """A wrong option is one line that names it and the nearest right one; nothing is done."""

    def mistaken(self, *argv: str) -> str:
        ran = run(argv)
        self.assertEqual((ran.code, ran.out, ran.err.count("\n")), (2, b"", 1), ran.err)
        return ran.err.removesuffix("\n")

    def test_mistakes(self) -> None:
        """Each mistake in its own words."""
        for argv, line in (
            (["decoed"], "peerproto: no command is named 'decoed': did you mean 'decode'?"),
            (["--verison"], "peerproto: there is no option '--verison': did you mean '--version'?"),
            (["decode"], "peerproto decode: the following arguments are required: --network"),
            (["decode", "--network"], "peerproto decode: --network: expected one argument"),
            (["decode", "--network", "bitcoin-mainet"], "peerproto decode: --network: no network is named "
             "'bitcoin-mainet': did you mean 'bitcoin-mainnet'?"),
            (["encode", *REGTEST, "--encoding", "bse"], "peerproto encode: --encoding: there is no 'bse': did you "
             "mean 'base'?"),
            (["decode", *REGTEST, "--policy", "x"], "peerproto decode: bitcoin-regtest has no policy 'x': btcd, core "
             "are there"),
            (["decode", *REGTEST, "--pver", "0x1"], "peerproto decode: --pver: '0x1' is no protocol version: 1 to "
             "2147483647 are allowed"),
            (["decode", *REGTEST, "--pver", "2147483648"], "peerproto decode: --pver: '2147483648' is no protocol "
             "version: 1 to 2147483647 are allowed"),
            (["decode", *REGTEST, "--encodng=base"], "peerproto decode: there is no option '--encodng': did you mean "
             "'--encoding'?"),
            (["decode", "--net", "bitcoin-regtest", *REGTEST], "peerproto decode: there is no option '--net': did you "
             "mean '--network'?"),
            (["decode", *REGTEST, "a", "b"], "peerproto decode: 'b' is one argument too many"),
            (["handshake", "x", *REGTEST, "--timeout", "0"], "peerproto handshake: --timeout: '0' is no time: a "
             "number of seconds above 0, at most 86400"),
            (["handshake", "x", *REGTEST, "--timeout", "soon"], "peerproto handshake: --timeout: 'soon' is no time: "
             "a number of seconds above 0, at most 86400"),
        ):  # fmt: skip
            self.assertEqual(self.mistaken(*argv), line)

    def test_nothing(self) -> None:
        """Without a command the help is shown, on standard error."""
        ran = run([])
        self.assertEqual((ran.code, ran.out), (2, b""))
        for command in cli.COMMANDS:
            self.assertIn(command, ran.err)


class HelpTests(SynchronousTestCase):
    """What a user can ask for."""

    def test_help(self) -> None:
        """Every command explains its options, with defaults, in lines that fit a terminal."""
        for command in cli.COMMANDS:
            with patch.dict(os.environ, {"COLUMNS": "80"}):
                ran = run([command, "--help"])
            self.assertEqual((ran.code, ran.err), (0, ""))
            text = ran.out.decode()
            self.assertIn("--", text)
            self.assertNotIn("default: None", text)
            self.assertLess(max(map(len, text.splitlines())), 81)

    def test_version(self) -> None:
        """The version is the package's."""
        self.assertEqual(run(["--version"]), (0, f"peerproto {peerproto.__version__}\n".encode(), ""))

    def test_module(self) -> None:
        """`python -m peerproto` is the same."""
        self.assertEqual(
            python("-m", "peerproto", "--version").stdout, f"peerproto {peerproto.__version__}\n"
        )

    def test_module_here(self) -> None:
        """... with its exit code."""
        with (
            patch.object(sys, "argv", ["peerproto", "networks"]),
            patch("peerproto.cli.main", return_value=7),
        ):
            stop = self.assertRaises(SystemExit, run_module, "peerproto", run_name="__main__")
        self.assertEqual(stop.code, 7)

    def test_own_arguments(self) -> None:
        """Without arguments the process's own are taken."""
        with patch.object(sys, "argv", ["peerproto", "--version"]):
            self.assertEqual(run_none().code, 0)


def run_none() -> Ran:
    """Run with the process's own arguments."""
    return run(None)  # type: ignore[arg-type]


class EndTests(SynchronousTestCase):
    """How a command ends that does not end well."""

    def end(self, error: BaseException) -> Ran:
        def fail(options: Any) -> int:
            raise error

        with patch("peerproto.cli.networks.run", fail):
            return run(["networks"])

    def test_interrupted(self) -> None:
        """Ctrl-C is quiet."""
        self.assertEqual(self.end(KeyboardInterrupt()), (130, b"", ""))

    def test_broken_pipe(self) -> None:
        """So is an output that nobody reads."""
        self.assertEqual(self.end(BrokenPipeError()), (141, b"", ""))

    def test_error(self) -> None:
        """What is wrong with the system is one line."""
        self.assertEqual(
            self.end(OSError(5, "Input/output error")).err, "peerproto networks: Input/output error\n"
        )
        self.assertEqual(self.end(OSError("just so")).err, "peerproto networks: just so\n")

    def test_bug(self) -> None:
        """A bug of ours is not hidden."""
        self.assertRaises(ZeroDivisionError, self.end, ZeroDivisionError())


class StartUpTests(SynchronousTestCase):
    """What is imported for what."""

    def imported(self, *argv: str) -> list[str]:
        code = f"import sys; from peerproto.cli import main; main({argv!r}); print(*sys.modules)"
        return python("-c", code).stdout.split()

    def test_decode_without_twisted(self) -> None:
        """Decoding and encoding wait for no Twisted."""
        for argv in (["decode", *REGTEST, "/dev/null"], ["encode", *REGTEST, "/dev/null"], ["networks"]):
            found = self.imported(*argv)
            self.assertIn("peerproto.networks.bitcoin", found)
            self.assertEqual(
                [name for name in found if name.startswith(("twisted", "zope", "peerproto.peer"))], []
            )

    def test_names_on_demand(self) -> None:
        """The package's names are there when they are asked for, each the thing itself."""
        for name in peerproto.__all__:
            self.assertIsNotNone(getattr(peerproto, name))
        from peerproto.peer.factory import PeerFactory

        self.assertIs(peerproto.PeerFactory, PeerFactory)
        self.assertIsInstance(peerproto.networks, ModuleType)
        with self.assertRaises(AttributeError):
            peerproto.Peerfactory  # type: ignore[attr-defined]  # noqa: B018
