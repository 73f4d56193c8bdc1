"""Tests of how addresses are told and heard, on every network that tells of them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.forms.gossip import Known
from peerproto.networks import bitcoin, decred, kaspa
from peerproto.wire.message import Message

KNOWN = [Known("192.0.2.1", 8333, 9, 1_700_000_000), Known("2001:db8::1", 8334, 1, 1_700_000_001)]
ONION = Known("v7ajjeirttkbnt32wpy3c6w3emwnfr3fkla7hpxcfokr3ysd3kqtzmqd.onion", 1, 1, 1_700_000_002)


def heard(network: str, told: Message, pver: int | None = None) -> list[Known]:
    """What the other side of a connection hears."""
    found = networks.named(network)
    assert found.gossip is not None
    codec = found.codec(pver)
    message = codec.decode(codec.encode(told))
    return found.gossip.telling[type(message)](message)


class GossipTests(SynchronousTestCase):
    """From one node to the other."""

    def test_all_networks(self) -> None:
        """What is told is what is heard, whatever was negotiated; only Kaspa's simnet tells nothing."""
        silent = []
        for name in networks.names():
            network = networks.named(name)
            if network.gossip is None:
                silent.append(name)
                continue
            for noted in ((), network.messages):
                told = network.gossip.tell(KNOWN, noted, network.protocol_version)
                self.assertEqual(heard(name, told), KNOWN, name)
        self.assertEqual(silent, ["kaspa-simnet"])

    def test_decred_of_old(self) -> None:
        """Decred's first form is heard as well."""
        told = decred.gossip.GOSSIP.tell(KNOWN, (), 11)
        self.assertEqual(heard("decred-simnet", told, 11), KNOWN)

    def test_onion(self) -> None:
        """Addresses of Tor come as names that nobody takes for addresses of IP."""
        for name, noted in (("bitcoin-mainnet", [bitcoin.SendAddrV2]), ("decred-mainnet", [])):
            gossip = networks.named(name).gossip
            assert gossip is not None
            told = gossip.tell([ONION], noted, networks.named(name).protocol_version)
            self.assertEqual(heard(name, told), [ONION], name)

    def test_kinds(self) -> None:
        """All kinds of message that tell of addresses are known, and no other."""
        for name, kinds in (
            ("bitcoin-regtest", {bitcoin.Addr, bitcoin.AddrV2}),
            ("decred-simnet", {decred.Addr, decred.AddrV2}),
            ("kaspa-devnet", {kaspa.Addr}),
        ):
            gossip = networks.named(name).gossip
            assert gossip is not None
            self.assertEqual(set(gossip.telling), kinds)
