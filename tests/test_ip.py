"""Tests of IP addresses on the wire and as text."""

from __future__ import annotations

import ipaddress

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from peerproto.wire.ip import Known, ip_bytes, ip_text

FORMS = {
    "00000000000000000000ffff01020304": "1.2.3.4",
    "00000000000000000000ffff00000000": "0.0.0.0",
    "00000000000000000000000000000000": "::",
    "00000000000000000000000000000001": "::1",
    "20010db8000000000000000000000001": "2001:db8::1",
    "20010db8000000000001000000000001": "2001:db8::1:0:0:1",
    "fe800000000000000000000000000001": "fe80::1",
    "fd87d87eeb43000102030405060708ff": "fd87:d87e:eb43:1:203:405:607:8ff",
    # Obsolete forms that the C library writes with dots.
    "00000000000000000000000001020304": "::102:304",
    "0000000000000000ffff000001020304": "::ffff:0:102:304",
}


class IPTests(SynchronousTestCase):
    """Bytes to text and back."""

    def test_forms(self) -> None:
        """IPv4-mapped addresses are IPv4 to people, all others IPv6 in its shortest form."""
        for raw, text in FORMS.items():
            self.assertEqual(ip_text(bytes.fromhex(raw)), text)
            self.assertEqual(ip_bytes(text).hex(), raw)

    @given(
        st.binary(min_size=16, max_size=16)
        | st.binary(min_size=4, max_size=4).map(lambda end: bytes(12) + end)
    )
    def test_inverse(self, raw: bytes) -> None:
        """Any address has a text, which is the standard library's, and which says the same bytes."""
        address = ipaddress.IPv6Address(raw)
        self.assertEqual(ip_text(raw), str(address.ipv4_mapped or address))
        self.assertEqual(ip_bytes(ip_text(raw)), raw)

    def test_bounded(self) -> None:
        """What is remembered is made once, and does not grow without end."""
        made: list[int] = []

        def make(number: int) -> int:
            made.append(number)
            return -number

        known = Known(make, 3)
        self.assertEqual([known[number] for number in (1, 2, 1, 3, 2)], [-1, -2, -1, -3, -2])
        self.assertEqual(made, [1, 2, 3])
        self.assertEqual((known[4], dict(known)), (-4, {4: -4}))

    def test_as_typed(self) -> None:
        """What people type is taken, whatever its form."""
        self.assertEqual(ip_bytes("2001:DB8:0:0::1"), ip_bytes("2001:db8::1"))
        self.assertEqual(ip_bytes("::ffff:1.2.3.4"), ip_bytes("1.2.3.4"))
        self.assertEqual(ip_bytes("fe80::1%eth0"), ip_bytes("fe80::1"))

    def test_no_address(self) -> None:
        """Any other text is refused."""
        for text in (
            None,
            5,
            b"1.2.3.4",
            "1.2.3.04",
            "1.2.3.4%eth0",
            "\0",
            "é",
            "",
            "localhost",
            "1.2.3",
            "1.2.3.256",
            "2001:db8:::1",
            "1.2.3.4:8333",
        ):
            self.assertRaises(ValueError, ip_bytes, text)  # type: ignore[arg-type]
