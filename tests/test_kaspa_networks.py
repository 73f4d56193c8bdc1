"""Tests of Kaspa's networks by name, of their numbers, and of what is written by the rules of its messages."""

from __future__ import annotations

import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.chain.rules import display, target_of
from peerproto.errors import LocalError
from peerproto.forms.gossip import Known
from peerproto.networks import kaspa
from peerproto.networks.bitcoin import VerAck as BitcoinVerAck
from peerproto.networks.kaspa import (
    Addr,
    Block,
    BlockHeader,
    GetAddr,
    Reject,
    SelectedTip,
    TimedAddress,
    VerAck,
)
from tests.kaspa_vectors import message_of

NUMBERS = {
    "mainnet": ("1df7dc3d", 16111, "b35d343cf6bbd5af404bff3f8327711ee183f641328cbae6d3ba13ef7b7e6165"),
    "testnet": ("8fafb8dd", 16211, "fc21641ab559618ef39a95f1da0779bd112f90fc8b33148a906b76084b520000"),
    "regtest": ("d6cd96f3", 16211, "f81de986a560e0340f02aa8dea6f1fc62ab477bdcaedad3c99e6987c7b5e0000"),
    "simnet": ("1ccf4d37", 16511, "3443eddcab0c3953a2c56d124bc2411c1a0524b4ffebe8bdee6e9a77c7bb707d"),
    "devnet": ("e1872d73", 16611, "5092d11faabad358a822d7ec8ee3f426171874d787059ded33cde1261a690000"),
}
"""Magic and genesis hash in wire order, port."""


class NumberTests(SynchronousTestCase):
    """The networks."""

    def test_numbers(self) -> None:
        """Each net has its magic, port and genesis block, and speaks protocol version 1 only."""
        self.assertEqual(
            [name for name in networks.names() if name.startswith("kaspa-")],
            [f"kaspa-{net}" for net in NUMBERS],
        )
        for net, numbers in NUMBERS.items():
            network = networks.named(f"kaspa-{net}")
            self.assertEqual((network.magic.hex(), network.port, network.genesis.hex()), numbers)
            self.assertEqual((network.least_protocol_version, network.protocol_version), (1, 1))
            self.assertEqual(network.chain.name, network.name)

    def test_genesis(self) -> None:
        """Each genesis header has the work that its bits ask, and is that of the genesis block where it is known."""
        for net in NUMBERS:
            chain = networks.named(f"kaspa-{net}").chain
            header, end = kaspa.records.read_header(chain.genesis, 0, None)
            self.assertEqual((end, header.parent_hashes, header.pack()), (121, [], chain.genesis))
            self.assertEqual(chain.read(chain.genesis)[:3], (bytes(32), header.timestamp, header.bits))
            self.assertLessEqual(int.from_bytes(chain.genesis_hash, "little"), target_of(header.bits))
        for net in ("testnet", "simnet"):
            block = message_of(f"block-genesis-{net}")
            assert isinstance(block, Block)
            self.assertEqual(block.header.pack(), networks.named(f"kaspa-{net}").chain.genesis)
            self.assertEqual(block.transactions[0].tx_hash, block.header.hash_merkle_root)

    def test_genesis_is_told(self) -> None:
        """The genesis hashes are those of the vectors."""
        for net in NUMBERS:
            tip = message_of(f"selectedtip-genesis-{net}")
            self.assertEqual(tip, SelectedTip(networks.named(f"kaspa-{net}").genesis))
        genesis = networks.named("kaspa-mainnet").genesis
        self.assertTrue(display(genesis).startswith("65617e7bef13bad3"))

    def test_names(self) -> None:
        """The reference's policy is the only one."""
        self.assertIs(networks.named("kaspa-simnet", "kaspad"), networks.named("kaspa-simnet"))
        self.assertEqual(networks.named("kaspa-simnet").policy.name, "kaspad")
        self.assertRaisesRegex(LocalError, "kaspad", networks.named, "kaspa-simnet", "btcd")
        self.assertRaisesRegex(LocalError, "kaspa-testnet", networks.named, "kaspa-testnte")

    def test_graph(self) -> None:
        """There is no chain of headers to sync."""
        for net in NUMBERS:
            network = networks.named(f"kaspa-{net}")
            self.assertIsNone(network.header_sync)
            self.assertRaisesRegex(LocalError, "has no chain of headers", getattr, network, "headers")

    def test_gossip(self) -> None:
        """Addresses of full nodes are told, but on a simnet."""
        self.assertIsNone(networks.named("kaspa-simnet").gossip)
        gossip = networks.named("kaspa-mainnet").gossip
        assert gossip is not None
        told = gossip.tell([Known("192.0.2.7", 16111, 1, 1_600_000_000)], (), 1)
        self.assertEqual(told, Addr(False, None, [TimedAddress(1_600_000_000, 1, "192.0.2.7", 16111)]))
        self.assertEqual((gossip.asking, gossip.most), (GetAddr, 1000))

    def test_messages(self) -> None:
        """There are 22 messages; verack is bitcoin's."""
        messages = networks.named("kaspa-mainnet").messages
        self.assertEqual(len({message.command for message in messages}), 22)
        self.assertIs(VerAck, BitcoinVerAck)

    def test_what_names_nothing(self) -> None:
        """Only what brings or names things has keys."""
        self.assertEqual(networks.named("kaspa-devnet").item_keys(GetAddr()), ())

    def test_services(self) -> None:
        """Services are told by name."""
        names = networks.named("kaspa-devnet").service_names
        self.assertEqual(names(37), ["NETWORK", "BLOOM", "CF"])
        self.assertEqual(names(0x5A), ["GETUTXO", "XTHIN", "BIT5", "bit 6"])

    def test_imported_when_named(self) -> None:
        """Only who names it imports it."""
        code = (
            "import sys; from peerproto import networks; networks.named('bitcoin-regtest');"
            "assert 'peerproto.networks.kaspa' not in sys.modules; networks.named('kaspa-simnet');"
            "assert 'peerproto.networks.litecoin' not in sys.modules;"
            "assert 'peerproto.networks.kaspa.bloom' not in sys.modules"
        )
        subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


