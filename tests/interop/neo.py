"""A NEO 2 node of npm (neo-one's) in the hands of a test: it touches loopback only and leaves nothing behind.

It makes its own blocks, at the rate that is asked for, from the genesis block of `neo-privnet-single` on. Its ways: no
ping is answered; at most 500 headers come at once, never the newest, and an empty list behind a hash that it does not
know; a block is announced when it is made; it asks for addresses every five seconds.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError, ConnectionClosed
from twisted.internet.task import deferLater

from .litecoind import NodeError, PortTaken, free_ports
from .processes import Process
from .rpc import RPC, RPCError
from .waiting import POLL_SECONDS, within

if TYPE_CHECKING:
    from twisted.internet.posixbase import PosixReactorBase

NETWORK = "neo-privnet-single"
PACKAGES_AT = "PEERPROTO_NEO_NODE"
"""The environment variable that names the folder where npm has installed the node."""

PACKAGES = "@neo-one/node@2.7.4", "@neo-one/node-neo-settings@2.7.4"
SCRIPT = Path(__file__).with_name("neo_node.cjs")

START_SECONDS = 30.0
STOP_SECONDS = 10.0
RPC_SECONDS = 10.0
ANSWER_SECONDS = 1.0


def missing() -> str:
    """What is not there that the node needs; empty if all is."""
    if shutil.which("node") is None:
        return "no node on PATH (Debian: apt-get install nodejs npm)"
    folder = os.environ.get(PACKAGES_AT, "")
    if folder and (Path(folder) / "node_modules" / "@neo-one" / "node").is_dir():
        return ""
    return f"{PACKAGES_AT} names no folder with {' '.join(PACKAGES)} (npm install --ignore-scripts)"


class NeoNode:
    """One node: its ports, and the process that at present (or no more) runs on them.

    @ivar port: the port for peers. @ivar rpc_port: the port for RPC. Both are kept by C{restart}.
    """

    port = rpc_port = 0

    def __init__(
        self, reactor: PosixReactorBase, *seeds: str, rate: int = 1, as_published: bool = False
    ) -> None:
        """
        @param seeds: whom the node dials, as host:port; loopback only.
        @param rate: blocks a second.
        @param as_published: whether the node handles what has come in one piece last one first, as the package does.
        """
        assert all(seed.startswith("127.0.0.1:") for seed in seeds)
        self._reactor = reactor
        self._options = [str(rate), "as-published" if as_published else "ordered"]
        self._options += [f"tcp://{seed}" for seed in seeds]
        self._process = Process()
        self._folder: Path | None = None

    @property
    def address(self) -> str:
        """Where peers connect to, as host:port."""
        return f"127.0.0.1:{self.port}"

    async def start(self, *, attempts: int = 5) -> NeoNode:
        """Start on free ports; return when the node answers calls. It listens for peers before it does.

        @raise NodeError: it ended at once, or gave no answer.
        """
        self._folder = Path(tempfile.mkdtemp(prefix="peerproto-neo-"))
        atexit.register(self._end_at_exit)
        for attempt in range(attempts):
            self.port, self.rpc_port = free_ports(2)
            try:
                await self._run()
                return self
            except PortTaken:
                if attempt == attempts - 1:
                    raise
        raise ValueError("attempts must be at least 1")

    async def restart(self) -> None:
        """End the node at once and start it again on the same chain and the same ports."""
        await self.kill()
        await self._run()

    async def kill(self) -> None:
        """End the node at once (SIGKILL)."""
        if self._process.transport is not None and self._process.ended is None:
            self._process.send_signal(signal.SIGKILL)
            await within(self._process.when_ended(), STOP_SECONDS, "the end of a killed node")

    async def close(self) -> None:
        """End the node and remove its folder. Works in every state, also twice."""
        try:
            await self.kill()
        finally:
            self._end_at_exit()
            atexit.unregister(self._end_at_exit)

    def rpc(self, method: str, *params: object, seconds: float = RPC_SECONDS) -> Deferred[Any]:
        """Call the node; fires with the result as C{json} reads it.

        @raise RPCError: the node refused.
        @raise TimeoutError: no answer in time.
        """
        calls = RPC(self._reactor, self.rpc_port, path="/rpc")
        return within(calls.call(method, params), seconds, f"the node's answer to {method}")

    async def height(self) -> int:
        """The height of its newest block."""
        return int(await self.rpc("getblockcount")) - 1

    def log(self) -> str:
        """All that the program has printed in its present run."""
        return self._process.text()

    def log_tail(self, size: int = 4000) -> str:
        """The end of it, for the message of a failing test."""
        return self.log()[-size:]

    async def _run(self) -> None:
        folder, self._process = str(self._folder), Process()
        program = shutil.which("node") or "node"
        arguments = [program, str(SCRIPT), str(self.port), str(self.rpc_port), folder, *self._options]
        environment = {
            "HOME": folder,
            "PATH": os.defpath,
            PACKAGES_AT: os.path.abspath(os.environ[PACKAGES_AT]),
        }
        self._reactor.spawnProcess(self._process, program, arguments, environment, path=folder)
        try:
            await within(self._when_serving(), START_SECONDS, "the node's start")
        except TimeoutError as error:
            await self.kill()
            raise NodeError(f"{error}\n{self.log_tail()}") from error
        except BaseException:
            await self.kill()
            raise

    async def _when_serving(self) -> None:
        while not await self._answers():
            if self._process.ended is not None:
                kind = PortTaken if "EADDRINUSE" in self.log() else NodeError
                raise kind(f"the node ended: {self._process.ended}\n{self.log_tail()}")
            await deferLater(self._reactor, POLL_SECONDS)

    async def _answers(self) -> bool:
        try:
            return int(await self.rpc("getblockcount", seconds=ANSWER_SECONDS)) > 0
        except (ConnectError, ConnectionClosed, RPCError, TimeoutError):
            return False

    def _end_at_exit(self) -> None:
        """The net below the fixtures: no process and no folder outlives the test run, whatever ended it."""
        transport = self._process.transport
        if transport is not None and transport.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(transport.pid, signal.SIGKILL)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
