"""Values that NEO's messages do not take: refused when they are written, read, or made of JSON."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.errors import LocalError, MalformedMessage
from peerproto.networks.neo import INV_BLOCK, Attribute, Consensus, FilterLoad, Inv, Tx, Witness
from peerproto.networks.neo.keys import write_key
from peerproto.wire.message import Message

CODEC = networks.named("neo-privnet").codec()
CONTRACT = Tx(0x80, 0, [], [], [], [])


class WritingTests(SynchronousTestCase):
    """What is to be sent."""

    def refused(self, text: str, message: Message) -> None:
        """It cannot be written, and the error says why."""
        self.assertRaisesRegex(LocalError, text, CODEC.encode, message)

    def test_bytes_with_few_values(self) -> None:
        """A type of inventory, and a number of hashes."""
        self.refused("0x09 stands where a type of inventory", Inv(9, []))
        self.refused("0x33 stands where a number of hashes up to 50", FilterLoad(b"", 51, 0))
        with self.assertRaisesRegex(LocalError, "a type of inventory"):
            Inv.from_fields({"type": 9, "hashes": []})
        self.assertEqual(Inv.from_fields({"type": 2, "hashes": []}), Inv(INV_BLOCK, []))

    def test_attributes(self) -> None:
        """Data of a wrong length, or a key that is not of its usage."""
        for usage, data, text in (
            (0x02, b"\3" * 33, "must begin with that byte"),
            (0x02, b"\2" * 32, "has 32 bytes"),
            (0x20, bytes(21), "has 21 bytes"),
            (0x81, bytes(256), "has 256 bytes"),
            (0x90, bytes(65536), "has 65536 bytes"),
        ):
            self.refused(text, replace(CONTRACT, attributes=[Attribute(usage, data)]))
        for usage, size in ((0x02, 33), (0x20, 20), (0x81, 255), (0x90, 65535)):
            attribute = Attribute(usage, usage.to_bytes(1) * size)
            written = CODEC.encode(replace(CONTRACT, attributes=[attribute]))
            read: Any = CODEC.decode(written)
            self.assertEqual(read.attributes, [attribute])

    def test_keys(self) -> None:
        """A public key of a wrong length, or of none of the forms."""
        for key in (b"\2" * 32, b"\4" * 33, b"\0\0"):
            self.assertRaisesRegex(LocalError, f"a public key has {len(key)} bytes", write_key, key, CODEC)
        for key in (b"", b"\5" * 33):
            self.assertRaisesRegex(LocalError, "a public key begins with", write_key, key, CODEC)


class ReadingTests(SynchronousTestCase):
    """What has come."""

    def test_long_script(self) -> None:
        """A script that is longer than any is refused before anybody looks inside."""
        message = Consensus(0, bytes(32), 1, 0, 2, b"", Witness(b"", b""))
        payload = CODEC.encode(message)[24:-1] + b"\xfe\1\0\1\0"
        frame = CODEC.envelope.wrap(b"consensus".ljust(12, b"\0"), payload)
        with self.assertRaisesRegex(MalformedMessage, "65537 bytes announced, at most 65536 allowed"):
            CODEC.decode(frame, strict=False)

    def test_long_attribute(self) -> None:
        """Data that is longer than any is refused, also where the bytes are there."""
        payload = b"\x80\0\1\x90\xfe\0\0\1\0" + bytes(65536 + 3)
        frame = CODEC.envelope.wrap(b"tx".ljust(12, b"\0"), payload)
        with self.assertRaisesRegex(MalformedMessage, "65536 bytes announced, at most 65535 allowed"):
            CODEC.decode(frame)
