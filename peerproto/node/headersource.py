"""What the following of headers must remember of each peer."""

from __future__ import annotations

from collections import deque

SLICE = 100
"""Headers are checked so many at a time, for Litecoin's take 40 milliseconds ..."""

CHEAP_SLICE = 500
"""... and so many where the work is cheap: each slice is a transaction, which costs as much as a hundred of these."""

MOST_HELD = 2
"""So many full messages of one peer may wait to be checked; what comes beyond is dropped, and asked for later."""


class Source:
    """What is to be remembered of one peer: what it has brought, what it owes, how often it led nowhere.

    :ivar new: how many headers of the message that is being checked were not known.
    :ivar back: how many hashes of the locator it did not know; only where one of them is asked about at a time.
    :ivar leads_on: whether it has shown that it has more than a message of headers that we have not.
    :ivar has_told_all: whether it has brought what it has, whatever height it said at first.
    :ivar is_done: whether it has told that it has no more than we, and was asked nothing since.
    :ivar failures: how often it had the lead and did not bring what it said.
    :ivar reached: the hash of the last header that it has brought, unless that was our tip.
    :ivar was_full: whether its last message was, so that it goes on behind that.
    :ivar repeats: how often in a row a full message brought nothing new, and ended where the one before it did.
    """

    def __init__(self) -> None:
        self.batches: deque[tuple[list[bytes], bool]] = deque()
        self.held = 0
        self.owes_until = 0.0
        self.ask_again = False
        self.astray = 0
        self.new = 0
        self.back = 0
        self.leads_on = self.has_told_all = self.is_done = False
        self.failures = self.repeats = 0
        self.reached: bytes | None = None
        self.was_full = False
        self._ended_at = b""

    def put(self, headers: list[bytes], most: int) -> bool:
        """Keep a message of headers to be checked, unless too much is held; an empty one counts too.

        :param most: how many a message may have; as many mean that there are more.
        """
        size = max(len(headers), 1)
        if self.held and self.held + size > MOST_HELD * most:
            return False
        self.batches.append((headers, len(headers) == most))
        self.held += size
        return True

    def take(self, size: int = SLICE) -> tuple[list[bytes], bool, bool]:
        """The next slice, of at most so many headers; whether it is the last of its message, and whether that was full,
        so that more is to be had behind it.
        """
        headers, more = self.batches.popleft()
        now, rest = headers[:size], headers[size:]
        self.held -= max(len(now), 1)
        if rest:
            self.batches.appendleft((rest, more))
        return now, not rest, more

    def come_to(self, block_hash: bytes, tip: bytes) -> None:
        """It has brought a header that we know, or know now."""
        self.back, self.reached = 0, None if block_hash == tip else block_hash

    def end_message(self, ending: bytes, *, more: bool) -> int:
        """A message is dealt with that ended with this header; how many of its headers were new."""
        new, self.new = self.new, 0
        self.repeats = self.repeats + 1 if more and not new and ending == self._ended_at else 0
        self._ended_at, self.was_full = ending, more
        return new

    def drop(self) -> None:
        """Forget what is held: the rest of a message whose beginning led nowhere, and what came behind it."""
        self.batches.clear()
        self.held = 0
