"""Tests of who may speak with whom where there are subnetworks."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.errors import Reason, Refused
from peerproto.network import Network
from peerproto.networks import kaspa
from peerproto.networks.kaspa import COINBASE, NATIVE, REGISTRY, Version
from peerproto.networks.kaspa.subnetworks import show
from peerproto.testing import Pair

A, B = b"\x0a" * 20, b"\x0b" * 20

TABLE = {
    (None, None): (True, True),
    (None, A): (True, False),
    (A, None): (True, True),
    (A, A): (True, True),
    (A, B): (False, False),
}
"""Local and remote subnetwork, to whether they suit each other if they have called, and if we have."""


def network(subnetwork: bytes | None, **options: bool) -> Network:
    """A simnet with subnetworks."""
    return kaspa.network("simnet", subnetwork=subnetwork, **{"lets_partial_in": True, **options})


def refusal(ours: Network, theirs: bytes | None, *, inbound: bool) -> Refused | None:
    """What the network has against a version."""
    says = kaspa.network("simnet", subnetwork=theirs, lets_partial_in=True)
    introduction = Pair(ours).outbound.factory.introduction()
    error = ours.judge_version(introduction, introduction, says.make_version(introduction), inbound)
    assert error is None or isinstance(error, Refused)
    return error


class TableTests(SynchronousTestCase):
    """kaspad's table."""

    def test_let_in(self) -> None:
        """Where partial nodes are let in, it is the two subnetworks, and who has called, that count."""
        for (ours, theirs), suits in TABLE.items():
            for inbound, expected in zip((True, False), suits, strict=True):
                error = refusal(network(ours), theirs, inbound=inbound)
                self.assertEqual(error is None, expected, (ours, theirs, inbound))

    def test_not_let_in(self) -> None:
        """On every net as it is, no partial node is let in, not even of a subnetwork that is built in."""
        for net in kaspa.NETS:
            shipped = networks.named(f"kaspa-{net}")
            for inbound in (True, False):
                self.assertIsNone(refusal(shipped, None, inbound=inbound))
                for theirs in (A, NATIVE, COINBASE, REGISTRY):
                    error = refusal(shipped, theirs, inbound=inbound)
                    assert error is not None
                    self.assertEqual(error.reason, Reason.WRONG_NETWORK)

    def test_words(self) -> None:
        """The refusal says which subnetworks do not go together."""
        for ours, words in ((B, f"ours is {B.hex()}"), (None, "full nodes are wanted")):
            error = refusal(network(ours), A, inbound=False)
            self.assertEqual(str(error), f"a partial node of subnetwork {A.hex()}, {words}")
        self.assertEqual(show(REGISTRY), "00" * 19 + "02")


class PeerTests(SynchronousTestCase):
    """Peers with subnetworks."""

    def test_told(self) -> None:
        """A partial node names its subnetwork, and whoever hears it finds it in its version."""
        pair = Pair(network(A))
        pair.deliver()
        for peer in (pair.inbound, pair.outbound):
            assert isinstance(peer.version, Version)
            self.assertEqual((peer.state.name, peer.version.subnetwork_id), ("READY", A))

    def test_refused(self) -> None:
        """A full node that has called a partial one hangs up, and says nothing."""
        pair = Pair(networks.named("kaspa-simnet"), inbound={})
        codec = pair.outbound.network.codec()
        version = network(A).make_version(pair.inbound.factory.introduction(nonce=5))
        pair.outbound.dataReceived(codec.encode(version))
        error = pair.outbound.ending
        assert isinstance(error, Refused)
        self.assertIn("a network without subnetworks", str(error))
        self.assertEqual([kind.command for kind in pair.outbound.statistics.sent], ["version"])
