"""Peers that take nothing, or say nothing, over real sockets: nobody else waits for them."""

from __future__ import annotations

import time

from peerproto import PeerProtocol, networks
from peerproto.networks.bitcoin import GetHeaders, Headers, Inv, InvVect
from peerproto.node.manager import PeerManager

from .ours import Ours, where
from .raw import RawPeer
from .waiting import SECONDS, until, within

NETWORK = networks.named("bitcoin-regtest")
LARGE = Inv([InvVect(1, number.to_bytes(32, "big")) for number in range(50_000)])
SMALL = Inv([InvVect(1, b"\x99" * 32)])
QUESTION = GetHeaders(70016, [b"\x77" * 32, NETWORK.genesis], bytes(32))
OTHERS = 20

TOO_MUCH = 10
"""So many of the large ones, 18 MB, are more than the system keeps for a connection, and less than a node does."""

SOON = 10.0
"""In seconds; who takes nothing is waited for at least twice as long."""


class Called:
    """A node that others have called.

    :ivar others: those, each played by hand.
    """

    def __init__(self, ours: Ours) -> None:
        service = ours.service(network=NETWORK, listen=["tcp:0:interface=127.0.0.1"])
        assert service.company is not None
        self.manager: PeerManager = service.company.manager
        self.others: list[RawPeer] = []
        self._reactor = ours.reactor
        self._where = where(service.ports[0])

    async def by(self, count: int) -> list[RawPeer]:
        """So many more call, and shake hands."""
        for _ in range(count):
            other = await within(RawPeer.connect(self._reactor, self._where, NETWORK.magic), SECONDS)
            self.others.append(other)
            await within(other.handshake(), SECONDS)
        await until(lambda: len(self.manager.peers) == len(self.others), "that all are ready")
        return self.others[-count:]

    async def by_one_that_takes_nothing(self) -> PeerProtocol:
        """One more calls, and then reads no more, so that all buffers fill; our side of it."""
        (slow,) = await self.by(1)
        peer = self.manager.peers[-1]
        slow.pause()
        for _ in range(TOO_MUCH):
            peer.send(LARGE)
        assert peer.is_blocked
        return peer


def heard(other: RawPeer, command: str, size: int) -> bool:
    """Whether somebody has got a message, known by its size in bytes."""
    return any(frame.command == command and len(frame.payload) == size for frame in other.frames)


async def test_broadcast(ours: Ours) -> None:
    """One slow peer does not delay a broadcast: all others have it at once, for it the message is dropped."""
    node = Called(ours)
    others = await node.by(OTHERS)
    peer = await node.by_one_that_takes_nothing()
    begun = time.monotonic()
    assert node.manager.broadcast(SMALL) == OTHERS
    assert node.manager.dropped == 1
    await until(lambda: all(heard(other, "inv", 37) for other in others), "that all have heard of it", SOON)
    assert time.monotonic() - begun < SOON
    assert peer.is_blocked
    assert peer.ending is None
    node.others[-1].resume()
    await until(
        lambda: not peer.is_blocked and heard(node.others[-1], "inv", 1_800_003), "what was meant for it"
    )
    assert not heard(node.others[-1], "inv", 37)


async def test_request(ours: Ours) -> None:
    """Who takes nothing is not asked; who says nothing is asked first, and then the next."""
    node = Called(ours)
    blocked = await node.by_one_that_takes_nothing()
    pair = await node.by(2)
    waiting = node.manager.request(QUESTION, timeout=2.0)
    size = 4 + 1 + 2 * 32 + 32
    await until(lambda: any(heard(other, "getheaders", size) for other in pair), "that one is asked")
    (silent,) = [other for other in pair if heard(other, "getheaders", size)]
    (other,) = [other for other in pair if other is not silent]
    assert not heard(other, "getheaders", size)
    await until(lambda: heard(other, "getheaders", size), "that the other is asked", SOON)
    other.send("headers", b"\0")
    assert await within(waiting, SECONDS) == Headers([])
    assert not blocked.pending
    assert [peer.ending for peer in node.manager.peers] == [None, None, None]
    node.others[0].resume()
