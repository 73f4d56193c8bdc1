"""A real SOCKS5 server on loopback: microsocks."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Protocol

from .litecoind import free_ports
from .processes import Process
from .waiting import SECONDS, until, within

if TYPE_CHECKING:
    from twisted.internet.posixbase import PosixReactorBase


class Microsocks:
    """One proxy, with a password or without.

    @ivar port: where it listens on loopback.
    """

    def __init__(self, reactor: PosixReactorBase, program: str, login: tuple[str, str] | None) -> None:
        self._reactor, self._program = reactor, program
        self._login = login
        self._process = Process()
        (self.port,) = free_ports(1)

    @property
    def url(self) -> str:
        """Where it is, with what it wants to be told."""
        login = "{}:{}@".format(*self._login) if self._login else ""
        return f"socks5://{login}127.0.0.1:{self.port}"

    def log(self) -> str:
        """Whom it has connected to whom: it prints a line for each."""
        return self._process.text()

    async def start(self) -> Microsocks:
        """Start; return when it listens."""
        login = ["-u", self._login[0], "-P", self._login[1]] if self._login else []
        words = [self._program, "-i", "127.0.0.1", "-p", str(self.port), *login]
        self._reactor.spawnProcess(self._process, self._program, words)
        await until(self._listens, "a proxy that listens")
        return self

    async def close(self) -> None:
        """End it."""
        self._process.send_signal(signal.SIGKILL)
        await within(self._process.when_ended(), SECONDS)

    async def _listens(self) -> bool:
        try:
            found = await connectProtocol(
                TCP4ClientEndpoint(self._reactor, "127.0.0.1", self.port), Protocol()
            )
        except ConnectError:
            return False
        assert found.transport is not None
        found.transport.loseConnection()
        return True
