"""The harness itself: nodes start, answer, survive what tests do to them, and leave nothing behind."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone

from . import litecoind as harness
from .litecoind import HIGHEST_BLOCK, Litecoind, NodeError, PortTaken
from .raw import PROTOCOL_VERSION, RawPeer, RawServer, double_sha256, frame, version_payload
from .rpc import RPCError
from .waiting import within

if TYPE_CHECKING:
    from twisted.internet.posixbase import PosixReactorBase

SECONDS = 10.0
PING = struct.pack("<Q", 0x1122334455667788)

StartLitecoind = Callable[..., Awaitable[Litecoind]]


async def handshaken(reactor: PosixReactorBase, node: Litecoind) -> RawPeer:
    """A raw peer that the node takes for a good one."""
    peer = await within(RawPeer.connect(reactor, node.address), SECONDS)
    await within(peer.handshake(), SECONDS)
    return peer


async def ping(peer: RawPeer) -> None:
    """Prove that the node still reads and answers: messages before the ping have been handled then."""
    peer.send("ping", PING)
    assert await within(peer.expect("pong"), SECONDS) == PING


async def test_shared_node_has_blocks(litecoind: Litecoind) -> None:
    """The shared node has 400 blocks and a filter index that has reached the last of them."""
    best = await within(litecoind.rpc("getbestblockhash"), SECONDS)
    assert best == await within(litecoind.rpc("getblockhash", 400), SECONDS)
    indexes = await within(litecoind.rpc("getindexinfo"), SECONDS)
    assert indexes == {"basic block filter index": {"synced": True, "best_block_height": 400}}


async def test_node_keeps_to_loopback(litecoind: Litecoind) -> None:
    """The node listens on loopback only, tells nobody an address of its own and dials nobody."""
    bound = [line for line in litecoind.log().splitlines() if " Bound to " in line]
    assert bound and all(" Bound to 127.0.0.1:" in line for line in bound)
    assert (await within(litecoind.rpc("getnetworkinfo"), SECONDS))["localaddresses"] == []
    peers = await within(litecoind.rpc("getpeerinfo"), SECONDS)
    assert all(peer["inbound"] for peer in peers)


async def test_refused_call(litecoind: Litecoind) -> None:
    """What the node refuses comes back as an RPCError with its code and words."""
    with pytest.raises(RPCError, match="Method not found") as caught:
        await within(litecoind.rpc("nosuchmethod"), SECONDS)
    assert caught.value.code == -32601


async def test_mining_ends_below_the_extension_blocks(litecoind: Litecoind) -> None:
    """More blocks than litecoind can mine by itself are refused before it tries."""
    with pytest.raises(ValueError, match="more than 431"):
        await within(litecoind.mine(HIGHEST_BLOCK - 400 + 1), SECONDS)


async def test_raw_handshake(litecoind: Litecoind, reactor: PosixReactorBase) -> None:
    """A version and a verack by hand are answered, and so is a ping after them."""
    peer = await within(RawPeer.connect(reactor, litecoind.address), SECONDS)
    theirs = await within(peer.handshake(), SECONDS)
    protocol_version, height = struct.unpack("<i", theirs[:4])[0], struct.unpack("<i", theirs[-5:-1])[0]
    assert (protocol_version, height) == (PROTOCOL_VERSION, 400)
    assert [each.command for each in peer.frames[:4]] == ["version", "wtxidrelay", "sendaddrv2", "verack"]
    await ping(peer)
    await within(peer.close(), SECONDS)


async def test_node_dials(litecoind: Litecoind, reactor: PosixReactorBase) -> None:
    """A raw server is dialled by the node on request, and shakes hands as the side that was dialled."""
    server = await within(RawServer().listen(reactor), SECONDS)
    try:
        await within(litecoind.rpc("addnode", server.address, "onetry"), SECONDS)
        peer = await within(server.accept(), SECONDS)
        theirs = await within(peer.handshake(), SECONDS)
        assert peer.inbound and b"LitecoinCore:0.21" in theirs
        await ping(peer)
    finally:
        await within(server.close(), SECONDS)


async def test_raw_headers(litecoind: Litecoind, reactor: PosixReactorBase) -> None:
    """The headers that a raw peer gets are those whose hashes RPC gives."""
    peer = await handshaken(reactor, litecoind)
    genesis = bytes.fromhex(await within(litecoind.rpc("getblockhash", 0), SECONDS))[::-1]
    peer.send("getheaders", struct.pack("<iB", PROTOCOL_VERSION, 1) + genesis + bytes(32))
    headers = await within(peer.expect("headers"), SECONDS)
    assert struct.unpack("<BH", headers[:3]) == (0xFD, 400)
    first, best = headers[3 : 3 + 80], headers[-81:-1]
    assert double_sha256(first)[::-1].hex() == await within(litecoind.rpc("getblockhash", 1), SECONDS)
    assert double_sha256(best)[::-1].hex() == await within(litecoind.rpc("getbestblockhash"), SECONDS)
    await within(peer.close(), SECONDS)


async def test_raw_misbehaviour(litecoind: Litecoind, reactor: PosixReactorBase) -> None:
    """A bad checksum is passed over; a frame of another network ends the connection."""
    peer = await handshaken(reactor, litecoind)
    peer.send_bytes(frame("ping", bytes(8), checksum=bytes(4)))
    await ping(peer)
    peer.send_bytes(frame("ping", bytes(8), magic=bytes(4)))
    await within(peer.when_closed(), SECONDS)
    with pytest.raises(ConnectionDone):
        while True:
            await within(peer.receive(), SECONDS)


async def test_raw_peers_judge_each_other(reactor: PosixReactorBase) -> None:
    """A raw peer that gets another network's frame ends the connection and says why, without any node."""
    server = await within(RawServer().listen(reactor), SECONDS)
    try:
        dialled = await within(RawPeer.connect(reactor, server.address, b"\xd9\xb4\xbe\xf9"), SECONDS)
        peer = await within(server.accept(), SECONDS)
        dialled.send("version", version_payload())
        with pytest.raises(ValueError, match="magic d9b4bef9 instead of fabfb5da"):
            await within(peer.receive(), SECONDS)
        await within(dialled.when_closed(), SECONDS)
    finally:
        await within(server.close(), SECONDS)


