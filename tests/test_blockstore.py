"""Tests of the store of the newest blocks."""

from __future__ import annotations

import os
import signal
import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from twisted.internet.defer import fail, succeed
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from peerproto import networks
from peerproto.errors import LocalError, StoreError
from peerproto.node.blockstore import BlockPlace, BlockStore, IBlockStore, ask_store, open_block_store
from tests.node_case import NETWORK
from tests.node_process import Running

KEEPS = """
import sys
from peerproto import networks
from peerproto.node.blockstore import BlockStore
store = BlockStore(sys.argv[1], networks.named("bitcoin-regtest"), 5)
for height in range(1, 10**9):
    store.keep(height.to_bytes(32, "big"), height, height.to_bytes(4, "big") * 50_000, height)
    print(height, flush=True)
"""


def named(height: int) -> bytes:
    """The hash of a block."""
    return height.to_bytes(32, "big")


class StoreCase(SynchronousTestCase):
    """Stores in a folder of their own."""

    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "headers.sqlite.blocks")

    def store(self, most: int = 5, **options: Any) -> BlockStore:
        """One in the file."""
        store = BlockStore(options.pop("path", self.path), options.pop("network", NETWORK), most)
        self.addCleanup(store.close)
        return store

    def fill(self, store: BlockStore, *heights: int, size: int = 10) -> None:
        """Keep a block at each height, each the newest."""
        for height in heights:
            store.keep(named(height), height, bytes([height]) * size, height)

    def kept(self, store: BlockStore) -> list[int]:
        """The heights of the blocks that are there."""
        return [height for height in range(100) if store.has(named(height))]


class BlockStoreTests(StoreCase):
    """What is kept, and what not."""

    def test_newest(self) -> None:
        """The newest blocks are kept, so many; they are there again when the file is opened again."""
        store = self.store()
        verifyObject(IBlockStore, store)
        self.fill(store, *range(1, 9))
        self.assertEqual((self.kept(store), len(store), store.most), ([4, 5, 6, 7, 8], 5, 5))
        self.assertEqual((store.get(named(8)), store.get(named(3))), (b"\x08" * 10, None))
        store.close()
        self.assertRaises(StoreError, store.get, named(8))
        self.assertEqual(self.kept(self.store()), [4, 5, 6, 7, 8])

    def test_branch(self) -> None:
        """A block takes the place of another one of its height; above the best height there is nothing."""
        store = self.store()
        self.fill(store, 1, 2, 3, 4)
        store.keep(named(53), 3, b"other", 3)
        self.assertEqual(self.kept(store), [1, 2, 53])

    def test_old_one(self) -> None:
        """A block that is too old by now is not kept."""
        store = self.store()
        store.keep(named(5), 5, b"", 10)
        self.assertEqual(len(store), 0)

    def test_fewer_than_before(self) -> None:
        """If fewer are to be kept, the file becomes smaller."""
        store = self.store(50)
        self.fill(store, *range(1, 51), size=10_000)
        store.close()
        before = os.path.getsize(self.path)
        store = self.store(5)
        self.assertEqual(self.kept(store), [46, 47, 48, 49, 50])
        store.close()
        self.assertLess(os.path.getsize(self.path), before / 5)

    def test_bounded(self) -> None:
        """The file does not grow with what has been forgotten."""
        store = self.store(5)
        self.fill(store, *range(1, 11), size=20_000)
        store.close()
        before = os.path.getsize(self.path)
        store = self.store(5)
        for height in range(11, 100):
            self.fill(store, height, size=20_000)
        store.close()
        self.assertLess(os.path.getsize(self.path), before + 100_000)

    def test_in_memory(self) -> None:
        """A store may be in memory."""
        store = self.store(path=":memory:")
        self.fill(store, 1)
        self.assertEqual(self.kept(store), [1])

    def test_row_68_kill_9(self) -> None:
        """Row 68: after a kill in the middle the file has whole blocks, the newest ones."""
        with TemporaryDirectory() as folder:
            for _ in range(3):
                process = Running(folder, "-c", KEEPS, self.path)
                process.wait_for(r"(?m)^3\d$")
                process.stop(signal.SIGKILL)
                store = self.store()
                rows = store._file.db.execute(
                    "SELECT height, hash, raw FROM blocks ORDER BY height"
                ).fetchall()
                self.assertEqual(len(rows), 5)
                for height, block_hash, raw in rows:
                    self.assertEqual((block_hash, raw), (named(height), height.to_bytes(4, "big") * 50_000))
                self.assertGreater(rows[0][0], 25)
                store.close()
                os.unlink(self.path)


