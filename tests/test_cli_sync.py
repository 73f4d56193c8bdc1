"""`peerproto sync`."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO, TextIOWrapper
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

from twisted.internet.defer import Deferred, fail, succeed

from peerproto.chain.rules import display
from peerproto.cli import running, sync
from peerproto.errors import ConnectFailed, InvalidHeaders, PeerLost, PeerStalled, Reason, StoreError
from peerproto.networks.bitcoin import GetHeaders
from peerproto.node.headerchain import HeaderChain
from peerproto.node.headerstore import HeaderStore
from peerproto.peer import connecting
from peerproto.peer.factory import PeerFactory
from peerproto.testing import RawPeer
from tests.commands import Ran, run
from tests.graph_node_case import KASPA, GraphNodeCase, Serving
from tests.node_case import NETWORK, NodeCase, bring, mined

WHERE = "192.0.2.2:18444"


class ShownTests(NodeCase):
    """What standard output can show."""

    def test_path(self) -> None:
        """A path of bytes that are no text, or of signs that are not there, is escaped; any other is as it is."""
        for encoding, path, shown in (
            ("utf-8", "\u2603.sqlite", "\u2603.sqlite"),
            ("utf-8", "\udcff.sqlite", "\\udcff.sqlite"),
            ("latin-1", "\xe4\u2603.sqlite", "\xe4\\u2603.sqlite"),
        ):
            with mock.patch("sys.stdout", TextIOWrapper(BytesIO(), encoding)):
                found = sync._for_terminal(path)
            self.assertEqual(found, shown)


class Shown:
    """A progress bar that remembers."""

    def __init__(self) -> None:
        self.counts: list[tuple[int, int]] = []

    def show(self, count: int, total: int) -> None:
        """See Bar."""
        self.counts.append((count, total))

    def end(self) -> None:
        """See Bar."""


class FollowTests(NodeCase):
    """What happens between the command and the peer, in memory."""

    def setUp(self) -> None:
        super().setUp()
        self.bar = Shown()
        self.connecting: Deferred[Any] = Deferred()
        self.patch(connecting, "connect", self.connect)

    def connect(self, reactor: Any, where: str, factory: PeerFactory, *, timeout: float) -> Deferred[Any]:
        """Stands for the way to the peer."""
        self.asked = where, timeout
        self.factory = factory
        return self.connecting

    def follow(self, chain: HeaderChain | None = None, timeout: float = 20.0) -> Deferred[None]:
        """Begin to sync."""
        self.headers = chain or self.chain()
        options = Namespace(where=WHERE, network=NETWORK.name, policy=None, timeout=timeout, proxy=None)
        return Deferred.fromCoroutine(sync.follow(self.clock, options, self.headers, self.bar))

    def connected(self, **says: Any) -> RawPeer:
        """The peer is there, and has shaken hands."""
        raw = RawPeer(self.factory)
        self._raws.append(raw)
        self.connecting.callback(raw.peer)
        raw.handshake(**says)
        return raw

    def test_to_the_tip(self) -> None:
        """It follows to the peer's tip, shows how far it has come, and says good-bye."""
        following = self.follow()
        self.assertEqual(self.asked, (WHERE, 20.0))
        raw = self.connected(height=1250)
        raw.send(bring(mined(1250)))
        self.assertEqual(self.bar.counts, [(500, 1250), (1000, 1250), (1250, 1250)])
        self.assertTrue(raw.hung_up)
        self.assertNoResult(following)
        raw.close()
        self.successResultOf(following)
        self.assertEqual(self.headers.height, 1250)

    def test_nothing_new(self) -> None:
        """A peer that is not ahead owes no answer: after five seconds of silence all is well."""
        following = self.follow(self.chain(mined(20)))
        raw = self.connected(height=20)
        self.clock.advance(sync.NOT_AHEAD)
        raw.close()
        self.successResultOf(following)

    def test_stalled(self) -> None:
        """A peer that is ahead and brings nothing has its time, which is renewed by progress."""
        following = self.follow()
        raw = self.connected(height=6000)
        self.clock.advance(19)
        raw.send(bring(mined(2000)))
        self.clock.advance(19)
        self.assertNoResult(following)
        self.clock.advance(1)
        raw.close()
        error = self.failureResultOf(following, PeerStalled).value
        self.assertEqual(str(error), "no headers came for 20 seconds")
        self.assertEqual(self.headers.height, 2000)

    def test_no_connection(self) -> None:
        """Neither a name that is not resolved nor a connection that does not come about is waited for too long."""
        following = self.follow()
        self.clock.advance(20)
        error = self.failureResultOf(following, ConnectFailed).value
        self.assertEqual(
            (error.reason, str(error)), (Reason.CONNECT_TIMEOUT, f"{WHERE}: timed out after 20 seconds")
        )

    def test_no_handshake(self) -> None:
        """The handshake has no more time than anything else."""
        following = self.follow(timeout=3.0)
        raw = RawPeer(self.factory)
        self._raws.append(raw)
        self.connecting.callback(raw.peer)
        self.clock.advance(3)
        raw.close()
        self.assertEqual(self.failureResultOf(following).value.reason, Reason.HANDSHAKE_TIMEOUT)

    def test_peer_goes(self) -> None:
        """A peer that goes in the middle is told with its reason."""
        following = self.follow()
        raw = self.connected(height=6000)
        raw.send(bring(mined(2000)))
        raw.close()
        self.assertEqual(self.failureResultOf(following, PeerLost).value.reason, Reason.CLOSED_BY_PEER)

    def test_another_chain(self) -> None:
        """So is one that has another chain."""
        following = self.follow(self.chain(mined(20)))
        raw = self.connected(height=6000)
        for _ in range(2):
            raw.send(bring(mined(300, salt=b"other")[5:]))
        raw.close()
        self.failureResultOf(following, InvalidHeaders)

    def test_store_fails(self) -> None:
        """A store that fails is told as such."""
        following = self.follow()
        raw = self.connected(height=30)
        self.headers._store.close()
        raw.send(bring(mined(30)))
        raw.close()
        self.failureResultOf(following, StoreError)