async def test_kill_and_restart(fresh_litecoind: Litecoind, reactor: PosixReactorBase) -> None:
    """A killed node ends its connections; restarted it has the same ports and all that it has mined."""
    node = fresh_litecoind
    best = (await within(node.mine(50), SECONDS))[-1]
    peer = await handshaken(reactor, node)
    before = (node.pid, node.port, node.rpc_port)
    await within(node.kill(), SECONDS)
    await within(peer.when_closed(), SECONDS)
    assert not node.running
    await within(node.restart(), SECONDS)
    assert node.pid != before[0] and (node.port, node.rpc_port) == before[1:]
    assert await within(node.rpc("getbestblockhash"), SECONDS) == best
    await ping(await handshaken(reactor, node))


async def test_suspend_and_resume(fresh_litecoind: Litecoind, reactor: PosixReactorBase) -> None:
    """A suspended node keeps its connections and answers nothing; resumed it answers what was asked."""
    peer = await handshaken(reactor, fresh_litecoind)
    await ping(peer)
    await within(fresh_litecoind.suspend(), SECONDS)
    peer.send("ping", bytes(8))
    with pytest.raises(TimeoutError, match=r"not within 0.2 seconds: .*expect"):
        await within(peer.expect("pong"), 0.2)
    with pytest.raises(TimeoutError, match="getblockcount"):
        await within(fresh_litecoind.rpc("getblockcount", seconds=0.1), SECONDS)
    fresh_litecoind.resume()
    assert await within(peer.expect("pong"), SECONDS) == bytes(8)


async def test_suspended_node_can_be_stopped(fresh_litecoind: Litecoind) -> None:
    """The end of a test finds a suspended node in a state that it can end in good order."""
    await within(fresh_litecoind.suspend(), SECONDS)
    await within(fresh_litecoind.stop(), SECONDS)
    assert "Shutdown: done" in fresh_litecoind.log_tail()


async def test_two_nodes(start_litecoind: StartLitecoind) -> None:
    """Two nodes run at once, each on its own ports, and find the same chain when told of each other."""
    one = await start_litecoind()
    two = await start_litecoind("-uacomment=two")
    assert len({one.port, one.rpc_port, two.port, two.rpc_port}) == 4
    best = (await within(one.mine(20), SECONDS))[-1]
    await within(two.rpc("addnode", one.address, "onetry"), SECONDS)
    reached = await within(two.rpc("waitforblockheight", 20, 8000), SECONDS)
    assert reached == {"hash": best, "height": 20}
    peers = await within(one.rpc("getpeerinfo"), SECONDS)
    assert [peer["subver"] for peer in peers] == ["/LitecoinCore:0.21.2.1(two)/"]


@pytest.mark.parametrize("which", [0, 1, 2], ids=["peers", "onion", "rpc"])
async def test_port_taken_meanwhile(
    which: int, start_litecoind: StartLitecoind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A port that was free when chosen and is not when the node binds it leads to another choice."""
    choose = harness.free_ports
    chosen: list[list[int]] = []
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()

        def unlucky(count: int) -> list[int]:
            chosen.append(choose(count))
            if len(chosen) == 1:
                chosen[0][which] = taken.getsockname()[1]
            return chosen[-1]

        monkeypatch.setattr(harness, "free_ports", unlucky)
        node = await start_litecoind()
        assert len(chosen) == (1 if which == 1 else 2), "only the onion port may be missing"
        assert await within(node.rpc("getblockcount"), SECONDS) == 0


async def test_restart_on_a_taken_port(fresh_litecoind: Litecoind) -> None:
    """A restart does not move to another port: it says that its own is taken, and no process is left."""
    await within(fresh_litecoind.stop(), SECONDS)
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", fresh_litecoind.port))
        taken.listen()
        with pytest.raises(PortTaken, match=f"does not listen on {fresh_litecoind.address}"):
            await within(fresh_litecoind.restart(attempts=1), SECONDS)
    assert not fresh_litecoind.running


async def test_wrong_option(start_litecoind: StartLitecoind) -> None:
    """A node that refuses its options fails at once with the node's own words."""
    with pytest.raises(NodeError, match=r"(?s)exit code 1.*Invalid parameter -nosuchoption"):
        await start_litecoind("-nosuchoption")


async def test_nothing_is_left(litecoind_program: str, reactor: PosixReactorBase) -> None:
    """After close neither the process nor the folder exist, and a second close is fine."""
    node = await within(Litecoind(reactor, program=litecoind_program).start(), SECONDS)
    pid, folder = node.pid, node.folder
    assert pid is not None and folder.exists()
    await within(node.close(), SECONDS)
    await within(node.close(), SECONDS)
    assert not folder.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_within() -> None:
    """What does not come in time is cancelled, and the error says what it was and how long it was awaited."""
    cancelled: list[object] = []
    with pytest.raises(TimeoutError, match=r"^not within 0.01 seconds: the impossible$"):
        await within(Deferred(cancelled.append), 0.01, "the impossible")
    assert len(cancelled) == 1
