"""Tests of the form that a network fills in."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.errors import LocalError
from peerproto.forms.conversation import Expectation, Order, Timing
from peerproto.forms.introduction import Introduction
from peerproto.network import Network

NETWORK = networks.named("bitcoin-regtest")


class NetworkTests(SynchronousTestCase):
    """What a network says of itself."""

    def test_cannot_be_changed(self) -> None:
        """A network is shared by all, so nobody changes it."""
        self.assertRaises(FrozenInstanceError, setattr, NETWORK, "port", 1)
        self.assertRaises(FrozenInstanceError, setattr, NETWORK.order, "gate", False)

    def test_is_itself_only(self) -> None:
        """A network is one thing: another with the same numbers is another network."""
        self.assertNotEqual(NETWORK, replace(NETWORK))
        self.assertEqual(len({NETWORK, NETWORK, replace(NETWORK)}), 2)

    def test_codec_is_shared(self) -> None:
        """Peers that speak alike share their codec."""
        self.assertIs(NETWORK.codec(70015, witness=True), NETWORK.codec(70015, True))
        self.assertIs(NETWORK.codec(), NETWORK.codec(NETWORK.protocol_version, witness=False))
        others = {
            NETWORK.codec(),
            NETWORK.codec(70015),
            NETWORK.codec(witness=True),
            replace(NETWORK).codec(),
        }
        self.assertEqual(len(others), 4)

    def test_codec(self) -> None:
        """A codec is made of the network's envelope, policy and messages."""
        codec = NETWORK.codec(209)
        self.assertEqual((codec.envelope, codec.policy, codec.pver), (NETWORK.envelope, NETWORK.policy, 209))
        self.assertEqual(tuple(codec.kinds.values()), NETWORK.messages)

    def test_services(self) -> None:
        """Services are told by name, those without one by their bit."""
        self.assertEqual(NETWORK.service_names(0), [])
        self.assertEqual(NETWORK.service_names(0x409), ["NETWORK", "WITNESS", "NETWORK_LIMITED"])
        self.assertEqual(NETWORK.service_names(1 << 63 | 1 << 5), ["bit 5", "bit 63"])
        self.assertEqual(len(NETWORK.service_names((1 << 64) - 1)), 64)

    def test_headers(self) -> None:
        """Where nodes follow no chain of headers, to sync headers is a mistake."""
        self.assertIs(NETWORK.headers, NETWORK.header_sync)
        graph = replace(NETWORK, name="graph-simnet", header_sync=None)
        with self.assertRaisesRegex(LocalError, "^graph-simnet has no chain of headers to sync$"):
            _ = graph.headers

    def test_no_rules_of_its_own(self) -> None:
        """Unless it says so, a network has nothing against any version, and answers nothing of itself."""
        ours = Introduction(70016, 0, 0, 1, "/us/", 0)
        bare = Network.__dataclass_fields__["judge_version"].default
        self.assertIsNone(bare(ours, ours, None, True))
        replies = Network.__dataclass_fields__["replies"].default_factory
        self.assertEqual((replies(), NETWORK.nonce_bits), ({}, 64))  # type: ignore[misc]

    def test_defaults(self) -> None:
        """What a network need not say: btcd's times, one answer for all, an answer that is owed."""
        self.assertEqual(
            Timing(),
            Timing(handshake=30, idle=300, ping=120, ping_if_pinged=False, stall_tick=15, grace=5),
        )
        self.assertEqual(
            Expectation(()), Expectation((), seconds=30, each=False, ends_peer=True, grouped=True)
        )
        self.assertEqual(Order(), Order(ignores_early=False, both_speak=False, gate=True))
        self.assertTrue(Introduction(1, 0, 0, 0, "", 0).relay)

    def test_order(self) -> None:
        """Unless it says so, a handshake has nothing but version and verack, and verack is its gate."""
        order = Order()
        self.assertEqual(
            (order.negotiation, order.greeting, order.between, order.late), ((), (), frozenset(), {})
        )
        self.assertTrue(order.gate)
