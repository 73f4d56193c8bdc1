"""Tests of the programs in `examples/` and of the one in the README: in memory, as they stand."""

from __future__ import annotations

import ast
import io
import re
import runpy
import sys
import textwrap
import unittest
from contextlib import redirect_stdout
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any
from unittest.mock import patch

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from peerproto import PeerFactory, PeerProtocol, errors, networks
from peerproto.networks.bitcoin import (
    MSG_BLOCK,
    MSG_TX,
    MSG_WITNESS_TX,
    Addr,
    AddrV2,
    Block,
    BlockHeader,
    FeeFilter,
    GetData,
    GetHeaders,
    Headers,
    Inv,
    InvVect,
    MemPool,
    NotFound,
    OutPoint,
    Tx,
    TxIn,
    TxOut,
)
from peerproto.networks.bitcoin.records import HEADER
from peerproto.node.mining import mine
from peerproto.testing import CALLED, CALLER, MemoryTransport, Pair, RawPeer, memory_factory
from tests.commands import python

ROOT = Path(__file__).parent.parent


def example(name: str) -> Any:
    """An example's module."""
    spec = spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    assert spec and spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Meeting:
    """A program that calls through a reactor in memory, and the peer that it reaches."""

    def __init__(self, reactor: MemoryReactorClock, called: PeerFactory) -> None:
        _, _, factory, _, _ = reactor.tcpClients[-1]
        self.calling: Any = factory.buildProtocol(CALLED)
        self.peer: PeerProtocol = called.build(inbound=True)
        self.ways = MemoryTransport(CALLER, CALLED), MemoryTransport(CALLED, CALLER)
        self.calling.makeConnection(self.ways[0])
        self.peer.makeConnection(self.ways[1])

    def deliver(self) -> None:
        """Carry what is said both ways until both are silent, and end the connection if one of them wants that."""
        out, back = self.ways
        while out.outgoing or back.outgoing:
            self.peer.dataReceived(out.take())
            self.calling.dataReceived(back.take())
        if out.closing or back.closing:
            for protocol in (self.calling, self.peer):
                protocol.connectionLost(Failure(ConnectionDone()))


INPUT = TxIn(OutPoint(bytes(32), 0), b"", 0, [])


class Chain:
    """A listener that serves a few headers and their blocks, each with one transaction, and announces one more."""

    def __init__(self, name: str, count: int) -> None:
        self.network = networks.named(name)
        chain = list(mine(self.network.chain, count)) if count else []
        self.blocks = [Block(BlockHeader._make(HEADER.unpack(raw)), [Tx(1, [INPUT], [], 0)]) for raw in chain]

    def on_ready(self, peer: PeerProtocol) -> None:
        """Announce something."""
        peer.send(Inv([InvVect(MSG_BLOCK, bytes(32)), InvVect(MSG_TX, bytes(32))]))

    def on_getheaders(self, peer: PeerProtocol, message: GetHeaders) -> None:
        """Those behind the first hash of the locator."""
        hashes = [self.network.genesis, *(block.block_hash for block in self.blocks)]
        first = hashes.index(message.block_locator_hashes[0])
        peer.send(Headers([block.header for block in self.blocks[first : first + 2000]]))

    def on_getdata(self, peer: PeerProtocol, message: GetData) -> None:
        """The blocks."""
        found = {block.block_hash: block for block in self.blocks}
        for item in message.inv_list:
            peer.send(found.get(item.hash, NotFound([item])))


class ProgramCase(SynchronousTestCase):
    """Runs programs in memory."""

    def visit(self, work: Any, chain: Chain) -> str:
        """Run a program that calls somebody who has this chain; what it prints until it is done."""
        reactor, out = MemoryReactorClock(), io.StringIO()
        with redirect_stdout(out):
            done = Deferred.fromCoroutine(work(reactor))
            called = memory_factory(chain.network, chain, clock=reactor, height=len(chain.blocks))
            Meeting(reactor, called).deliver()
            self.successResultOf(done)
        self.assertEqual(reactor.getDelayedCalls(), [])
        return out.getvalue()


