"""Tests of the names that stand in messages' tables."""

from __future__ import annotations

from typing import get_args

from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import LocalError
from peerproto.wire import fields
from peerproto.wire.fields import (
    Fixed,
    Hash,
    boolean,
    int32,
    int64,
    ip_address,
    negated,
    port,
    uint8,
    uint16,
    uint32,
    uint64,
    varint,
)
from peerproto.wire.message import Message, message
from tests.small_network import read, written


@message("all", most=200)
class All(Message):
    uint8: uint8
    uint16: uint16
    uint32: uint32
    uint64: uint64
    int32: int32
    int64: int64
    boolean: boolean
    negated: negated
    port: port
    ip: ip_address
    hash: Hash
    varint: varint


LEAST = All(0, 0, 0, 0, -(1 << 31), -(1 << 63), False, True, 0, "::", bytes(32), 0)
MOST = All(
    255, 65535, (1 << 32) - 1, (1 << 64) - 1, (1 << 31) - 1, (1 << 63) - 1, True, False, 65535,
    "255.255.255.255", b"\xff" * 32, (1 << 64) - 1,
)  # fmt: skip
ONE = All(1, 2, 3, 4, -5, -6, True, True, 8333, "1.2.3.4", bytes(range(32)), 7)


class FieldTests(SynchronousTestCase):
    """Each field at its bounds."""

    def test_written(self) -> None:
        """Numbers are little endian, ports and addresses in network order, a negated flag the other way round."""
        self.assertEqual(
            written(ONE),
            "01" "0200" "03000000" "0400000000000000" "fbffffff" "faffffffffffffff" "01" "00"
            "208d" "00000000000000000000ffff01020304" + bytes(range(32)).hex() + "07",
        )  # fmt: skip

    def test_bounds(self) -> None:
        """The least and the most of each field come through."""
        for values in (LEAST, MOST, ONE):
            self.assertEqual(read(All, written(values)), values)
            self.assertEqual(All.from_fields(values.to_fields()), values)

    def test_out_of_bounds(self) -> None:
        """One less and one more do not."""
        for values, step in ((LEAST, -1), (MOST, 1)):
            for name in ("uint8", "uint16", "uint32", "uint64", "int32", "int64", "port", "varint"):
                wrong = All.from_fields(values.to_fields())
                setattr(wrong, name, getattr(values, name) + step)
                self.assertRaises(LocalError, written, wrong)
                self.assertRaises(LocalError, All.from_fields, wrong.to_fields())

    def test_flags(self) -> None:
        """Any byte but 0 is true."""
        for raw, flag in (("00", False), ("01", True), ("02", True), ("ff", True)):
            payload = written(ONE)
            at = 2 * (1 + 2 + 4 + 8 + 4 + 8)
            found = read(All, payload[:at] + raw + raw + payload[at + 4 :])
            self.assertEqual((found.boolean, found.negated), (flag, not flag))

    def test_no_address(self) -> None:
        """A host name is no address."""
        wrong = All.from_fields(ONE.to_fields())
        wrong.ip = "localhost"
        with self.assertRaisesRegex(LocalError, "^all: cannot be written: 'localhost' is no IP address$"):
            written(wrong)

    def test_exports(self) -> None:
        """What a table needs can be imported from here, and nothing else is offered."""
        self.assertEqual(sorted(fields.__all__), sorted(name for name in dir(fields) if is_public(name)))

    def test_is_plain_to_a_type_checker(self) -> None:
        """A field's first meaning is the type that a type checker sees."""
        self.assertEqual(
            [get_args(kind)[0] for kind in (uint8, port, ip_address, Hash)], [int, int, str, bytes]
        )
        self.assertIsInstance(get_args(negated)[1], Fixed)


def is_public(name: str) -> bool:
    return not name.startswith("_") and name not in ("Annotated", "annotations", "fit_ip", "fit_of")
