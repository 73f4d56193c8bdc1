"""Announcing and being announced to, with real nodes and a real wallet; and coming and going many times."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from peerproto import PeerProtocol, Reason
from peerproto.networks.bitcoin import MSG_WTX, GetData, InvVect, Tx
from peerproto.node.roster import Roster
from peerproto.node.wanting import Wanting

from .litecoind import Litecoind
from .ours import Ours, Recorder, wire
from .waiting import SECONDS, until, within

QUICK = "-whitelist=noban@127.0.0.1"
"""Or a node would take its time to announce, and to ask."""

StartLitecoind = Callable[..., Awaitable[Litecoind]]


class Relay:
    """A listener that takes every transaction that is announced, and gives what it has to who asks.

    @ivar taken: by the id under which it is announced.
    """

    def __init__(self) -> None:
        self.taken: dict[bytes, Tx] = {}

    async def on_inv(self, peer: PeerProtocol, message: Any) -> None:
        wanted = [vector for vector in message.inv_list if vector.type == MSG_WTX]
        if wanted:
            for tx in await peer.request(GetData(wanted)):
                self.taken[tx.wtxid] = tx

    def on_getdata(self, peer: PeerProtocol, message: Any) -> None:
        for vector in message.inv_list:
            if vector.hash in self.taken:
                peer.send(self.taken[vector.hash], witness=True)


async def copy_of(start_litecoind: StartLitecoind, node: Litecoind) -> Litecoind:
    """Another node with the same blocks, that is not connected to it."""
    other = await start_litecoind(QUICK)
    for height in range(1, await within(node.rpc("getblockcount"), SECONDS) + 1):
        block_hash = await within(node.rpc("getblockhash", height), SECONDS)
        raw = await within(node.rpc("getblock", block_hash, 0), SECONDS)
        assert await within(other.rpc("submitblock", raw), SECONDS) is None
    return other


async def with_purse(start_litecoind: StartLitecoind) -> tuple[Litecoind, str]:
    """A node whose wallet has something to spend, and an address of its."""
    node = await start_litecoind(QUICK, "-disablewallet=0")
    await within(node.rpc("createwallet", "purse"), SECONDS)
    purse: str = await within(node.rpc("getnewaddress"), SECONDS)
    await within(node.rpc("generatetoaddress", 101, purse), SECONDS)
    return node, purse


async def test_transaction_of_a_wallet(start_litecoind: StartLitecoind, ours: Ours) -> None:
    """What one node's wallet sends is announced to us, and by us to another node, which asks us for it and takes it."""
    node, purse = await with_purse(start_litecoind)
    other = await copy_of(start_litecoind, node)
    relay = Relay()
    await ours.dial(node.address, listener=relay)
    to_other = await ours.dial(other.address, listener=relay)
    txid = await within(node.rpc("sendtoaddress", purse, 1), SECONDS)
    await until(lambda: relay.taken, "the transaction")
    ((wtxid, tx),) = relay.taken.items()
    assert tx.txid == wire(txid)
    to_other.queue_inventory_immediate(InvVect(MSG_WTX, wtxid))
    assert to_other.is_known_inventory(InvVect(MSG_WTX, wtxid))

    async def is_there() -> bool:
        return txid in await within(other.rpc("getrawmempool"), SECONDS)

    await until(is_there, "the transaction at the other node")
    entry = await within(other.rpc("getmempoolentry", txid), SECONDS)
    assert wire(entry["wtxid"]) == wtxid


async def test_what_is_announced(start_litecoind: StartLitecoind, ours: Ours) -> None:
    """A node announces by wtxid: so it is had by the vectors as they are, from a peer and from a manager's peers."""
    node, purse = await with_purse(start_litecoind)
    recorder, roster = Recorder(), Roster()
    peer = await ours.dial(node.address, listener=recorder)
    roster.watch(peer)
    txid = await within(node.rpc("sendtoaddress", purse, 1), SECONDS)
    entry = await within(node.rpc("getmempoolentry", txid), SECONDS)
    vector = InvVect(MSG_WTX, wire(entry["wtxid"]))
    wanting = Wanting(ours.reactor, peer.network, roster)
    tx: Any = await within(wanting.want(vector), SECONDS)
    wanting.stop()
    (inv,) = recorder.heard["inv"]
    assert inv.inv_list == [vector]
    assert await within(peer.request(GetData(inv.inv_list)), SECONDS) == [tx]
    assert tx.txid == wire(txid)


async def test_fifty_times(litecoind: Litecoind, ours: Ours) -> None:
    """Fifty connections one after the other, each used: nothing is left of them, on either side."""
    recorder = Recorder()
    factory = ours.factory("btcd", recorder)
    for number in range(50):
        peer = await ours.dial_with(factory, litecoind.address)
        assert await within(peer.ping(), SECONDS) < SECONDS
        peer.disconnect()
        assert (await within(peer.when_disconnected(), SECONDS)).reason is Reason.LOCAL_CLOSE
        assert len(recorder.lost) == number + 1
    assert factory.peers == {}

    async def gone() -> bool:
        return not await within(litecoind.rpc("getpeerinfo"), SECONDS)

    await until(gone, "the node's end of all of them")
    assert not [call for call in ours.reactor.getDelayedCalls() if "peerproto" in repr(call.func)]  # type: ignore[attr-defined]
