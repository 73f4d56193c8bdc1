"""Neighbours that are no good: each ends with the right reason, and none of them disturbs the others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import pytest_twisted  # type: ignore[import-untyped, unused-ignore]
from twisted.internet.task import LoopingCall

from peerproto import ConnectFailed, PeerError, PeerProtocol, Reason, State, connect
from peerproto.forms.conversation import Timing
from peerproto.node.service import PeerNodeService

from .litecoind import Litecoind, free_ports
from .ours import POLICIES, Ours, chain_of, litecoin, peers_of, synced, where
from .raw import RawPeer, RawServer, frame, version_payload
from .waiting import SECONDS, until, within

if TYPE_CHECKING:
    from twisted.internet.posixbase import PosixReactorBase

HTTP_ANSWER = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
HTTP_QUESTION = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
VERSION = frame("version", version_payload())
MAINNET = bytes.fromhex("fbc0b6db")


@pytest_twisted.async_yield_fixture  # type: ignore[untyped-decorator]
async def server(reactor: PosixReactorBase) -> AsyncIterator[RawServer]:
    """A neighbour that does as the test says."""
    made = await RawServer().listen(reactor)
    try:
        yield made
    finally:
        await made.close()


@pytest.fixture(params=POLICIES)
def policy(request: pytest.FixtureRequest) -> str:
    """Each test here runs with both."""
    return str(request.param)


def impatient(handshake: float = 0.6) -> Timing:
    """The network's timing but for the handshake's, in seconds."""
    return replace(litecoin().timing, handshake=handshake)


async def meet(
    ours: Ours, server: RawServer, policy: str, timing: Timing | None = None
) -> tuple[PeerProtocol, RawPeer]:
    """Dial a neighbour; our end of the connection and its own, before anything was said but our version."""
    connecting = connect(ours.reactor, server.address, ours.factory(policy, timing=timing))
    peer = await within(connecting, SECONDS)
    raw = await within(server.accept(), SECONDS)
    await within(raw.expect("version"), SECONDS)
    return peer, raw


async def shake_hands(ours: Ours, server: RawServer, policy: str) -> tuple[PeerProtocol, RawPeer]:
    """Dial a neighbour that is a good one so far."""
    peer, raw = await meet(ours, server, policy)
    raw.send_bytes(VERSION)
    raw.send("verack")
    await within(peer.when_ready(), SECONDS)
    return peer, raw


async def end_of(peer: PeerProtocol) -> PeerError:
    """Why a peer has ended, once it has; who waits for the handshake hears the same."""
    error = await within(peer.when_disconnected(), SECONDS)
    if peer.theirs is None:
        with pytest.raises(PeerError) as caught:
            await within(peer.when_ready(), SECONDS)
        assert caught.value is error
    assert peer.state is State.CLOSED and not peer.factory.peers
    return error


NO_FRAME = (Reason.WRONG_NETWORK, Reason.OVERSIZE)
"""Text is both: btcd looks at the length first (wire/message.go, ReadMessageWithEncodingN), Core at the magic."""

BYTES = {
    "http": (HTTP_ANSWER, NO_FRAME),
    "another network": (frame("version", version_payload(), magic=MAINNET), (Reason.WRONG_NETWORK,)),
    "oversize": (frame("version", length=0xFFFFFFFF), (Reason.OVERSIZE,)),
    "zeros": (bytes(1000), (Reason.WRONG_NETWORK,)),
}


@pytest.mark.parametrize("what", BYTES)
async def test_what_is_no_peer(ours: Ours, server: RawServer, policy: str, what: str) -> None:
    """What answers something else is known by its first bytes."""
    sent, reasons = BYTES[what]
    peer, raw = await meet(ours, server, policy)
    raw.send_bytes(sent)
    assert (await end_of(peer)).reason in reasons
    await within(raw.when_closed(), SECONDS)


@pytest.mark.parametrize("size", [1, 23, 24, len(VERSION) - 1])
async def test_end_in_the_middle_of_a_frame(ours: Ours, server: RawServer, policy: str, size: int) -> None:
    """A neighbour that closes before its version is whole is told from one that just closes."""
    peer, raw = await meet(ours, server, policy)
    raw.send_bytes(VERSION[:size])
    await within(raw.close(), SECONDS)
    error = await end_of(peer)
    assert error.reason is Reason.EOF_IN_MESSAGE
    assert str(error) == "closed by the peer in the middle of a message while awaiting version"


async def test_end_between_frames(ours: Ours, server: RawServer, policy: str) -> None:
    """A neighbour that closes between version and verack."""
    peer, raw = await meet(ours, server, policy)
    raw.send_bytes(VERSION)
    await within(raw.expect("verack"), SECONDS)
    await within(raw.close(), SECONDS)
    error = await within(peer.when_disconnected(), SECONDS)
    assert error.reason is Reason.CLOSED_BY_PEER and "while awaiting verack" in str(error)


async def test_reset(ours: Ours, server: RawServer, policy: str) -> None:
    """A neighbour that cuts the connection."""
    peer, raw = await meet(ours, server, policy)
    await within(raw.abort(), SECONDS)
    assert (await end_of(peer)).reason is Reason.RESET


async def test_silence(ours: Ours, server: RawServer, policy: str) -> None:
    """A neighbour that says nothing has the handshake's time."""
    peer, raw = await meet(ours, server, policy, impatient())
    error = await end_of(peer)
    assert error.reason is Reason.HANDSHAKE_TIMEOUT
    assert str(error) == "still awaiting version after 0.6 seconds"
    await within(raw.when_closed(), SECONDS)


