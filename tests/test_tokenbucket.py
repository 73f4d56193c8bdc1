"""Tests of how much may happen."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from peerproto.node.tokenbucket import Allowances, TokenBucket


class TokenBucketTests(SynchronousTestCase):
    """One bucket."""

    def test_burst_then_rate(self) -> None:
        """It is full at first; once it is empty tokens come at their rate, up to the brim."""
        bucket = TokenBucket(0.1, 1000, 50.0)
        self.assertEqual(
            [bucket.take(600, 50.0), bucket.take(600, 50.0), bucket.take(1, 50.0)], [600, 400, 0]
        )
        self.assertEqual([bucket.take(1, 59.0), bucket.take(5, 60.1), bucket.take(9, 80.2)], [0, 1, 2])
        self.assertEqual(bucket.take(5000, 1e6), 1000)

    def test_granted(self) -> None:
        """What is granted goes over the brim, and is not lost while time goes by."""
        bucket = TokenBucket(1, 10, 0)
        bucket.grant(100)
        self.assertEqual([bucket.take(105, 1000), bucket.take(99, 1001), bucket.tokens], [105, 6, 0])

    def test_clock_set_back(self) -> None:
        """A clock that is set back takes nothing out."""
        bucket = TokenBucket(1, 10, 1000)
        self.assertEqual([bucket.take(4, 1000), bucket.take(9, 0), bucket.take(9, 2)], [4, 6, 2])

    @given(
        rate=st.floats(0, 100),
        burst=st.integers(0, 1000),
        steps=st.lists(st.tuples(st.floats(0, 100), st.integers(0, 2000), st.integers(0, 5)), max_size=30),
    )
    def test_never_more(self, rate: float, burst: int, steps: list[tuple[float, int, int]]) -> None:
        """Whatever is asked when, no more is given than burst, grants and the time that has gone by make up."""
        bucket, now, given, granted = TokenBucket(rate, burst, 0.0), 0.0, 0, 0
        for seconds, wanted, more in steps:
            now += seconds
            granted += more
            bucket.grant(more)
            taken = bucket.take(wanted, now)
            given += taken
            self.assertTrue(0 <= taken <= wanted)
            self.assertLessEqual(given, burst + granted + rate * now + 1e-6)
            self.assertTrue(taken == wanted or bucket.tokens < 1)


class AllowanceTests(SynchronousTestCase):
    """Buckets by key."""

    def test_each_its_own(self) -> None:
        """Who has used up its bucket takes nothing from another, and gets no other for the same key."""
        all_of_them = Allowances(1, 3)
        self.assertEqual([all_of_them.of(key, 0).take(2, 0) for key in "aabab"], [2, 1, 2, 0, 1])

    def test_bounded(self) -> None:
        """Of too many keys the one is forgotten that was longest not asked for."""
        some = Allowances(1, 1, most=2)
        for key in ("a", "b", "a", "c"):
            some.of(key, 0).take(1, 0)
        self.assertEqual((len(some), [some.of(key, 0).take(1, 0) for key in "ab"]), (2, [0, 1]))
