"""Nodes that know nobody, and seeds on loopback: by DNS, by HTTPS, and through a real proxy."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_twisted  # type: ignore[import-untyped, unused-ignore]
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.web.server import NOT_DONE_YET

from peerproto import Nonces, networks
from peerproto.forms.gossip import Known
from peerproto.node.httpseeds import TIMEOUT, HttpSeeds
from peerproto.node.seeding import SeedFailed
from peerproto.node.service import PeerNodeService
from peerproto.node.webline import web_agent
from peerproto.peer.socks import proxy_at

from .conftest import StartProxy
from .litecoind import free_ports
from .ours import TWISTD, Ours
from .seeder import Flood, Seeder, line
from .test_company import agents, place_of
from .waiting import SECONDS, until, within

if TYPE_CHECKING:
    from twisted.internet.posixbase import PosixReactorBase

NETWORK = networks.named("decred-simnet")
NODE = line("8.8.8.8:9108")


@pytest_twisted.async_yield_fixture  # type: ignore[untyped-decorator]
async def seeder(reactor: PosixReactorBase) -> AsyncIterator[Seeder]:
    """A server that ends with the test."""
    made = Seeder(reactor)
    try:
        yield made
    finally:
        await within(made.close(), SECONDS)


def asking(
    reactor: Any, seeder: Seeder, *, clock: Any = None, proxy: str | None = None, trusted: bool = True
) -> Deferred[list[Known]]:
    """What the seeder tells who asks it, who trusts its certificate or not."""
    agent = web_agent(reactor, None if proxy is None else proxy_at(proxy), seeder.policy if trusted else None)
    seeds = HttpSeeds(
        agent, clock or reactor, services=1, least_version=1, now=reactor.seconds, random=lambda: 0.5
    )
    return seeds.ask(seeder.place)


async def why(asking: Deferred[list[Known]]) -> str:
    """Why it has failed."""
    with pytest.raises(SeedFailed) as failed:
        await within(asking, SECONDS, "a seeder's failure")
    return str(failed.value)


async def test_told(reactor: PosixReactorBase, seeder: Seeder) -> None:
    """What a seeder tells over TLS is heard."""
    page = seeder.page(lambda request: NODE)
    (known,) = await within(asking(reactor, seeder), SECONDS)
    assert (known.host, known.port, known.services) == ("8.8.8.8", 9108, 1)
    assert page.asked == [b"/api/addrs?services=1"]


async def test_wrong_certificate(reactor: PosixReactorBase, seeder: Seeder) -> None:
    """Who cannot show that he is who was asked is not heard."""
    page = seeder.page(lambda request: NODE)
    assert "TLS failed" in await why(asking(reactor, seeder, trusted=False))
    assert page.asked == []


async def test_garbage(reactor: PosixReactorBase, seeder: Seeder) -> None:
    """A page for people tells of no nodes."""
    seeder.page(lambda request: b"<html>\n<p>Hello\x00\xff\n" * 100)
    assert "200 lines make no sense" in await why(asking(reactor, seeder))


async def test_redirect(reactor: PosixReactorBase, seeder: Seeder) -> None:
    """Who sends us elsewhere is not followed, even to himself."""

    def redirect(request: Any) -> bytes:
        request.redirect(f"https://{seeder.place}/elsewhere".encode())
        return b""

    page = seeder.page(redirect)
    assert "status 302" in await why(asking(reactor, seeder))
    assert len(page.asked) == 1


async def test_endless_body(reactor: PosixReactorBase, seeder: Seeder) -> None:
    """An answer without an end counts as far as it is looked at, and its connection is cut."""

    def flood(request: Any) -> int:
        request.write(NODE)
        producer = type("Producer", (), {"resumeProducing": lambda self: request.write(b"x" * 999 + b"\n")})
        producer.stopProducing = lambda self: None  # type: ignore[attr-defined]
        request.registerProducer(producer(), False)
        return NOT_DONE_YET

    page = seeder.page(flood)
    assert [known.host for known in await within(asking(reactor, seeder), SECONDS)] == ["8.8.8.8"]
    await within(page.ended, SECONDS, "the end of the connection")


async def test_endless_headers(reactor: PosixReactorBase, seeder: Seeder) -> None:
    """So many bytes are taken, whatever they are said to be."""
    flood = Flood()
    flood.over = Deferred()
    seeder.listen(Factory.forProtocol(lambda: flood))  # type: ignore[arg-type]
    assert "cannot be read" in await why(asking(reactor, seeder))
    await within(flood.over, SECONDS, "the end of the connection")


@pytest.mark.parametrize("begun", [False, True])
async def test_slow(reactor: PosixReactorBase, seeder: Seeder, begun: bool) -> None:
    """Who does not go on is waited for so long, by the clock; then the connection is cut."""

    def serve(request: Any) -> int:
        if begun:
            request.write(NODE)
        return NOT_DONE_YET

    page, clock = seeder.page(serve), Clock()
    answer = asking(reactor, seeder, clock=clock)
    await until(lambda: page.asked, "the question")
    clock.advance(TIMEOUT)
    assert "no answer in 60 seconds" in await why(answer)
    await within(page.ended, SECONDS, "the end of the connection")


async def test_cancelled(reactor: PosixReactorBase, seeder: Seeder) -> None:
    """A node that stops waits for no seeder."""
    page = seeder.page(lambda request: NOT_DONE_YET)
    answer = asking(reactor, seeder)
    await until(lambda: page.asked, "the question")
    answer.cancel()
    with pytest.raises(CancelledError):
        await answer
    await within(page.ended, SECONDS, "the end of the connection")


async def test_by_proxy(reactor: PosixReactorBase, seeder: Seeder, start_proxy: StartProxy) -> None:
    """With a proxy a seeder is asked through it."""
    proxy = await start_proxy()
    seeder.page(lambda request: NODE)
    assert len(await within(asking(reactor, seeder, proxy=proxy.url), SECONDS)) == 1
    await until(lambda: seeder.place in proxy.log(), "the proxy's word for it")


def node(
    ours: Ours,
    name: str,
    listen: Sequence[str] = ("tcp:0:interface=127.0.0.1",),
    proxy: str | None = None,
    **company: Any,
) -> PeerNodeService:
    """One that listens on loopback, and knows whom it is told."""
    return ours.service(
        network=NETWORK,
        listen=listen,
        company=company,
        user_agent=f"/{name}:1/",
        services=1,
        nonces=Nonces(),
        proxy=proxy,
    )


async def test_found_by_https(ours: Ours, reactor: PosixReactorBase, seeder: Seeder) -> None:
    """A node that knows nobody asks a seeder, and calls whom that names."""
    other = node(ours, "other")
    seeder.page(lambda request: line(place_of(other)))
    agent = web_agent(reactor, None, seeder.policy)
    lost = node(ours, "lost", outbound=1, seeds=[f"https://{seeder.place}"], agent=agent)
    await until(lambda: agents(lost) == {"/other:1/"}, "the call")


async def test_found_by_dns(ours: Ours) -> None:
    """A node that knows nobody looks a name up, and calls who is there."""
    other = node(ours, "other")
    port = place_of(other).rpartition(":")[2]
    lost = node(ours, "lost", outbound=1, seeds=[f"localhost:{port}"])
    await until(lambda: agents(lost) == {"/other:1/"}, "the call")
    assert lost.company is not None
    assert {entry.source for entry in lost.company.book} == {f"localhost:{port}"}


async def test_found_by_proxy(ours: Ours, start_proxy: StartProxy, tmp_path: Path) -> None:
    """With a proxy a seed is called through it and asked, and whom it names is called through it, too."""
    proxy = await start_proxy()
    (port,) = free_ports(1)
    hosts = [f"127.0.0.{number}" for number in range(1, 10)]
    node(ours, "last", listen=[f"tcp:{port}:interface={host}" for host in hosts])
    (tmp_path / "known.txt").write_text("\n".join(f"{host}:{port}" for host in hosts))
    seed = node(ours, "seed", outbound=1, peers_file=str(tmp_path / "known.txt"))
    where = place_of(seed).replace("127.0.0.1", "localhost")
    lost = node(ours, "lost", listen=[], proxy=proxy.url, outbound=1, seeds=[where])
    await until(lambda: agents(lost) == {"/last:1/"}, "the call")
    assert lost.company is not None
    assert {entry.source for entry in lost.company.book} == {where}
    assert f":{port}" in proxy.log() and where in proxy.log()


async def test_program(ours: Ours) -> None:
    """A node as its user starts it finds the other by --seed, and stops in good order."""
    other = node(ours, "other")
    port = place_of(other).rpartition(":")[2]
    words = ["--network", NETWORK.name, "--outbound", "1", "--book", "book.sqlite", "--store", ":memory:"]
    program = ours.program(*TWISTD, *words, "--seed", f"localhost:{port}")
    await until(lambda: "/other:1/" in program.text(), "a peer that is ready")
    program.send_signal(signal.SIGTERM)
    await within(program.when_ended(), SECONDS, "its end")
    assert f"seed localhost:{port}: " in program.text()
    assert "Traceback" not in program.text()
