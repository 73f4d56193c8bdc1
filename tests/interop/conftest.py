"""Fixtures that give a test real nodes, and what pytest-twisted needs to live beside trial's test cases."""

from __future__ import annotations

import functools
import inspect
import os
import shutil
import signal
import unittest
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

import pytest
import pytest_twisted  # type: ignore[import-untyped, unused-ignore]
from twisted.internet.defer import Deferred

from .litecoind import Litecoind
from .members import Make, Member
from .microsocks import Microsocks
from .neo import NeoNode, missing
from .ours import Ours
from .postgres import Postgres
from .postgres import missing as postgres_missing
from .waiting import within

if TYPE_CHECKING:
    from twisted.internet.posixbase import PosixReactorBase

TEST_SECONDS = 60.0
"""After it a test of this folder fails even if one of its awaits has no limit; `pytest.mark.limit` gives it another."""

BLOCKS = 400
"""The height of the shared node's chain."""

StartLitecoind = Callable[..., Awaitable[Litecoind]]
StartProxy = Callable[..., Awaitable[Microsocks]]
StartNeo = Callable[..., Awaitable[NeoNode]]


@pytest.fixture(scope="session")
def reactor() -> PosixReactorBase:
    """The reactor that pytest-twisted has installed (pytest --reactor=...)."""
    from twisted.internet import reactor

    return cast("PosixReactorBase", reactor)


@pytest.fixture(scope="session")
def litecoind_program() -> str:
    """The path of litecoind; without one the test is skipped, or fails if nodes are required."""
    program = shutil.which("litecoind")
    if program is not None:
        return program
    do_without("no litecoind on PATH (Debian: apt-get install litecoind)")


def do_without(what: str) -> NoReturn:
    """Skip the test for what is missing, or fail it if nodes are required."""
    if os.environ.get("PEERPROTO_REQUIRE_NODES") == "1":
        pytest.fail(f"PEERPROTO_REQUIRE_NODES=1, but: {what}")
    pytest.skip(what)


@pytest_twisted.async_yield_fixture(scope="module")  # type: ignore[untyped-decorator]
async def litecoind(reactor: PosixReactorBase, litecoind_program: str) -> AsyncIterator[Litecoind]:
    """A node with BLOCKS blocks, shared by the tests of a module: leave it running and its chain as it is."""
    node = Litecoind(reactor, program=litecoind_program)
    try:
        await node.start()
        await node.mine(BLOCKS)
        yield node
    finally:
        await node.close()


@pytest_twisted.async_yield_fixture  # type: ignore[untyped-decorator]
async def fresh_litecoind(reactor: PosixReactorBase, litecoind_program: str) -> AsyncIterator[Litecoind]:
    """A node of the test's own at the genesis block: to be mined on, killed, suspended, restarted."""
    node = Litecoind(reactor, program=litecoind_program)
    try:
        yield await node.start()
    finally:
        await node.close()


@pytest_twisted.async_yield_fixture  # type: ignore[untyped-decorator]
async def start_litecoind(reactor: PosixReactorBase, litecoind_program: str) -> AsyncIterator[StartLitecoind]:
    """A function that starts one more node of the test's own; its arguments are more options.

    It stands at genesis, unless it is given the folder of another one that has stopped.
    """
    nodes: list[Litecoind] = []

    async def start(*options: str, folder: Path | None = None) -> Litecoind:
        nodes.append(Litecoind(reactor, *options, program=litecoind_program))
        return await nodes[-1].start(folder)

    try:
        yield start
    finally:
        for node in reversed(nodes):
            await node.close()


@pytest.fixture(scope="session")
def neo_packages() -> None:
    """NEO's node is there; without it the test is skipped, or fails if nodes are required."""
    if missing():
        do_without(missing())


@pytest_twisted.async_yield_fixture(scope="module")  # type: ignore[untyped-decorator]
async def neo(reactor: PosixReactorBase, neo_packages: None) -> AsyncIterator[NeoNode]:
    """A node of NEO that makes a block a second, shared by the tests of a module."""
    node = NeoNode(reactor)
    try:
        yield await node.start()
    finally:
        await node.close()


@pytest_twisted.async_yield_fixture  # type: ignore[untyped-decorator]
async def start_neo(reactor: PosixReactorBase, neo_packages: None) -> AsyncIterator[StartNeo]:
    """A function that starts one more node of NEO, of the test's own, with the arguments of C{NeoNode}."""
    nodes: list[NeoNode] = []

    async def start(*seeds: str, **options: Any) -> NeoNode:
        nodes.append(NeoNode(reactor, *seeds, **options))
        return await nodes[-1].start()

    try:
        yield start
    finally:
        for node in reversed(nodes):
            await node.close()