class ExampleTests(ProgramCase):
    """The examples do what they say."""

    def test_first_peer(self) -> None:
        """It gets headers and two blocks, hears an announcement, pings, and leaves."""
        chain = Chain("litecoin-regtest", 3)
        out = self.visit(lambda reactor: example("first_peer").visit(reactor, "127.0.0.1:19444"), chain)
        first, second, _ = chain.blocks
        self.assertEqual(
            out.splitlines(),
            [
                "192.0.2.2:8333 (outbound) announces 2 things",
                "3 headers",
                f"block {first.block_hash[::-1].hex()} has 1 transactions",
                f"block {second.block_hash[::-1].hex()} has 1 transactions",
                "ping 0.00 ms",
                "ended: local-close",
            ],
        )

    def test_own_tests(self) -> None:
        """All of its tests are run, and none fails."""
        result = unittest.TestResult()
        unittest.defaultTestLoader.loadTestsFromTestCase(example("own_tests").TipWatcherTests).run(result)
        self.assertEqual((result.testsRun, result.failures, result.errors), (4, [], []))

    def test_sync_headers(self) -> None:
        """It asks until there is no more, and ends at the peer's tip."""
        chain = Chain("bitcoin-regtest", 2100)
        out = self.visit(
            lambda reactor: example("sync_headers").main(reactor, "127.0.0.1:18444", "bitcoin-regtest"), chain
        )
        tip = chain.blocks[-1].block_hash[::-1].hex()
        self.assertEqual(out.splitlines(), ["height 2,000", "height 2,100", f"tip {tip}"])

    def test_sync_headers_of_nobody(self) -> None:
        """A peer without blocks is not asked, for it would owe no answer."""
        chain = Chain("litecoin-regtest", 0)
        out = self.visit(lambda reactor: example("sync_headers").main(reactor, "127.0.0.1:19444"), chain)
        self.assertEqual(out, f"tip {chain.network.genesis[::-1].hex()}\n")

    def test_explore_block(self) -> None:
        """It prints a block and its transactions: the one that is named, or the first."""
        chain = Chain("litecoin-regtest", 3)
        for number, shown in ((0, ""), (1, chain.blocks[1].block_hash[::-1].hex())):
            out = self.visit(
                lambda reactor, shown=shown: example("explore_block").main(
                    reactor, "127.0.0.1:19444", "litecoin-regtest", shown
                ),
                chain,
            )
            block = chain.blocks[number]
            head, *rest = out.splitlines()
            self.assertTrue(head.startswith(f"block {block.block_hash[::-1].hex()} of "), head)
            self.assertEqual(len(rest), len(block.transactions))
            self.assertIn(block.transactions[0].txid[::-1].hex(), rest[0])

    def test_explore_block_that_is_not_there(self) -> None:
        """What the peer does not have ends the program with the reason."""
        chain, reactor = Chain("litecoin-regtest", 1), MemoryReactorClock()
        work = example("explore_block").main(reactor, "127.0.0.1:19444", "litecoin-regtest", "77" * 32)
        done = Deferred.fromCoroutine(work)
        Meeting(reactor, memory_factory(chain.network, chain, clock=reactor)).deliver()
        self.failureResultOf(done, errors.NotFound)

    def test_monitor(self) -> None:
        """It prints who is there and what is announced, and calls again when the peer has gone."""
        reactor, out = MemoryReactorClock(), io.StringIO()
        chain = Chain("bitcoin-regtest", 1)
        with redirect_stdout(out):
            Deferred.fromCoroutine(example("monitor").main(reactor, "bitcoin-regtest", "127.0.0.1:18444"))
            meeting = Meeting(
                reactor, memory_factory(chain.network, chain, clock=reactor, user_agent="/x\n/")
            )
            meeting.deliver()
            meeting.peer.send(Headers([chain.blocks[0].header]))
            meeting.peer.disconnect()
            meeting.deliver()
            reactor.advance(2)
        self.assertEqual(
            out.getvalue().replace("192.0.2.2:8333 (outbound)", "it").splitlines(),
            [
                "it is /x\\n/ at height 0",
                "it announces 1 tx",
                f"it announces block {'00' * 32}",
                f"it announces block {chain.blocks[0].block_hash[::-1].hex()}",
                "it ended: closed-by-peer",
            ],
        )
        self.assertEqual(len(reactor.tcpClients), 2)

    def test_monitor_hears_the_rest(self) -> None:
        """Addresses of either kind, and what it does not understand."""
        network, out = networks.named("bitcoin-regtest"), io.StringIO()
        raw = RawPeer(memory_factory(network, example("monitor").Monitor()))
        raw.handshake()
        with redirect_stdout(out):
            raw.send(Addr([]), AddrV2([]))
            raw.send(network.envelope.wrap(b"x\n".ljust(12, b"\0"), b"abc"))
        self.assertEqual(out.getvalue().count("knows 0 addresses"), 2)
        self.assertIn("sent x\\n: 3 bytes", out.getvalue())

    def test_relay(self) -> None:
        """A transaction that one peer brings is asked for, kept, announced to the others, and served."""
        relay = example("relay").Relay()
        factory = memory_factory(networks.named("bitcoin-regtest"), relay, services=12)
        one, other, early = RawPeer(factory), RawPeer(factory), RawPeer(factory)
        one.handshake()
        other.handshake()
        early.send(early.version())
        tx = Tx(1, [INPUT], [TxOut(5, b"")], 0)
        one.send(Inv([InvVect(MSG_TX, tx.txid), InvVect(MSG_BLOCK, bytes(32))]))
        self.assertEqual(one.read(), [GetData([InvVect(MSG_WITNESS_TX, tx.txid)])])
        one.send(tx, tx, Inv([InvVect(MSG_TX, tx.txid)]))
        self.assertEqual(one.read(), [])
        self.assertEqual(other.read(), [Inv([InvVect(MSG_TX, tx.txid)])])
        missing = InvVect(MSG_BLOCK, tx.txid)
        other.send(MemPool(), GetData([InvVect(MSG_TX, tx.txid), missing]))
        self.assertEqual(other.read(), [Inv([InvVect(MSG_TX, tx.txid)]), tx, NotFound([missing])])
        early.close()
        other.close()
        self.assertEqual(list(relay.ready.values()), [one.peer])

    def test_relay_forgets(self) -> None:
        """It keeps a number of transactions, not all."""
        module = example("relay")
        module.MOST = 2
        pair = Pair(networks.named("bitcoin-regtest"), inbound={"listener": module.Relay()})
        pair.deliver()
        transactions = [Tx(1, [INPUT], [TxOut(value, b"")], 0) for value in range(3)]
        for tx in transactions:
            pair.outbound.send(tx)
        pair.outbound.send(FeeFilter(0))
        pair.deliver()
        kept = pair.inbound.factory.listener.transactions  # type: ignore[attr-defined]
        self.assertEqual(list(kept), [tx.txid for tx in transactions[1:]])

    def test_relay_listens(self) -> None:
        """As a program it listens where it is told."""
        reactor, out = MemoryReactorClock(), io.StringIO()
        with redirect_stdout(out):
            main = example("relay").main(reactor, "bitcoin-regtest", "tcp:18555:interface=127.0.0.1")
            Deferred.fromCoroutine(main)
        self.assertEqual(
            [(port, interface) for port, _, _, interface in reactor.tcpServers], [(18555, "127.0.0.1")]
        )
        self.assertIn("listening at", out.getvalue())


