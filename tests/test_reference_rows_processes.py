"""Hostile rows that need a process of their own: real sockets, real limits, real signals."""

from __future__ import annotations

import signal
import socket
import time
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.networks.bitcoin import GetHeaders, Ping, Pong, VerAck
from peerproto.node.bookfile import BookFile
from peerproto.node.headerchain import HeaderChain
from peerproto.node.headerstore import HeaderStore
from peerproto.testing import memory_factory
from peerproto.wire.message import Message
from peerproto.wire.reader import Reader
from tests.node_case import NETWORK, mined
from tests.node_process import NODE, SECONDS, Running, run

CODEC = NETWORK.codec()
LOOPBACK = "tcp:0:interface=127.0.0.1"

UNDER_LIMIT = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
sys.argv[1:1] = ["node"]
from peerproto.__main__ import main
sys.exit(main())
"""

FULL_DISK = """
import resource, sys
from twisted.internet.task import Clock
from twisted.internet.defer import maybeDeferred
from twisted.logger import globalLogBeginner, textFileLogObserver
from peerproto import networks
from peerproto.node.addressbook import AddressBook
from peerproto.node.bookfile import open_book
from peerproto.node.bookkeeping import EVERY, BookKeeper
from peerproto.node.groups import Groups
from peerproto.forms.gossip import Known

globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stdout)], redirectStandardIO=False)
network, clock = networks.named("bitcoin-mainnet"), Clock()
book = AddressBook(Groups(local=False))
keeper = BookKeeper(clock, open_book(sys.argv[1], network, book), book, in_thread=maybeDeferred)
keeper.start()
before = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
for first in range(11, 100):
    book.heard([Known(f"{first}.{number}.1.1", 8333, 1, 2_000_000_000) for number in range(9)], f"{first}.9.9.9")
clock.advance(EVERY)
resource.setrlimit(resource.RLIMIT_FSIZE, before)
clock.advance(EVERY)
keeper.stop()
print("kept", len(book))
"""


class Caller:
    """Somebody who calls a node through a real socket."""

    def __init__(self, port: int, *, buffer: int = 0) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(SECONDS)
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.connect(("127.0.0.1", port))
        self._reader = Reader(CODEC)
        self._read: list[Message] = []

    def close(self) -> None:
        """Hang up."""
        self.socket.close()

    def send(self, *messages: Message) -> None:
        """Send them."""
        self.socket.sendall(b"".join(map(CODEC.encode, messages)))

    def handshake(self) -> Caller:
        """Shake hands."""
        theirs = memory_factory(NETWORK).introduction(nonce=id(self) & 0xFFFF_FFFF | 1)
        self.send(NETWORK.make_version(theirs), VerAck())
        self.wait_for(VerAck)
        return self

    def wait_for(self, kind: type[Message]) -> Message:
        """The next message of this kind. Raises ConnectionError at the end of the connection."""
        while True:
            while self._read:
                message = self._read.pop(0)
                if isinstance(message, kind):
                    return message
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionError("closed")
            self._read += [message for message in self._reader.feed(data) if isinstance(message, Message)]

    def is_answered(self) -> bool:
        """Whether a ping has its pong."""
        self.send(Ping(7))
        return self.wait_for(Pong) == Pong(7)

    def is_hung_up(self) -> bool:
        """Whether the node hangs up without a word."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True


class RowTests(SynchronousTestCase):
    """Nodes as processes, on loopback, in a folder of their own."""

    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.callers = ExitStack()
        self.addCleanup(self.callers.close)

    def node(self, *words: str, program: tuple[str, ...] = NODE) -> tuple[Running, int]:
        """A node that runs, and its port."""
        node = Running(self.folder, *program, "--network", NETWORK.name, "--listen", LOOPBACK, *words)
        self.addCleanup(node.kill)
        return node, int(node.wait_for(r"accepting peers at 127.0.0.1:(\d+)")[1])

    def caller(self, port: int, **options: int) -> Caller:
        """One who calls, and hangs up with the test."""
        return self.callers.enter_context(closing(Caller(port, **options)))

    def test_row_59_file_descriptors_run_out(self) -> None:
        """Row 59: a node that can open no more files lets callers wait or go; those who are here are served on, and
        when some have gone others are let in.
        """
        node, port = self.node("--store", ":memory:", program=("-c", UNDER_LIMIT))
        here = [self.caller(port).handshake() for _ in range(10)]
        more = [self.caller(port) for _ in range(60)]
        self.assertTrue(all(caller.is_answered() for caller in here))
        node.wait_for(r"(?i)too many open files|EMFILE|Could not accept")
        self.assertTrue(all(caller.is_answered() for caller in here))
        for caller in more:
            caller.close()
        again = self.caller(port)
        again.handshake()
        self.assertTrue(again.is_answered())
        self.assertTrue(all(caller.is_answered() for caller in here))
        self.assertEqual(node.stop(), 0)
        self.assertNotIn("Traceback", node.output)

    def test_row_67_sigterm_with_100_peers(self) -> None:
        """Row 67: with 100 peers, one of which does not read, SIGTERM ends the node with exit code 0 within the grace
        time, and the book is written.
        """
        path = str(Path(self.folder, "headers.sqlite"))
        with closing(HeaderStore(path, NETWORK.chain)) as store:
            HeaderChain(store, NETWORK.chain, lambda: 2e9).add(mined(2000))
        node, port = self.node("--store", path, "--book", "book.sqlite")
        callers = [self.caller(port).handshake() for _ in range(99)]
        deaf = self.caller(port, buffer=4096).handshake()
        question = GetHeaders(70016, [NETWORK.genesis], bytes(32))
        for _ in range(40):  # more than the kernel takes on both sides
            deaf.send(*[question] * 5)
            self.assertTrue(callers[0].is_answered())
        begun = time.monotonic()
        code = node.stop(signal.SIGTERM)
        taken = time.monotonic() - begun
        self.assertEqual(code, 0, node.output[-2000:])
        self.assertLess(taken, NETWORK.timing.grace + 2)
        self.assertGreater(taken, NETWORK.timing.grace - 1, "nobody was waited for")
        self.assertTrue(all(caller.is_hung_up() for caller in callers))
        self.assertNotIn("Traceback", node.output)
        BookFile(Path(self.folder, "book.sqlite"), NETWORK, bytes(32)).close()

    def test_row_71_disk_full(self) -> None:
        """Row 71: a book that the system does not let be written is told of, and written the next time."""
        path = str(Path(self.folder, "book.sqlite"))
        ran = run(self.folder, "-c", FULL_DISK, path)
        self.assertEqual((ran.returncode, ran.stderr), (0, ""))
        lines = ran.stdout.splitlines()
        self.assertEqual(
            len([line for line in lines if "the book of addresses is not saved: " in line]), 1, lines
        )
        kept = int(lines[-1].removeprefix("kept "))
        self.assertGreater(kept, 100)
        with closing(BookFile(path, networks.named("bitcoin-mainnet"), bytes(32))) as file:
            self.assertEqual(file._rows("SELECT count(*) FROM addresses"), [(kept,)])