@pytest.fixture(scope="session")
def postgres_programs() -> None:
    """PostgreSQL is there; without it the test is skipped, or fails if nodes are required."""
    if postgres_missing():
        do_without(postgres_missing())


@pytest_twisted.async_yield_fixture(scope="module")  # type: ignore[untyped-decorator]
async def postgres(reactor: PosixReactorBase, postgres_programs: None) -> AsyncIterator[Postgres]:
    """A server, shared by the tests of a module, each with a database of its own: leave it running."""
    server = Postgres(reactor)
    try:
        yield await server.start()
    finally:
        await server.close()


@pytest.fixture
def url(postgres: Postgres) -> str:
    """That of a new database."""
    return postgres.database()


@pytest.fixture
def member(url: str) -> Iterator[Make]:
    """Makes a node's part in the book of that database, which lets go of the server at the end."""
    made: list[Member] = []

    def make(**options: Any) -> Member:
        made.append(Member(options.pop("url", url), **options))
        return made[-1]

    yield make
    for each in made:
        each.server.close()


@pytest_twisted.async_yield_fixture  # type: ignore[untyped-decorator]
async def start_proxy(reactor: PosixReactorBase) -> AsyncIterator[StartProxy]:
    """A function that starts a SOCKS5 proxy of the test's own, which wants a user and a password if it is given them.

    Without microsocks the test is skipped, or fails if nodes are required.
    """
    program = shutil.which("microsocks")
    if program is None:
        do_without("no microsocks on PATH (Debian: apt-get install microsocks)")
    proxies: list[Microsocks] = []

    async def start(login: tuple[str, str] | None = None) -> Microsocks:
        proxies.append(Microsocks(reactor, program, login))
        return await proxies[-1].start()

    try:
        yield start
    finally:
        for proxy in proxies:
            await proxy.close()


@pytest_twisted.async_yield_fixture  # type: ignore[untyped-decorator]
async def ours(reactor: PosixReactorBase, tmp_path: Path) -> AsyncIterator[Ours]:
    """What the test makes of the library; ended with it."""
    made = Ours(reactor, tmp_path)
    try:
        yield made
    finally:
        await made.close()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run trial's test cases before all others, and give each test of this folder its limit.

    pytest-twisted's reactor, once started, runs to the end of the session, and a C{TestCase} that starts the
    reactor itself then fails with ReactorAlreadyRunning. The other order works.
    """
    items.sort(key=lambda item: not _is_test_case(item))
    here = Path(__file__).parent
    for item in items:
        if not isinstance(item, pytest.Function) or here not in item.path.parents:
            continue
        if inspect.iscoroutinefunction(item.obj):
            mark = item.get_closest_marker("limit")
            item.obj = _limited(item.obj, mark.args[0] if mark else TEST_SECONDS)


def _is_test_case(item: pytest.Item) -> bool:
    cls = getattr(item, "cls", None)
    return cls is not None and issubclass(cls, unittest.TestCase)


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line("markers", "limit(seconds): how long a test may take that talks to real nodes")


def _limited(test: Callable[..., Coroutine[Any, Any, None]], seconds: float) -> Callable[..., Deferred[None]]:
    """The test with a time limit, ended by Ctrl-C.

    Without the latter the reactor's main loop logs the KeyboardInterrupt and goes on (base.py, mainLoop).
    """

    @functools.wraps(test)
    def run(**fixtures: object) -> Deferred[None]:
        from twisted.internet import reactor

        running = Deferred.fromCoroutine(test(**fixtures))
        limited = within(running, seconds, test.__name__)
        interrupted = False

        def interrupt(_signal: int, _frame: object) -> None:
            nonlocal interrupted
            interrupted = True
            reactor.callFromThread(running.cancel)  # type: ignore[attr-defined]

        def finish(result: Any) -> Any:
            signal.signal(signal.SIGINT, before)
            if interrupted:
                raise KeyboardInterrupt
            return result

        before = signal.signal(signal.SIGINT, interrupt)
        return limited.addBoth(finish)

    return run


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the nodes of a failed test have logged."""
    report = yield
    if report.failed:
        for name, value in getattr(item, "funcargs", {}).items():
            if isinstance(value, Litecoind | NeoNode | Postgres):
                report.sections.append((f"log of {name}", value.log_tail()))
    return report