class UsageTests(SynchronousTestCase):
    """What they say to who does not know what to type."""

    def test_too_few_words(self) -> None:
        """Each says what it does and how it is run, and nothing else happens."""
        for name in ("explore_block", "first_peer", "monitor", "relay", "sync_headers"):
            path = ROOT / "examples" / f"{name}.py"
            with patch.object(sys, "argv", [str(path)]):
                stop = self.assertRaises(SystemExit, runpy.run_path, str(path), run_name="__main__")
            self.assertEqual(stop.code, example(name).__doc__)
            self.assertIn(f"``python examples/{name}.py ", stop.code)


class MistakeTests(ProgramCase):
    """What they say when it cannot be done: one line, with exit code 1."""

    def line(self, name: str, *words: str) -> str:
        """What an example ends with."""
        done = Deferred.fromCoroutine(example(name).program(MemoryReactorClock(), *words))
        code = self.failureResultOf(done, SystemExit).value.code
        self.assertIsInstance(code, str)
        self.assertEqual(len(code.splitlines()), 1)
        return str(code)

    def test_words(self) -> None:
        """A network, a place or a hash that is none is named, before anybody is called."""
        for name, *words, said in (
            ("first_peer", "a:b:c", "'a:b:c' is no HOST:PORT"),
            (
                "explore_block",
                "a:1",
                "litecoin-regtst",
                "no network is named 'litecoin-regtst': did you mean",
            ),
            (
                "explore_block",
                "a:1",
                "litecoin-regtest",
                "77",
                "'77' is no hash: 64 hexadecimal digits are asked",
            ),
            ("monitor", "bitcoin-regtst", "a:1", "no network is named 'bitcoin-regtst': did you mean"),
            ("monitor", "bitcoin-regtest", "a:b:c", "'a:b:c' is no HOST:PORT"),
            ("relay", "bitcoin-regtest", "18555", "'18555' is no endpoint string such as tcp:19444"),
            ("sync_headers", "a:1", "x", "no network is named 'x': choose from "),
        ):
            self.assertEqual(self.line(name, *words)[: len(said)], said)

    def test_nobody(self) -> None:
        """Who is not there ends those that call one peer; the others say so and call again."""
        for name in ("first_peer", "explore_block", "sync_headers", "monitor"):
            reactor, out = MemoryReactorClock(), io.StringIO()
            first = ("bitcoin-regtest",) if name == "monitor" else ()
            with redirect_stdout(out):
                done = Deferred.fromCoroutine(example(name).program(reactor, *first, "127.0.0.1:1"))
                _, _, factory, _, _ = reactor.tcpClients[-1]
                factory.clientConnectionFailed(None, Failure(ConnectionRefusedError()))
            if name == "monitor":
                self.assertNoResult(done)
                said = out.getvalue().strip()
                reactor.advance(1)
                self.assertEqual(len(reactor.tcpClients), 2)
            else:
                said = self.failureResultOf(done, SystemExit).value.code
            self.assertEqual(said, "127.0.0.1:1: refused: nothing listens there")

    def test_blocks_that_are_not_there(self) -> None:
        """The block that is asked for, or any."""
        for words, said in (
            ((), "has no block but the first"),
            (("litecoin-regtest", "77" * 32), "the peer does not have it"),
        ):
            chain, reactor = Chain("litecoin-regtest", 0), MemoryReactorClock()
            work = example("explore_block").program(reactor, "127.0.0.1:19444", *words)
            done = Deferred.fromCoroutine(work)
            Meeting(reactor, memory_factory(chain.network, chain, clock=reactor)).deliver()
            self.assertIn(said, self.failureResultOf(done, SystemExit).value.code)

    def test_as_a_program(self) -> None:
        """Typed at a prompt it is the same, without a traceback."""
        ran = python("examples/sync_headers.py", "127.0.0.1:19444", "litecoin-regtst")
        self.assertEqual((ran.returncode, ran.stdout), (1, ""))
        self.assertEqual(len(ran.stderr.splitlines()), 1)
        self.assertIn("did you mean 'litecoin-regtest'?", ran.stderr)


