"""Handshakes with a real node, whoever dials, whatever is announced."""

from __future__ import annotations

from typing import Any

import pytest

from peerproto import LocalError, PeerError, PeerFactory, PeerProtocol, Reason, State, connect, networks
from peerproto.networks.bitcoin import GetHeaders, SendAddrV2, SendCmpct, SendHeaders, WtxidRelay

from .litecoind import Litecoind
from .ours import POLICIES, Ours, Recorder, info, wire
from .waiting import SECONDS, until, within

NETWORK, WITNESS = 1 << 0, 1 << 3
SERVICES = {"NETWORK", "BLOOM", "WITNESS", "COMPACT_FILTERS", "NETWORK_LIMITED", "MWEB"}


def received(peer: PeerProtocol) -> set[str]:
    """The commands of the messages that have come."""
    return set(peer.snapshot().received)


async def check_theirs(node: Litecoind, peer: PeerProtocol) -> None:
    """What the node says of itself is what its RPC says of it, and what it negotiates is noted."""
    theirs = peer.theirs
    said = await within(node.rpc("getnetworkinfo"), SECONDS)
    assert theirs is not None and "LitecoinCore" in theirs.user_agent
    assert theirs.user_agent == said["subversion"]
    assert set(peer.network.service_names(theirs.services)) == set(said["localservicesnames"]) == SERVICES
    assert (theirs.protocol_version, theirs.height) == (70016, 400)
    assert peer.protocol_version == 70016
    assert abs(peer.snapshot().time_offset or 0) <= 2
    noted = peer.handshake.noted
    await until(lambda: {SendHeaders, SendCmpct} <= noted, "sendheaders and sendcmpct")
    assert noted == {WtxidRelay, SendAddrV2, SendHeaders, SendCmpct}


def check_ours(said: dict[str, Any], user_agent: str) -> None:
    """What the node has understood of us."""
    assert (said["version"], said["subver"], said["startingheight"]) == (70016, user_agent, 7)
    assert said["servicesnames"] == ["NETWORK", "WITNESS"]
    assert said["relaytxes"] is False


@pytest.mark.parametrize("policy", POLICIES)
async def test_we_dial(litecoind: Litecoind, ours: Ours, policy: str) -> None:
    """We dial: each side knows the other as it is, all that is negotiated included."""
    agent = f"/we-dial:{policy}/"
    peer = await ours.dial(
        litecoind.address, policy, user_agent=agent, services=NETWORK | WITNESS, height=7, relay=False
    )
    assert (peer.inbound, peer.state, peer.address) == (False, State.READY, litecoind.address)
    await within(check_theirs(litecoind, peer), SECONDS)
    said = await info(litecoind, peer)
    check_ours(said, agent)
    assert said["inbound"] is True
    assert {"version", "wtxidrelay", "sendaddrv2", "verack", "sendheaders"} <= set(said["bytesrecv_per_msg"])
    peer.disconnect()
    error = await within(peer.when_disconnected(), SECONDS)
    assert error.reason is Reason.LOCAL_CLOSE


@pytest.mark.parametrize("policy", POLICIES)
async def test_the_node_dials(litecoind: Litecoind, ours: Ours, policy: str) -> None:
    """The node dials us when it is told to, and what each side knows then is the same."""
    recorder, agent = Recorder(), f"/the-node-dials:{policy}/"
    factory = ours.factory(
        policy, recorder, user_agent=agent, services=NETWORK | WITNESS, height=7, relay=False
    )
    address = await ours.accept(factory)
    await within(litecoind.rpc("addnode", address, "onetry"), SECONDS)
    (peer,) = await until(lambda: recorder.ready, "the node to have dialled us")
    assert (peer.inbound, peer.state) == (True, State.READY)
    await within(check_theirs(litecoind, peer), SECONDS)
    said = await info(litecoind, peer)
    check_ours(said, agent)
    assert said["inbound"] is False
    assert await within(peer.ping(), SECONDS) < SECONDS
    # A node asks those it has dialled for addresses, and nobody else.
    await until(lambda: "getaddr" in received(peer), "getaddr")


TO_ALL = {"version", "verack", "ping"}
VERSIONS = {
    31800: TO_ALL | {"alert"},
    60000: TO_ALL | {"alert"},
    60002: TO_ALL | {"alert"},
    70001: TO_ALL | {"alert"},
    70002: TO_ALL | {"alert"},
    70012: TO_ALL | {"alert", "sendheaders"},
    70013: TO_ALL | {"sendheaders", "feefilter"},
    70014: TO_ALL | {"sendheaders", "feefilter", "sendcmpct"},
    70015: TO_ALL | {"sendheaders", "feefilter", "sendcmpct"},
    70016: TO_ALL | {"sendheaders", "feefilter", "sendcmpct", "wtxidrelay", "sendaddrv2"},
}
"""What a node that was dialled sends unasked, by what we have announced; getheaders apart."""


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("version", VERSIONS)
async def test_announced_versions(litecoind: Litecoind, ours: Ours, version: int, policy: str) -> None:
    """Whatever version we announce, all that the node sends of itself is understood, and it answers us."""
    recorder = Recorder()
    peer = await ours.dial(
        litecoind.address, policy, recorder, protocol_version=version, services=NETWORK | WITNESS
    )
    assert (peer.protocol_version, peer.snapshot().version) == (version, 70016)
    # Its getheaders is the last that an old version gets, and the last but feefilter that a new one gets.
    expected = VERSIONS[version] | {"getheaders"}
    await until(lambda: expected <= received(peer), f"{expected}")
    assert received(peer) == expected
    question = GetHeaders(version, [peer.network.genesis], bytes(32))
    answer = await within(peer.request(question), SECONDS)
    best = await within(litecoind.rpc("getbestblockhash"), SECONDS)
    assert len(answer.headers) == 400 and answer.headers[-1].block_hash == wire(best)
    if version > 60000:
        assert 0 < await within(peer.ping(), SECONDS) < SECONDS
    else:
        with pytest.raises(LocalError, match=f"protocol version {version} has no pong"):
            await within(peer.ping(), SECONDS)
    assert not recorder.lost and peer.state is State.READY
    assert (await info(litecoind, peer))["version"] == version


@pytest.mark.parametrize("policy", POLICIES)
async def test_version_that_the_node_refuses(litecoind: Litecoind, ours: Ours, policy: str) -> None:
    """A version that is too old for the node is answered by its silent end, which is told as what it is."""
    with pytest.raises(PeerError, match="closed by the peer while awaiting version") as caught:
        await ours.dial(litecoind.address, policy, protocol_version=209)
    assert caught.value.reason is Reason.CLOSED_BY_PEER


async def test_another_network(litecoind: Litecoind, ours: Ours) -> None:
    """The node ends whoever speaks another network's language, and says nothing; nor can we know more."""
    factory = PeerFactory(networks.named("litecoin-mainnet"), clock=ours.reactor)
    peer = await within(connect(ours.reactor, litecoind.address, factory), SECONDS)
    with pytest.raises(PeerError) as caught:
        await within(peer.when_ready(), SECONDS)
    assert caught.value.reason in (Reason.CLOSED_BY_PEER, Reason.RESET)
