"""Tests of the list of bans."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import LocalError
from peerproto.node.bans import Ban, Bans

ADDRESSES = st.ip_addresses().filter(lambda address: getattr(address, "ipv4_mapped", None) is None)


class BanTests(SynchronousTestCase):
    """Banning addresses and networks."""

    def setUp(self) -> None:
        self.now = 1000.0
        self.bans = Bans(lambda: self.now)

    def test_address(self) -> None:
        """An address is banned, whatever its port or spelling, and its neighbour is not."""
        ban = self.bans.ban("8.8.8.8", 2000, "a test", "operator")
        self.assertEqual(ban, Ban("8.8.8.8/32", 2000, "a test", "operator"))
        for host, found in (
            ("8.8.8.8", ban),
            ("::ffff:8.8.8.8", ban),
            ("8.8.8.9", None),
            ("::8.8.8.8", None),
            ("fe80::1%lo", None),
            ("example.org", None),
        ):
            self.assertEqual(self.bans.of(host), found, host)
        self.assertEqual((list(self.bans), len(self.bans), self.bans.get("8.8.8.8")), ([ban], 1, ban))

    def test_network(self) -> None:
        """All of a network is banned; of two that hold a host the wider one is told."""
        narrow = self.bans.ban("2a01::/32", 2000, "", "")
        wide = self.bans.ban("2a00:ffff::/12", 2000, "", "")
        self.assertEqual(wide.what, "2a00::/12")
        self.bans.ban("0.0.0.0/0", 2000, "", "")
        self.assertEqual(
            [self.bans.of(host) for host in ("2a01::5", "2a0f::1", "2b00::1")], [wide, wide, None]
        )
        self.assertTrue(self.bans.unban("2a00::/12"))
        self.assertEqual([self.bans.of(host) for host in ("2a01::5", "2a0f::1")], [narrow, None])

    def test_mapped_network(self) -> None:
        """A network of IPv4 in IPv6 is one of IPv4."""
        self.assertEqual(self.bans.ban("::ffff:8.8.0.0/112", 2000, "", "").what, "8.8.0.0/16")
        self.assertIsNotNone(self.bans.of("8.8.4.4"))

    def test_until(self) -> None:
        """A ban ends by the wall clock, and is not listed after that."""
        self.bans.ban("8.8.8.8", 2000, "", "")
        self.now = 1999.9
        self.assertIsNotNone(self.bans.of("8.8.8.8"))
        self.now = 2000.0
        self.bans.changed.clear()
        self.assertEqual(
            (self.bans.of("8.8.8.8"), len(self.bans), self.bans.changed), (None, 0, {"8.8.8.8/32"})
        )
        self.assertEqual((self.bans.get("8.8.8.8"), list(self.bans)), (None, []))

    def test_replaced(self) -> None:
        """A second ban of the same counts alone; to take back what is not there says so."""
        self.bans.ban("8.8.8.8", 2000, "first", "")
        self.bans.ban("8.8.8.8/32", 1500, "second", "")
        self.assertEqual([ban.reason for ban in self.bans], ["second"])
        self.bans.changed.clear()
        self.assertEqual([self.bans.unban("8.8.8.8"), self.bans.unban("8.8.8.8")], [True, False])
        self.assertEqual(self.bans.changed, {"8.8.8.8/32"})

    def test_nonsense(self) -> None:
        """What is no address and no network is the caller's mistake."""
        for text in ("example.org", "8.8.8.8/33", "", "8.8.8.8:80"):
            with self.assertRaisesRegex(LocalError, f"^'{text}' is no address and no network"):
                self.bans.ban(text, 2000, "", "")
        self.assertEqual(len(self.bans), 0)

    def test_row_70_ban_of_an_active_peer(self) -> None:
        """Who has asked is told of each new ban, so that a peer that it is about can be ended at once."""
        told: list[Ban] = []
        self.bans.when_banned.append(told.append)
        ban = self.bans.ban("8.8.0.0/16", 2000, "", "")
        self.bans.restore(Ban("9.9.9.9", 2000, "", ""))
        self.assertEqual((told, self.bans.changed), ([ban], {"8.8.0.0/16"}))

    def test_row_70_allow_listed_peer_in_a_banned_net(self) -> None:
        """What is allowed wins over every ban."""
        bans = Bans(lambda: 0.0, ["8.8.8.8", "2a01:1::/32"])
        bans.ban("0.0.0.0/0", 2000, "", "")
        bans.ban("2a01:1::/48", 2000, "", "")
        bans.ban("8.8.8.8", 2000, "", "")
        self.assertEqual(
            [bans.of(host) is None for host in ("8.8.8.8", "2a01:1::1", "8.8.8.9")], [True, True, False]
        )
        with self.assertRaises(LocalError):
            Bans(lambda: 0.0, ["nonsense"])

    @given(ADDRESSES, st.integers(0, 128), ADDRESSES)
    def test_covers(self, address: object, length: int, other: object) -> None:
        """A ban holds for a host just if the first bits of both are the same."""
        bans, bits = Bans(lambda: 0.0), 32 if address.version == 4 else 128  # type: ignore[attr-defined]
        length = min(length, bits)
        bans.ban(f"{address}/{length}", 1, "", "")
        self.assertIsNotNone(bans.of(str(address)))
        if address.version == other.version:  # type: ignore[attr-defined]
            same = int(address) >> (bits - length) == int(other) >> (bits - length)  # type: ignore[call-overload]
            self.assertEqual(bans.of(str(other)) is not None, same)
