"""Tests of cutting a stream into messages."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from typing import Annotated

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from peerproto.errors import (
    BadChecksum,
    MalformedMessage,
    Oversize,
    OversizeCommand,
    UnknownCommand,
    WrongNetwork,
)
from peerproto.wire.codec import Codec, Policy, Unread
from peerproto.wire.envelope import Envelope
from peerproto.wire.fields import VarBytes
from peerproto.wire.message import Message, message
from peerproto.wire.reader import Reader
from tests.small_network import ENVELOPE, codec_for, framed
from tests.test_codec import header
from tests.test_message import LAZY, Eager, Foreign, Lazy

CODEC = codec_for(Eager, Lazy, Foreign)
TOLERANT = Codec(
    [Eager, Lazy, Foreign], ENVELOPE, Policy("all", frozenset({UnknownCommand, BadChecksum})), 10, False
)
STREAM = [
    (Eager(5, "ab"), framed(Eager, "05026162")),
    (Lazy(7, [1, 253], 9), framed(Lazy, LAZY)),
    (Eager(6, ""), framed(Eager, "0600")),
    (Foreign(b"abc"), framed(Foreign, "03616263")),
]


@message("large", most=4_000_000, lazy=True)
class Large(Message):
    """As long as a message may be."""

    raw: Annotated[bytes, VarBytes(4_000_000)]


LARGE = Codec([Large], Envelope(b"huge"), Policy("none"), 10, witness=False)
FRAMES = b"".join(frame for _, frame in STREAM)
MESSAGES = [some for some, _ in STREAM]


def read_all(reader: Reader, chunks: Iterable[bytes]) -> list[Message | Unread]:
    """All that comes out for these chunks."""
    return [found for chunk in chunks for found in reader.feed(chunk)]


def cut(stream: bytes, places: Iterable[int]) -> list[bytes]:
    """A stream in pieces."""
    marks = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[begin:end] for begin, end in pairwise(marks)]


class ChunkTests(SynchronousTestCase):
    """The same messages at any chunking."""

    def test_one_chunk(self) -> None:
        """Many messages may come at once."""
        self.assertEqual(list(Reader(CODEC).feed(FRAMES)), MESSAGES)

    def test_three_and_a_half(self) -> None:
        """The last message of a chunk may be cut; the next chunk has the rest."""
        for end in range(len(FRAMES) - len(STREAM[-1][1]) + 1, len(FRAMES)):
            reader = Reader(CODEC)
            self.assertEqual(list(reader.feed(FRAMES[:end])), MESSAGES[:3])
            self.assertEqual(reader.waiting, end - len(FRAMES) + len(STREAM[-1][1]))
            self.assertEqual(list(reader.feed(FRAMES[end:])), MESSAGES[3:])
            self.assertEqual(reader.waiting, 0)

    def test_byte_by_byte(self) -> None:
        """A message comes out with its last byte, be they fed one by one."""
        reader, done = Reader(CODEC), 0
        for some, frame in STREAM:
            for at, byte in enumerate(frame, 1):
                self.assertEqual(list(reader.feed(bytes((byte,)))), [some] if at == len(frame) else [])
                self.assertEqual(reader.waiting, at % len(frame))
            done += 1
        self.assertEqual(done, len(STREAM))

    @given(st.lists(st.integers(0, len(FRAMES)), max_size=12))
    def test_any_chunks(self, places: list[int]) -> None:
        """However the stream is cut, empty chunks included, the messages are the same."""
        reader = Reader(CODEC)
        self.assertEqual(read_all(reader, cut(FRAMES, places)), MESSAGES)
        self.assertEqual(reader.waiting, 0)

    def test_empty(self) -> None:
        """Nothing comes of nothing."""
        reader = Reader(CODEC)
        for data in (b"", FRAMES[:3], b"", FRAMES[3:25], b""):
            self.assertEqual(list(reader.feed(data)), [])
        self.assertEqual(list(reader.feed(FRAMES[25:])), MESSAGES)

    def test_size(self) -> None:
        """The length of each frame is known when its message comes out."""
        for chunks in ([FRAMES], cut(FRAMES, range(len(FRAMES)))):
            reader = Reader(CODEC)
            sizes = [reader.size for chunk in chunks for _ in reader.feed(chunk)]
            self.assertEqual(sizes, [len(frame) for _, frame in STREAM])

    def test_lazy(self) -> None:
        """A lazy message comes out unread."""
        (found,) = Reader(CODEC).feed(STREAM[1][1])
        assert isinstance(found, Message)
        self.assertIsNotNone(found.is_untouched())

    def test_another_codec(self) -> None:
        """The codec may be changed between two messages, even of the same chunk, even of one that has begun."""
        old, new = "0500" * 1, "07000900"
        frames = framed(Lazy, old) + framed(Lazy, new)
        for end in (len(frames), len(frames) - 1):
            reader, found = Reader(codec_for(Lazy, pver=4)), []
            for chunk in (frames[:end], frames[end:]):
                for some in reader.feed(chunk):
                    found.append(some)
                    reader.codec = codec_for(Lazy, pver=5)
            self.assertEqual(found, [Lazy(5, []), Lazy(7, [], 9)])


class FaultTests(SynchronousTestCase):
    """What is no message."""

    def test_judged_by_the_header(self) -> None:
        """A header is judged when its last byte is there; no payload is waited for."""
        for head, kind in (
            (header(b"eager", 100_001), Oversize),
            (header(b"eager", (1 << 32) - 1), Oversize),
            (header(b"eager", 101), OversizeCommand),
            (header(b"eager", 5, magic=b"live"), WrongNetwork),
            (header(b"\xff", 5), MalformedMessage),
            (header(b"xyz", 5), UnknownCommand),
            (header(b"foreign", 101), UnknownCommand),
        ):
            reader = Reader(CODEC)
            for byte in head[:-1]:
                self.assertEqual(list(reader.feed(bytes((byte,)))), [])
            error = self.assertRaises(MalformedMessage, list, reader.feed(head[-1:]))
            self.assertIs(type(error), kind)
            self.assertIs(type(self.assertRaises(MalformedMessage, list, Reader(CODEC).feed(head))), kind)

    def test_magic_first(self) -> None:
        """On some networks a foreign magic is told with its fourth byte, at the beginning and behind any message."""
        first = Codec([Eager], replace(ENVELOPE, magic_first=True), Policy("small"), 10, witness=False)
        frame = STREAM[0][1]
        for before in (b"", frame, frame * 2):
            reader = Reader(first)
            found = read_all(reader, (bytes((byte,)) for byte in before + b"liv"))
            self.assertEqual(found, [Eager(5, "ab")] * (len(before) // len(frame)))
            error = self.assertRaises(WrongNetwork, list, reader.feed(b"e"))
            self.assertEqual(str(error), "magic 6c697665 is another network's, not 74657374")
            self.assertRaises(WrongNetwork, list, Reader(first).feed(before + b"livelong"))
        self.assertEqual(read_all(Reader(first), cut(frame * 3, range(len(frame)))), [Eager(5, "ab")] * 3)

    def test_what_came_before(self) -> None:
        """Messages before the fault come out first."""
        feed = Reader(CODEC).feed(FRAMES + header(b"eager", 0) + FRAMES)
        self.assertEqual([next(feed) for _ in STREAM], MESSAGES)
        self.assertRaises(BadChecksum, next, feed)

    def test_tolerated(self) -> None:
        """What the policy tolerates comes out unread, and the stream goes on, at any chunking."""
        frames = header(b"xyz", 3) + b"abc" + framed(Foreign, "05") + header(b"eager", 2) + b"de" + FRAMES
        for chunks in ([frames], cut(frames, range(len(frames)))):
            found = read_all(Reader(TOLERANT), chunks)
            unread = [some for some in found if isinstance(some, Unread)]
            self.assertEqual(
                [(some.command, some.payload, type(some.error)) for some in unread],
                [
                    ("xyz", b"abc", UnknownCommand),
                    ("foreign", b"\5", UnknownCommand),
                    ("eager", b"de", BadChecksum),
                ],
            )
            self.assertEqual(found[3:], MESSAGES)

    def test_not_tolerated(self) -> None:
        """What it does not tolerate raises; a child of what it tolerates is another thing."""
        for policy, head, kind in (
            (frozenset({UnknownCommand, Oversize}), header(b"eager", 101), OversizeCommand),
            (frozenset({MalformedMessage}), header(b"xyz", 0), UnknownCommand),
        ):
            codec = Codec([Eager], ENVELOPE, Policy("some", policy), 10, False)
            error = self.assertRaises(MalformedMessage, list, Reader(codec).feed(head))
            self.assertIs(type(error), kind)

    @given(st.lists(st.binary(max_size=60), max_size=6))
    def test_random_bytes(self, chunks: list[bytes]) -> None:
        """Whatever comes, nothing but MalformedMessage is raised, and no message comes of it."""
        reader = Reader(CODEC)
        try:
            found = read_all(reader, chunks)
        except MalformedMessage:
            return
        self.assertEqual(found, [])
        self.assertEqual(reader.waiting, sum(map(len, chunks)))

    @given(
        st.sampled_from([Eager, Lazy, Foreign]),
        st.binary(max_size=30),
        st.lists(st.integers(0, 80), max_size=3),
        st.sampled_from([2, 4, 10]),
    )
    def test_random_payloads(self, kind: type[Message], payload: bytes, places: list[int], pver: int) -> None:
        """Whatever is in a frame that is right outside, nothing but MalformedMessage is raised, on first use too."""
        try:
            for found in read_all(
                Reader(codec_for(kind, pver=pver)), cut(framed(kind, payload.hex()), places)
            ):
                assert isinstance(found, Message)
                self.assertEqual(found.load().payload, payload)
        except MalformedMessage as error:
            self.assertEqual(error.command, kind.command)
            self.assertTrue(4 <= error.offset <= 24 + len(payload))


class MemoryTests(SynchronousTestCase):
    """No memory is taken ahead of what has arrived."""

    def peak(self, chunks: Iterable[bytes], reader: Reader) -> int:
        """How many bytes were taken at most while these chunks came."""
        tracemalloc.start()
        try:
            self.assertEqual(read_all(reader, chunks), [])
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    def test_announced(self) -> None:
        """A header that announces the most there is takes no more than what came of it."""
        reader = Reader(LARGE)
        self.assertLess(self.peak([header(b"large", 4_000_000, magic=b"huge"), b"abc"], reader), 10_000)
        self.assertEqual(reader.waiting, 27)

    def test_counted(self) -> None:
        """A count or length inside a payload that is far from there takes nothing either."""
        tracemalloc.start()
        try:
            for payload in ("07feffffffff", "0705" + "fe"):
                self.assertRaises(MalformedMessage, CODEC.decode, framed(Lazy, payload))
            self.assertLess(tracemalloc.get_traced_memory()[1], 100_000)
        finally:
            tracemalloc.stop()

    def test_small_chunks(self) -> None:
        """A payload that comes in the smallest pieces takes little more than itself."""
        reader, size = Reader(LARGE), 200_000
        chunks = (b"ab" for _ in range(size // 2 - 1))
        self.assertEqual(list(reader.feed(header(b"large", size, magic=b"huge"))), [])
        self.assertLess(self.peak(chunks, reader), 1.5 * size)
        self.assertEqual(reader.waiting, 24 + size - 2)

    def test_pieces_of_any_size(self) -> None:
        """Small pieces and large ones make the payload that was sent."""
        payload = bytes(range(256)) * 200
        for step in (1000, 4095, 4096, 5000, 40_000):
            frame = LARGE.encode(Large(payload))
            self.assertEqual(
                read_all(Reader(LARGE), cut(frame, range(0, len(frame), step))), [Large(payload)]
            )
