"""Nodes that find each other: three of ours, over real sockets, each with a book of addresses in a file."""

from __future__ import annotations

from pathlib import Path

from peerproto import Nonces, networks
from peerproto.node.places import Place
from peerproto.node.service import PeerNodeService

from .ours import Ours
from .waiting import until

NETWORK = networks.named("bitcoin-regtest")


def agents(service: PeerNodeService) -> set[str]:
    """Whom a node has called and is ready with."""
    assert service.company is not None
    peers = service.company.manager.peers
    return {peer.user_agent for peer in peers if not peer.inbound}


def place_of(service: PeerNodeService) -> str:
    """Where it listens."""
    host = service.ports[0].getHost()
    return f"127.0.0.1:{host.port}"  # type: ignore[attr-defined]


async def test_found_by_another(ours: Ours, tmp_path: Path) -> None:
    """A node that knows one other hears of a third from it, calls that too, and knows both when it starts again."""

    def node(name: str, *known: str) -> PeerNodeService:
        peers = tmp_path / f"{name}.txt"
        peers.write_text("\n".join(known) + "  # whom it knows\n")
        company = {"outbound": 2, "book": str(tmp_path / f"{name}.sqlite"), "peers_file": str(peers)}
        listening = ["tcp:0:interface=127.0.0.1"]
        return ours.service(
            network=NETWORK,
            listen=listening,
            company=company,
            user_agent=f"/{name}/",
            services=1,
            nonces=Nonces(),
        )

    last = node("last")
    middle = node("middle", place_of(last))
    await until(lambda: agents(middle) == {"/last/"}, "the first call")
    first = node("first", place_of(middle))
    await until(lambda: agents(first) == {"/middle/", "/last/"}, "both")
    known = {place_of(middle), place_of(last)}
    await ours.stop(first)
    again = node("first")
    assert again.company is not None
    for place in known:
        host, port = place.split(":")
        assert again.company.book.get(Place(host, int(port))) is not None
