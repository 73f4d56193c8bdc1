"""A litecoind on regtest in the hands of a test: it touches loopback only and leaves nothing behind."""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import signal
import socket
import tempfile
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError, ConnectionClosed
from twisted.internet.task import deferLater

from .processes import Process
from .rpc import RPC, USER, RPCError
from .waiting import POLL_SECONDS, within

if TYPE_CHECKING:
    from twisted.internet.posixbase import PosixReactorBase

HIGHEST_BLOCK = 431
"""Above it litecoind does not mine: its extension blocks are active and want a transaction first."""

START_SECONDS = 20.0
STOP_SECONDS = 20.0
RPC_SECONDS = 30.0
ANSWER_SECONDS = 1.0

OPTIONS = (
    # Nothing but loopback may be contacted: a node of this family dials what `addr` messages tell it.
    "-regtest -connect=0 -dnsseed=0 -discover=0 -listenonion=0 -upnp=0 -server -listen "
    "-rpcbind=127.0.0.1 -rpcallowip=127.0.0.1 "
    "-peerbloomfilters=1 -blockfilterindex=1 -peerblockfilters=1 -acceptnonstdtxn=1 "
    "-disablewallet -dbcache=16 -par=1 -printtoconsole=0 -debug=net"
)


class NodeError(Exception):
    """The node did not start, or ended when nobody asked for it. The end of its log is in the message."""


class PortTaken(NodeError):
    """Somebody else listens on a port that was free when it was chosen."""


