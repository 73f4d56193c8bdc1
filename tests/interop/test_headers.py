"""Headers followed from several real nodes at once, of which one is behind and one stands still."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.logger import LogEvent, formatEvent, globalLogPublisher

from peerproto.network import Network
from peerproto.node import headerasking, headerlead
from peerproto.node.node import Node
from peerproto.peer.protocol import PeerProtocol

from .litecoind import Litecoind
from .ours import Ours, chain_of, litecoin, peers_of, synced
from .waiting import SECONDS, until, within

StartLitecoind = Callable[..., Awaitable[Litecoind]]


def few_at_once() -> Network:
    """A network on which two hundred headers are many, so that litecoind's four hundred are a long chain."""
    network = litecoin("core")
    return replace(network, header_sync=replace(network.headers, most=200))


def suspend_when_asked(node: Node, where: Litecoind, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have litecoind stand still at the moment when it is asked for the first time, before the question is out; other
    peers are met only then.
    """
    ask, early = node.follower.ask, list[PeerProtocol]()

    def suspend(peer: PeerProtocol) -> None:
        if peer.address == where.address:
            Deferred.fromCoroutine(where.suspend())  # it has the signal when this returns
            monkeypatch.setattr(node.follower, "ask", ask)
            for each in (peer, *early):
                ask(each)
        else:
            early.append(peer)

    monkeypatch.setattr(node.follower, "ask", suspend)


async def heights(*nodes: Litecoind) -> list[int]:
    """Of their chains."""
    return [await within(node.rpc("getblockcount"), SECONDS) for node in nodes]


async def test_one_behind_one_suspended(
    start_litecoind: StartLitecoind, ours: Ours, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The higher one is asked first, and stands still: the other brings what it has. When the first goes on, the rest
    comes; and when it goes over to another branch, twenty headers deep, so do we.
    """
    monkeypatch.setattr(headerlead, "REPLY", 2.0)
    monkeypatch.setattr(headerasking, "REPLY", 2.0)
    ahead, behind = await start_litecoind(), await start_litecoind()
    await within(ahead.mine(300), SECONDS)
    await within(behind.rpc("addnode", ahead.address, "onetry"), SECONDS)
    await until(lambda: caught_up(behind, 300), "the second node's chain")
    await within(behind.rpc("disconnectnode", ahead.address), SECONDS)
    await until(lambda: is_alone(behind), "the end of their connection")  # or it would hear of what follows
    await within(ahead.mine(100), SECONDS)
    assert await heights(ahead, behind) == [400, 300]

    lines: list[str] = []
    watch = lines_to(lines)
    globalLogPublisher.addObserver(watch)
    try:
        service = ours.service(ahead.address, behind.address, network=few_at_once())
        assert service.node is not None
        suspend_when_asked(service.node, ahead, monkeypatch)
        await until(lambda: chain_of(service).height == 300, "the chain of the node that is behind")
        await within(synced(service, behind), SECONDS)
        assert any("no headers came for 2 seconds: others are asked" in line for line in lines)
        assert len(peers_of(service)) == 2

        ahead.resume()
        await within(synced(service, ahead), SECONDS)
        hashes = [await within(ahead.rpc("getblockhash", height), SECONDS) for height in (380, 381)]
        await within(ahead.rpc("invalidateblock", hashes[1]), SECONDS)
        await within(ahead.rpc("generatetodescriptor", 22, "raw(52)"), SECONDS)
        chain = await within(synced(service, ahead), SECONDS)
        assert chain.height == 402
        assert any("reorganised: 20 headers have left the chain" in line for line in lines)

        await within(behind.rpc("addnode", ahead.address, "onetry"), SECONDS)
        await until(lambda: caught_up(behind, 402), "the second node's new chain")
        await within(synced(service, behind), SECONDS)
        assert len(peers_of(service)) == 2
    finally:
        globalLogPublisher.removeObserver(watch)


async def is_alone(node: Litecoind) -> bool:
    """Whether a node has no peers."""
    return not await within(node.rpc("getpeerinfo"), SECONDS)


async def caught_up(node: Litecoind, height: int) -> Any:
    """Whether a node's chain is so high."""
    return await heights(node) == [height]


def lines_to(lines: list[str]) -> Callable[[LogEvent], None]:
    """An observer that keeps what is logged as text."""
    return lambda event: lines.append(formatEvent(event))
