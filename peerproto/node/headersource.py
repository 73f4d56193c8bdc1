"""What the following of headers must remember of each peer."""

from __future__ import annotations

from collections import deque

SLICE = 100
"""Headers are checked so many at a time."""

MOST_HELD = 2
"""So many full messages of one peer may wait to be checked; what comes beyond is dropped, and asked for later."""


class Source:
    """What is to be remembered of one peer: what it has brought, what it owes, how often it led nowhere.

    :ivar new: how many headers of the message that is being checked were not known.
    :ivar back: how many hashes of the locator it did not know; only where one of them is asked about at a time.
    :ivar reached: the hash of the last header that it has brought, unless that was our tip; likewise.
    """

    def __init__(self) -> None:
        self.batches: deque[tuple[list[bytes], bool]] = deque()
        self.held = 0
        self.owes_until = 0.0
        self.ask_again = False
        self.astray = 0
        self.new = 0
        self.back = 0
        self.reached: bytes | None = None

    def put(self, headers: list[bytes], most: int) -> bool:
        """Keep a message of headers to be checked, unless too much is held; an empty one counts too.

        :param most: how many a message may have; as many mean that there are more.
        """
        size = max(len(headers), 1)
        if self.held + size > MOST_HELD * most:
            return False
        self.batches.append((headers, len(headers) == most))
        self.held += size
        return True

    def take(self) -> tuple[list[bytes], bool, bool]:
        """The next slice, whether it is the last of its message, and whether more is to be had behind that."""
        headers, more = self.batches.popleft()
        now, rest = headers[:SLICE], headers[SLICE:]
        self.held -= max(len(now), 1)
        if rest:
            self.batches.appendleft((rest, more))
        return now, not rest, more

    def come_to(self, block_hash: bytes, tip: bytes) -> None:
        """It has brought a header that we know, or know now."""
        self.back, self.reached = 0, None if block_hash == tip else block_hash

    def drop(self) -> None:
        """Forget the rest of the message that was begun."""
        rest, _ = self.batches.popleft()
        self.held -= len(rest)
