"""Tests of NEO's messages against frames that other programs wrote. No vector is left out."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.chain.rules import display
from peerproto.errors import LocalError
from peerproto.networks.neo import Block, Tx
from peerproto.networks.neo.chains import unpack
from tests import goldens
from tests.neo_vectors import Entry, bad, by_label, codec_of, frame_of, golden, network_of


class GoldenTests(goldens.GoldenCase):
    """Frames that were written and read by the references."""

    def entries(self) -> list[Entry]:
        """All of them."""
        return golden()

    frame_of, codec_of = staticmethod(frame_of), staticmethod(codec_of)

    def test_nothing_beside(self) -> None:
        """All that is shown stands among the fields."""
        for entry in golden():
            self.assertEqual(codec_of(entry).decode(frame_of(entry)).extra(), {}, entry["label"])

    def test_all_are_here(self) -> None:
        """There are vectors of every message of the network."""
        self.assertEqual((len(golden()), len(bad())), (104, 129))
        kinds = codec_of(golden()[0]).kinds
        self.assertEqual({entry["command"] for entry in golden()}, set(kinds))
        self.assertEqual(len(kinds), 25)

    def test_genesis(self) -> None:
        """The genesis block of the main network has the hash that it is known by, which needs no look inside."""
        entry = by_label("block/real-genesis")
        block = codec_of(entry).decode(frame_of(entry), strict=False)
        assert isinstance(block, Block)
        self.assertEqual(block.block_hash, network_of(entry).genesis)
        self.assertIsNotNone(block.is_untouched())
        self.assertEqual(block.header.block_hash, block.block_hash)
        self.assertEqual(unpack(network_of(entry).chain.genesis), block.header)


class NumberTests(SynchronousTestCase):
    """The networks."""

    def test_numbers(self) -> None:
        """Each net has its magic, port and genesis block."""
        numbers = {
            "mainnet": (
                "416e7400",
                10333,
                "d42561e3d30e15be6400b6df2f328e02d2bf6354c41dce433bc57687c82144bf",
            ),
            "testnet": (
                "416e7474",
                20333,
                "b3181718ef6167105b70920e4a8fbbd0a0a56aacf460d70e10ba6fa1668f1fef",
            ),
            "privnet": (
                "b1dd0000",
                20333,
                "996e37358dc369912041f966f8c5d8d3a8255ba5dcbd3447f8a82b55db869099",
            ),
            "privnet-single": (
                "b1dd0000",
                20333,
                "dcc84c9d9c48f4095021455248d33ffd1a1b34b7fb82056274d146fee8e0b3d5",
            ),
        }
        for net, expected in numbers.items():
            network = networks.named(f"neo-{net}")
            self.assertEqual((network.magic.hex(), network.port, display(network.genesis)), expected)
            self.assertEqual(network.chain.read(network.chain.genesis).height, 0)


class WritingTests(SynchronousTestCase):
    """What is not written."""

    def refused(self, label: str, text: str, **changes: object) -> None:
        """A golden transaction that is changed so is not written."""
        entry = by_label(label)
        codec = codec_of(entry)
        found = codec.decode(frame_of(entry))
        assert isinstance(found, Tx)
        for name, value in changes.items():
            setattr(found, name, value)
        self.assertRaisesRegex(LocalError, text, codec.encode, found)

    def test_transactions(self) -> None:
        """No transaction that no node takes is written."""
        self.refused("tx/miner", "has no version 7", version=7)
        self.refused("tx/invocation-v0", "has no gas", gas=5)
        self.refused("tx/invocation-v1", "no script", script=b"")
        self.refused("tx/invocation-v1", "below zero", gas=-1)
        self.refused("tx/register", "no owner", owner=b"\0")
        self.refused("tx/register", "begins with 05", owner=b"\5")
        self.refused("tx/claim", "at least 1 required", claims=[])
