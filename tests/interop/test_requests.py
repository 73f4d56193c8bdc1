"""Requests to a real node: its answers are what its RPC says, and what it does not answer fails alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from peerproto import NotFound, PeerProtocol, PeerStalled, Reason, State
from peerproto.chain.rules import sha256d
from peerproto.networks.bitcoin import (
    MSG_BLOCK,
    MSG_FILTERED_BLOCK,
    MSG_TX,
    MSG_WITNESS_BLOCK,
    MSG_WITNESS_TX,
    MSG_WTX,
    Block,
    FilterAdd,
    FilterClear,
    FilterLoad,
    GetAddr,
    GetBlocks,
    GetCFCheckpt,
    GetCFHeaders,
    GetData,
    GetHeaders,
    InvVect,
    MemPool,
    Tx,
)

from .litecoind import Litecoind
from .ours import POLICIES, Ours, Recorder, info, wire
from .waiting import SECONDS, until, within

SHORT = 3.0
"""Long enough for an answer that comes, short enough to wait for one that does not."""

StartLitecoind = Callable[..., Awaitable[Litecoind]]


@pytest.fixture(params=POLICIES)
def policy(request: pytest.FixtureRequest) -> str:
    """Each test here runs with both."""
    return str(request.param)


async def hash_at(node: Litecoind, height: int) -> bytes:
    """The hash of the node's block at a height, in wire order."""
    return wire(await within(node.rpc("getblockhash", height), SECONDS))


async def block_at(node: Litecoind, height: int) -> tuple[bytes, dict[str, Any], bytes]:
    """A block of the node: its hash in wire order, what RPC says of it, and all of its bytes."""
    block_hash = await hash_at(node, height)
    shown = block_hash[::-1].hex()
    raw = await within(node.rpc("getblock", shown, 0), SECONDS)
    return block_hash, await within(node.rpc("getblock", shown, 2), SECONDS), bytes.fromhex(raw)


def check_block(peer: PeerProtocol, block: Block, said: dict[str, Any]) -> None:
    """A block is the one that RPC has described, read to its last byte."""
    header = block.header
    assert block.block_hash == header.block_hash == wire(said["hash"])
    assert header.prev_block == wire(said["previousblockhash"])
    assert (header.timestamp, header.nonce) == (said["time"], said["nonce"])
    assert [tx.txid for tx in block.transactions] == [wire(tx["txid"]) for tx in said["tx"]]


async def test_blocks(litecoind: Litecoind, ours: Ours, policy: str) -> None:
    """Blocks come in the order of asking, with their witnesses, and are byte for byte the node's."""
    peer = await ours.dial(litecoind.address, policy)
    blocks = [await block_at(litecoind, height) for height in (400, 1, 200)]
    answers = await within(peer.request_blocks([block_hash for block_hash, _, _ in blocks]), SECONDS)
    for answer, (_, said, raw) in zip(answers, blocks, strict=True):
        check_block(peer, answer, said)
        assert answer.payload == raw
        assert [tx.wtxid for tx in answer.transactions] == [wire(tx["hash"]) for tx in said["tx"]]
        assert all(len(tx.tx_in[0].witness) == 1 for tx in answer.transactions)
        assert peer.codec.encode(Block(answer.header, answer.transactions))[24:] == raw


async def test_block_without_witnesses(litecoind: Litecoind, ours: Ours, policy: str) -> None:
    """A block asked for as of old comes without witnesses, has the same hash and the same transaction ids."""
    peer = await ours.dial(litecoind.address, policy)
    block_hash, said, raw = await block_at(litecoind, 400)
    (bare,) = await within(peer.request(GetData([InvVect(MSG_BLOCK, block_hash)])), SECONDS)
    check_block(peer, bare, said)
    assert not any(tx.tx_in[0].witness for tx in bare.transactions)
    assert len(bare.payload) == said["strippedsize"] < len(raw) == said["size"]
    (whole,) = await within(peer.request(GetData([InvVect(MSG_WITNESS_BLOCK, block_hash)])), SECONDS)
    assert whole.payload == raw


