"""Tests of text from the network, as it is shown."""

from __future__ import annotations

import unittest

from hypothesis import given
from hypothesis import strategies as st

from peerproto.text import printable, some_of, writable


class PrintableTests(unittest.TestCase):
    """Whatever a peer says of itself does no harm where it is shown."""

    def test_plain(self) -> None:
        """Printable ASCII is shown as it is."""
        for text in ("", "/peerproto:0.1.0(a b; c)/", "".join(map(chr, range(32, 92)))):
            self.assertEqual(printable(text), text)

    def test_escaped(self) -> None:
        """Escape codes, line ends, right-to-left marks, bytes that are no text, and the backslash itself."""
        for text, shown in (
            ("\x1b[2J", "\\x1b[2J"),
            ("a\r\nb\tc\0", "a\\r\\nb\\tc\\x00"),
            ("\u202egnp.exe", "\\u202egnp.exe"),
            ("\udcff", "\\udcff"),
            ("é\U0001f600", "\\xe9\\U0001f600"),
            ("\\n", "\\\\n"),
            ("\x7f", "\\x7f"),
        ):
            self.assertEqual(printable(text), shown)

    @given(st.text() | st.binary().map(lambda raw: raw.decode("utf-8", "surrogateescape")))
    def test_anything(self, text: str) -> None:
        """Whatever it is, it is one line of printable ASCII, from which it can be told again."""
        shown = printable(text)
        self.assertTrue(shown.isascii())
        self.assertTrue(shown.isprintable())
        self.assertEqual(shown.encode().decode("unicode_escape"), text)


class WritableTests(unittest.TestCase):
    """What our own side says can stand in any file."""

    def test_surrogates(self) -> None:
        """Only what UTF-8 cannot hold is escaped."""
        self.assertEqual(writable("a\\ \u00e9 \udcff"), "a\\ \u00e9 \\udcff")


class SomeTests(unittest.TestCase):
    """Many names in one line."""

    def test_few(self) -> None:
        """A few are named, of more how many they are."""
        shown = [some_of(["a", "b", "c", "d"][:count]) for count in range(5)]
        self.assertEqual(shown, ["", "a", "a, b", "a, b, c", "a, b, c and 1 more"])
        self.assertEqual(some_of(["x"] * 75_000, 1), "x and 74,999 more")
