"""Blocks of a real node, kept and served to another one that knows nobody but us."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from peerproto import Nonces, NotFound, networks
from peerproto.chain.rules import display
from peerproto.networks.bitcoin import MSG_BLOCK, MSG_WITNESS_BLOCK, GetBlocks, GetData, InvVect
from peerproto.node.blockstore import BlockStore
from peerproto.node.service import PeerNodeService

from .conftest import BLOCKS
from .litecoind import Litecoind
from .neo import NETWORK as NEO_NETWORK
from .neo import NeoNode
from .ours import POLICIES, Ours, chain_of, litecoin, peers_of, synced, where, wire
from .waiting import SECONDS, until, within

StartLitecoind = Callable[..., Awaitable[Litecoind]]
StartNeo = Callable[..., Awaitable[NeoNode]]
NEO = networks.named(NEO_NETWORK)
LISTEN = ["tcp:0:interface=127.0.0.1"]
NETWORK_LIMITED, NETWORK, WITNESS = 1 << 10, 1 << 0, 1 << 3


def held(service: PeerNodeService) -> int:
    """How many of the newest blocks a service has, once none of them is missing."""
    assert service.node is not None
    blocks: Any = service.node._parts.blocks  # type: ignore[union-attr]
    here, total = blocks.follower.gaps.standing
    return int(blocks.follower.gaps.held.newest) if here == total else 0


def kept(service: PeerNodeService) -> int:
    """How many of the newest blocks a service has, but for a few that may be on their way."""
    assert service.node is not None
    blocks: Any = service.node._parts.blocks  # type: ignore[union-attr]
    return int(blocks.follower.gaps.held.newest)


def said(service: PeerNodeService) -> int:
    """The services that it announces now."""
    assert service.node is not None
    return service.node.factory.offered_services()


async def has_all(node: Litecoind, best: str) -> None:
    """The node has come to this block, and has it."""

    async def there() -> bool:
        return bool(await node.rpc("getbestblockhash") == best)

    await until(there, f"the block {best} in the node's chain")


@pytest.mark.parametrize("policy", POLICIES)
async def test_only_source_of_a_fresh_node(
    start_litecoind: StartLitecoind, ours: Ours, tmp_path: Path, policy: str
) -> None:
    """A fresh node that knows only us gets every block from us, and then each new one; so does one that knows us
    after we have started again from our files, with nobody to ask.
    """
    first, fresh = await start_litecoind(), await start_litecoind()
    best = (await within(first.mine(320), SECONDS))[-1]
    store = str(tmp_path / "headers.sqlite")
    service = ours.service(first.address, policy=policy, store=store, listen=LISTEN, keep_blocks=1000)
    await within(synced(service, first), SECONDS)
    await until(lambda: held(service) == 320, "all blocks")
    assert said(service) == NETWORK | NETWORK_LIMITED | WITNESS
    await within(fresh.rpc("addnode", where(service.ports[0]), "onetry"), SECONDS)
    await within(has_all(fresh, best), SECONDS)
    (shown,) = await within(fresh.rpc("getpeerinfo"), SECONDS)
    assert int(shown["services"], 16) == NETWORK | NETWORK_LIMITED | WITNESS

    best = (await within(first.mine(3), SECONDS))[-1]
    await within(has_all(fresh, best), SECONDS)
    await ours.stop(service)

    late = await start_litecoind()
    again = ours.service(policy=policy, store=store, listen=LISTEN, keep_blocks=1000)
    assert chain_of(again).height == 323
    await until(lambda: held(again) == 323, "what is in the file")
    await within(late.rpc("addnode", where(again.ports[0]), "onetry"), SECONDS)
    await within(has_all(late, best), SECONDS)
    (peer,) = peers_of(again)
    assert peer.snapshot().sent["block"]["messages"] == 323


@pytest.mark.parametrize("policy", POLICIES)
async def test_headers_before_blocks(
    start_litecoind: StartLitecoind, ours: Ours, monkeypatch: pytest.MonkeyPatch, policy: str
) -> None:
    """While new blocks are on their way to us, nobody is told of them: a node that hears of a header from one who has
    blocks asks for the block at once, and is told no only in a way that it does not hear.
    """
    first, fresh = await start_litecoind(), await start_litecoind()
    await within(first.mine(30), SECONDS)
    service = ours.service(first.address, policy=policy, listen=LISTEN, keep_blocks=1000)
    await until(lambda: held(service) == 30, "all blocks")
    await within(fresh.rpc("addnode", where(service.ports[0]), "onetry"), SECONDS)
    await within(has_all(fresh, await within(first.rpc("getbestblockhash"), SECONDS)), SECONDS)

    waiting: list[Deferred[None]] = []
    keep = BlockStore.keep

    def later(store: BlockStore, *arguments: Any) -> Deferred[None]:
        waiting.append(Deferred())
        return waiting[-1].addCallback(lambda _: keep(store, *arguments))

    monkeypatch.setattr(BlockStore, "keep", later)
    best = (await within(first.mine(2), SECONDS))[-1]
    await until(lambda: bool(waiting), "a block")
    (peer,) = [peer for peer in peers_of(service) if peer.inbound]
    await within(peer.ping(), SECONDS)
    (shown,) = await within(fresh.rpc("getpeerinfo"), SECONDS)
    assert (shown["inflight"], shown["synced_headers"]) == ([], 30)
    monkeypatch.undo()
    for each in waiting:
        each.callback(None)
    await within(has_all(fresh, best), SECONDS)


async def test_reorganisation(fresh_litecoind: Litecoind, ours: Ours, tmp_path: Path) -> None:
    """The blocks of a branch that the node goes over to take the place of those that it has left."""
    node, path = fresh_litecoind, tmp_path / "headers.sqlite"
    hashes = await within(node.mine(40), SECONDS)
    service = ours.service(node.address, store=str(path), keep_blocks=20)
    await until(lambda: held(service) == 20, "the newest blocks")
    assert said(service) == 0, "20 blocks are too few to promise anything"
    await within(node.rpc("invalidateblock", hashes[34]), SECONDS)
    others = await within(node.rpc("generatetodescriptor", 8, "raw(52)"), SECONDS)
    await until(lambda: display(chain_of(service).tip) == others[-1] and held(service) == 20, "the others")
    await ours.stop(service)
    store = BlockStore(f"{path}.blocks", litecoin(), 20)
    assert len(store) == 20
    assert [store.has(wire(shown)) for shown in (*hashes[21:24], *hashes[34:])] == [
        False,
        True,
        True,
        *[False] * 6,
    ]
    assert all(store.has(wire(shown)) for shown in others)
    store.close()


async def test_asked_by_hand(litecoind: Litecoind, ours: Ours) -> None:
    """The blocks that we serve are those of the node, byte for byte, in both forms; what is older is not found."""
    service = ours.service(
        litecoind.address, listen=LISTEN, keep_blocks=50, services=WITNESS, nonces=Nonces()
    )
    await within(synced(service, litecoind), SECONDS)
    await until(lambda: held(service) == 50, "the newest blocks")
    peer, theirs = await ours.dial(where(service.ports[0])), await ours.dial(litecoind.address)
    shown = [await within(litecoind.rpc("getblockhash", height), SECONDS) for height in (351, 400, 350)]
    hashes = [wire(each) for each in shown]
    for kind in (MSG_BLOCK, MSG_WITNESS_BLOCK):
        found, real = [
            await within(each.request(GetData([InvVect(kind, item) for item in hashes])), SECONDS)
            for each in (peer, theirs)
        ]
        assert [each.payload for each in found[:2]] == [each.payload for each in real[:2]]
        assert [each.block_hash for each in found[:2]] == hashes[:2]
        assert isinstance(found[2], NotFound)
    raw = [await within(litecoind.rpc("getblock", each, 0), SECONDS) for each in shown[:2]]
    assert [each.payload.hex() for each in found[:2]] == raw


async def test_old_way(litecoind: Litecoind, ours: Ours) -> None:
    """Who asks for an inventory has it of the blocks that are here."""
    service = ours.service(litecoind.address, listen=LISTEN, keep_blocks=BLOCKS, nonces=Nonces())
    await until(lambda: held(service) == BLOCKS, "all blocks")
    peer, theirs = await ours.dial(where(service.ports[0])), await ours.dial(litecoind.address)
    question = GetBlocks(70016, [litecoin().genesis], bytes(32))
    found, real = [await within(each.request(question), SECONDS) for each in (peer, theirs)]
    assert found == real and len(found.inv_list) == BLOCKS


async def test_neo(start_neo: StartNeo, ours: Ours) -> None:
    """Blocks of a node of NEO are kept, and served, byte for byte, to another of ours that knows nobody else."""
    node = await start_neo(rate=10)
    options = {"network": NEO, "listen": LISTEN, "keep_blocks": 5000}
    first = ours.service(node.address, nonces=Nonces(), **options)
    await until(lambda: kept(first) >= 30, "some blocks", 40.0)
    assert said(first) == NETWORK
    second = ours.service(where(first.ports[0]), nonces=Nonces(), **options)
    await until(lambda: kept(second) >= 35, "the same, and some that are new", 40.0)
    (peer,) = [peer for peer in peers_of(first) if not peer.inbound]
    asker = await ours.dial(where(second.ports[0]), network=NEO, nonces=Nonces())
    hashes = [NEO.chain.block_hash(chain_of(second).header_at(height)) for height in (1, 20, 34)]
    found = await within(asker.request_blocks(hashes), SECONDS)
    raw = [await within(node.rpc("getblock", height), SECONDS) for height in (1, 20, 34)]
    assert [block.payload.hex() for block in found] == raw
    assert peer.ending is None
