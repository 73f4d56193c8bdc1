"""How long to wait before the next try."""

from __future__ import annotations

from collections.abc import Callable


class Backoff:
    """Exponential, with jitter so that many do not try at once.

    :param first: the first wait in seconds. :param factor: by which each is longer than the one before.
    :param most: the longest wait in seconds.
    :param random: gives numbers from 0 to 1; a wait is between half of its length and all of it.
    """

    def __init__(
        self, random: Callable[[], float], *, first: float = 1.0, factor: float = 2.0, most: float = 300.0
    ) -> None:
        self.tries = 0
        self._first = first
        self._factor = factor
        self._most = most
        self._random = random

    def next(self) -> float:
        """Seconds to wait now; each call counts as a try."""
        length = min(self._first * self._factor ** min(self.tries, 64), self._most)
        self.tries += 1
        return length * (0.5 + self._random() / 2)

    def reset(self) -> None:
        """The last try was a good one."""
        self.tries = 0
