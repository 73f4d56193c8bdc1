"""What frames cost in memory, for any network: while they come, when they are read, and when they are refused."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import ClassVar

from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import MalformedMessage
from peerproto.wire.codec import Codec
from peerproto.wire.message import Message
from peerproto.wire.reader import Reader

Case = tuple[Codec, bytes]
Dense = tuple[Codec, str, bytes]

SAMPLE = 500
"""So many frames are looked at, the longest among them."""

AHEAD = 256 * 1024
"""What may be taken beside the bytes of a frame that is not complete, in bytes."""

HASHES, ANYTHING = 16, 64
"""What a list of hashes, and anything else, may take when it is read, in times its payload."""

OBJECTS = 8192
"""What a message, an error and the like take however short they are, in bytes."""

PIECE = 16_384
"""What a socket gives at once, in bytes."""


def peak(work: Callable[[], object]) -> int:
    """The most memory that a call takes at one time, in bytes."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class MemoryCase(SynchronousTestCase):
    """Weighs the frames of one network.

    :cvar hashes: the commands that are lists of hashes.
    """

    hashes: ClassVar[frozenset[str]]

    def cases(self) -> Iterator[Case]:
        """Frames, good and bad, each with the codec that it is for."""
        raise NotImplementedError

    def sample(self) -> Sequence[Case]:
        """The longest frames, and of the others every so many."""
        found = sorted(self.cases(), key=lambda case: -len(case[1]))
        longest, others = found[:100], found[100:]
        step = max(1, -(-len(others) // (SAMPLE - len(longest))))
        return [*longest, *others[::step]]

    def test_before(self) -> None:
        """Until its last byte is there a frame takes what has come of it and little more, in pieces of any size."""
        for codec, frame in self.sample():
            begun = frame[:-1]
            for size in {PIECE if len(begun) > 4 * PIECE else 100, len(begun) or 1}:
                taken = peak(lambda: self.feed(codec, begun, size))  # noqa: B023
                self.assertLess(taken, len(begun) + size + AHEAD, frame[:60].hex())

    def test_before_verified(self) -> None:
        """With its last byte, too, until its checksum has been found right: these frames have a wrong one.

        Where such frames are tolerated they are handed on whole; so here they are not.
        """
        for tolerant, frame in self.sample():
            policy = replace(tolerant.policy, tolerates=frozenset())
            codec = Codec(tolerant.kinds.values(), tolerant.envelope, policy, tolerant.pver, tolerant.witness)
            wrong = frame[:20] + bytes(byte ^ 0xFF for byte in frame[20:24]) + frame[24:]
            for size in {PIECE if len(wrong) > 4 * PIECE else 100, len(wrong) or 1}:
                taken = peak(lambda: self.feed(codec, wrong, size))  # noqa: B023
                self.assertLess(taken, len(wrong) + size + AHEAD, frame[:60].hex())

    def feed(self, codec: Codec, begun: bytes, size: int) -> None:
        """The beginning of a frame in pieces, until it is refused."""
        reader = Reader(codec)
        with suppress(MalformedMessage):
            for at in range(0, len(begun), size):
                for _ in reader.feed(begun[at : at + size]):
                    pass

    def test_read(self) -> None:
        """What is read takes at most 64 times its payload, lists of hashes 16 times; what is refused no more."""
        for codec, frame in self.sample():
            command = frame[4:16].rstrip(b"\0").decode("latin-1")
            factor = HASHES if command in self.hashes else ANYTHING
            kept: list[Message] = []
            self.outcome(codec, frame, [])  # what is made once for all frames of a kind counts for none
            taken = peak(lambda: self.outcome(codec, frame, kept))  # noqa: B023
            self.assertLess(
                taken, factor * (len(frame) - 24) + OBJECTS, (command, len(frame), frame[:60].hex())
            )

    def dense(self) -> Iterable[Dense]:
        """Payloads that hold most objects for their size, each of a command."""
        raise NotImplementedError

    def test_densest(self) -> None:
        """Nothing that can be read takes more than 64 times its size."""
        for codec, command, payload in self.dense():
            frame, kept = codec.envelope.wrap(codec.envelope.command(command), payload), list[Message]()
            taken = peak(lambda: self.outcome(codec, frame, kept))  # noqa: B023
            self.assertTrue(kept, command)
            self.assertLess(taken, ANYTHING * len(payload) + OBJECTS, command)

    def test_refused_counts(self) -> None:
        """A frame that is refused for a count takes some objects, however much it announces."""
        seen = 0
        for codec, frame in self.cases():
            found: list[Message] = []
            error = self.outcome(codec, frame, found)
            if error and "announced" in error.text:
                seen += 1
                taken = peak(lambda: self.outcome(codec, frame, found))  # noqa: B023
                # The payload is cut out of the frame before anybody looks into it.
                self.assertLess(taken, len(frame) + OBJECTS, (str(error), len(frame)))
        self.assertGreater(seen, 10)

    def check_claim(self, codec: Codec, command: str, payload: bytes) -> None:
        """A payload that lacks nearly all that it counts is refused, and takes some objects."""
        frame, kept = codec.envelope.wrap(codec.envelope.command(command), payload), list[Message]()
        taken = peak(lambda: self.outcome(codec, frame, kept))
        self.assertEqual(kept, [], command)
        self.assertLess(taken, 5 * OBJECTS, command)

    def outcome(self, codec: Codec, frame: bytes, kept: list[Message]) -> MalformedMessage | None:
        """Read a frame to its last field; its error, if it has one."""
        try:
            kept.append(codec.decode(frame))
        except MalformedMessage as error:
            return error
        return None
