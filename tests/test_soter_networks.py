"""Tests of Soter's networks by name, of their numbers, and of what is written by the rules of its messages."""

from __future__ import annotations

import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.chain.rules import display
from peerproto.errors import LocalError
from peerproto.networks.soter import (
    AddrCache,
    Alert,
    Block,
    BlockHeader,
    GetBlocks,
    InvVect,
    Parent,
    ParentSubHeader,
    Ping,
    Reject,
    TimedAddress,
    VerificationSubHeader,
    hash_of_parents,
)
from peerproto.wire.envelope import sha256d

NUMBERS = {
    "mainnet": ("f9beb4d9", 8333, "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"),
    "testnet": ("0b110907", 5070, "000000253a4f7c9e9472ae3e93d9ed8f5aa5008d754a409c862c404cb381de8b"),
    "regtest": ("fabfb5da", 18444, "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206"),
    "simnet": ("161c1412", 18555, "5f2694c9f5d5808adf308c62995154d29596c36c554b15d3d95cdd6bebaf6cb2"),
}

ADDRESS = TimedAddress(1, 9, "192.0.2.1", 8333)


class NumberTests(SynchronousTestCase):
    """The networks."""

    def test_numbers(self) -> None:
        """Each net has its magic, port and genesis block; the bits of that are the easiest that may be."""
        self.assertEqual(
            [name for name in networks.names() if name.startswith("soter-")],
            [f"soter-{net}" for net in NUMBERS],
        )
        for net, numbers in NUMBERS.items():
            network = networks.named(f"soter-{net}")
            self.assertEqual((network.magic.hex(), network.port, display(network.genesis)), numbers)
            self.assertEqual((network.least_protocol_version, network.protocol_version), (209, 70013))
            bits = int.from_bytes(network.chain.genesis[72:76], "little")
            self.assertEqual((network.chain.name, network.chain.pow_limit_bits), (network.name, bits))

    def test_names(self) -> None:
        """The reference's own name for its test network will do; its policy is the only one."""
        self.assertIs(networks.named("soter-testnet1"), networks.named("soter-testnet"))
        self.assertIs(networks.named("soter-testnet", "soterd"), networks.named("soter-testnet"))
        self.assertEqual(networks.named("soter-simnet").policy.name, "soterd")
        self.assertRaisesRegex(LocalError, "soterd", networks.named, "soter-simnet", "btcd")

    def test_graph(self) -> None:
        """There is no chain of headers to sync."""
        network = networks.named("soter-simnet")
        self.assertIsNone(network.header_sync)
        self.assertRaisesRegex(LocalError, "soter-simnet has no chain of headers", lambda: network.headers)

    def test_messages(self) -> None:
        """There are 31 messages, and each is a class of its own."""
        messages = networks.named("soter-mainnet").messages
        self.assertEqual(len({message.command for message in messages}), 31)
        self.assertEqual(len(set(messages)), 31)

    def test_imported_when_named(self) -> None:
        """Only who names it imports it."""
        code = (
            "import sys; from peerproto import networks; networks.named('bitcoin-regtest');"
            "assert 'peerproto.networks.soter' not in sys.modules; networks.named('soter-simnet');"
            "assert 'peerproto.networks.litecoin' not in sys.modules"
        )
        subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


