"""Tests of how Decred's addresses are told."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.forms.gossip import Known
from peerproto.networks.decred import Addr, AddrV2, GetAddr, NetAddressV2, TimedAddress
from peerproto.networks.decred.gossip import GOSSIP

KNOWN = [Known("192.0.2.1", 9108, 1, 5), Known("2001:db8::1", 9109, 5, 6)]


class GossipTests(SynchronousTestCase):
    """Addresses by protocol version."""

    def test_old(self) -> None:
        """Up to 11 by addr."""
        told = GOSSIP.tell(KNOWN, (), 11)
        self.assertEqual(
            told, Addr([TimedAddress(5, 1, "192.0.2.1", 9108), TimedAddress(6, 5, "2001:db8::1", 9109)])
        )

    def test_new(self) -> None:
        """From 12 on by addrv2."""
        told = GOSSIP.tell(KNOWN, (), 12)
        assert isinstance(told, AddrV2)
        self.assertEqual(told.addr_list[0], NetAddressV2(5, 1, 1, b"\xc0\x00\x02\x01", 9108))
        self.assertEqual([str(item) for item in told.addr_list], ["192.0.2.1:9108", "[2001:db8::1]:9109"])

    def test_most(self) -> None:
        """As many as may be told can be sent, either way; who asks is answered by the form."""
        network = networks.named("decred-simnet")
        self.assertIs(network.gossip, GOSSIP)
        self.assertIs(GOSSIP.asking, GetAddr)
        for pver in (11, 12):
            network.codec(pver).encode(GOSSIP.tell(KNOWN * (GOSSIP.most // 2), (), pver))
