"""A real NEO node, both roles: handshakes, headers, blocks, the memory pool, filters, and its bad habit."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.protocols.portforward import ProxyFactory, ProxyServer

from peerproto import PeerProtocol, Reason, State, networks
from peerproto.errors import DuplicateConnection
from peerproto.networks.neo import (
    INV_BLOCK,
    INV_TX,
    Attribute,
    Block,
    FilterClear,
    FilterLoad,
    GetBlocks,
    Inv,
    MemPool,
    MerkleBlock,
    Tx,
    Witness,
)
from peerproto.networks.neo.blocks import merkle_root
from peerproto.networks.neo.hash160 import hash160
from peerproto.node.headerchain import HeaderChain
from peerproto.node.service import PeerNodeService

from .neo import NETWORK, NeoNode
from .ours import Ours, Recorder, chain_of, peers_of, where, wire
from .waiting import SECONDS, until, within

NEO = networks.named(NETWORK)
OTHER = networks.named("neo-privnet")
AGENT = "NEO:neo-one-js:"
FAST = 50
"""Blocks a second of a node that has to have many of them soon."""

HEAPED = 0.5
"""For so many seconds messages heap up that are to come together."""

StartNeo = Callable[..., Awaitable[NeoNode]]


async def hash_at(node: NeoNode, height: int) -> bytes:
    """The hash of the node's block at a height, in wire order."""
    shown = await within(node.rpc("getblockhash", height), SECONDS)
    return wire(shown.removeprefix("0x"))


async def raw_at(node: NeoNode, height: int) -> bytes:
    """The node's block at a height, as on the wire."""
    return bytes.fromhex(await within(node.rpc("getblock", height), SECONDS))


async def dial(node: NeoNode, ours: Ours, listener: object = None, **options: Any) -> PeerProtocol:
    """A peer that is ready."""
    return await ours.dial(node.address, listener=listener, network=NEO, **options)


async def has(node: NeoNode, height: int) -> bool:
    """Whether the node has so many blocks."""
    return await node.height() >= height


