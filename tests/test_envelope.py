"""Tests of how frames begin."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import Incomplete, LocalError
from peerproto.wire.envelope import HEADER, Envelope, sha256d, sha256d_checksum

ENVELOPE = Envelope(bytes.fromhex("f9beb4d9"))
VERACK = bytes.fromhex("f9beb4d976657261636b000000000000000000005df6e0e2")


class ChecksumTests(SynchronousTestCase):
    """The double SHA-256."""

    def test_empty(self) -> None:
        """The checksum of nothing is the one that everybody knows."""
        self.assertEqual(sha256d_checksum(b"").hex(), "5df6e0e2")

    def test_is_the_beginning(self) -> None:
        """A checksum is the first four bytes of the hash."""
        self.assertEqual(sha256d(b"abc"), sha256(sha256(b"abc").digest()).digest())
        self.assertEqual(sha256d_checksum(b"abc"), sha256d(b"abc")[:4])


class EnvelopeTests(SynchronousTestCase):
    """Headers."""

    def test_wrap(self) -> None:
        """A frame is magic, command, length, checksum, payload."""
        self.assertEqual(ENVELOPE.wrap(ENVELOPE.command("verack"), b""), VERACK)
        self.assertEqual(
            ENVELOPE.wrap(ENVELOPE.command("ping"), bytes(8)).hex(),
            "f9beb4d9" + b"ping".hex() + "00" * 8 + "08000000" + sha256d(bytes(8))[:4].hex() + "00" * 8,
        )

    def test_header(self) -> None:
        """A header is read where it stands."""
        parts = (bytes.fromhex("f9beb4d9"), b"verack".ljust(12, b"\0"), 0, bytes.fromhex("5df6e0e2"))
        self.assertEqual(ENVELOPE.header(VERACK), parts)
        self.assertEqual(ENVELOPE.header(b"abc" + VERACK, 3), parts)
        self.assertEqual(ENVELOPE.size, HEADER.size)

    def test_cut(self) -> None:
        """A header that is not all there says how much of it is."""
        error = self.assertRaises(Incomplete, ENVELOPE.header, VERACK[:23])
        self.assertEqual((error.text, error.offset), ("23 of 24 bytes of header are there", 23))
        error = self.assertRaises(Incomplete, ENVELOPE.header, VERACK, 1)
        self.assertEqual(error.text, "23 of 24 bytes of header are there")

    def test_command(self) -> None:
        """A command fills twelve bytes."""
        self.assertEqual(ENVELOPE.command("tx"), b"tx" + bytes(10))
        self.assertEqual(ENVELOPE.command("getcfcheckpt"), b"getcfcheckpt")

    def test_command_fault(self) -> None:
        """Some networks take any UTF-8 for a command, some printable ASCII only; NULs at its end are none of it."""
        strict = replace(ENVELOPE, strict_ascii=True)
        for command, fault, strict_fault in (
            (b"ping" + bytes(8), "", ""),
            (bytes(12), "", ""),
            (b" ~" + bytes(10), "", ""),
            (b"\x1fping" + bytes(7), "", "is not printable ASCII"),
            (b"\x7fping" + bytes(7), "", "is not printable ASCII"),
            ("pïng".encode() + bytes(7), "", "is not printable ASCII"),
            (b"pi\0ng" + bytes(7), "", "is not printable ASCII"),
            (b"pi\nng" + bytes(7), "", "is not printable ASCII"),
            (b"\xffing" + bytes(8), "is not UTF-8", "is not printable ASCII"),
        ):
            self.assertEqual(ENVELOPE.command_fault(command), fault)
            self.assertEqual(strict.command_fault(command), strict_fault)

    def test_command_that_cannot_be(self) -> None:
        """A command of thirteen bytes, or one that is not ASCII, is its author's mistake."""
        for name in ("getcfcheckpts", "pïng"):
            with self.assertRaisesRegex(LocalError, f"command '{name}' has .* at most 12 of ASCII allowed"):
                ENVELOPE.command(name)
