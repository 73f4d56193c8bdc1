"""A PostgreSQL server in the hands of a test: on loopback, in a folder of its own, with nothing left behind."""

from __future__ import annotations

import atexit
import os
import pwd
import secrets
import shutil
import signal
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from twisted.internet.task import deferLater

from .litecoind import free_ports
from .processes import Process
from .waiting import POLL_SECONDS, within

if TYPE_CHECKING:
    from twisted.internet.posixbase import PosixReactorBase

START_SECONDS = 30.0
STOP_SECONDS = 20.0

USER = "peerproto"

OPTIONS = "-c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=40 -c shared_buffers=16MB"

END_ALL = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'peerproto'"
"""Ends the connections of all nodes, and waits until they have ended."""


class PostgresError(Exception):
    """The server did not start. What it printed is in the message."""


class PortTaken(PostgresError):
    """Somebody else listens on a port that was free when it was chosen."""


def missing() -> str:
    """What is not there, for a message; empty if all is."""
    if _program("initdb") is None or _program("postgres") is None:
        return "no initdb on PATH or in /usr/lib/postgresql (Debian: apt-get install postgresql)"
    if os.geteuid() == 0 and _other_user() is None:
        return "PostgreSQL does not run as root, and there is neither a user postgres nor nobody"
    return ""


def _program(name: str) -> str | None:
    """Debian has it beside PATH, in a folder for each version."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    return shutil.which(name) or (str(found[-1]) if found else None)


def _other_user() -> pwd.struct_passwd | None:
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    return None


class Postgres:
    """One server.

    @ivar port: where it listens on loopback. @ivar password: of its user.
    """

    port = 0

    def __init__(self, reactor: PosixReactorBase) -> None:
        self._reactor = reactor
        self._process = Process()
        self._folder = Path(tempfile.mkdtemp(prefix="peerproto-postgres-"))
        self._user = _other_user() if os.geteuid() == 0 else None
        self.password = secrets.token_hex(8)
        if self._user is not None:
            os.chown(self._folder, self._user.pw_uid, self._user.pw_gid)
        atexit.register(self._end_at_exit)

    def url(self, database: str = "postgres") -> str:
        """Where a database is, password included."""
        return f"postgresql://{USER}:{self.password}@127.0.0.1:{self.port}/{database}"

    def log_tail(self) -> str:
        """The end of what it has printed, for the message of a failing test."""
        return self._process.text()[-4000:]

    async def start(self, *, attempts: int = 5) -> Postgres:
        """Make a cluster and start the server on a free port; return when it answers."""
        await self._make_cluster()
        while True:
            (self.port,) = free_ports(1)
            attempts -= 1
            try:
                await self.go_on()
                return self
            except PortTaken:
                if not attempts:
                    raise

    async def _make_cluster(self) -> None:
        file = self._folder / "password"
        file.write_text(self.password)
        file.chmod(0o644)
        words = [
            "-U",
            USER,
            "-A",
            "scram-sha-256",
            f"--pwfile={file}",
            "--no-sync",
            "--locale=C",
            "-E",
            "UTF8",
        ]
        making = self._spawn("initdb", "-D", str(self._folder / "data"), *words)
        await within(making.when_ended(), START_SECONDS, "a new cluster")
        if making.code != 0:
            raise PostgresError(making.text())

    async def go_on(self) -> None:
        """Start the server on its old port. Raises PortTaken if somebody else has it by now."""
        words = ["-p", str(self.port), "-k", str(self._folder), *OPTIONS.split()]
        self._process = self._spawn("postgres", "-D", str(self._folder / "data"), *words)
        await within(self._when_serving(), START_SECONDS, "a server that answers")

    async def stop(self) -> None:
        """Shut it down; all connections are ended, as by an operator who restarts it."""
        self._process.send_signal(signal.SIGINT)
        await within(self._process.when_ended(), STOP_SECONDS, "the server's shutdown")

    async def close(self) -> None:
        """End it at once, and remove its folder."""
        try:
            self._process.send_signal(signal.SIGQUIT)
            if self._process.transport is not None:
                await within(self._process.when_ended(), STOP_SECONDS, "the server's end")
        finally:
            self._end_at_exit()
            atexit.unregister(self._end_at_exit)

    def database(self) -> str:
        """The URL of a new and empty database."""
        name = f"test_{secrets.token_hex(6)}"
        with psycopg.connect(self.url(), autocommit=True, connect_timeout=5) as db:
            db.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)

    def _spawn(self, name: str, *words: str) -> Process:
        process, program = Process(), _program(name) or name
        uid, gid = (self._user.pw_uid, self._user.pw_gid) if self._user else (None, None)
        environment = {"PATH": os.defpath, "LC_ALL": "C", "HOME": str(self._folder)}
        self._reactor.spawnProcess(
            process, program, [program, *words], environment, path=str(self._folder), uid=uid, gid=gid
        )
        return process

    async def _when_serving(self) -> None:
        while not self._answers():
            if self._process.ended is not None:
                kind = PortTaken if "Address already in use" in self._process.text() else PostgresError
                raise kind(f"the server has ended: {self._process.ended}\n{self.log_tail()}")
            await deferLater(self._reactor, POLL_SECONDS)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _end_at_exit(self) -> None:
        """The net below the fixture: no process and no folder outlives the test run, whatever ended it."""
        if self._process.transport is not None and (pid := self._process.transport.pid) is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGQUIT)
        shutil.rmtree(self._folder, ignore_errors=True)


def ask(url: str, query: Any, *values: object) -> list[Any]:
    """The rows that a statement gives, by a connection of its own."""
    with psycopg.connect(url, autocommit=True, connect_timeout=5) as db:
        cursor = db.execute(query, values)
        return cursor.fetchall() if cursor.description else []