class FaultTests(StoreCase):
    """Files that cannot be used."""

    def refused(self, text: str) -> None:
        """The file is set aside, and an empty store begun."""
        with capturedLogs() as logs:
            store = open_block_store(self.path, NETWORK, 5)
        self.addCleanup(store.close)
        (said,) = [event["log_format"].format(**event) for event in logs]
        self.assertIn(text, said)
        self.assertIn(f"it is kept as {self.path}.bak, and the store of blocks begins empty", said)
        self.assertTrue(os.path.exists(f"{self.path}.bak"))
        self.assertEqual(len(store), 0)

    def test_row_69_no_sqlite(self) -> None:
        """Row 69: what is none of our files."""
        Path(self.path).write_bytes(b"hello")
        self.refused("not a SQLite file")

    def test_row_69_other_network(self) -> None:
        """Row 69: another network's."""
        self.store(network=networks.named("bitcoin-simnet")).close()
        self.refused("of network bitcoin-simnet")

    def test_row_69_truncated(self) -> None:
        """Row 69: one that is cut short."""
        store = self.store()
        self.fill(store, 1, size=100_000)
        store.close()
        whole = Path(self.path).read_bytes()
        Path(self.path).write_bytes(whole[: len(whole) // 2])
        self.refused("cut short")

    def test_row_69_future_version(self) -> None:
        """Row 69: one of a later version."""
        self.store().close()
        db = sqlite3.connect(self.path)
        db.execute("PRAGMA user_version = 9")
        db.close()
        self.refused("of version 9")

    def test_without_tables(self) -> None:
        """One in which something is missing is closed again, and set aside."""
        self.store().close()
        db = sqlite3.connect(self.path)
        db.execute("DROP TABLE blocks")
        db.commit()
        db.close()
        self.refused("no such table: blocks")

    def test_in_use(self) -> None:
        """One that is in use is left alone."""
        self.store()
        error = self.assertRaises(StoreError, open_block_store, self.path, NETWORK, 5)
        self.assertIn("in use", str(error))
        self.assertFalse(os.path.exists(f"{self.path}.bak"))


class PlaceTests(StoreCase):
    """Where a node keeps its blocks."""

    def test_nowhere(self) -> None:
        """Without a number, nowhere."""
        place = BlockPlace(NETWORK, "headers.sqlite", 0)
        self.assertEqual((place.open(), place.path), (None, ""))
        place.close()

    def test_beside(self) -> None:
        """In a file beside the store; in memory, if that is."""
        place = BlockPlace(NETWORK, self.path.removesuffix(".blocks"), 7)
        store = place.open()
        self.assertEqual((store.path, store.most), (self.path, 7))
        place.close()
        self.assertRaises(StoreError, store.has, named(1))
        self.assertEqual(BlockPlace(NETWORK, ":memory:", 7).path, ":memory:")

    def test_given(self) -> None:
        """In a store of the user's, who closes it."""
        store = self.store()
        place = BlockPlace(NETWORK, self.path, 7, store)
        self.assertEqual((place.open(), place.path), (store, ""))
        place.close()
        self.assertEqual(len(store), 0)

    def test_cannot_be(self) -> None:
        """Not less than none; and not where there is no chain."""
        error = self.assertRaises(LocalError, BlockPlace, NETWORK, self.path, -1)
        self.assertEqual(str(error), "-1 blocks cannot be kept: 0 or more are allowed")
        kaspa = networks.named("kaspa-simnet")
        error = self.assertRaises(LocalError, BlockPlace, kaspa, self.path, 1)
        self.assertEqual(str(error), "kaspa-simnet has no chain of blocks to keep the newest of")


class AskTests(SynchronousTestCase):
    """Stores that take their time, or fail."""

    def test_result(self) -> None:
        """The result, now or later."""
        self.assertEqual(self.successResultOf(ask_store(lambda item: item, 1)), 1)
        self.assertEqual(self.successResultOf(ask_store(succeed, 2)), 2)

    def test_failure(self) -> None:
        """Whatever it fails with is a StoreError; what is none is logged."""
        error = StoreError("no")
        self.assertIs(self.failureResultOf(ask_store(fail, error)).value, error)
        failure = self.failureResultOf(ask_store(fail, ValueError("what?")), StoreError)
        self.assertEqual(str(failure.value), "the store of blocks failed: what?")
        self.assertEqual([logged.type for logged in self.flushLoggedErrors()], [ValueError])
