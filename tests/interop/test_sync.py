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
from peerproto.node.headerchain import HeaderChain
from peerproto.node.headerstore import HeaderStore
from peerproto.node.headersync import OWED
from peerproto.node.mining import mine
from peerproto.node.node import Node

from .litecoind import Litecoind
from .ours import POLICIES, Ours, chain_of, info, litecoin, peers_of, synced
from .waiting import SECONDS, until, within

NETWORK = 1 << 0

StartLitecoind = Callable[..., Awaitable[Litecoind]]


async def mine_others(node: Litecoind, count: int) -> str:
    """Mine blocks that differ from what Litecoind.mine makes at the same place; the hash of the last."""
    hashes = await within(node.rpc("generatetodescriptor", count, "raw(52)"), SECONDS)
    return str(hashes[-1])


@pytest.mark.parametrize("policy", POLICIES)
async def test_sync_into_a_file(fresh_litecoind: Litecoind, ours: Ours, tmp_path: Path, policy: str) -> None:
    """The chain in the file is the node's; a later run goes on from there and asks for nothing twice."""
    node, path = fresh_litecoind, str(tmp_path / "headers.sqlite")
    await within(node.mine(300), SECONDS)
    service = ours.service(node.address, policy=policy, store=path)
    await within(synced(service, node), SECONDS)
    await ours.stop(service)
    best = (await within(node.mine(5), SECONDS))[-1]
    store = HeaderStore(path, litecoin().chain)
    assert (store.tip.height, store.rows) == (300, 301)
    store.close()

    service = ours.service(node.address, policy=policy, store=path)
    assert chain_of(service).height == 300
    chain = await within(synced(service, node), SECONDS)
    assert display(chain.tip) == best
    (peer,) = peers_of(service)
    shown = peer.snapshot().received["headers"]
    assert shown["messages"] == 1 and shown["bytes"] == 24 + 1 + 5 * 81
    for height in (1, 150, 305):
        said = await within(
            node.rpc("getblockheader", await node.rpc("getblockhash", height), False), SECONDS
        )
        assert chain.header_at(height).hex() == said


@pytest.mark.parametrize("policy", POLICIES)
async def test_new_blocks(fresh_litecoind: Litecoind, ours: Ours, policy: str) -> None:
    """Each block that the node mines is followed as soon as it is announced, by headers since we asked for them."""
    node = fresh_litecoind
    await within(node.mine(20), SECONDS)
    service = ours.service(node.address, policy=policy)
    await within(synced(service, node), SECONDS)
    (peer,) = peers_of(service)
    for _ in range(3):
        await within(node.mine(1), SECONDS)
        await within(synced(service, node), SECONDS)
    await within(node.mine(30), SECONDS)
    await within(synced(service, node), SECONDS)
    assert "headers" in peer.snapshot().received and peer.state is State.READY


async def test_new_blocks_announced_by_inv(fresh_litecoind: Litecoind, ours: Ours) -> None:
    """A node that was not asked for headers announces blocks by inv, and is asked for their headers then."""
    node = fresh_litecoind
    await within(node.mine(20), SECONDS)
    service = ours.service(node.address, protocol_version=70011)  # BIP130 came with 70012
    await within(synced(service, node), SECONDS)
    (peer,) = peers_of(service)
    await within(node.mine(1), SECONDS)
    await within(synced(service, node), SECONDS)
    shown = peer.snapshot()
    assert "inv" in shown.received and SendHeaders not in peer.handshake.noted
    assert shown.sent["getheaders"]["messages"] >= 2


@pytest.mark.parametrize("policy", POLICIES)
async def test_reorganisation(fresh_litecoind: Litecoind, ours: Ours, policy: str) -> None:
    """When the node goes over to another branch so do we, as soon as it has more work."""
    node = fresh_litecoind
    hashes = await within(node.mine(50), SECONDS)
    service = ours.service(node.address, policy=policy)
    chain = await within(synced(service, node), SECONDS)
    await within(node.rpc("invalidateblock", hashes[44]), SECONDS)
    assert await within(node.rpc("getblockcount"), SECONDS) == 44
    best = await mine_others(node, 8)
    assert await within(synced(service, node), SECONDS) is chain
    assert (chain.height, display(chain.tip)) == (52, best)
    assert chain.contains(bytes.fromhex(hashes[49])[::-1]), "what was left behind is still known"
    assert chain.height_of(bytes.fromhex(hashes[44])[::-1]) is None
    assert chain.height_of(bytes.fromhex(hashes[43])[::-1]) == 44
    (peer,) = peers_of(service)
    assert peer.state is State.READY


@pytest.mark.parametrize("policy", POLICIES)
async def test_reorganisation_while_away(
    fresh_litecoind: Litecoind, ours: Ours, tmp_path: Path, policy: str
) -> None:
    """A branch that the node has gone over to while we did not run is found from the locator."""
    node, path = fresh_litecoind, str(tmp_path / "headers.sqlite")
    hashes = await within(node.mine(120), SECONDS)
    service = ours.service(node.address, policy=policy, store=path)
    await within(synced(service, node), SECONDS)
    await ours.stop(service)
    await within(node.rpc("invalidateblock", hashes[29]), SECONDS)
    best = await mine_others(node, 95)
    service = ours.service(node.address, policy=policy, store=path)
    chain = await within(synced(service, node), SECONDS)
    assert (chain.height, display(chain.tip)) == (124, best)


@pytest.mark.parametrize("policy", POLICIES)
async def test_node_without_blocks(fresh_litecoind: Litecoind, ours: Ours, policy: str) -> None:
    """A node that has but the genesis block owes us nothing: both stay, and follow it when it mines."""
    service = ours.service(fresh_litecoind.address, policy=policy)
    chain = chain_of(service)
    (peer,) = await until(lambda: peers_of(service), "a connection")
    await within(peer.when_ready(), SECONDS)
    assert await within(peer.ping(), SECONDS) < SECONDS
    assert peer.snapshot().sent["getheaders"]["messages"] == 1
    assert peer.snapshot().open_requests == 0 and not peer.pending.stalled(1e12)
    assert (chain.height, peer.state) == (0, State.READY)
    assert "pingtime" in (await info(fresh_litecoind, peer))
    await within(fresh_litecoind.mine(3), SECONDS)
    await within(synced(service, fresh_litecoind), SECONDS)
    assert peers_of(service) == [peer]


async def test_node_in_initial_download(start_litecoind: StartLitecoind, ours: Ours) -> None:
    """A node whose blocks are days old does not answer getheaders. We wait, and follow it when it announces that it
    is up to date, although it still owes us an answer.
    """
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
    await within(synced(service, node, OWED + SECONDS), OWED + SECONDS)
    assert peers_of(service) == [peer]


@pytest.mark.parametrize(("policy", "first", "count"), [("btcd", 0, 2050), ("core", 30, 20)])
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
