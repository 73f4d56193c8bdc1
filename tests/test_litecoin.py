"""Tests of Litecoin: what it has from Bitcoin, and what of its own."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.networks import bitcoin, litecoin


class LitecoinTests(SynchronousTestCase):
    """Litecoin's networks."""

    def test_speaks_bitcoin(self) -> None:
        """Messages and manners are Bitcoin's, under both policies."""
        for policy in litecoin.POLICIES:
            ours, theirs = (networks.named(f"{name}-regtest", policy) for name in ("litecoin", "bitcoin"))
            self.assertEqual(ours.messages, theirs.messages)
            self.assertEqual(
                (ours.order, ours.policy, ours.timing), (theirs.order, theirs.policy, theirs.timing)
            )

    def test_service(self) -> None:
        """It has a service bit of its own, which Bitcoin does not know by name."""
        self.assertEqual(networks.named("litecoin-regtest").service_names(1 << 24 | 1), ["NETWORK", "MWEB"])
        self.assertEqual(networks.named("bitcoin-regtest").service_names(1 << 24 | 1), ["NETWORK", "bit 24"])

    def test_only_its_nets(self) -> None:
        """What Litecoin does not have is not made up."""
        self.assertEqual(set(litecoin.NETS) - set(bitcoin.NETS), {"testnet"})
        self.assertRaises(KeyError, litecoin.network, "simnet", "btcd")
        self.assertRaises(KeyError, litecoin.network, "regtest", "bcoin")
