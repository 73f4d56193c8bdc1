"""Peers through a real SOCKS5 proxy: no name is looked up on our side, and the proxy shows nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.interfaces import IHostnameResolver
from twisted.internet.posixbase import PosixReactorBase
from zope.interface import implementer

from peerproto import ConnectFailed, PeerProtocol, Reason, connect
from peerproto.networks.bitcoin import GetHeaders
from peerproto.peer.factory import Nonces

from .conftest import StartProxy
from .litecoind import Litecoind, free_ports
from .ours import Ours, Recorder, peers_of, synced
from .waiting import SECONDS, until, within

LOGIN = ("me", "secret")


@implementer(IHostnameResolver)
class NoResolver:
    """Resolves nothing, and notes who wanted it.

    @ivar asked: the names.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []

    def resolveHostName(self, receiver: Any, hostName: str, *_: Any, **__: Any) -> Any:
        """See IHostnameResolver."""
        self.asked.append(hostName)
        raise AssertionError(f"{hostName} is looked up here")


@pytest.fixture(autouse=True)
def no_resolver(reactor: PosixReactorBase) -> Iterator[None]:
    """Whoever looks up a name fails the test."""
    resolver = NoResolver()
    before = reactor.installNameResolver(resolver)
    try:
        yield
    finally:
        reactor.installNameResolver(before)
    assert resolver.asked == []


async def dial(ours: Ours, where: str, proxy: str, **options: Any) -> PeerProtocol:
    """A peer that is ready, through a proxy."""
    factory = ours.factory(proxy=proxy, **options)
    return await ours.dial_with(factory, where)


@pytest.mark.parametrize(("login", "agent"), [(None, "/by-proxy:1/"), (LOGIN, "/by-proxy:2/")])
async def test_real_node(
    litecoind: Litecoind, ours: Ours, start_proxy: StartProxy, login: tuple[str, str] | None, agent: str
) -> None:
    """A real node is spoken with as without a proxy; what it is told of its own address is what was asked for."""
    proxy = await start_proxy(login)
    peer = await dial(ours, litecoind.address, proxy.url, user_agent=agent)
    assert peer.address == litecoind.address
    assert await within(peer.ping(), SECONDS) > 0
    answer = await within(peer.request(GetHeaders(70016, [peer.network.genesis], bytes(32))), SECONDS)
    assert len(answer.headers) == 400
    (found,) = [each for each in await litecoind.rpc("getpeerinfo") if each["subver"] == agent]
    assert found.get("addrlocal", litecoind.address) == litecoind.address
    peer.disconnect()
    assert (await within(peer.when_disconnected(), SECONDS)).reason is Reason.LOCAL_CLOSE
    assert f"connected to 127.0.0.1:{litecoind.port}" in proxy.log()


@pytest.mark.parametrize(("host", "told"), [("127.0.0.1", "127.0.0.1"), ("localhost", "::")])
async def test_what_is_told(ours: Ours, start_proxy: StartProxy, host: str, told: str) -> None:
    """The other side is told the address that was asked for, nothing for a name, and of us nothing ever."""
    heard = Recorder()
    proxy = await start_proxy()
    port = int((await ours.accept(ours.factory(listener=heard, nonces=Nonces()))).rpartition(":")[2])
    peer = await dial(ours, f"{host}:{port}", proxy.url)
    await until(lambda: heard.ready, "the other side")
    (version,) = heard.heard["version"]
    assert (version.addr_you.ip, version.addr_you.port) == (told, port if told != "::" else 0)
    assert (version.addr_me.ip, version.addr_me.port) == ("::", 0)
    assert peer.address == f"{host}:{port}"
    assert peers_address(heard) != peer.local_addr, "the proxy has called"


def peers_address(heard: Recorder) -> str:
    """Who has called, as the other side sees it."""
    (peer,) = heard.ready
    return peer.address


async def why(ours: Ours, where: str, proxy: str) -> str:
    """Why there is no connection: for the proxy, in one line."""
    factory = ours.factory()
    with pytest.raises(ConnectFailed) as failed:
        await within(connect(ours.reactor, where, factory, proxy=proxy), SECONDS)
    assert failed.value.reason is Reason.PROXY
    (line,) = str(failed.value).splitlines()
    assert factory.peers == {} and LOGIN[1] not in line
    return line


async def test_failures(ours: Ours, start_proxy: StartProxy) -> None:
    """No proxy, a wrong password or none, nobody behind the proxy, no such name: each is told in its own words."""
    (closed,) = free_ports(1)
    proxy, guarded = await start_proxy(), await start_proxy(LOGIN)
    line = await why(ours, "127.0.0.1:1", f"socks5://127.0.0.1:{closed}")
    assert line == f"127.0.0.1:1: the proxy 127.0.0.1:{closed} is not there: refused: nothing listens there"
    by = f"by the proxy 127.0.0.1:{guarded.port}"
    line = await why(ours, "127.0.0.1:1", guarded.url.replace("secret", "guessed"))
    assert line == f"127.0.0.1:1: {by}: it does not accept our user and password"
    line = await why(ours, "127.0.0.1:1", f"socks5://127.0.0.1:{guarded.port}")
    assert line == f"127.0.0.1:1: {by}: it asks for a user and a password"
    line = await why(ours, f"127.0.0.1:{closed}", proxy.url)
    assert line == f"127.0.0.1:{closed}: by the proxy 127.0.0.1:{proxy.port}: refused: nothing listens there"
    line = await why(ours, f"{'a' * 56}.onion:1", proxy.url)
    assert f"{'a' * 56}.onion:1: by the proxy 127.0.0.1:{proxy.port}: " in line


async def test_not_a_proxy(litecoind: Litecoind, ours: Ours) -> None:
    """A node in the place of a proxy is silent, or hangs up: either way the proxy is the reason."""
    factory = ours.factory()
    with pytest.raises(ConnectFailed) as failed:
        proxy = f"socks5://{litecoind.address}"
        await within(connect(ours.reactor, "127.0.0.1:1", factory, proxy=proxy, timeout=1), SECONDS)
    assert failed.value.reason is Reason.PROXY


async def test_service(litecoind: Litecoind, ours: Ours, start_proxy: StartProxy) -> None:
    """A node with a proxy syncs through it, from a host that only the proxy knows by name."""
    proxy = await start_proxy(LOGIN)
    service = ours.service(f"localhost:{litecoind.port}", proxy=proxy.url)
    chain = await synced(service, litecoind)
    assert chain.height == 400
    (peer,) = peers_of(service)
    assert peer.address == f"localhost:{litecoind.port}"
    await ours.stop(service)


async def test_commands(litecoind: Litecoind, ours: Ours, start_proxy: StartProxy) -> None:
    """The commands take a proxy; one that is not there is told as the reason."""
    (closed,) = free_ports(1)
    proxy = await start_proxy()
    where = (f"localhost:{litecoind.port}", "--network", "litecoin-regtest", "--json")
    shook, synced_, failed = await within(
        ours.commands(
            ("handshake", *where, "--proxy", proxy.url),
            ("sync", *where, "--proxy", proxy.url, "--store", "headers.sqlite"),
            ("handshake", *where, "--proxy", f"socks5://127.0.0.1:{closed}"),
        ),
        SECONDS,
    )
    assert shook.code == 0 and f'"address": "localhost:{litecoind.port}"' in shook.text()
    assert synced_.code == 0 and '"height": 400' in synced_.text()
    assert failed.code == 1 and '"error": "proxy"' in failed.text()
