"""Tests of NEO's messages against what anybody can send."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.errors import MalformedMessage
from peerproto.networks.neo import Block
from peerproto.networks.neo.blocks import merkle_root
from peerproto.wire.envelope import sha256d
from peerproto.wire.message import Message
from peerproto.wire.varint import write_varint
from tests import hostile, memory
from tests.neo_vectors import bad, codec_of, frame_of, golden


class NeoTests(hostile.HostileCase):
    """The one protocol version."""

    network = networks.named("neo-privnet")
    codecs = [networks.named("neo-privnet").codec()]
    frames = [frame_of(entry) for entry in (*golden(), *bad())]
    lists = 5


class NeoMemoryTests(memory.MemoryCase):
    """What the frames cost."""

    hashes = frozenset({"inv", "getdata", "getblocks", "getheaders"})

    def cases(self) -> Iterator[memory.Case]:
        return ((codec_of(entry), frame_of(entry)) for entry in (*golden(), *bad()))

    def dense(self) -> Iterable[memory.Dense]:
        codec = networks.named("neo-privnet").codec()
        return (
            (codec, "tx", b"\x80" + bytes(4) + write_varint(20_000) + 20_000 * bytes(2)),
            (codec, "tx", b"\x80\0\x10" + 16 * b"\x90\2ab" + bytes(3)),
            (codec, "tx", b"\2\0" + write_varint(2000) + 2000 * bytes(34) + bytes(4)),
            (codec, "block", crowded_block(8000)),
        )


def crowded_block(count: int) -> bytes:
    """The payload of a block of the shortest transactions that differ from each other."""
    codes = (number.to_bytes(2, "little") for number in range(count))
    txs = [MINER, *(b"\xd1\0\2" + code + bytes(4) for code in codes)]
    root = merkle_root([sha256d(tx[:-1]) for tx in txs])
    begin = bytes(36) + root + bytes(36) + b"\1\0\0"
    return begin + write_varint(len(txs)) + b"".join(txs)


MINER = bytes(10)


class CrowdedTests(SynchronousTestCase):
    """Blocks of very short transactions, which are gone through twice."""

    def decode(self, payload: bytes) -> Message:
        """The message of a payload."""
        codec = networks.named("neo-privnet").codec()
        return codec.decode(codec.envelope.wrap(codec.envelope.command("block"), payload))

    def test_read(self) -> None:
        """They are read as if they were few: the transactions in their order, each with its hash."""
        for count in (1, 16, 17, 300):
            block = self.decode(crowded_block(count))
            assert isinstance(block, Block)
            self.assertEqual(
                [tx.script for tx in block.txs[1:]], [bytes((n % 256, n // 256)) for n in range(count)]
            )
            self.assertEqual(merkle_root([tx.tx_hash for tx in block.txs]), block.merkle_root)

    def test_refused(self) -> None:
        """They are judged as if they were few."""
        for count in (3, 300):
            payload = crowded_block(count)
            others = payload[-9 * count :]
            for changed, text in (
                (payload[:-9] + payload[-18:-9], "stands in the block twice"),
                (payload[:-6] + b"\xff" + payload[-5:], "merkle root"),
                (payload[:-9] + MINER, "must be a miner's, and no other"),
                (payload[:-1], "ends"),
                (payload[: -len(others)] + b"\xee" + others[1:], "type 0xee"),
            ):
                self.assertRaisesRegex(MalformedMessage, text, self.decode, changed)
