"""The example of the Go packages, over a real connection: a peer that is called tells its version, and is ready."""

from __future__ import annotations

import pytest

from peerproto import Nonces, State, networks

from .ours import Ours, Recorder
from .waiting import until


@pytest.mark.parametrize("name", ["bitcoin-simnet", "decred-simnet", "soter-simnet", "kaspa-simnet"])
async def test_new_outbound_peer(ours: Ours, name: str) -> None:
    """Example_newOutboundPeer: a mock remote on loopback; the version is heard, then the verack."""
    network, heard = networks.named(name), Recorder()
    remote = ours.factory(network=network, user_agent="/peer:1.0.0/", nonces=Nonces())
    where = await ours.accept(remote)
    caller = ours.factory(network=network, listener=heard, user_agent="/caller:1.0.0/", nonces=Nonces())
    peer = await ours.dial_with(caller, where)
    await until(lambda: bool(heard.heard["verack"]), "their verack")
    assert [message.user_agent for message in heard.heard["version"]] == ["/peer:1.0.0/"]
    assert (peer.state, peer.address, peer.user_agent) == (State.READY, where, "/peer:1.0.0/")
    assert heard.ready == [peer]
