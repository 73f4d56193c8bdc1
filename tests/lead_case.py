"""What the tests of the lead share: nodes whose messages of headers are short, and peers that serve a chain by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from peerproto import networks
from peerproto.errors import PeerStalled
from peerproto.network import Network
from peerproto.networks.bitcoin import GetHeaders
from peerproto.node.headerchain import HeaderChain
from peerproto.node.headerstore import HeaderStore
from peerproto.node.node import Node
from peerproto.testing import RawPeer
from tests.node_case import NOW, NodeCase, asked, bring

MOST = 20
CORE = networks.named("bitcoin-regtest", policy="core")
FEW = replace(
    CORE,
    header_sync=replace(CORE.headers, most=MOST),
    timing=replace(CORE.timing, idle=1e7, ping=1e7),
)
"""A network whose messages of headers have twenty at most, and whose peers nobody else ends for their silence."""


class LeadCase(NodeCase):
    """Nodes whose peers nobody chose by hand, unless it is said."""

    def setUp(self) -> None:
        super().setUp()
        self.first: dict[RawPeer, list[GetHeaders]] = {}

    def node(self, headers: list[bytes] | None = None, *, network: Network = FEW, **options: Any) -> Node:
        chain = options.pop("chain", None) or self.chain_on(network, ":memory:", headers or [])
        return super().node(chain=chain, **{"network": network, "manual": False, **options})

    def chain_on(self, network: Network, path: str, headers: list[bytes]) -> HeaderChain:
        """A chain in a file."""
        store = HeaderStore(path, network.chain)
        self.addCleanup(store.close)
        chain = HeaderChain(store, network.chain, lambda: NOW)
        chain.add(headers)
        return chain

    def far(self, node: Node, height: int = 200, **options: Any) -> RawPeer:
        """A peer that has many more headers than we."""
        raw = self.raw(node, **options)
        self.first[raw] = [each for each in raw.handshake(height=height) if isinstance(each, GetHeaders)]
        return raw

    def asked(self, raw: RawPeer) -> list[GetHeaders]:
        """The questions that have come since the last reading, from the first one on."""
        return [*self.first.pop(raw, []), *asked(raw)]

    def answer(self, raw: RawPeer, chain: list[bytes], question: GetHeaders) -> None:
        """What a peer with this chain says."""
        hashes = [FEW.chain.genesis_hash, *map(FEW.chain.block_hash, chain)]
        known = [hashes.index(each) for each in question.block_locator_hashes if each in hashes]
        raw.send(bring(chain[known[0] : known[0] + MOST]))

    def serve(self, raw: RawPeer, chain: list[bytes]) -> int:
        """Answer until nothing more is asked; how many questions there were."""
        count = 0
        while (questions := self.asked(raw)) and not raw.peer.ending:
            for question in questions:
                count += 1
                self.answer(raw, chain, question)
        return count

    def ended(self, raw: RawPeer) -> str:
        """Why it has been ended as one that brings nothing."""
        self.assertIsInstance(raw.peer.ending, PeerStalled)
        return str(raw.peer.ending)
