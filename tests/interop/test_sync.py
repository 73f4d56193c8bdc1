"""The header chain of a real node, followed into a file and served back to nodes."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from peerproto import State
from peerproto.chain.rules import display
from peerproto.networks.bitcoin import SendHeaders
from peerproto.node import headerasking
from peerproto.node.headerchain import HeaderChain
from peerproto.node.headerstore import HeaderStore
from peerproto.node.mining import mine
from peerproto.node.node import Node
from peerproto.node.service import PeerNodeService

from .litecoind import Litecoind
from .ours import POLICIES, Ours, chain_of, info, litecoin, peers_of, synced, wire
from .waiting import SECONDS, until, within

NETWORK = 1 << 0

StartLitecoind = Callable[..., Awaitable[Litecoind]]


async def mine_others(node: Litecoind, count: int) -> str:
    """Mine blocks that differ from what Litecoind.mine makes at the same place; the hash of the last."""
    hashes = await within(node.rpc("generatetodescriptor", count, "raw(52)"), SECONDS)
    return str(hashes[-1])


def files(folder: Path) -> dict[str, str]:
    """A file for a service of each policy; each test runs one of both at once, for nodes take their time to start."""
    return {policy: str(folder / f"{policy}.sqlite") for policy in POLICIES}


def kept(ours: Ours, node: Litecoind, stores: dict[str, str]) -> list[PeerNodeService]:
    """A service of each policy that follows the node into its file."""
    return [ours.service(node.address, policy=policy, store=path) for policy, path in stores.items()]


def followed(ours: Ours, node: Litecoind) -> list[PeerNodeService]:
    """The same without files."""
    return kept(ours, node, dict.fromkeys(POLICIES, ":memory:"))


async def all_synced(services: list[PeerNodeService], node: Litecoind) -> list[HeaderChain]:
    """The chains of services, once they are the node's."""
    return [await within(synced(service, node), SECONDS) for service in services]


async def test_sync_into_a_file(fresh_litecoind: Litecoind, ours: Ours, tmp_path: Path) -> None:
    """The chain in the file is the node's; a later run goes on from there and asks for nothing twice."""
    node, stores = fresh_litecoind, files(tmp_path)
    await within(node.mine(300), SECONDS)
    for service in (services := kept(ours, node, stores)):
        await within(synced(service, node), SECONDS)
        await ours.stop(service)
    best = (await within(node.mine(5), SECONDS))[-1]
    for path in stores.values():
        store = HeaderStore(path, litecoin().chain)
        assert (store.tip.height, store.rows) == (300, 301)
        store.close()

    services = kept(ours, node, stores)
    assert [chain_of(service).height for service in services] == [300, 300]
    heights = (1, 150, 305)
    hashes = [await within(node.rpc("getblockhash", height), SECONDS) for height in heights]
    said = [await within(node.rpc("getblockheader", shown, False), SECONDS) for shown in hashes]
    for chain in await within(all_synced(services, node), SECONDS):
        assert display(chain.tip) == best
        assert [chain.header_at(height).hex() for height in heights] == said
    for (peer,) in map(peers_of, services):
        received = peer.snapshot().received["headers"]
        assert received == {"messages": 1, "bytes": 24 + 1 + 5 * 81}


async def test_new_blocks(fresh_litecoind: Litecoind, ours: Ours) -> None:
    """Each block that the node mines is followed as soon as it is announced, by headers since we asked for them; by
    inv to a peer that says it knows no better.
    """
    node = fresh_litecoind
    await within(node.mine(20), SECONDS)
    old = ours.service(node.address, protocol_version=70011)  # BIP130 came with 70012
    services = [*followed(ours, node), old]
    await within(all_synced(services, node), SECONDS)
    peers = [peer for service in services for peer in peers_of(service)]
    for _ in range(3):
        await within(node.mine(1), SECONDS)
        await within(all_synced(services, node), SECONDS)
    assert ["inv" in peer.snapshot().received for peer in peers] == [False, False, True]
    await within(node.mine(30), SECONDS)  # which may come by an inv to all, if too many come together
    await within(all_synced(services, node), SECONDS)
    assert [peer.state for peer in peers] == [State.READY] * 3
    assert [SendHeaders in peer.handshake.noted for peer in peers] == [True, True, False]


