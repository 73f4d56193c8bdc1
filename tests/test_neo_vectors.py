"""Tests of NEO's messages against frames that other programs wrote. No vector is left out."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.chain.rules import display
from peerproto.errors import Incomplete, LocalError, MalformedMessage
from peerproto.networks.neo import Block, Tx
from peerproto.networks.neo.chains import unpack
from peerproto.wire.message import Message
from peerproto.wire.reader import Reader
from tests.neo_vectors import bad, by_label, codec_of, frame_of, golden, network_of


class GoldenTests(SynchronousTestCase):
    """Frames that were written and read by the references."""

    def test_all_are_here(self) -> None:
        """There are vectors of every message of the network."""
        self.assertEqual((len(golden()), len(bad())), (104, 129))
        kinds = codec_of(golden()[0]).kinds
        self.assertEqual({entry["command"] for entry in golden()}, set(kinds))
        self.assertEqual(len(kinds), 25)

    def test_both_ways(self) -> None:
        """Every frame has the fields that it should have, and is written again as it was, by way of JSON too."""
        for entry in golden():
            codec, frame = codec_of(entry), frame_of(entry)
            found = codec.decode(frame)
            self.assertEqual(found.to_fields(), entry["fields"], entry["label"])
            self.assertEqual(found.extra(), {}, entry["label"])
            again = type(found).from_fields(json.loads(json.dumps(entry["fields"])))
            self.assertEqual(again, found, entry["label"])
            self.assertEqual([codec.encode(found), codec.encode(again)], [frame, frame], entry["label"])

    def test_out_of_the_reader(self) -> None:
        """Every frame comes out of a stream as the same message; unread it is the same bytes."""
        for entry in golden():
            codec, frame = codec_of(entry), frame_of(entry)
            (found,) = Reader(codec).feed(frame)
            assert isinstance(found, Message)
            self.assertEqual(found.is_untouched() is not None, type(found).lazy, entry["label"])
            self.assertEqual(codec.encode(found), frame, entry["label"])
            self.assertEqual(found.to_fields(), entry["fields"], entry["label"])

    def test_cut_anywhere(self) -> None:
        """No frame that is cut comes through, and no payload that is cut, its header telling so."""
        for entry in golden():
            codec, frame = codec_of(entry), frame_of(entry)
            for end in {*range(24), *range(24, len(frame), 1 + len(frame) // 20)}:
                self.assertRaises(Incomplete, codec.decode, frame[:end])
                if end >= 24:
                    cut = codec.envelope.wrap(frame[4:16], frame[24:end])
                    self.assertRaises(MalformedMessage, codec.decode, cut)

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
