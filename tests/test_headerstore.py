"""Tests of the headers on disk."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from peerproto.chain.rules import ChainRules, display, sha256d
from peerproto.errors import StoreError
from peerproto.networks.bitcoin import chains
from peerproto.node import headerstore
from peerproto.node.headerstore import HeaderStore, StoredHeader
from peerproto.node.mining import mine

REGTEST = chains.REGTEST


class HeaderStoreTests(SynchronousTestCase):
    """Each test has a file of its own."""

    def setUp(self) -> None:
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.path = os.path.join(self.folder, "headers.sqlite")

    def opened(self, path: str | None = None, rules: ChainRules = REGTEST) -> HeaderStore:
        store = HeaderStore(path or self.path, rules)
        self.addCleanup(store.close)
        return store

    def branch(
        self, store: HeaderStore, parent: StoredHeader, count: int, salt: bytes = b""
    ) -> list[StoredHeader]:
        """Headers to be stored after one."""
        made = []
        raws = mine(REGTEST, count, start=parent.raw, height=parent.height, salt=salt)
        for row, raw in enumerate(raws, store.rows):
            parent = StoredHeader(row, parent.row, parent.height + 1, parent.work + 2, sha256d(raw), raw)
            made.append(parent)
        return made

    def test_fresh(self) -> None:
        """A fresh store has the genesis header."""
        store = self.opened()
        genesis = StoredHeader(0, -1, 0, 2, REGTEST.genesis_hash, REGTEST.genesis)
        self.assertEqual((store.path, store.tip, store.rows), (self.path, genesis, 1))
        self.assertEqual(store.find(REGTEST.genesis_hash), genesis)

    def test_append(self) -> None:
        """What is appended is found by hash and by height, also when the store is opened again."""
        store = self.opened()
        headers = self.branch(store, store.tip, 20)
        self.assertEqual(store.append(headers, main=True), 0)
        for _ in range(2):
            self.assertEqual((store.tip, store.rows), (headers[-1], 21))
            self.assertEqual([store.find(header.block_hash) for header in headers], headers)
            self.assertEqual(store.main(0, 99), [REGTEST.genesis, *(header.raw for header in headers)])
            self.assertEqual(store.main(7, 2), [headers[6].raw, headers[7].raw])
            self.assertEqual(store.main(21), [])
            self.assertEqual(store.find(bytes(32)), None)
            store.close()
            store = self.opened()

    def test_branches(self) -> None:
        """A branch stays beside the main chain until it is made the main chain; which is said in headers."""
        store = self.opened()
        old = self.branch(store, store.tip, 20)
        store.append(old, main=True)
        new = self.branch(store, old[4], 10, b"new")
        self.assertEqual(store.append(new, main=False), 0)
        self.assertEqual((store.tip, store.is_main(new[0]), store.is_main(old[5])), (old[-1], False, True))
        more = self.branch(store, new[-1], 2, b"new")
        self.assertEqual(store.append(more, main=True), 15)
        self.assertEqual((store.tip, store.is_main(new[0]), store.is_main(old[5])), (more[-1], True, False))
        self.assertEqual(store.main(1, 99), [header.raw for header in old[:5] + new + more])
        store.close()
        self.assertEqual(self.opened().tip, more[-1])

    def test_lineage(self) -> None:
        """The lineage of a header goes back along its own branch."""
        store = self.opened()
        old = self.branch(store, store.tip, 10)
        store.append(old, main=True)
        new = self.branch(store, old[4], 3, b"new")
        store.append(new, main=False)
        self.assertEqual(store.lineage(new[-1], 5), [header.raw for header in old[3:5] + new])
        self.assertEqual(store.lineage(old[1], 99), [REGTEST.genesis, old[0].raw, old[1].raw])

    def test_merge(self) -> None:
        """Hashes are found in the large and in the small index, and those that begin alike are told apart."""
        self.patch(headerstore, "_MERGE_EVERY", 8)
        self.patch(headerstore, "_key", lambda block_hash: block_hash[0] % 4)
        store = self.opened()
        headers: list[StoredHeader] = []
        for _ in range(10):
            more = self.branch(store, store.tip, 3)
            store.append(more, main=True)
            headers += more
            self.assertEqual([store.find(header.block_hash) for header in headers], headers)
        counts = [store._query(f"SELECT count(*) FROM {table}")[0][0] for table in ("keys", "new_keys")]
        self.assertEqual(counts, [25, 6])

    def test_error(self) -> None:
        """An append that fails leaves everything as it was."""
        store = self.opened()
        headers = self.branch(store, store.tip, 5)
        store.append(headers[:2], main=True)
        with self.assertRaisesRegex(StoreError, f"^{self.path}: UNIQUE constraint failed: headers.row$"):
            store.append([*headers[2:], headers[0]], main=True)
        self.assertEqual((store.tip, store.rows, store.find(headers[2].block_hash)), (headers[1], 3, None))
        self.assertEqual(store.append(headers[2:], main=True), 0)

    def test_copied_midway(self) -> None:
        """A copy taken in the middle of a reorganisation, as a kill leaves it, has the chain from before."""
        store = self.opened()
        old = self.branch(store, store.tip, 20)
        store.append(old, main=True)
        go_main = store._go_main

        def copy_midway(db: sqlite3.Connection, headers: list[StoredHeader]) -> int:
            left = go_main(db, headers)
            shutil.copytree(self.folder, os.path.join(self.folder, "copy"))
            return left

        self.patch(store, "_go_main", copy_midway)
        new = self.branch(store, old[0], 30, b"new")
        self.assertEqual(store.append(new, main=True), 19)
        copy = self.opened(os.path.join(self.folder, "copy", "headers.sqlite"))
        self.assertEqual((copy.tip, copy.rows), (old[-1], 21))
        self.assertEqual(copy.main(1, 99), [header.raw for header in old])

    def test_killed(self) -> None:
        """Files as a kill after a commit leaves them have all that was committed."""
        store = self.opened()
        headers = self.branch(store, store.tip, 20)
        store.append(headers, main=True)
        copy = os.path.join(self.folder, "copy")
        shutil.copytree(self.folder, copy)
        self.assertEqual(self.opened(os.path.join(copy, "headers.sqlite")).tip, headers[-1])

    def test_other_network(self) -> None:
        """The file of another network, or of one with the same name and another genesis, is refused."""
        self.opened().close()
        other = replace(REGTEST, genesis=chains.SIMNET.genesis)
        for rules in (chains.SIMNET, other):
            with open(self.path, "rb") as file:
                before = file.read()
            ours, wanted = display(REGTEST.genesis_hash), display(rules.genesis_hash)
            text = f"network bitcoin-regtest, genesis {ours}, not of network {rules.name}, genesis {wanted}"
            with self.assertRaisesRegex(StoreError, f"^{self.path}: a header store of {text}$"):
                HeaderStore(self.path, rules)
            with open(self.path, "rb") as file:
                self.assertEqual(file.read(), before)
            self.assertEqual(os.listdir(self.folder), ["headers.sqlite"])

    def test_no_chain(self) -> None:
        """A store without its tables or rows is damaged, and is let go of."""
        for statement, text in (
            ("DELETE FROM main", "damaged: it has no main chain"),
            ("DROP TABLE main", "no such table: main"),
        ):
            self.opened().close()
            with sqlite3.connect(self.path) as db:
                db.execute(statement)
            db.close()
            for _ in range(2):
                with self.assertRaisesRegex(StoreError, f"^{self.path}: {text}$"):
                    HeaderStore(self.path, REGTEST)
            os.unlink(self.path)

    def test_close(self) -> None:
        """Closing twice is fine; a closed store says so, and lets its file be opened again."""
        store = self.opened()
        store.close()
        store.close()
        with self.assertRaisesRegex(StoreError, f"^{self.path}: is closed$"):
            store.find(bytes(32))
        with self.assertRaisesRegex(StoreError, f"^{self.path}: is closed$"):
            store.append([], main=False)
        self.opened()

    def test_memory(self) -> None:
        """ ":memory:" keeps headers without a file."""
        store = self.opened(":memory:")
        headers = self.branch(store, store.tip, 3)
        store.append(headers, main=True)
        self.assertEqual((store.tip, store.path), (headers[-1], ":memory:"))
