"""How much of something may happen: so many at once, so many a second after that."""

from __future__ import annotations

from collections import OrderedDict

__all__ = ["Allowances", "TokenBucket"]


class TokenBucket:
    """Full at first; what is taken out flows back.

    :param rate: tokens a second. :param burst: how many flow in at most. :param now: seconds, on any clock.
    :ivar tokens: how many there were at the last look.
    """

    __slots__ = ("_burst", "_rate", "_seen", "tokens")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self.tokens = float(burst)
        self._rate = rate
        self._burst = burst
        self._seen = now

    def take(self, wanted: int, now: float) -> int:
        """Take so many tokens, or as many whole ones as there are; how many they were."""
        if self.tokens < self._burst:
            self.tokens = min(self.tokens + max(now - self._seen, 0.0) * self._rate, self._burst)
        self._seen = now
        taken = min(wanted, int(self.tokens + 1e-9))  # ten times a tenth is less than one
        self.tokens -= taken
        return taken

    def grant(self, tokens: int) -> None:
        """Put in some more, over the brim if need be: they do not run out."""
        self.tokens += tokens


class Allowances:
    """A bucket for each key; of those that are longest unused nothing is known any more.

    :param most: keys that are remembered.
    """

    def __init__(self, rate: float, burst: float, most: int = 1000) -> None:
        self._rate = rate
        self._burst = burst
        self._most = most
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def __len__(self) -> int:
        """How many keys are remembered."""
        return len(self._buckets)

    def of(self, key: str, now: float) -> TokenBucket:
        """The bucket of a key. :param now: in seconds."""
        bucket = self._buckets.pop(key, None) or TokenBucket(self._rate, self._burst, now)
        self._buckets[key] = bucket
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return bucket
