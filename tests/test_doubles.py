"""Places that lead to whom we have already."""

from __future__ import annotations

from peerproto.errors import DuplicateConnection, PeerLost, Reason, SelfConnection
from peerproto.node.doubles import Doubles
from peerproto.testing import RawPeer
from tests.manager_case import ManagerCase


class DoubleTests(ManagerCase):
    """What is remembered, and for how long."""

    def setUp(self) -> None:
        super().setUp()
        self.doubles = Doubles(self.factory.peers, most=3)

    def twins(self) -> tuple[RawPeer, RawPeer]:
        """A peer, and another with its nonce."""
        first, second = self.ready_at(), self.raw_at()
        second.handshake(nonce=first.says.nonce)
        return first, second

    def test_ourselves(self) -> None:
        """Our own address is remembered for good."""
        raw = self.ready_at()
        self.doubles.note("us:1", raw.peer, SelfConnection("us"))
        raw.close()
        self.assertTrue(self.doubles.is_double("us:1"))
        self.assertFalse(self.doubles.is_double("other:1"))

    def test_twin(self) -> None:
        """The address of a peer that we have under another one is remembered for as long as that is there."""
        first, second = self.twins()
        self.doubles.note("two:1", second.peer, DuplicateConnection("again"))
        single = self.doubles.when_single("two:1")
        self.assertTrue(self.doubles.is_double("two:1"))
        self.assertNoResult(single)
        first.close()
        self.successResultOf(single)
        self.assertFalse(self.doubles.is_double("two:1"))
        self.assertFalse(self.doubles.is_double("two:1"))

    def test_twin_that_is_gone(self) -> None:
        """If the other has ended by then, nothing is remembered."""
        first, second = self.twins()
        first.close()
        self.ready_at()
        self.doubles.note("two:1", second.peer, DuplicateConnection("again"))
        self.assertFalse(self.doubles.is_double("two:1"))
        self.successResultOf(self.doubles.when_single("two:1"))

    def test_other_ends(self) -> None:
        """Another end is no reason to remember an address."""
        first, _ = self.twins()
        self.doubles.note("two:1", first.peer, PeerLost("closed", Reason.CLOSED_BY_PEER))
        self.assertFalse(self.doubles.is_double("two:1"))

    def test_bounded(self) -> None:
        """Of too many addresses that is forgotten which was learnt first."""
        raw = self.ready_at()
        for number in range(4):
            self.doubles.note(f"us:{number}", raw.peer, SelfConnection("us"))
        known = [self.doubles.is_double(f"us:{number}") for number in range(4)]
        self.assertEqual(known, [False, True, True, True])