class GraphTests(GraphNodeCase):
    """The command on a network whose blocks form a graph."""

    def setUp(self) -> None:
        super().setUp()
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "blocks.sqlite")
        self.served = self.grown(KASPA, 100)
        self.patch(connecting, "connect", self.connect)
        self.patch(running, "run_reactor", self.run_reactor)

    def connect(self, reactor: Any, where: str, factory: PeerFactory, *, timeout: float) -> Deferred[Any]:
        """A peer that serves its graph."""
        self.raw = RawPeer(factory)
        self._raws.append(self.raw)
        return succeed(self.raw.peer)

    def run_reactor(self, name: str, work: Callable[[Any], Any], *, as_json: bool) -> int:
        """Let the work be done while the peer answers."""
        doing = Deferred.fromCoroutine(work(self.clock))
        self.settle(Serving(self.raw, self.served, self.raw.handshake(tip=self.served.tip)))
        self.raw.close()
        found: list[Any] = []
        doing.addBoth(found.append)
        return running._exit_code(name, found[0], as_json)

    def sync(self, *words: str) -> Ran:
        """Run the command."""
        return run(["sync", WHERE, "--network", KASPA.name, "--store", self.path, *words])

    def test_text(self) -> None:
        """It prints how many blocks there are, the best one's rank and hash; progress on standard error."""
        ran = self.sync()
        blocks, rank, tip = len(self.served) - 1, self.served.height, display(self.served.tip)
        self.assertEqual(ran.code, 0)
        out = f"blocks {blocks}\nrank   {rank}\ntip    {tip}\nnew    {blocks} blocks in 0.0 s, kept in {self.path}\n"
        self.assertEqual(ran.out.decode(), out)

    def test_again(self) -> None:
        """A second time it goes on where it was; with nothing new it ends at once."""
        self.sync()
        for _ in range(5):
            self.add(KASPA, self.served)
        tip = display(self.served.tip)
        for new in (5, 0):
            (found,) = self.sync("--json").objects()
            found.pop("seconds")
            blocks = len(self.served) - 1
            self.assertEqual(found, {"blocks": blocks, "rank": self.served.height, "tip": tip, "new": new})

    def test_stalled(self) -> None:
        """A peer that brings nothing is told as such, with what did not come."""
        shown: Any = Shown()
        options = Namespace(where=WHERE, network=KASPA.name, policy=None, timeout=20.0, proxy=None)
        following = Deferred.fromCoroutine(sync.follow(self.clock, options, self.empty(KASPA), shown))
        self.raw.handshake(tip=self.served.tip)
        self.clock.advance(20)
        self.raw.close()
        error = self.failureResultOf(following, PeerStalled).value
        self.assertEqual(str(error), "no blocks came for 20 seconds")

    def test_file(self) -> None:
        """A file of another network is refused; interrupted, it says how far it has come."""
        self.sync()
        ran = run(["sync", WHERE, "--network", "kaspa-devnet", "--store", self.path])
        self.assertEqual(ran.code, 2)
        self.assertIn("a block store of network kaspa-simnet", ran.err)

        def interrupt(*_: Any, **__: Any) -> int:
            raise KeyboardInterrupt

        self.patch(running, "run_reactor", interrupt)
        blocks = len(self.served) - 1
        line = f"peerproto sync: interrupted at blocks {blocks}; started again, it goes on there\n"
        self.assertEqual(self.sync().err, line)

    def test_nothing_came(self) -> None:
        """A file in which nothing stands but the first block is taken away again."""
        refused = ConnectFailed(f"{WHERE}: refused", Reason.CONNECTION_REFUSED)
        self.patch(connecting, "connect", lambda *_, **__: fail(refused))

        def run_reactor(name: str, work: Callable[[Any], Any], *, as_json: bool) -> int:
            found: list[Any] = []
            Deferred.fromCoroutine(work(self.clock)).addBoth(found.append)
            return running._exit_code(name, found[0], as_json)

        self.patch(running, "run_reactor", run_reactor)
        self.assertEqual((self.sync().code, os.path.exists(self.path)), (1, False))