class WritingTests(SynchronousTestCase):
    """What soter's messages write, and what they do not."""

    codec = networks.named("soter-simnet").codec()

    def refused(self, message: object, text: str) -> None:
        """Writing raises LocalError."""
        self.assertRaisesRegex(LocalError, text, self.codec.encode, message)

    def test_addrcache(self) -> None:
        """A thousand addresses are written, however they are shared out, and not one more."""
        for shares in ((1000, 0, 0), (0, 1000, 0), (0, 0, 1000), (300, 300, 400)):
            message = AddrCache(*([ADDRESS] * share for share in shares))
            found = self.codec.decode(self.codec.encode(message))
            self.assertEqual(found, message)
        for shares in ((1001, 0, 0), (1, 1000, 0), (0, 0, 1001), (500, 500, 1)):
            message = AddrCache(*([ADDRESS] * share for share in shares))
            self.refused(message, "entries, at most 1000 allowed")

    def test_old_addrcache(self) -> None:
        """Below protocol version 31402 addresses have no times."""
        codec = networks.named("soter-simnet").codec(31401)
        found = codec.decode(codec.encode(AddrCache([ADDRESS], [], [ADDRESS] * 999)))
        assert isinstance(found, AddrCache)
        self.assertEqual(found.inbound, [ADDRESS._replace(timestamp=None)])  # type: ignore[arg-type]
        message = AddrCache([ADDRESS], [], [ADDRESS] * 1000)
        self.assertRaisesRegex(LocalError, "known: 1001 entries", codec.encode, message)

    def test_locator(self) -> None:
        """A locator has one height at most."""
        self.assertEqual(len(self.codec.encode(GetBlocks(70013, [-1], bytes(32)))), 24 + 41)
        self.refused(GetBlocks(70013, [1, 2], bytes(32)), "2 entries, at most 1 allowed")

    def test_alert(self) -> None:
        """An alert must say something; one that came empty is sent on as it came, until somebody looks."""
        self.assertEqual(self.codec.encode(Alert(b"x", b""))[24:], b"\1x\0")
        self.refused(Alert(b"", b""), "serialized_payload is empty")
        frame = self.codec.envelope.wrap(b"alert".ljust(12, b"\0"), b"\0\0")
        found = self.codec.decode(frame, strict=False)
        self.assertEqual(self.codec.encode(found), frame)
        self.assertIsNone(found.to_fields()["payload"])
        self.refused(found, "serialized_payload is empty")

    def test_reject(self) -> None:
        """The hash of a reject is written where the reference reads one."""
        for cmd, size in (("tx", 32), ("block", 32), ("version", 0), ("Tx", 0)):
            written = self.codec.encode(Reject(cmd, 1, "", b"\7" * 32))
            self.assertEqual(len(written), 24 + 1 + len(cmd) + 2 + size)
            found = self.codec.decode(written)
            assert isinstance(found, Reject)
            self.assertEqual(found.hash, (b"\7" if size else b"\0") * 32)

    def test_ping_without_nonce(self) -> None:
        """Up to version 60000 a ping has nothing in it, and reads as nonce zero."""
        codec = networks.named("soter-simnet").codec(60000)
        frame = codec.encode(Ping(5))
        self.assertEqual((len(frame), codec.decode(frame)), (24, Ping()))

    def test_sub_headers(self) -> None:
        """The counts of sub-headers are those of their lists, whatever was read or is said; JSON may leave them out."""
        header = BlockHeader(1, bytes(32), bytes(32), 2, 3, 4)
        block = Block(
            header, ParentSubHeader(0, [Parent(b"\1" * 32)], -5), VerificationSubHeader(0, [7, 8], -1), []
        )
        found = self.codec.decode(self.codec.encode(block))
        assert isinstance(found, Block)
        self.assertEqual((found.parents.size, found.verification.size), (1, 2))
        fields = found.to_fields()
        self.assertEqual(Block.from_fields(fields), found)
        del fields["parents"]["size"], fields["verification"]["size"]
        self.assertEqual(Block.from_fields(fields), found)
        block.parents.parents[0] = Parent(b"\1" * 31)
        self.refused(block, "31 bytes where 32 belong")
        fields["verification"]["cycle_nonces"] = [-1]
        self.assertRaisesRegex(
            LocalError, r"block: verification.cycle_nonces\[0\]: -1 given", Block.from_fields, fields
        )

    def test_hash_of_parents(self) -> None:
        """Parents are put in the order in which they are displayed, not in that of their bytes."""
        low, high = b"\2" + bytes(31), bytes(31) + b"\1"
        self.assertEqual(hash_of_parents([high, low]), sha256d(low + high))
        self.assertEqual(hash_of_parents(iter((low, high))), sha256d(low + high))

    def test_vector(self) -> None:
        """A vector without a height has none; the height is part of what it is."""
        self.assertEqual(InvVect(1, bytes(32)).height, -1)
        self.assertNotEqual(InvVect(2, bytes(32), 3), InvVect(2, bytes(32), 4))
