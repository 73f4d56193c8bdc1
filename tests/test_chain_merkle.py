"""Merkle roots."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from peerproto.chain.merkle import merkle_root
from peerproto.chain.rules import sha256d
from peerproto.wire.blake256 import blake256


class MerkleTests(SynchronousTestCase):
    """Merkle roots."""

    def test_roots(self) -> None:
        """Pairs are hashed together; an odd last one stands for two."""
        one, two, three = (bytes([number]) * 32 for number in (1, 2, 3))
        self.assertEqual(merkle_root([one]), one)
        self.assertEqual(merkle_root([one, two]), sha256d(one + two))
        self.assertEqual(merkle_root([one, two, three]), sha256d(sha256d(one + two) + sha256d(three + three)))

    def test_none(self) -> None:
        """No transactions have none, nor such as could be others: two of a pair alike say the same as one."""
        one, two, three = (bytes([number]) * 32 for number in (1, 2, 3))
        self.assertIsNone(merkle_root([]))
        for hashes in ([one, one], [one, two, three, three], [one, two, one, two]):
            self.assertIsNone(merkle_root(hashes))

    def test_other_hash(self) -> None:
        """The hash of pairs may be another one."""
        self.assertEqual(merkle_root([b"1", b"2"], blake256), blake256(b"12"))