async def near(service: PeerNodeService, node: NeoNode, least: int) -> HeaderChain:
    """The chain of a service, once it has so many headers and all of those that the node has now but its newest."""
    chain, height = chain_of(service), await within(node.height(), SECONDS)
    enough = max(height - 1, least)
    await until(lambda: chain.height >= enough, f"a chain of {enough} that is within one of the node's")
    for height in {1, least // 2, least, chain.height}:
        header = chain.header_at(height)
        assert NEO.chain.block_hash(header) == await hash_at(node, height)
    return chain


async def test_we_dial(neo: NeoNode, ours: Ours) -> None:
    """We dial: both send their version at once, and each side knows the other."""
    peer = await dial(neo, ours, user_agent="/we-dial:1/", height=7)
    theirs = peer.theirs
    assert theirs is not None and theirs.user_agent.startswith(AGENT)
    assert (peer.inbound, peer.state, theirs.protocol_version, theirs.services) == (False, State.READY, 0, 1)
    assert 0 <= await neo.height() - theirs.height <= 2
    assert abs(peer.snapshot().time_offset or 0) <= 2
    assert await within(neo.rpc("getconnectioncount"), SECONDS) == 1
    peer.disconnect()
    assert (await within(peer.when_disconnected(), SECONDS)).reason is Reason.LOCAL_CLOSE

    async def is_alone() -> bool:
        return bool(await neo.rpc("getconnectioncount") == 0)

    await until(is_alone, "the node to have noticed")


async def test_the_node_dials(start_neo: StartNeo, ours: Ours) -> None:
    """The node dials us: it shakes hands, asks for addresses, and announces its blocks to us."""
    recorder = Recorder()
    address = await ours.accept(ours.factory(listener=recorder, network=NEO))
    await start_neo(address)
    (peer,) = await until(lambda: recorder.ready, "the node to have dialled us")
    assert peer.inbound and peer.theirs is not None and peer.theirs.user_agent.startswith(AGENT)
    await until(lambda: recorder.heard["inv"] and recorder.heard["getaddr"], "an announcement and a question")
    assert peer.state is State.READY and not recorder.lost


async def test_headers(start_neo: StartNeo, ours: Ours, tmp_path: Path) -> None:
    """Headers are synced to within one of the node's tip, more than it brings at once, and kept; the next run goes on
    from there, and each new block is followed.
    """
    node, path = await start_neo(rate=FAST), str(tmp_path / "headers.sqlite")
    await until(lambda: has(node, 600), "600 blocks", 40.0)
    service = ours.service(node.address, network=NEO, store=path)
    chain = await near(service, node, 600)
    (peer,) = peers_of(service)
    assert peer.snapshot().received["headers"]["messages"] > 1
    height = chain.height
    await ours.stop(service)
    service = ours.service(node.address, network=NEO, store=path)
    assert chain_of(service).height >= height
    await near(service, node, height + 20)
    assert [peer.state for peer in peers_of(service)] == [State.READY]


async def test_restart(start_neo: StartNeo, ours: Ours) -> None:
    """A node that is killed and comes back with its chain is called again, and followed further."""
    node = await start_neo()
    service = ours.service(node.address, network=NEO)
    chain = await near(service, node, 2)
    (peer,) = peers_of(service)
    await within(node.kill(), SECONDS)
    assert (await within(peer.when_disconnected(), SECONDS)).reason in (Reason.CLOSED_BY_PEER, Reason.RESET)
    await within(node.restart(), SECONDS)
    await near(service, node, chain.height + 2)
    assert peers_of(service) != [peer]


async def test_node_keeps_to_loopback(neo: NeoNode) -> None:
    """The node listens on loopback only, and has no peers but ours."""
    bound = [line for line in neo.log().splitlines() if "Listening on " in line or "listening on " in line]
    assert len(bound) == 2 and all(" on 127.0.0.1:" in line for line in bound)
    assert await within(neo.rpc("getpeers"), SECONDS) == {"connected": []}


async def test_command(neo: NeoNode, ours: Ours, tmp_path: Path) -> None:
    """C{peerproto sync} and C{peerproto handshake} tell what they have found; a node of another chain is found out."""
    await until(lambda: has(neo, 3), "three blocks")
    words, before = (neo.address, "--json", "--network"), await neo.height()
    sync, shake, other = await within(
        ours.commands(
            ("sync", *words, NETWORK, "--store", str(tmp_path / "one")),
            ("handshake", *words, NETWORK),
            ("sync", *words, OTHER.name, "--store", str(tmp_path / "other")),
        ),
        SECONDS,
    )
    assert sync.code == shake.code == 0, sync.text() + shake.text()
    assert json.loads(sync.out)["height"] >= before - 1
    assert AGENT in shake.text() and '"ping": null' in shake.text()
    assert other.code == 1 and "it has another chain" in other.text()


async def test_requests(neo: NeoNode, ours: Ours) -> None:
    """Headers and inventory come from behind the one start; an unknown start brings an empty list. The same node is a
    peer only once, unless we want it twice.
    """
    await until(lambda: has(neo, 6), "six blocks")
    peer = await dial(neo, ours)
    start, hashes = await hash_at(neo, 2), [await hash_at(neo, height) for height in (3, 4, 5)]
    headers = (await within(peer.request_headers([start]), SECONDS)).headers
    assert [header.block_hash for header in headers[:3]] == hashes
    assert (await within(peer.request_headers([b"\7" * 32]), SECONDS)).headers == []
    recorder = Recorder()
    with pytest.raises(DuplicateConnection):
        await dial(neo, ours, recorder)
    other = await dial(neo, ours, recorder, one_per_nonce=False)
    other.send(GetBlocks([start], bytes(32)))
    await until(lambda: any(len(inv.hashes) > 1 for inv in recorder.heard["inv"]), "the inventory")
    (inventory,) = [inv for inv in recorder.heard["inv"] if len(inv.hashes) > 1]
    assert (inventory.type, inventory.hashes[:3]) == (INV_BLOCK, hashes)


async def test_blocks(neo: NeoNode, ours: Ours) -> None:
    """Each block that is announced comes when it is asked for, and is byte for byte the node's; what the node has not
    it leaves out.
    """
    recorder = Recorder()
    peer = await dial(neo, ours, recorder)
    for count in (1, 2):
        await until(lambda count=count: len(recorder.heard["inv"]) >= count, "an announcement")
        announced = recorder.heard["inv"][count - 1]
        assert announced.type == INV_BLOCK
        (block,) = await within(peer.request_blocks(announced.hashes), SECONDS)
        assert isinstance(block, Block) and [block.block_hash] == announced.hashes
        assert block.payload == await raw_at(neo, block.index)
        assert block.merkle_root == merkle_root([tx.tx_hash for tx in block.txs])
        assert NEO.codec().encode(Block(*block.header, block.txs))[24:] == block.payload
    assert peer.state is State.READY


def free_transaction(nonce: int) -> Tx:
    """A transaction that costs nothing and that anybody may sign: it runs a script that does nothing, in the name of
    a script that asks for nothing.
    """
    anybody = b"\x51"
    return Tx(
        type=0xD1,
        version=0,
        attributes=[Attribute(0x20, hash160(anybody)), Attribute(0xF0, str(nonce).encode())],
        inputs=[],
        outputs=[],
        witnesses=[Witness(b"", anybody)],
        script=anybody,
        gas=0,
    )


async def mined_in(peer: PeerProtocol, announced: list[Inv], tx: Tx) -> bytes | None:
    """The hash of the block that has a transaction, of the last few that were announced; None if none has."""
    hashes = [item for inv in announced if inv.type == INV_BLOCK for item in inv.hashes][-5:]
    blocks = await peer.request_blocks(hashes) if hashes else []
    found = [block.block_hash for block in blocks if tx.tx_hash in {each.tx_hash for each in block.txs}]
    return found[0] if found else None


async def test_memory_pool(start_neo: StartNeo, ours: Ours) -> None:
    """A transaction of ours that we announce is asked for, listed in the memory pool, and can be had back; then it is
    in a block, of which a filter for it brings the part that has it.
    """
    node, tx = await start_neo(), free_transaction(1)
    said: dict[str, Any] = {}

    class Giver(Recorder):
        def on_getdata(self, peer: PeerProtocol, message: Any) -> None:
            said["asked"] = message
            peer.send(tx)

    recorder = Giver()
    peer = await dial(node, ours, recorder)
    peer.send(Inv(INV_TX, [tx.tx_hash]))
    await until(lambda: "asked" in said, "the node to ask for it")
    assert (said["asked"].type, said["asked"].hashes) == (INV_TX, [tx.tx_hash])
    other_recorder = Recorder()
    other = await dial(node, ours, other_recorder, one_per_nonce=False)

    async def listed() -> list[Any]:
        other.send(MemPool(), expect=False)
        return [inv for inv in other_recorder.heard["inv"] if inv.type == INV_TX]

    assert await until(listed, "an inventory of the memory pool")
    (back,) = await within(other.request_transactions([tx.tx_hash]), SECONDS)
    assert back == tx
    announced = other_recorder.heard["inv"]
    block_hash = await until(lambda: mined_in(other, announced, tx), "the transaction in a block")
    other.send(FilterLoad(b"\xff" * 64, 1, 0))
    (part,) = await within(other.request_blocks([block_hash]), SECONDS)
    assert isinstance(part, MerkleBlock) and part.block_hash == block_hash
    assert tx.tx_hash in part.hashes and part.tx_count == 2
    other.send(FilterClear())
    (block,) = await within(other.request_blocks([block_hash]), SECONDS)
    assert [found.tx_hash for found in block.txs][1:] == [tx.tx_hash]


class Heaper(ProxyServer):
    """Takes what is sent to the node, and passes it on later: version and verack in one piece, or each piece well apart
    from the one before it.
    """

    heap = b""
    busy_until = 0.0
    has_shaken = is_passed_on = False

    def dataReceived(self, data: bytes) -> None:
        from twisted.internet import reactor

        if not self.factory.is_heaping:  # type: ignore[attr-defined]
            now = reactor.seconds()  # type: ignore[attr-defined]
            self.busy_until = max(now, self.busy_until + HEAPED)
            reactor.callLater(self.busy_until - now, self._pass_on_piece, data)  # type: ignore[attr-defined]
            return
        self.heap += data
        if not self.has_shaken and b"verack" in self.heap:
            self.has_shaken = True
            reactor.callLater(HEAPED, self._pass_on)  # type: ignore[attr-defined]
        elif self.is_passed_on:
            self._pass_on()

    def _pass_on(self) -> None:
        self.is_passed_on = True
        heap, self.heap = self.heap, b""
        self._pass_on_piece(heap)

    def _pass_on_piece(self, data: bytes) -> None:
        if self.peer is not None:
            super().dataReceived(data)


class Heap(ProxyFactory):
    """The way to a node on which messages heap up, as they may on any busy machine."""

    protocol = Heaper
    noisy = False
    is_heaping = True


async def test_last_one_first(start_neo: StartNeo, ours: Ours) -> None:
    """As it is published the node handles what has come together last one first. It reads our verack before our version
    then, and hangs up: the peer ends for that reason, the connector calls again, and when the two come apart all is
    well. Nothing is sent a second time because of it.
    """
    node = await start_neo(as_published=True)
    way = Heap("127.0.0.1", node.port)
    port = ours.reactor.listenTCP(0, way, interface="127.0.0.1")
    try:
        service = ours.service(where(port), network=NEO)
        for _ in range(2):
            (peer,) = await until(lambda: peers_of(service), "a connection")
            error = await within(peer.when_disconnected(), SECONDS)
            assert error.reason in (Reason.CLOSED_BY_PEER, Reason.RESET), error
            assert peer.theirs is not None, "its version had come"
        way.is_heaping = False
        await near(service, node, 3)
        assert [peer.state for peer in peers_of(service)] == [State.READY]
    finally:
        port.stopListening()


async def test_first_one_first(neo: NeoNode, ours: Ours) -> None:
    """The node whose order has been put right takes version and verack that come together."""
    port = ours.reactor.listenTCP(0, Heap("127.0.0.1", neo.port), interface="127.0.0.1")
    try:
        peer = await ours.dial(where(port), network=NEO)
        await until(lambda: has(neo, 3), "three blocks")  # its newest it tells nobody
        assert (await within(peer.request_headers([NEO.genesis]), SECONDS)).headers
    finally:
        port.stopListening()
