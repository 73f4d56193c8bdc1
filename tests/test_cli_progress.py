"""Progress on a terminal and elsewhere."""

from __future__ import annotations

import io
import os
import sys
from unittest.mock import patch

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from peerproto.cli.progress import PAUSE, RichBar, progress_bar
from peerproto.node.report import ProgressLine


class Terminal(io.StringIO):
    """Something that says it is a terminal."""

    def isatty(self) -> bool:
        """See io."""
        return True


class ProgressTests(SynchronousTestCase):
    """What is shown where."""

    def setUp(self) -> None:
        terminal = patch.dict(os.environ, {"TERM": "xterm-256color", "COLUMNS": "100"})
        terminal.start()
        self.addCleanup(terminal.stop)

    def test_elsewhere(self) -> None:
        """Where no terminal is there are plain lines, now and then."""
        out = io.StringIO()
        with progress_bar(out) as bar:
            for count in (500, 1000, 1500):
                bar.show(count, 1500)
        lines = "headers 1,000 of 1,500 (66 %)\nheaders 1,500 of 1,500 (100 %)\n"
        self.assertEqual(out.getvalue(), lines)

    def test_terminal(self) -> None:
        """On a terminal rich draws a bar, which stays as it was at the end."""
        out = Terminal()
        with progress_bar(out) as bar:
            self.assertIsInstance(bar, RichBar)
            bar.show(500, 2000)
            bar.show(700, 2000)
        shown = out.getvalue()
        self.assertIn("500/2000", shown)
        self.assertIn("━", shown)
        self.assertIn("700/2000", shown.rpartition("headers")[2])
        self.assertTrue(shown.endswith("\n") or "\x1b[?25h" in shown)

    def test_error(self) -> None:
        """An error in between leaves the bar in good order: the cursor is shown again."""
        out = Terminal()

        def fail() -> None:
            with progress_bar(out) as bar:
                bar.show(1, 2)
                raise ZeroDivisionError

        self.assertRaises(ZeroDivisionError, fail)
        self.assertIn("\x1b[?25h", out.getvalue())

    def test_without_rich(self) -> None:
        """Without rich a line is written over."""
        without = patch.dict(sys.modules, {"rich.console": None, "rich.progress": None})
        without.start()
        self.addCleanup(without.stop)
        out = Terminal()
        with progress_bar(out) as bar:
            self.assertIsInstance(bar, ProgressLine)
            bar.show(500, 2000)
        self.assertEqual(out.getvalue(), "\rheaders 500 of 2,000 (25 %)\x1b[K\n")

    def test_not_drawn_too_often(self) -> None:
        """The bar is drawn ten times a second at most, and a total below the count is not believed."""
        out, clock = Terminal(), Clock()
        bar = RichBar(out, clock=clock.seconds)
        for count in range(1000):
            bar.show(count, 10)
        self.assertEqual(out.getvalue().count("headers"), 1 + 1)
        clock.advance(PAUSE)
        bar.show(1000, 10)
        self.assertIn("1000/1000", out.getvalue())
        bar.end()
