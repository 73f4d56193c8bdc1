"""Tests of variable length integers."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import LocalError, MalformedMessage
from peerproto.wire.varint import read_any_varint, read_varint, write_varint

BOUNDS = {
    0: "00",
    1: "01",
    0xFC: "fc",
    0xFD: "fdfd00",
    0xFFFF: "fdffff",
    0x1_0000: "fe00000100",
    0xFFFF_FFFF: "feffffffff",
    0x1_0000_0000: "ff0000000001000000",
    0xFFFF_FFFF_FFFF_FFFF: "ffffffffffffffffff",
}


class VarintTests(SynchronousTestCase):
    """Reading and writing."""

    def test_bounds(self) -> None:
        """Each form begins and ends where it should."""
        for value, raw in BOUNDS.items():
            self.assertEqual(write_varint(value).hex(), raw)
            self.assertEqual(read_varint(bytes.fromhex(raw), 0), (value, len(raw) // 2))

    @given(st.integers(0, (1 << 64) - 1), st.binary(max_size=3), st.binary(max_size=3))
    def test_inverse(self, value: int, before: bytes, behind: bytes) -> None:
        """What is written is read back, wherever it stands."""
        raw = write_varint(value)
        self.assertEqual(read_varint(before + raw + behind, len(before)), (value, len(before) + len(raw)))

    def test_shortest_form_only(self) -> None:
        """A form that is longer than need be is refused, and told where it stands."""
        for raw, text in (
            ("fdfc00", "varint 0xfc is not in its shortest form (0xfd)"),
            ("feffff0000", "varint 0xffff is not in its shortest form (0xfe)"),
            ("ffffffffff00000000", "varint 0xffffffff is not in its shortest form (0xff)"),
        ):
            error = self.assertRaises(MalformedMessage, read_varint, b"ab" + bytes.fromhex(raw), 2)
            self.assertEqual((error.text, error.offset), (text, 2))

    def test_any_form(self) -> None:
        """A network may take longer forms too; the shortest are the same to it."""
        for raw, value in (("fdfc00", 0xFC), ("fe01000000", 1), ("ff0000000000000000", 0)):
            self.assertEqual(read_any_varint(b"ab" + bytes.fromhex(raw), 2), (value, 2 + len(raw) // 2))
        for value, raw in BOUNDS.items():
            self.assertEqual(read_any_varint(bytes.fromhex(raw), 0), (value, len(raw) // 2))

    def test_cut(self) -> None:
        """Missing bytes raise what the floor above explains."""
        for read in (read_varint, read_any_varint):
            self.assertRaises(IndexError, read, b"", 0)
            for raw in ("fd", "fd00", "fe000000", "ff00000000000000"):
                self.assertRaises(struct.error, read, bytes.fromhex(raw), 0)

    def test_out_of_range(self) -> None:
        """A number that does not fit cannot be written."""
        for value in (-1, 1 << 64):
            with self.assertRaisesRegex(
                LocalError, f"^{value} does not fit a varint: 0 to 2.*64 - 1 are allowed$"
            ):
                write_varint(value)