class WritingTests(SynchronousTestCase):
    """What Kaspa's messages write, and what they do not."""

    codec = networks.named("kaspa-simnet").codec()
    header = BlockHeader(1, [], bytes(32), bytes(32), bytes(32), 5, 6, 7)

    def refused(self, message: object, text: str) -> None:
        """Writing raises LocalError."""
        self.assertRaisesRegex(LocalError, text, self.codec.encode, message)

    def test_parents(self) -> None:
        """A block has at most 255 parents, each of 32 bytes."""
        parents = [bytes((number,)) * 32 for number in range(255)]
        block = Block(self.header._replace(parent_hashes=parents), [])
        self.assertEqual(self.codec.decode(self.codec.encode(block)), block)
        self.assertEqual(len(block.header.pack()), 121 + 255 * 32)
        more = self.header._replace(parent_hashes=[*parents, bytes(32)])
        self.refused(Block(more, []), "block: parent_hashes: 256 entries, at most 255 allowed")
        self.refused(Block(self.header._replace(parent_hashes=[bytes(31)]), []), "31 bytes where 32 belong")
        self.refused(Block(self.header._replace(utxo_commitment=b""), []), "0 bytes where 32 belong")

    def test_block_hash(self) -> None:
        """A block's hash spans its whole header, parents too, and nothing else; it is known without reading it."""
        hashes = {
            Block(self.header._replace(parent_hashes=parents), []).block_hash
            for parents in ([], [bytes(32)], [bytes(32), bytes(32)], [b"\1" * 32])
        }
        self.assertEqual(len(hashes), 4)
        frame = self.codec.encode(Block(self.header, []))
        unread = self.codec.decode(frame, strict=False)
        assert isinstance(unread, Block)
        self.assertEqual(unread.block_hash, self.header.block_hash)
        self.assertIsNotNone(unread.is_untouched())
        unread.header = unread.header._replace(nonce=8)
        self.assertEqual(unread.block_hash, self.header._replace(nonce=8).block_hash)

    def test_subnetworks(self) -> None:
        """All subnetworks, full nodes only, or one of twenty bytes."""
        for message, payload in (
            (GetAddr(True), b"\1"),
            (GetAddr(), b"\0\1"),
            (GetAddr(False, b"\7" * 20), b"\0\0" + b"\7" * 20),
            (GetAddr(True, b"\7" * 20), b"\1"),
        ):
            self.assertEqual(self.codec.encode(message)[24:], payload)
        self.refused(GetAddr(False, b"\7" * 19), "19 bytes where 20 belong")
        fields = {"include_all_subnetworks": False, "subnetwork_id": "07"}
        self.assertRaisesRegex(LocalError, "subnetwork_id: '07' given, 40 hex", GetAddr.from_fields, fields)

    def test_reject(self) -> None:
        """The hash of a reject is there for transactions and blocks only, and needed there."""
        for cmd, size in (("tx", 32), ("block", 32), ("version", 0), ("Tx", 0)):
            written = self.codec.encode(Reject(cmd, 1, "", b"\7" * 32))
            self.assertEqual(len(written), 24 + 1 + len(cmd) + 2 + size)
        self.refused(Reject("tx", 1, ""), "^reject: ")
        self.assertIsNone(Reject("inv", 1, "").to_fields()["hash"])

    def test_header_from_json(self) -> None:
        """What is wrong in a header is told by its place."""
        fields = Block(self.header, []).to_fields()
        fields["header"]["parent_hashes"] = ["00"]
        self.assertRaisesRegex(
            LocalError, r"block: header.parent_hashes\[0\]: '00' given", Block.from_fields, fields
        )


class OptionTests(SynchronousTestCase):
    """What a node may say of itself beside its introduction."""

    def test_partial_node(self) -> None:
        """Where partial nodes are not let in, nobody can be one."""
        self.assertRaisesRegex(
            LocalError, "kaspa-simnet lets no partial", kaspa.network, "simnet", subnetwork=b"\7" * 20
        )