def free_ports(count: int) -> list[int]:
    """Loopback ports that nobody listens on at this moment, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


class Litecoind:
    """One node: its folder, its ports, and the process that at present (or no more) runs on them.

    @ivar folder: the data folder; a temporary one exists from C{start} until C{close}.
    @ivar port: the port for peers. @ivar rpc_port: the port for RPC. Both are kept by C{restart}.
    """

    folder = Path("never-started")
    port = rpc_port = _onion_port = 0

    def __init__(self, reactor: PosixReactorBase, *options: str, program: str | None = None) -> None:
        """
        @param options: more options for the command line; of two equal ones litecoind takes the later.
        @param program: the path of litecoind; by default the first on PATH.
        """
        self._reactor = reactor
        self._options = options
        self._program = program or shutil.which("litecoind") or "litecoind"
        self._password = secrets.token_hex(16)
        self._process = Process()
        self._temporary: Path | None = None
        self._log_start = 0

    @property
    def address(self) -> str:
        """Where peers connect to, as host:port."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        """The process id, C{None} while nothing runs."""
        transport = self._process.transport
        return None if transport is None else transport.pid

    @property
    def running(self) -> bool:
        return self.pid is not None

    async def start(self, folder: Path | None = None, *, attempts: int = 5) -> Litecoind:
        """Start on free ports; return when the node answers calls and listens for peers.

        @param folder: an existing data folder, which stays; by default a temporary one, removed by C{close}.
        @raise NodeError: it ended at once, or gave no answer.
        """
        if folder is None:
            folder = self._temporary = Path(tempfile.mkdtemp(prefix="peerproto-litecoind-"))
        self.folder = folder
        atexit.register(self._end_at_exit)
        for attempt in range(attempts):
            self.port, self._onion_port, self.rpc_port = free_ports(3)
            try:
                await self._run()
                return self
            except PortTaken:
                if attempt == attempts - 1:
                    raise
        raise ValueError("attempts must be at least 1")

    async def restart(self, *, attempts: int = 5) -> None:
        """Stop if need be, then start on the same folder and the same ports.

        @raise PortTaken: another process has one of the ports and kept it, half a second for each attempt.
        """
        await self.stop()
        for attempt in range(attempts):
            try:
                return await self._run()
            except PortTaken:
                if attempt == attempts - 1:
                    raise
                await deferLater(self._reactor, 0.5)

    async def stop(self) -> None:
        """Shut the node down in an orderly way, or by force if it takes longer than STOP_SECONDS."""
        if not self.running:
            return
        self._process.send_signal(signal.SIGTERM)
        # A suspended process gets its signal only when it goes on.
        self._process.send_signal(signal.SIGCONT)
        try:
            await within(self._process.when_ended(), STOP_SECONDS, "litecoind's shutdown")
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """End the node at once (SIGKILL), as a crash would; nothing is written any more."""
        if self.running:
            self._process.send_signal(signal.SIGKILL)
            await within(self._process.when_ended(), STOP_SECONDS, "the end of a killed litecoind")

    async def suspend(self) -> None:
        """Hold the process (SIGSTOP): connections stay open, the kernel takes bytes, but nobody answers."""
        pid = self.pid
        if pid is None:
            raise NodeError("a node that does not run cannot be suspended")
        self._process.send_signal(signal.SIGSTOP)
        await within(self._when_stopped(pid), STOP_SECONDS, "litecoind suspended")

    def resume(self) -> None:
        """Let a suspended process go on."""
        self._process.send_signal(signal.SIGCONT)

    async def close(self) -> None:
        """End the node and remove its temporary folder. Works in every state, also twice.

        In an orderly way only if the folder stays: that takes longer than all the rest of most tests.
        """
        try:
            await (self.kill() if self._temporary else self.stop())
        finally:
            self._end_at_exit()
            atexit.unregister(self._end_at_exit)

    def rpc(self, method: str, *params: object, seconds: float = RPC_SECONDS) -> Deferred[Any]:
        """Call the node: C{node.rpc("getblockhash", 7)}. Fires with the result as C{json} reads it.

        @raise RPCError: the node refused.
        @raise TimeoutError: no answer in time, as from a suspended node.
        """
        return within(self._rpc.call(method, params), seconds, f"litecoind's answer to {method}")

    async def mine(self, count: int) -> list[str]:
        """Mine blocks to nobody's profit; return when they are on disk and in the filter index.

        @return: their hashes as RPC prints them (reversed wire order), lowest first.
        @raise ValueError: the chain would get higher than HIGHEST_BLOCK.
        """
        height = await self.rpc("getblockcount")
        if height + count > HIGHEST_BLOCK:
            raise ValueError(f"{count} blocks on top of {height} are more than {HIGHEST_BLOCK}")
        hashes: list[str] = await self.rpc("generatetodescriptor", count, "raw(51)")
        await self.flush()
        return hashes

    async def flush(self) -> None:
        """Write the chain to disk, so that C{kill} loses no block, and let the filter index come after."""
        await self.rpc("gettxoutsetinfo")  # its one side effect: ForceFlushStateToDisk (rpc/blockchain.cpp)
        await self.rpc("syncwithvalidationinterfacequeue")

    def log(self) -> str:
        """The node's log of all its runs; empty before the first."""
        path = self.folder / "regtest" / "debug.log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def log_tail(self, lines: int = 40) -> str:
        """The end of the log and all that the program printed, for the message of a failing test."""
        printed = self._process.output.decode("utf-8", "replace").strip()
        return "\n".join([*deque(self.log().splitlines(), lines), *([printed] if printed else [])])

    async def _run(self) -> None:
        """Start the program and wait until it serves; end it again if it does not."""
        self._log_start = len(self.log())
        self._process = Process()
        self._rpc = RPC(self._reactor, self.rpc_port, self._password)
        arguments = [self._program, *OPTIONS.split(), *self._arguments(), *self._options]
        # Debian's litecoind is a script that writes a litecoin.conf into the home: not into the user's.
        environment = {"HOME": str(self.folder), "PATH": os.defpath}
        self._reactor.spawnProcess(self._process, self._program, arguments, environment)
        try:
            await within(self._when_serving(), START_SECONDS, "litecoind's start")
        except TimeoutError as error:
            tail = self.log_tail()
            await self.kill()
            raise NodeError(f"{error}\n{tail}") from error
        except BaseException:
            await self.kill()
            raise

    def _arguments(self) -> list[str]:
        return [
            f"-datadir={self.folder}",
            f"-bind=127.0.0.1:{self.port}",
            # Without this one it takes 127.0.0.1:19444 for onion connections, which only one node can have.
            f"-bind=127.0.0.1:{self._onion_port}=onion",
            f"-rpcport={self.rpc_port}",
            f"-rpcuser={USER}",
            f"-rpcpassword={self._password}",
        ]

    async def _when_serving(self) -> None:
        """Wait for RPC, the filter index and the port for peers, each of which comes up in its own time."""
        while not await self._answers():
            if self._process.ended is not None:
                raise self._startup_error(f"litecoind ended: {self._process.ended}")
            await deferLater(self._reactor, POLL_SECONDS)
        # It goes on without the port for peers as long as it got the onion one.
        if f"Bound to {self.address}\n" not in self.log()[self._log_start :]:
            raise self._startup_error(f"litecoind does not listen on {self.address}")

    async def _answers(self) -> bool:
        """Whether the node takes calls and its indexes have reached the tip."""
        try:
            # First, for getindexinfo crashes the node while the index has not been told of the genesis block
            # (BaseIndex::GetSummary, index/base.cpp, dereferences a null m_best_block_index).
            await self.rpc("syncwithvalidationinterfacequeue", seconds=ANSWER_SECONDS)
            indexes = await self.rpc("getindexinfo", seconds=ANSWER_SECONDS)
        except (ConnectError, ConnectionClosed, RPCError, TimeoutError):
            # Not listening yet; starting up (-28); or another program has the port (then ours ends).
            return False
        return all(index["synced"] for index in indexes.values())

    def _startup_error(self, what: str) -> NodeError:
        log = self.log()[self._log_start :]
        kind = PortTaken if "Unable to bind" in log else NodeError
        return kind(f"{what}\n{self.log_tail()}")

    async def _when_stopped(self, pid: int) -> None:
        """Wait until every thread stands still: the signal alone says only that they will."""
        while os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOHANG) is None:
            await deferLater(self._reactor, POLL_SECONDS)

    def _end_at_exit(self) -> None:
        """The net below the fixtures: no process and no folder outlives the test run, whatever ended it."""
        if (pid := self.pid) is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
