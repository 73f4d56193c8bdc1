"""A real PostgreSQL server that says no, hangs, or goes away."""

from __future__ import annotations

import os
import signal
import socket
import time
from typing import TYPE_CHECKING

import pytest
from twisted.internet.threads import deferToThread

from peerproto.errors import LocalError, StoreError
from peerproto.node.migrations import migrate
from peerproto.node.pgserver import Server
from tests.book_case import spread

from . import postgres as harness
from .litecoind import free_ports
from .members import Make
from .postgres import END_ALL, Postgres, ask
from .waiting import SECONDS, within

if TYPE_CHECKING:
    from twisted.internet.posixbase import PosixReactorBase


def test_a_server_that_says_no(member: Make, postgres: Postgres) -> None:
    """One line each, without the password."""
    for url, text in (
        (postgres.url("nowhere"), 'database "nowhere" does not exist'),
        (postgres.url().replace(postgres.password, "wrong-password"), "password authentication failed"),
        ("postgresql://peerproto:secret@127.0.0.1:1/x", "Connection refused"),
    ):
        with pytest.raises(StoreError, match=text) as caught:
            member(url=url)
        assert "\n" not in str(caught.value)
        for word in (postgres.password, "wrong-password", "secret"):
            assert word not in str(caught.value)
    with pytest.raises(LocalError, match="is no URL that PostgreSQL understands"):
        member(url="postgresql://127.0.0.1/x?nonsense=secret")


async def test_a_call_that_hangs_is_cut(url: str) -> None:
    """Who waits has an error at once, and the next one goes by a new connection; cutting nothing does nothing."""
    server = Server(url, migrate)
    server.cut()
    server.run(lambda db: None)
    begun = time.monotonic()
    waiting = deferToThread(server.run, lambda db: db.execute("SELECT pg_sleep(15)"))
    await deferToThread(time.sleep, 0.2)
    server.cut()
    with pytest.raises(StoreError):
        await within(waiting, SECONDS, "a call that was cut")
    assert time.monotonic() - begun < 10
    server.cut()
    assert server.run(lambda db: db.execute("SELECT 1").fetchone()) == (1,)
    server.close()
    server.close()


async def test_restarted_in_the_middle(member: Make, postgres: Postgres) -> None:
    """While the server is away a round fails, and nothing is lost; when it is back the next one tells it all."""
    first = member()
    first.book.add(spread(3), "9.9.9.9")
    first.round()
    await postgres.stop()
    try:
        first.book.add(spread(6), "9.9.9.9")
        for _ in range(2):
            news = first.book.news()
            with pytest.raises(StoreError):
                first.server.exchange(news)
            first.book.take_back(news)
    finally:
        await postgres.go_on()
    first.round()
    assert len(member().book) == len(first.book) == 6


def test_ended_while_nobody_used_it(url: str) -> None:
    """A connection that the server, or what stands between, has ended meanwhile is made again before it is needed."""
    server, begun = Server(url, migrate), []
    server.run(lambda db: None)
    ask(url, END_ALL)
    assert server.run(lambda db: begun.append(1) or db.execute("SELECT 5").fetchone()) == (5,)  # type: ignore[func-returns-value]
    assert begun == [1]
    ask(url, END_ALL)
    server.cut()  # is no trouble, nor what comes after
    assert server.run(lambda db: db.execute("SELECT 6").fetchone()) == (6,)
    server.close()


def test_ended_in_the_middle(url: str) -> None:
    """What was begun when the connection ended is not done a second time: nobody knows how much of it was done."""
    server, begun = Server(url, migrate), []
    with pytest.raises(StoreError, match="terminating connection"):
        server.run(lambda db: begun.append(1) or db.execute("SELECT pg_terminate_backend(pg_backend_pid())"))  # type: ignore[func-returns-value]
    assert begun == [1]
    server.cut()
    server.close()


async def test_cut_before_it_has_begun(url: str) -> None:
    """Who is cut while it is found out whether the server is still there does not call it anew: time is up."""
    server, begun = Server(url, migrate), list[int]()
    (pid,) = server.run(lambda db: db.execute("SELECT pg_backend_pid()").fetchone() or (0,))
    os.kill(pid, signal.SIGSTOP)
    try:
        waiting = deferToThread(server.run, lambda db: begun.append(1))
        await deferToThread(time.sleep, 0.2)
        server.cut()
        with pytest.raises(StoreError):
            await within(waiting, SECONDS, "a call that was cut")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert begun == []
    server.run(lambda db: begun.append(2))
    assert begun == [2]
    server.close()


async def test_port_taken_meanwhile(
    reactor: PosixReactorBase, postgres_programs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The harness: a port that was free when chosen and is not when the server binds it leads to another choice."""
    chosen: list[int] = []
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()

        def unlucky(count: int) -> list[int]:
            chosen.append(free_ports(count)[0] if chosen else taken.getsockname()[1])
            return chosen[-1:]

        monkeypatch.setattr(harness, "free_ports", unlucky)
        server = Postgres(reactor)
        try:
            await server.start()
            assert ask(server.url(), "SELECT 1") == [(1,)]
        finally:
            await server.close()
    assert len(chosen) == 2
