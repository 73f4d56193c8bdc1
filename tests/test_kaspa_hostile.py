"""Tests of Kaspa's messages against what anybody can send."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from peerproto import networks
from peerproto.networks.kaspa import NATIVE, Block, Tx
from tests import hostile, memory
from tests.kaspa_vectors import bad, by_label, codec_of, frame_of, golden, odd


class KaspaTests(hostile.HostileCase):
    """The one protocol version."""

    network = networks.named("kaspa-devnet")
    codecs = [networks.named("kaspa-devnet").codec()]
    frames = [frame_of(entry) for entry in (*golden(), *odd(), *bad())]
    unwritable = "(tx|block): gas [0-9]+ on a built-in subnetwork"
    lists = 8


class KaspaMemoryTests(memory.MemoryCase):
    """What the frames cost."""

    hashes = frozenset({"inv", "getdata", "notfound", "locator"})

    def cases(self) -> Iterator[memory.Case]:
        return ((codec_of(entry), frame_of(entry)) for entry in (*golden(), *odd(), *bad()))

    def dense(self) -> Iterable[memory.Dense]:
        block, codec = by_label("block-253-txs"), networks.named("kaspa-devnet").codec()
        crowded = codec_of(block).decode(frame_of(block))
        assert isinstance(crowded, Block)
        crowded.transactions = 8000 * [Tx(1, [], [], 0, NATIVE)]
        return ((codec, "block", codec.encode(crowded)[24:]),)
