"""What the tests of Kaspa's graph share: blocks that a kaspad has mined on a simnet, and a node that has a graph."""

from __future__ import annotations

from functools import cache
from typing import Any

from peerproto import networks
from peerproto.networks import kaspa
from peerproto.networks.kaspa import Block
from peerproto.networks.kaspa.dag import Dag, stated_blue_score
from peerproto.networks.kaspa.sync import Follower, answers
from peerproto.peer.protocol import PeerProtocol
from peerproto.wire.message import Message
from tests.kaspa_vectors import codec_of, frame_of, session

RULES = networks.named("kaspa-simnet").chain


@cache
def mined() -> list[Block]:
    """The blocks of the recorded conversation, parents first."""
    found = []
    for entry in session():
        if entry["command"] == "block":
            block = codec_of({"network": "kaspa", "net": "simnet", "pver": 1}).decode(frame_of(entry))
            assert isinstance(block, Block)
            found.append(block)
    return sorted(found, key=stated_blue_score)


def filled(count: int = 1000) -> Dag:
    """A graph of the first blocks."""
    dag = Dag(RULES)
    for block in mined()[:count]:
        dag.add(block)
    return dag


def changed(block: Block, **changes: object) -> Block:
    """The block with another header."""
    return Block(block.header._replace(**changes), block.transactions)  # type: ignore[arg-type]


class Node:
    """A listener with a graph: it serves it, and follows that of a peer who knows more."""

    def __init__(self) -> None:
        self.dag = Dag(RULES)
        self.follower = Follower(self.dag)
        self.network = kaspa.network("simnet", selected_tip=lambda: self.dag.selected_tip)

    def on_ready(self, peer: PeerProtocol) -> None:
        """Ask at once for what the peer has more."""
        version: Any = peer.version
        self.send(peer, self.follower.begin(version.selected_tip_hash))

    def send(self, peer: PeerProtocol, messages: Any) -> None:
        """Send some messages."""
        for message in messages:
            peer.send(message)

    def follow(self, peer: PeerProtocol, message: Message) -> None:
        """Something of theirs that matters to the sync."""
        self.send(peer, self.follower.received(message))

    def serve(self, peer: PeerProtocol, message: Message) -> None:
        """A question."""
        self.send(peer, answers(self.dag, message))

    on_locator = on_inv = on_block = on_notfound = on_selectedtip = follow
    on_getlocator = on_getblockinvs = on_getseltip = on_getdata = serve