async def test_reorganisation(fresh_litecoind: Litecoind, ours: Ours) -> None:
    """When the node goes over to another branch so do we, as soon as it has more work."""
    node = fresh_litecoind
    hashes = await within(node.mine(50), SECONDS)
    services = followed(ours, node)
    await within(all_synced(services, node), SECONDS)
    await within(node.rpc("invalidateblock", hashes[44]), SECONDS)
    assert await within(node.rpc("getblockcount"), SECONDS) == 44
    best = await mine_others(node, 8)
    for chain in await within(all_synced(services, node), SECONDS):
        assert (chain.height, display(chain.tip)) == (52, best)
        assert chain.contains(wire(hashes[49])), "what was left behind is still known"
        assert (chain.height_of(wire(hashes[43])), chain.height_of(wire(hashes[44]))) == (44, None)
    for (peer,) in map(peers_of, services):
        assert peer.state is State.READY


async def test_reorganisation_while_away(fresh_litecoind: Litecoind, ours: Ours, tmp_path: Path) -> None:
    """A branch that the node has gone over to while we did not run is found from the locator."""
    node, stores = fresh_litecoind, files(tmp_path)
    hashes = await within(node.mine(120), SECONDS)
    for service in kept(ours, node, stores):
        await within(synced(service, node), SECONDS)
        await ours.stop(service)
    await within(node.rpc("invalidateblock", hashes[29]), SECONDS)
    best = await mine_others(node, 95)
    for chain in await within(all_synced(kept(ours, node, stores), node), SECONDS):
        assert (chain.height, display(chain.tip)) == (124, best)


async def test_node_without_blocks(fresh_litecoind: Litecoind, ours: Ours) -> None:
    """A node that has but the genesis block owes us nothing: all stay, and follow it when it mines."""
    node = fresh_litecoind
    services = followed(ours, node)
    await until(lambda: all(peers_of(service) for service in services), "connections")
    peers = [peer for service in services for peer in peers_of(service)]
    for peer in peers:
        await within(peer.when_ready(), SECONDS)
        assert await within(peer.ping(), SECONDS) < SECONDS
        shown = peer.snapshot()
        assert shown.sent["getheaders"]["messages"] == 1 and "headers" not in shown.received
        assert not peer.pending.stalled(1e12)
        await info(node, peer, "pingtime")
    await within(node.mine(3), SECONDS)
    await within(all_synced(services, node), SECONDS)
    assert [peers_of(service) for service in services] == [[peer] for peer in peers]


async def test_node_in_initial_download(
    start_litecoind: StartLitecoind, ours: Ours, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node whose blocks are days old does not answer getheaders. We wait, and follow it when it announces that it
    is up to date, although it still owes us an answer.
    """
    monkeypatch.setattr(headerasking, "OWED", 1.0)
    past = await start_litecoind(f"-mocktime={int(time.time()) - 3 * 86400}")
    await within(past.mine(20), SECONDS)
    await within(past.stop(), SECONDS)
    node = await start_litecoind(folder=past.folder)
    assert (await within(node.rpc("getblockchaininfo"), SECONDS))["initialblockdownload"] is True
    service = ours.service(node.address, policy="core")
    (peer,) = await until(lambda: peers_of(service), "a connection")
    await within(peer.when_ready(), SECONDS)
    await within(peer.ping(), SECONDS)
    shown = peer.snapshot()
    assert shown.starting_height == 20 and "headers" not in shown.received
    await within(node.mine(1), SECONDS)
    await within(synced(service, node), SECONDS)
    assert peers_of(service) == [peer]


@pytest.mark.parametrize(("policy", "first", "count"), [("btcd", 0, 2010), ("core", 30, 20)])
async def test_headers_served(
    fresh_litecoind: Litecoind, ours: Ours, policy: str, first: int, count: int
) -> None:
    """Headers that we have mined are served to a node that has dialled us, which finds them all valid.

    From the genesis block on there are more than fit into one message, from the node's own tip on few.
    """
    node, rules = fresh_litecoind, litecoin().chain
    chain = HeaderChain(HeaderStore(":memory:", rules), rules, time.time)
    for shown in await within(node.mine(first), SECONDS):
        chain.add([bytes.fromhex(await within(node.rpc("getblockheader", shown, False), SECONDS))])
    chain.add(list(mine(rules, count, start=chain.header_at(first), height=first, spacing=1)))
    # Who does not say that he has blocks is not asked for headers.
    ahead = Node(ours.reactor, litecoin(policy), chain, services=NETWORK)
    address = await ours.accept(ahead.factory)
    await within(node.rpc("addnode", address, "onetry"), SECONDS)

    async def tips() -> Any:
        found = await node.rpc("getchaintips")
        return [tip for tip in found if tip["hash"] == display(chain.tip)]

    (tip,) = await until(tips, "our tip among the node's")
    assert (tip["height"], tip["status"], tip["branchlen"]) == (first + count, "headers-only", count)
    (peer,) = ahead.factory.peers.values()
    assert peer.inbound and await within(peer.ping(), SECONDS) < SECONDS
    assert peer.snapshot().sent["headers"]["messages"] == (2 if count > 2000 else 1)