async def test_unknown_things(litecoind: Litecoind, ours: Ours, policy: str) -> None:
    """Of what a node has not it names the transaction only: that is not found, the block fails by itself when
    its time is over, what is there comes, and the peer stays.
    """
    peer = await ours.dial(litecoind.address, policy)
    known = await hash_at(litecoind, 7)
    wanted = [InvVect(MSG_TX, b"\1" * 32), InvVect(MSG_WITNESS_BLOCK, b"\2" * 32), InvVect(MSG_BLOCK, known)]
    tx, block, there = await within(peer.request(GetData(wanted), timeout=SHORT), SECONDS)
    assert isinstance(tx, NotFound) and ("01" * 32) in str(tx)
    assert isinstance(block, PeerStalled) and ("02" * 32) in str(block)
    assert there.block_hash == known
    (again,) = await within(peer.request_blocks([known]), SECONDS)
    assert again.block_hash == known and peer.state is State.READY


async def test_headers(litecoind: Litecoind, ours: Ours, policy: str) -> None:
    """Headers come from behind the newest hash that is known, as far as the stop."""
    peer = await ours.dial(litecoind.address, policy)
    hashes = [await hash_at(litecoind, height) for height in (10, 11, 12, 13)]
    question = GetHeaders(70016, [b"\7" * 32, hashes[0], peer.network.genesis], hashes[3])
    answer = await within(peer.request(question), SECONDS)
    assert [header.block_hash for header in answer.headers] == hashes[1:]


async def test_inventory(litecoind: Litecoind, ours: Ours, policy: str) -> None:
    """The old way to ask for blocks is answered with their inventory."""
    peer = await ours.dial(litecoind.address, policy)
    answer = await within(peer.request(GetBlocks(70016, [peer.network.genesis], bytes(32))), SECONDS)
    expected = [InvVect(MSG_BLOCK, await hash_at(litecoind, height)) for height in range(1, 401)]
    assert answer.inv_list == expected


async def test_requests_at_once(litecoind: Litecoind, ours: Ours, policy: str) -> None:
    """A hundred requests under way at once: each gets its own answer."""
    peer = await ours.dial(litecoind.address, policy)
    hashes = [await hash_at(litecoind, height) for height in range(301, 351)]
    blocks = [peer.request_blocks([block_hash]) for block_hash in reversed(hashes)]
    pings = [peer.ping() for _ in range(50)]
    for block_hash, waiting in zip(reversed(hashes), blocks, strict=True):
        (block,) = await within(waiting, SECONDS)
        assert block.block_hash == block_hash
    for ping in pings:
        assert 0 < await within(ping, SECONDS) < SECONDS
    assert peer.snapshot().open_requests == 0


async def test_pings(litecoind: Litecoind, ours: Ours, policy: str) -> None:
    """Pings go both ways: the node has measured us, and we the node."""
    peer = await ours.dial(litecoind.address, policy)
    latency = await within(peer.ping(), SECONDS)
    shown = peer.snapshot()
    assert 0 < latency < SECONDS and shown.ping_last == shown.ping_least == latency

    said = await info(litecoind, peer, "pingtime")
    assert 0 <= said["pingtime"] < SECONDS and "pingwait" not in said


async def test_unanswered(litecoind: Litecoind, ours: Ours, policy: str) -> None:
    """A node with nothing to tell leaves getaddr and mempool unanswered: they fail, the peer stays."""
    peer = await ours.dial(litecoind.address, policy)
    waiting = [peer.request(question, timeout=SHORT) for question in (GetAddr(), MemPool())]
    for each, command in zip(waiting, ("getaddr", "mempool"), strict=True):
        with pytest.raises(PeerStalled, match=f"{command} was not answered in time"):
            await within(each, SECONDS)
    assert await within(peer.ping(), SECONDS) < SECONDS


async def test_filters(litecoind: Litecoind, ours: Ours, policy: str) -> None:
    """Compact filters, their hashes and their checkpoints are those that RPC gives."""
    peer = await ours.dial(litecoind.address, policy)
    heights = range(391, 401)
    hashes = [await hash_at(litecoind, height) for height in heights]
    said = [await within(litecoind.rpc("getblockfilter", item[::-1].hex()), SECONDS) for item in hashes]
    filters = [bytes.fromhex(each["filter"]) for each in said]
    headers = await within(peer.request(GetCFHeaders(0, heights[0], hashes[-1])), SECONDS)
    assert headers.filter_hashes == [sha256d(each) for each in filters]
    assert sha256d(headers.filter_hashes[0] + headers.prev_filter_header) == wire(said[0]["header"])
    found = await within(peer.request_filters(heights[0], hashes[-1]), SECONDS)
    assert [(each.block_hash, each.data) for each in found] == list(zip(hashes, filters, strict=True))
    checkpoints = await within(peer.request(GetCFCheckpt(0, hashes[-1])), SECONDS)
    assert checkpoints.filter_headers == []  # one for each thousand blocks


