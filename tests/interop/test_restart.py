"""A node of ours whose neighbour comes and goes, and that goes itself: it syncs on, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.error import ConnectionRefusedError

from peerproto import PeerError, PeerProtocol, PeerStalled, Reason, State
from peerproto.chain.rules import display
from peerproto.node.backoff import Backoff
from peerproto.node.headerstore import HeaderStore
from peerproto.node.service import PeerNodeService

from .litecoind import Litecoind
from .ours import POLICIES, Ours, chain_of, litecoin, peers_of, synced, where
from .raw import RawPeer
from .waiting import SECONDS, until, within

if TYPE_CHECKING:
    from twisted.internet.posixbase import PosixReactorBase

StartLitecoind = Callable[..., Awaitable[Litecoind]]


def only_peer(service: PeerNodeService) -> PeerProtocol:
    """The one peer of a service."""
    (peer,) = peers_of(service)
    return peer


async def next_peer(service: PeerNodeService, last: PeerProtocol) -> PeerProtocol:
    """The peer that comes after this one, ready."""

    def found() -> list[PeerProtocol]:
        return [peer for peer in peers_of(service) if peer is not last]

    (peer,) = await until(found, "the next connection")
    return await within(peer.when_ready(), SECONDS)


async def ended(peer: PeerProtocol) -> PeerError:
    """Why a peer has ended, once it has."""
    return await within(peer.when_disconnected(), SECONDS, f"the end of {peer}")


async def test_killed_node(fresh_litecoind: Litecoind, ours: Ours, tmp_path: Path) -> None:
    """A node that is killed and started again is called until it is there, and followed from where we were."""
    node = fresh_litecoind
    await within(node.mine(30), SECONDS)
    services = [
        ours.service(node.address, policy=policy, store=str(tmp_path / f"{policy}.sqlite"))
        for policy in POLICIES
    ]
    for service in services:
        await within(synced(service, node), SECONDS)
    first = [only_peer(service) for service in services]
    connectors = [connector for service in services for connector in service.connectors]
    await within(node.kill(), SECONDS)
    for peer in first:
        assert (await ended(peer)).reason in (Reason.CLOSED_BY_PEER, Reason.RESET)
    await until(lambda: all(each.backoff.tries > 1 for each in connectors), "calls that nobody answers")
    assert [peers_of(service) for service in services] == [[], []]
    await within(node.restart(), SECONDS)
    best = (await within(node.mine(10), SECONDS))[-1]
    for service, last, connector in zip(services, first, connectors, strict=True):
        peer = await next_peer(service, last)
        assert connector.peer is peer and peer.address == node.address
        chain = await within(synced(service, node), SECONDS)
        assert (chain.height, display(chain.tip)) == (40, best)


async def test_node_that_comes_late(start_litecoind: StartLitecoind, ours: Ours) -> None:
    """We may be started before the node is there."""
    node = await start_litecoind()
    await within(node.mine(10), SECONDS)
    await within(node.stop(), SECONDS)
    service = ours.service(node.address)
    (connector,) = service.connectors
    await until(lambda: connector.backoff.tries == 1, "a call that nobody answers")
    await within(node.restart(), SECONDS)
    await within(synced(service, node), SECONDS)
    assert connector.peer is only_peer(service)


async def test_node_that_ends_in_order(fresh_litecoind: Litecoind, ours: Ours) -> None:
    """A node that is shut down closes, and the reason says so."""
    peer = await ours.dial(fresh_litecoind.address)
    waiting = peer.request_blocks([b"\1" * 32])
    await within(fresh_litecoind.stop(), SECONDS)
    assert (await ended(peer)).reason in (Reason.CLOSED_BY_PEER, Reason.RESET)
    with pytest.raises(PeerError) as caught:
        await within(waiting, SECONDS)
    assert caught.value is peer.ending


async def test_suspended_node(fresh_litecoind: Litecoind, ours: Ours) -> None:
    """A node that stands still answers nothing for a while: requests fail alone, and the peer is what it was after."""
    peer = await ours.dial(fresh_litecoind.address)
    await within(fresh_litecoind.suspend(), SECONDS)
    with pytest.raises(PeerStalled, match="ping was not answered in time"):
        await within(peer.ping(timeout=0.3), SECONDS)
    late = peer.ping()
    fresh_litecoind.resume()
    assert await within(late, SECONDS) < SECONDS
    assert peer.state is State.READY


async def test_node_suspended_too_long(fresh_litecoind: Litecoind, ours: Ours) -> None:
    """A node that stands still for too long is ended as idle and called again: the kernel answers in its place,
    so that these calls end at the handshake's time, until the node goes on.
    """
    node = fresh_litecoind
    await within(node.mine(20), SECONDS)
    timing = replace(litecoin().timing, idle=0.9, ping=0.3, handshake=0.5)
    service = ours.service(node.address, timing=timing)
    service.connectors[0].backoff = Backoff(lambda: 1.0, first=0.1, most=0.1)
    await within(synced(service, node), SECONDS)
    first = only_peer(service)
    await within(node.suspend(), SECONDS)
    assert (await ended(first)).reason is Reason.IDLE
    (second,) = await until(lambda: [peer for peer in peers_of(service) if peer is not first], "another call")
    assert (await ended(second)).reason is Reason.HANDSHAKE_TIMEOUT
    node.resume()
    await until(
        lambda: [peer for peer in peers_of(service) if peer.state is State.READY], "a peer that is ready"
    )
    await within(node.mine(5), SECONDS)
    assert (await within(synced(service, node), SECONDS)).height == 25


def left_of_ours(reactor: PosixReactorBase) -> list[Any]:
    """What the library has left in the reactor: timers, and connections and ports of its protocols."""
    calls: list[Any] = [call for call in reactor.getDelayedCalls() if _is_ours(getattr(call, "func", None))]
    return calls + [each for each in reactor.getReaders() if _is_ours(_served_by(each))]


def _served_by(reader: Any) -> Any:
    return getattr(reader, "protocol", None) or getattr(reader, "factory", None)


def _is_ours(thing: Any) -> bool:
    bound = getattr(thing, "__self__", thing)
    return type(bound).__module__.startswith("peerproto.") or "peerproto." in getattr(thing, "__module__", "")


async def test_clean_stop(
    fresh_litecoind: Litecoind, ours: Ours, reactor: PosixReactorBase, tmp_path: Path
) -> None:
    """A node of ours that is stopped while it has peers both ways, a call under way and a handshake begun leaves no
    timer, no connection, no port and no lock.
    """
    node, path = fresh_litecoind, str(tmp_path / "headers.sqlite")
    assert not left_of_ours(reactor)
    await within(node.mine(20), SECONDS)
    service = ours.service(node.address, "127.0.0.1:1", store=path, listen=["tcp:0:interface=127.0.0.1"])
    await within(synced(service, node), SECONDS)
    address = where(service.ports[0])
    await within(node.rpc("addnode", address, "onetry"), SECONDS)
    silent = await within(RawPeer.connect(reactor, address), SECONDS)
    await until(lambda: len(peers_of(service)) == 3, "the node's call, and the silent one's")
    peers = peers_of(service)
    await until(lambda: sum(peer.state is State.READY for peer in peers) == 2, "both handshakes")
    ending = [peer.when_disconnected() for peer in peers]
    factory = peers[0].factory
    assert left_of_ours(reactor)

    await ours.stop(service)
    reasons = [(await within(each, SECONDS)).reason for each in ending]
    assert reasons == [Reason.SHUTDOWN] * 3
    assert not factory.peers and service.node is None
    await within(silent.when_closed(), SECONDS)
    assert not left_of_ours(reactor)
    with pytest.raises(ConnectionRefusedError):
        await within(RawPeer.connect(reactor, address), SECONDS)
    store = HeaderStore(path, litecoin().chain)
    assert store.tip.height == 20
    store.close()

    async def alone() -> bool:
        return not await node.rpc("getpeerinfo")

    await until(alone, "the node to have no peers any more")


async def test_stop_while_the_node_stands_still(
    fresh_litecoind: Litecoind, ours: Ours, reactor: PosixReactorBase
) -> None:
    """A node that reads nothing does not hold up our end."""
    service = ours.service(fresh_litecoind.address)
    await until(lambda: service.connectors[0].peer, "a connection")
    peer = only_peer(service)
    await within(peer.when_ready(), SECONDS)
    await within(fresh_litecoind.suspend(), SECONDS)
    await ours.stop(service)
    assert (await ended(peer)).reason is Reason.SHUTDOWN
    assert not left_of_ours(reactor)


async def test_start_again(litecoind: Litecoind, ours: Ours, tmp_path: Path) -> None:
    """A service that was stopped can be started again, on the same file and port."""
    service = ours.service(litecoind.address, store=str(tmp_path / "headers.sqlite"))
    for _ in range(2):
        await within(synced(service, litecoind), SECONDS)
        await within(service.stopService(), SECONDS)
        service.startService()
    assert chain_of(service).height == 400