class CommandTests(NodeCase):
    """The command, with the reactor and the way to the peer played by the test."""

    def setUp(self) -> None:
        super().setUp()
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "headers.sqlite")
        self.headers = mined(2100)
        self.patch(connecting, "connect", self.connect)
        self.patch(running, "run_reactor", self.run_reactor)

    def connect(self, reactor: Any, where: str, factory: PeerFactory, *, timeout: float) -> Deferred[Any]:
        """A peer that answers as soon as it has shaken hands."""
        self.raw = RawPeer(factory)
        self._raws.append(self.raw)
        return succeed(self.raw.peer)

    def run_reactor(self, name: str, work: Callable[[Any], Any], *, as_json: bool) -> int:
        """Let the work be done while the peer answers what it is asked."""
        doing = Deferred.fromCoroutine(work(self.clock))
        if not doing.called:
            written = self.raw.handshake(height=len(self.headers))
            while written:
                for question in (message for message in written if isinstance(message, GetHeaders)):
                    self.raw.send(bring(self.answer(question)))
                written = self.raw.read()
            self.raw.close()
        return running._exit_code(name, self.result(doing), as_json)

    def result(self, doing: Deferred[int]) -> Any:
        """What became of it."""
        found: list[Any] = []
        doing.addBoth(found.append)
        return found[0]

    def answer(self, question: GetHeaders) -> list[bytes]:
        """What the peer has behind the newest hash that it knows."""
        hashes = [NETWORK.genesis, *map(NETWORK.chain.block_hash, self.headers)]
        at = next(hashes.index(each) for each in question.block_locator_hashes if each in hashes)
        return self.headers[at : at + 2000]

    def sync(self, *words: str, network: str = NETWORK.name) -> Ran:
        """Run the command."""
        return run(["sync", WHERE, "--network", network, "--store", self.path, *words])

    def height(self) -> int:
        """Of the chain in the file."""
        store = HeaderStore(self.path, NETWORK.chain)
        try:
            return store.tip.height
        finally:
            store.close()

    def test_text(self) -> None:
        """Height and tip are printed as people write them, progress on standard error; the file has it all."""
        ran = self.sync()
        tip = display(NETWORK.chain.block_hash(self.headers[-1]))
        self.assertEqual(ran.code, 0)
        out = f"height 2100\ntip    {tip}\nnew    2100 headers in 0.0 s, kept in {self.path}\n"
        self.assertEqual(ran.out.decode(), out)
        lines = ("1,000 of 2,100 (47 %)", "2,000 of 2,100 (95 %)", "2,100 of 2,100 (100 %)")
        self.assertEqual(ran.err.splitlines(), [f"headers {line}" for line in lines])
        self.assertEqual(self.height(), 2100)

    def test_again(self) -> None:
        """A second time it goes on where it was."""
        self.headers = mined(1500)
        self.sync()
        self.headers = mined(2100)
        (found,) = self.sync("--json").objects()
        tip = display(NETWORK.chain.block_hash(self.headers[-1]))
        self.assertEqual(found, {"height": 2100, "tip": tip, "new": 600, "seconds": 0.0})

    def test_peer_error(self) -> None:
        """What goes wrong with the peer is one line with its reason and exit code 1; with --json an object."""
        refused = ConnectFailed(f"{WHERE}: refused", Reason.CONNECTION_REFUSED)
        self.patch(connecting, "connect", lambda *_, **__: fail(refused))
        ran = self.sync()
        self.assertEqual((ran.code, ran.out), (1, b""))
        self.assertEqual(ran.err, f"peerproto sync: connection-refused: {WHERE}: refused\n")
        ran = self.sync("--json")
        self.assertEqual((ran.code, ran.err), (1, ""))
        self.assertEqual(ran.objects(), [{"error": "connection-refused", "reason": f"{WHERE}: refused"}])

    def test_nothing_came(self) -> None:
        """A file that was made and has nothing in it is taken away; one that was there stays, as a full one does."""
        folder = os.path.dirname(self.path)
        refused = ConnectFailed(f"{WHERE}: refused", Reason.CONNECTION_REFUSED)
        with mock.patch.object(connecting, "connect", lambda *_, **__: fail(refused)):
            self.assertEqual((self.sync().code, os.listdir(folder)), (1, []))
            HeaderStore(self.path, NETWORK.chain).close()
            self.assertEqual((self.sync().code, os.listdir(folder)), (1, ["headers.sqlite"]))
            os.unlink(self.path)
            os.symlink("elsewhere", self.path)
            self.assertEqual((self.sync().code, os.listdir(folder)), (1, ["headers.sqlite"]))
            os.unlink(self.path)
        self.sync()
        self.assertEqual((os.listdir(folder), self.height()), (["headers.sqlite"], 2100))

    def test_interrupted(self) -> None:
        """Interrupted, it says how far it has come and that it can go on; the file is free again."""

        def interrupt(*_: Any, **__: Any) -> int:
            raise KeyboardInterrupt

        self.patch(running, "run_reactor", interrupt)
        ran = self.sync()
        self.assertEqual(ran.code, 130)
        line = "peerproto sync: interrupted at height 0; started again, it goes on there\n"
        self.assertEqual(ran.err, line)
        self.assertFalse(os.path.exists(self.path))

    def refused(self, **more: Any) -> str:
        """What is said of a file that is refused with exit code 2, and is left as it is."""
        before = Path(self.path).read_bytes()
        ran = self.sync(**more)
        self.assertEqual((ran.code, ran.out), (2, b""))
        self.assertEqual(Path(self.path).read_bytes(), before)
        self.assertTrue(ran.err.startswith(f"peerproto sync: {self.path}: "), ran.err)
        self.assertEqual(len(ran.err.splitlines()), 1)
        return ran.err

    def test_foreign_file(self) -> None:
        """A file that is no store is refused and not touched."""
        Path(self.path).write_bytes(b"hello")
        self.assertIn("not a SQLite file", self.refused())

    def test_truncated_file(self) -> None:
        """So is one that was cut short."""
        self.sync()
        with open(self.path, "r+b") as file:
            file.truncate(5000)
        self.assertIn("cut short", self.refused())

    def test_file_of_another_network(self) -> None:
        """So is another network's."""
        self.sync()
        self.assertIn("network bitcoin-regtest", self.refused(network="litecoin-regtest"))

    def test_file_in_use(self) -> None:
        """So is one that is open elsewhere."""
        store = HeaderStore(self.path, NETWORK.chain)
        self.addCleanup(store.close)
        self.assertIn("in use", self.refused())

    def test_network_without_headers(self) -> None:
        """On a network that has no chain of headers there is nothing to sync; no file is made."""
        self.patch(sync, "named", lambda *_: replace(NETWORK, header_sync=None))
        ran = self.sync()
        line = "peerproto sync: bitcoin-regtest has no chain of headers to sync\n"
        self.assertEqual((ran.code, ran.err), (2, line))
        self.assertFalse(os.path.exists(self.path))

    def test_place_that_is_none(self) -> None:
        """A place that says nothing is a wrong option."""

        def connect(reactor: Any, where: str, factory: PeerFactory, *, timeout: float) -> Any:
            return connecting.client_endpoint(reactor, where, 1, timeout)

        self.patch(connecting, "connect", connect)
        ran = run(["sync", "a b", "--network", NETWORK.name, "--store", self.path])
        self.assertEqual(ran.code, 2)
        self.assertIn("'a b' is no HOST:PORT", ran.err)

    def test_options(self) -> None:
        """Options are named with what is allowed; the store must be given."""
        self.assertIn("--store", run(["sync", WHERE, "--network", NETWORK.name]).err)
        self.assertIn("--timeout", self.sync("--timeout", "0").err)
        self.assertIn("did you mean 'bitcoin-regtest'", self.sync(network="bitcoin-regtst").err)

    def test_help(self) -> None:
        """The help says what is printed and what the exit codes mean."""
        ran = run(["sync", "--help"])
        self.assertEqual(ran.code, 0)
        self.assertIn(b"Exit code: 0 if the peer's tip was reached", ran.out)
        self.assertIn(b'{"error": REASON', ran.out)
