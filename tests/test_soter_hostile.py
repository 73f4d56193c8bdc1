"""Tests of Soter's messages against what anybody can send."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from peerproto import networks
from peerproto.networks.soter import Block, Tx
from peerproto.wire.message import Message
from peerproto.wire.varint import write_varint
from tests import hostile, memory
from tests.soter_vectors import bad, by_label, codec_of, frame_of, golden


class SoterTests(hostile.HostileCase):
    """Many protocol versions, both encodings."""

    network = networks.named("soter-simnet")
    codecs = [
        networks.named("soter-simnet").codec(pver, witness)
        for pver in (70013, 70012, 70002, 60001, 60000, 31402, 209, 1)
        for witness in (True, False)
    ]
    frames = [frame_of(entry) for entry in (*golden(), *bad())]
    unwritable = "version: payload of|alert: serialized_payload is empty"
    lists = 11

    def reads_alike(self, message: Message) -> bool:
        """A transaction without inputs is written as soterd does it, and begins like one with witnesses then."""
        found = message.transactions if isinstance(message, Block) else [message]
        return all(tx.tx_in for tx in found if isinstance(tx, Tx))


class SoterMemoryTests(memory.MemoryCase):
    """What the frames cost."""

    hashes = frozenset({"inv", "getdata", "notfound", "getblocks", "getheaders", "cfheaders", "cfcheckpt"})

    def cases(self) -> Iterator[memory.Case]:
        return ((codec_of(entry), frame_of(entry)) for entry in (*golden(), *bad()))

    def dense(self) -> Iterable[memory.Dense]:
        codec, count = networks.named("soter-simnet").codec(), write_varint(8000)
        block = by_label("block-many-tx")
        crowded = codec_of(block).decode(frame_of(block))
        assert isinstance(crowded, Block)
        crowded.transactions = 8000 * [Tx(1, [], [], 0)]
        return (
            (codec, "block", codec.encode(crowded)[24:]),
            (codec, "tx", bytes(5) + count + 8000 * (b"\1\1" + bytes(7)) + bytes(4)),
            (codec, "inv", count + 8000 * 40 * b"\1"),
        )
