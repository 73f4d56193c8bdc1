"""Tests of where addresses are."""

from __future__ import annotations

from ipaddress import IPv4Address

from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.node.groups import Groups, is_local_net, is_public

NOWHERE = (
    *("0.0.0.0", "255.255.255.255", "224.0.0.1", "::", "ff02::1", "ff0e::1"),
    *(
        "",
        "localhost",
        "1.2.3",
        "1.2.3.4:5",
        "[::1]",
        "v7ajjeirttkbnt32wpy3c6w3emwnfr3fkla7hpxcfokr3ysd3kqtzmqd.onion",
    ),
)
HERE = (
    *("127.0.0.1", "127.9.9.9", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.1.1", "100.64.0.1"),
    *("192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "240.0.0.1", "0.1.2.3"),
    *("::1", "fe80::1", "fc00::1", "fd12::1", "2001:db8::1", "2001:10::1", "4000::1", "100::1"),
    *("2002:7f00:1::1", "64:ff9b::a01:203"),
)
THERE = ("8.8.8.8", "11.0.0.1", "172.32.0.1", "2a01:7c8:d005:390::5", "2002:808:808::1", "64:ff9b::808:808")


class RoutableTests(SynchronousTestCase):
    """Which addresses can be called."""

    def test_public(self) -> None:
        """What leads to the same place from everywhere can, and nothing else."""
        groups = Groups()
        for host in THERE:
            self.assertEqual((groups.host(host), is_public(host)), (host, True), host)
        for host in NOWHERE + HERE:
            self.assertEqual((groups.host(host), is_public(host)), (None, False), host)

    def test_local(self) -> None:
        """Where local addresses count they can as well, but not what is nobody's."""
        groups = Groups(local=True)
        for host in THERE + HERE:
            self.assertEqual(groups.host(host), host)
        for host in NOWHERE:
            self.assertEqual(groups.host(host), None, host)

    def test_written_in_one_way(self) -> None:
        """However an address is written, it is the same."""
        groups = Groups(local=True)
        for text, host in (
            ("::ffff:8.8.8.8", "8.8.8.8"),
            ("2A01:07c8:d005:0390:0:0:0:5", "2a01:7c8:d005:390::5"),
            ("fe80::1%eth0", "fe80::1"),
        ):
            self.assertEqual(groups.host(text), host)

    def test_first_bytes(self) -> None:
        """What is found out by the first byte alone is what is so for all that it begins."""
        for first in range(256):
            for rest in ("0.0.1", "1.1.1", "64.0.1", "168.1.1", "254.1.1", "255.255.254"):
                found = IPv4Address(f"{first}.{rest}")
                self.assertEqual(is_public(str(found)), found.is_global and not found.is_multicast, found)

    def test_teredo(self) -> None:
        """An address of Teredo is where the address of IPv4 is that stands inverted at its end."""
        self.assertEqual(Groups().host("2001:0:1::f7f7:f7f7"), "2001:0:1::f7f7:f7f7")
        self.assertEqual(Groups().host("2001:0:1::80ff:fffe"), None)


class GroupTests(SynchronousTestCase):
    """Which addresses are likely in the same hands."""

    def test_by_prefix(self) -> None:
        """Two bytes of IPv4, also where it is wrapped; four of IPv6, of one provider half a byte more."""
        groups = Groups()
        for host, group in (
            ("8.8.8.8", "8.8.0.0/16"),
            ("8.8.255.1", "8.8.0.0/16"),
            ("8.9.8.8", "8.9.0.0/16"),
            ("::ffff:8.8.4.4", "8.8.0.0/16"),
            ("2002:808:101::1", "8.8.0.0/16"),
            ("64:ff9b::808:101", "8.8.0.0/16"),
            ("2001:0:1::f7f7:f7f7", "8.8.0.0/16"),
            ("2a01:7c8:d005:390::5", "2a01:7c8::/32"),
            ("2a01:7c8:1::1", "2a01:7c8::/32"),
            ("2001:470:1234::1", "2001:470:1000::/36"),
            ("2001:470:2234::1", "2001:470:2000::/36"),
        ):
            self.assertEqual(groups.group_of(host, 8333), group)

    def test_local(self) -> None:
        """A local address is a group by itself, with its port if that is told; what is no address is one too."""
        groups = Groups(local=True)
        self.assertEqual(groups.group_of("127.0.0.1", 1), "127.0.0.1:1")
        self.assertEqual(groups.group_of("127.0.0.1"), "127.0.0.1")
        self.assertEqual(groups.group_of("peers-file"), "peers-file")
        self.assertEqual(groups.group_of("8.8.8.8", 1), "8.8.0.0/16")


class LocalNetTests(SynchronousTestCase):
    """The nets that are at home on one machine."""

    def test_all(self) -> None:
        """They are these."""
        self.assertEqual(
            {name.partition("-")[2] for name in networks.names() if is_local_net(name)},
            {"regtest", "simnet", "regnet", "devnet", "privnet", "privnet-single"},
        )
        self.assertFalse(is_local_net("regtest"))