class ReadmeTests(ProgramCase):
    """The program in the README."""

    def snippet(self) -> str:
        """The README's Python."""
        text = (ROOT / "README.rst").read_text("utf-8")
        (found,) = re.findall(r"\.\. code-block:: python\n\n((?:    .*\n|\n)+)", text)
        return textwrap.dedent(found)

    def test_runs(self) -> None:
        """It works as it stands there, with the imports of the example."""
        body, _, listener = self.snippet().partition("class MyNode")
        body = textwrap.indent(f"{body}\nprint(error.reason)", "    ")
        source = f"class MyNode{listener}\nasync def main(reactor):\n{body}"
        scope = dict(vars(example("first_peer")))
        exec(compile(source, "README.rst", "exec"), scope)
        out = self.visit(scope["main"], Chain("litecoin-regtest", 3))
        self.assertEqual(out.splitlines()[1:], ["local-close"])
        self.assertIn("announces 2 things", out)

    def test_calls_what_the_example_calls(self) -> None:
        """It says of itself that it is the example: it calls the same things, in the same order."""
        source = (ROOT / "examples" / "first_peer.py").read_text("utf-8")
        theirs = [name for name in calls(source) if name in set(calls(self.snippet()))]
        self.assertEqual(calls(self.snippet()), theirs)


def calls(source: str) -> list[str]:
    """The names of the peer's methods and of our functions that a program calls, in its order."""
    found = [node for node in ast.walk(ast.parse(source, mode="exec")) if isinstance(node, ast.Call)]
    found.sort(key=lambda node: (node.lineno, node.col_offset))
    names = [ast.unparse(node.func) for node in found]
    return [name for name in names if name in ("PeerFactory", "connect") or name.startswith("peer.")]