async def test_bloom_filter(litecoind: Litecoind, ours: Ours, policy: str) -> None:
    """What a bloom filter matches comes behind its block; a filter may be added to, and taken away."""
    recorder = Recorder()
    peer = await ours.dial(litecoind.address, policy, listener=recorder)
    block_hash, said, _ = await block_at(litecoind, 300)
    coinbase = wire(said["tx"][0]["txid"])
    asked = GetData([InvVect(MSG_FILTERED_BLOCK, block_hash)])
    peer.send(FilterLoad(bytes(8), 1, 0, 0))
    (nothing,) = await within(peer.request(asked), SECONDS)
    assert (nothing.block_hash, nothing.transactions, nothing.flags) == (block_hash, 1, b"\0")
    assert nothing.hashes == [coinbase]
    peer.send(FilterAdd(coinbase))
    (found,) = await within(peer.request(asked), SECONDS)
    assert (found.hashes, found.flags) == ([coinbase], b"\1")
    await until(lambda: recorder.heard["tx"], "the transaction that the filter matches")
    assert [tx.txid for tx in recorder.heard["tx"]] == [coinbase]
    peer.send(FilterClear())
    (gone,) = await within(peer.request(asked, timeout=SHORT), SECONDS)
    assert isinstance(gone, PeerStalled)
    assert len(recorder.heard["merkleblock"]) == 2


async def test_no_bloom_filters(start_litecoind: StartLitecoind, ours: Ours, policy: str) -> None:
    """A node that offers no filters ends who loads one."""
    node = await start_litecoind("-peerbloomfilters=0")
    peer = await ours.dial(node.address, policy)
    assert "BLOOM" not in peer.snapshot().services
    peer.send(FilterLoad(bytes(8), 1, 0, 0))
    error = await within(peer.when_disconnected(), SECONDS)
    assert error.reason in (Reason.CLOSED_BY_PEER, Reason.RESET)


async def spend(node: Litecoind, height: int) -> str:
    """Have the node take a transaction that spends the coinbase of a block of Litecoind.mine, which anybody may."""
    block = await within(
        node.rpc("getblock", await within(node.rpc("getblockhash", height), SECONDS), 2), SECONDS
    )
    coinbase = block["tx"][0]
    address = (await within(node.rpc("decodescript", "51"), SECONDS))["segwit"]["addresses"][0]
    value = coinbase["vout"][0]["value"] - 0.001
    inputs = [{"txid": coinbase["txid"], "vout": 0}]
    raw = await within(node.rpc("createrawtransaction", inputs, [{address: f"{value:.8f}"}]), SECONDS)
    txid: str = await within(node.rpc("sendrawtransaction", raw), SECONDS)
    return txid


async def test_memory_pool(start_litecoind: StartLitecoind, ours: Ours) -> None:
    """A transaction is announced by the id that was agreed on, listed when asked, and read when requested; once it
    is mined the block that has it is read too.
    """
    node = await start_litecoind("-whitelist=noban@127.0.0.1")  # or it would take its time to announce
    await within(node.mine(101), SECONDS)
    recorder = Recorder()
    peer = await ours.dial(node.address, listener=recorder)
    txid = await spend(node, 1)
    entry = await within(node.rpc("getmempoolentry", txid), SECONDS)
    vector = InvVect(MSG_WTX, wire(entry["wtxid"]))
    await until(lambda: recorder.heard["inv"], "the announcement")
    assert recorder.heard["inv"][0].inv_list == [vector]
    assert (await within(peer.request(MemPool()), SECONDS)).inv_list == [vector]
    for item in (vector, InvVect(MSG_TX, wire(txid)), InvVect(MSG_WITNESS_TX, wire(txid))):
        (tx,) = await within(peer.request(GetData([item])), SECONDS)
        assert isinstance(tx, Tx) and (tx.txid, tx.wtxid) == (wire(txid), vector.hash)
    (best,) = await within(node.mine(1), SECONDS)
    (block,) = await within(peer.request_blocks([wire(best)]), SECONDS)
    check_block(peer, block, await within(node.rpc("getblock", best, 2), SECONDS))
    assert block.transactions[1].txid == wire(txid)
