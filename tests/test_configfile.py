"""Options in a TOML file."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import LocalError
from peerproto.node.configfile import read_config

OPTIONS = {"network": "text", "connect": "list", "grace": "seconds", "demo": "flag"}


class ReadingTests(SynchronousTestCase):
    """What a file says, or what is wrong with it."""

    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "node.toml")

    def read(self, text: str | bytes) -> dict[str, object]:
        """What a file of this text says."""
        Path(self.path).write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_config(self.path, OPTIONS)

    def fault(self, text: str | bytes) -> str:
        """What is wrong with a file of this text, behind its name."""
        line = str(self.assertRaises(LocalError, self.read, text))
        self.assertEqual(len(line.splitlines()), 1)
        self.assertTrue(line.startswith(f"{self.path}: "), line)
        return line.removeprefix(f"{self.path}: ")

    def test_right(self) -> None:
        """Each option may be given, with a value of its type."""
        text = 'network = "x"\nconnect = ["a", "b"]\ngrace = 2\ndemo = true\n'
        self.assertEqual(self.read(text), {"network": "x", "connect": ["a", "b"], "grace": 2, "demo": True})
        self.assertEqual(self.read("grace = 0.5"), {"grace": 0.5})
        self.assertEqual(self.read(""), {})

    def test_unknown(self) -> None:
        """Another key is named with the nearest right one, or with all of them; a table is another key."""
        self.assertEqual(self.fault("conect = []"), "there is no option 'conect': did you mean 'connect'?")
        self.assertEqual(
            self.fault("xyz = 1"), "there is no option 'xyz': choose from network, connect, grace, demo"
        )
        self.assertIn("there is no option 'node'", self.fault("[node]\ngrace = 1"))

    def test_wrong_type(self) -> None:
        """A value of another type is shown with what is asked."""
        self.assertEqual(self.fault("network = 1"), "network is 1, a string is asked")
        self.assertEqual(self.fault('connect = "a"'), "connect is 'a', a list of strings is asked")
        self.assertEqual(self.fault("connect = [1]"), "connect is [1], a list of strings is asked")
        self.assertEqual(self.fault('grace = "1"'), "grace is '1', a number of seconds is asked")
        self.assertEqual(self.fault("grace = true"), "grace is True, a number of seconds is asked")
        self.assertEqual(self.fault('demo = "yes"'), "demo is 'yes', true or false is asked")

    def test_no_file(self) -> None:
        """A file that is not there, and a folder, are told in the system's words."""
        gone = os.path.join(self.path, "gone")
        error = self.assertRaises(LocalError, read_config, self.path, OPTIONS)
        self.assertEqual(str(error), f"{self.path}: No such file or directory")
        os.mkdir(self.path)
        self.assertIn("Is a directory", str(self.assertRaises(LocalError, read_config, self.path, OPTIONS)))
        self.assertIn("No such file", str(self.assertRaises(LocalError, read_config, gone, OPTIONS)))

    def test_no_toml(self) -> None:
        """What is no TOML says where; what is no text either is no TOML."""
        self.assertTrue(self.fault("grace = ").startswith("not TOML: Invalid value"))
        self.assertIn("line 3", self.fault('network = "x"\ngrace = [\n]]'))
        self.assertIn("not TOML", self.fault(b"\xff\xfe"))
