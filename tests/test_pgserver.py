"""Tests of URLs of PostgreSQL; the server itself is in tests/interop."""

from __future__ import annotations

import sys
from unittest.mock import patch
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.errors import LocalError
from peerproto.node.groups import Groups
from peerproto.node.pgserver import Server, is_url, shown
from peerproto.node.sharedbook import SharedBook
from peerproto.node.sharing import open_shared

URL = "postgresql://me:secret@db.example:5433/peers?sslmode=require&password=secret"


class UrlTests(SynchronousTestCase):
    """What is a URL, and what is shown of it."""

    def test_which(self) -> None:
        """Files are none; other kinds of URL are told."""
        self.assertEqual(
            [is_url(URL), is_url("postgres:///peers"), is_url("a/b.sqlite")], [True, True, False]
        )
        with self.assertRaisesRegex(
            LocalError, "^mysql:// is no book: a file or postgresql://USER@HOST/DATABASE "
        ):
            is_url("mysql://me:secret@db.example/peers")

    def test_shown(self) -> None:
        """All but what nobody should see."""
        self.assertEqual(shown(URL), "postgresql://me@db.example:5433/peers")
        self.assertEqual(shown("postgresql:///peers"), "postgresql:///peers")
        self.assertEqual(shown("postgresql://[::1]/p\n"), "postgresql://[::1]/p")
        with self.assertRaisesRegex(
            LocalError, "^the URL of the book is none: [^:]*://USER@HOST/DATABASE is allowed$"
        ):
            shown("postgresql://me:secret@[::1/peers")
        for sign in "@/?#":
            with self.assertRaisesRegex(
                LocalError, "^the URL of the book: @ / . # in a name or password are "
            ):
                shown(f"postgresql://me:se{sign}cret@db.example/peers")
        self.assertEqual(
            shown("postgresql://me:se%40cret@db.example/peers"), "postgresql://me@db.example/peers"
        )

    @given(st.text(min_size=1))
    def test_no_password(self, password: str) -> None:
        """Whatever it is, it is not shown, nor the words for a URL that is none."""
        for url in (f"postgresql://u:{password}@h/d", f"postgresql://u:{quote(password, safe='')}@h/d"):
            try:
                self.assertEqual(shown(url), "postgresql://u@h/d")
            except LocalError as error:
                self.assertRegex(str(error), "^the URL of the book(:| is none:) .*(%23|is allowed)$")

    def test_without_psycopg(self) -> None:
        """It is told in one line what is to be installed."""
        with patch.dict(sys.modules, {"psycopg": None}), self.assertRaises(LocalError) as caught:
            open_shared(URL, networks.named("bitcoin-mainnet"), SharedBook(Groups(), lease=9), 3)
        text = "postgresql://me@db.example:5433/peers: needs the package psycopg: pip install 'peerproto[postgres]'"
        self.assertEqual(str(caught.exception), text)

    def test_nothing_to_let_go_of(self) -> None:
        """Who was never connected can be cut and closed."""
        server = Server(URL, lambda db: None)
        server.cut()
        server.close()
        self.assertEqual(server.name, "postgresql://me@db.example:5433/peers")