async def test_silence_after_the_version(ours: Ours, server: RawServer, policy: str) -> None:
    """A neighbour without a verack has no more time than the others."""
    peer, raw = await meet(ours, server, policy, impatient())
    raw.send_bytes(VERSION)
    error = await within(peer.when_disconnected(), SECONDS)
    assert error.reason is Reason.HANDSHAKE_TIMEOUT
    assert str(error) == "still awaiting verack after 0.6 seconds"


async def test_byte_by_byte(ours: Ours, server: RawServer, policy: str) -> None:
    """A neighbour that sends a byte now and then does not prolong the handshake by it."""
    peer, raw = await meet(ours, server, policy, impatient())
    rest = iter(VERSION)
    dripping = LoopingCall(lambda: raw.send_bytes(bytes([next(rest)])))
    dripping.clock = ours.reactor
    dripping.start(0.05)
    try:
        error = await end_of(peer)
    finally:
        dripping.stop()
    assert error.reason is Reason.HANDSHAKE_TIMEOUT
    assert 1 < peer.statistics.bytes_received < len(VERSION)


async def test_nobody(ours: Ours, policy: str) -> None:
    """Where nobody listens there is no connection, and one line says why."""
    (port,) = free_ports(1)
    with pytest.raises(ConnectFailed, match=f"^127.0.0.1:{port}: refused: nothing listens there$") as caught:
        await within(connect(ours.reactor, f"127.0.0.1:{port}", ours.factory(policy)), SECONDS)
    assert caught.value.reason is Reason.CONNECTION_REFUSED


async def test_bad_checksum(ours: Ours, server: RawServer, policy: str) -> None:
    """A frame with a wrong checksum ends a peer of btcd's, after a word; one of Core's passes it over."""
    peer, raw = await shake_hands(ours, server, policy)
    raw.send_bytes(frame("ping", bytes(8), checksum=bytes(4)) + frame("ping", b"12345678"))
    if policy == "core":
        assert await within(raw.expect("pong"), SECONDS) == b"12345678"
        assert peer.state is State.READY
    else:
        assert b"malformed" in await within(raw.expect("reject"), SECONDS)
        assert (await end_of(peer)).reason is Reason.BAD_CHECKSUM


async def test_end_in_the_middle_of_a_block(ours: Ours, server: RawServer, policy: str) -> None:
    """Who waits for a block hears that the connection ended within it."""
    peer, raw = await shake_hands(ours, server, policy)
    waiting = peer.request_blocks([b"\1" * 32])
    await within(raw.expect("getdata"), SECONDS)
    raw.send_bytes(frame("block", bytes(100_000))[:50_000])
    await within(raw.close(), SECONDS)
    with pytest.raises(PeerError) as caught:
        await within(waiting, SECONDS)
    assert caught.value.reason is Reason.EOF_IN_MESSAGE
    assert caught.value is await end_of(peer)


async def test_among_bad_neighbours(litecoind: Litecoind, ours: Ours, server: RawServer, policy: str) -> None:
    """A node of ours among neighbours that answer nonsense, nothing, or not at all, and callers of the same kind,
    follows the one that is good, and calls the others again.
    """
    (closed,) = free_ports(1)
    service = ours.service(
        *(litecoind.address, server.address, f"127.0.0.1:{closed}"),
        policy=policy,
        timing=impatient(),
        listen=["tcp:0:interface=127.0.0.1"],
    )
    await within(synced(service, litecoind), SECONDS)
    nonsense, one = await within(call(service), SECONDS)
    silent, other = await within(call(service), SECONDS)
    nonsense.send_bytes(HTTP_QUESTION)
    assert (await within(one.when_disconnected(), SECONDS)).reason in NO_FRAME
    assert (await within(other.when_disconnected(), SECONDS)).reason is Reason.HANDSHAKE_TIMEOUT
    for raw in (nonsense, silent):
        await within(raw.when_closed(), SECONDS)
    for _ in range(2):
        raw = await within(server.accept(), SECONDS)
        raw.send_bytes(HTTP_ANSWER)
        await within(raw.when_closed(), SECONDS)
    (good,) = await until(lambda: _ready(peers_of(service)), "the good one alone")
    assert good.address == litecoind.address and await within(good.ping(), SECONDS) < SECONDS
    assert chain_of(service).height == 400


async def call(service: PeerNodeService) -> tuple[RawPeer, PeerProtocol]:
    """A caller, and what the service has made of it."""
    raw = await RawPeer.connect(service.reactor, where(service.ports[0]))
    assert raw.transport is not None
    address = f"127.0.0.1:{raw.transport.getHost().port}"
    (peer,) = await until(
        lambda: [peer for peer in peers_of(service) if peer.address == address], "the caller to be taken in"
    )
    return raw, peer


def _ready(peers: list[PeerProtocol]) -> list[PeerProtocol]:
    return [peer for peer in peers if peer.state is State.READY]
