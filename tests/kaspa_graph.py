"""What the tests of Kaspa's graph share: blocks that a kaspad has mined on a simnet, and graphs of them."""

from __future__ import annotations

from functools import cache
from typing import Any

from peerproto import networks
from peerproto.networks.kaspa import Block, dag
from peerproto.networks.kaspa.sync import Follower
from peerproto.node.graphstore import GraphStore
from tests.graph_case import said
from tests.kaspa_vectors import codec_of, frame_of, session

SIMNET = networks.named("kaspa-simnet")
RULES = SIMNET.chain


@cache
def mined() -> list[Block]:
    """The blocks of the recorded conversation, parents first."""
    found = []
    for entry in session():
        if entry["command"] == "block":
            block = codec_of({"network": "kaspa", "net": "simnet", "pver": 1}).decode(frame_of(entry))
            assert isinstance(block, Block)
            found.append(block)
    return sorted(found, key=dag.stated_blue_score)


def add(graph: GraphStore, block: Block) -> None:
    """Judge a block, and add it. Raises InvalidBlock."""
    dag.check(block, RULES.pow_limit)
    parents = [found for found in map(graph.find, block.header.parent_hashes) if found is not None]
    graph.add(block.block_hash, block, dag.rank(graph, block, parents), parents)


def filled(count: int = 1000) -> GraphStore:
    """A graph of the first blocks."""
    graph = GraphStore(":memory:", SIMNET)
    for block in mined()[:count]:
        add(graph, block)
    return graph


def behind(graph: GraphStore, tip: bytes | None = None) -> Follower:
    """A follower of somebody who has told of a tip."""
    return Follower(graph, said(SIMNET, tip), RULES.pow_limit)


def changed(block: Block, **changes: Any) -> Block:
    """The block with another header."""
    return Block(block.header._replace(**changes), block.transactions)
