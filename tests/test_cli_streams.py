"""Tests of how commands read and write: one line or frame at a time, whatever comes."""

from __future__ import annotations

import gc
import io
import sys
import tracemalloc
from collections.abc import Iterator
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as some
from twisted.trial.unittest import SynchronousTestCase

from peerproto import networks
from peerproto.cli import main, streams
from peerproto.errors import LocalError
from peerproto.networks.bitcoin import Headers, Ping
from tests.commands import run

REGTEST = ["--network", "bitcoin-regtest"]
NETWORK = networks.named("bitcoin-regtest")


class Pouring(io.BufferedIOBase):
    """A stream of the same lines again and again."""

    def __init__(self, lines: bytes, times: int) -> None:
        self._pieces: Iterator[bytes] = (lines for _ in range(times))

    def readable(self) -> bool:
        return True

    def read1(self, size: int = -1, /) -> bytes:
        return next(self._pieces, b"")


class Counting(io.RawIOBase):
    """Counts the lines that are written, and forgets them."""

    lines = 0

    def writable(self) -> bool:
        return True

    def write(self, data: object, /) -> int:
        raw = bytes(data)  # type: ignore[call-overload]
        self.lines += raw.count(b"\n")
        return len(raw)


def peak(command: list[str], lines: bytes, times: int) -> tuple[int, int]:
    """How many lines a command writes, and how many bytes it takes at most."""
    sink = Counting()
    stdin = io.TextIOWrapper(io.BytesIO())
    stdin.buffer.read1 = Pouring(lines, times).read1  # type: ignore[method-assign]
    stdout = io.TextIOWrapper(io.BufferedWriter(sink))
    with patch.object(sys, "stdin", stdin), patch.object(sys, "stdout", stdout):
        gc.collect()
        tracemalloc.start()
        main(command)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return sink.lines, most


class MemoryTests(SynchronousTestCase):
    """A stream without an end."""

    def grows_not(self, command: list[str], lines: bytes) -> None:
        options = [*command, *REGTEST]
        _, before = peak(options, lines, 5)
        count, after = peak(options, lines, 500)
        self.assertEqual(count, 50_000)
        self.assertLess(after, before + 200_000)

    def test_decode(self) -> None:
        """50,000 frames take no more memory than 500."""
        self.grows_not(["decode"], NETWORK.codec().encode(Ping(1)).hex().encode().join([b""] + [b"\n"] * 100))

    def test_decode_raw(self) -> None:
        """Nor as a stream of bytes."""
        self.grows_not(["decode", "--raw"], NETWORK.codec().encode(Ping(1)) * 100)

    def test_encode(self) -> None:
        """Nor the other way."""
        self.grows_not(["encode"], b'{"command": "ping", "fields": {"nonce": 1}}\n' * 100)

    def test_line_without_end(self) -> None:
        """A line that never ends is not held."""
        _, most = peak(["decode", *REGTEST], b"0" * 1_000_000, 60)
        self.assertLess(most, 30_000_000)


class LinesTests(SynchronousTestCase):
    """Lines of chunks."""

    @given(some.lists(some.binary(max_size=6).map(lambda raw: raw.replace(b"\x01", b"\n"))))
    def test_any_chunking(self, chunks: list[bytes]) -> None:
        """However the bytes are cut, the lines are the same."""
        found = list(streams.lines(chunks, 1000))
        self.assertEqual(found, [line.rstrip(b"\n") for line in io.BytesIO(b"".join(chunks))])

    def test_long_line(self) -> None:
        """Of a line over the limit no more than one chunk too many is kept, and the next line is whole."""
        found = list(streams.lines([b"12345", b"6789", b"0123", b"45\nab\n", b"c"], 8))
        self.assertEqual(found, [b"123456789", b"ab", b"c"])

    def test_limit(self) -> None:
        """A line of exactly the limit is whole."""
        self.assertEqual(list(streams.lines([b"1234", b"5678", b"\n9"], 8)), [b"12345678", b"9"])


class FramesTests(SynchronousTestCase):
    """Frames of chunks."""

    def test_large_frame(self) -> None:
        """A frame of many chunks comes once, when it is whole."""
        frame = NETWORK.codec().encode(Headers([(1, bytes(32), bytes(32), 2, 3, 4)] * 2000))  # type: ignore[list-item]
        chunks = [frame[at : at + 1000] for at in range(0, len(frame), 1000)]
        self.assertEqual(list(streams.frames([*chunks, frame], NETWORK.envelope)), [frame, frame])


class StandardTests(SynchronousTestCase):
    """Standard input and output."""

    def test_closed(self) -> None:
        """Closed ones are one line on standard error, not a traceback."""
        for name, what in (("stdin", "input"), ("stdout", "output")):
            err = io.StringIO()
            with patch.object(sys, "stderr", err), patch.object(sys, name, None):
                self.assertEqual(main(["decode", *REGTEST]), 2)
            self.assertEqual(err.getvalue(), f"peerproto decode: standard {what} is closed\n")
        with patch.object(sys, "stdout", None):
            self.assertRaises(LocalError, streams.output)

    def test_full(self) -> None:
        """An output that takes no more is one line on standard error."""
        out = io.TextIOWrapper(io.BufferedWriter(Full()))
        err = io.StringIO()
        stdin = io.TextIOWrapper(io.BytesIO(NETWORK.codec().encode(Ping(1))))
        with (
            patch.object(sys, "stdin", stdin),
            patch.object(sys, "stdout", out),
            patch.object(sys, "stderr", err),
        ):
            self.assertEqual(main(["decode", "--raw", *REGTEST]), 2)
        self.assertEqual(err.getvalue(), "peerproto decode: No space left on device\n")
        Full.full = False
        out.close()

    def test_dash(self) -> None:
        """A file named - is standard input."""
        self.assertEqual(run(["decode", *REGTEST, "-"]), (0, b"", ""))


class Full(io.RawIOBase):
    """Takes nothing."""

    full = True

    def writable(self) -> bool:
        return True

    def write(self, data: object, /) -> int:
        if self.full:
            raise OSError(28, "No space left on device")
        return len(bytes(data))  # type: ignore[call-overload]
