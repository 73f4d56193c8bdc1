"""BLAKE-256: the C file and its Python twin against the reference's digests, and against each other."""

from __future__ import annotations

import gzip
import importlib.util
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from itertools import combinations_with_replacement
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from peerproto.wire import blake256 as ours

VECTORS = Path(__file__).parent / "vectors" / "decred" / "blake256.json.gz"
EMPTY = "716f6e863f744b9ac22c97ec7b76ea5f5908bc5b2f67c61510bfc4751384ea7a"
PATTERNS: dict[str, Callable[[int], int]] = {
    "a": lambda index: (index * 131 + 89) % 256,
    "b": lambda index: (index + 7 * (index // 256)) % 256,
    "zero": lambda index: 0,
}
Hash = Callable[[Any], bytes]


def digests() -> Iterator[tuple[bytes, str]]:
    """Messages and their digests, as the reference gives them."""
    for pattern in json.loads(gzip.decompress(VECTORS.read_bytes()))["patterns"]:
        longest = max(vector["length"] for vector in pattern["vectors"])
        message = bytes(map(PATTERNS[pattern["pattern"]], range(longest)))
        for vector in pattern["vectors"]:
            yield message[: vector["length"]], vector["digest"]


def without_the_file() -> ModuleType:
    """The module as it is where the C file is not compiled."""
    spec = importlib.util.spec_from_file_location("blake256_without", ours.__file__)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with patch.dict(sys.modules, {"peerproto.wire._blake256": None}):
        spec.loader.exec_module(module)
    return module


class Shared:
    """What holds for both."""

    hash: ClassVar[Hash]
    hash_pieces: ClassVar[Hash]

    def test_every_digest_of_the_reference(self) -> None:
        """All lengths to 300, those around the blocks' ends, and up to 1 MiB, each of three patterns."""
        for message, digest in digests():
            assert type(self).hash(message).hex() == digest, len(message)

    def test_any_contiguous_buffer(self) -> None:
        """What can be seen as bytes is hashed as those bytes."""
        message = bytes(range(200))
        wanted = type(self).hash(message)
        for same in (bytearray(message), memoryview(message), memoryview(bytearray(message + b"x"))[:-1]):
            assert type(self).hash(same) == wanted

    def test_what_is_no_buffer(self) -> None:
        """Text and numbers are a TypeError, as for `hashlib`."""
        for wrong in ("text", 5, None, [1, 2]):
            try:
                type(self).hash(wrong)
            except TypeError:
                continue
            raise AssertionError(wrong)

    def test_pieces(self) -> None:
        """However a message is cut into three, around the blocks' ends, its hash is that of the whole."""
        message = bytes(range(251))
        cuts = (0, 1, 55, 56, 63, 64, 65, 119, 128, 129, 200)
        for first, second, end in combinations_with_replacement(cuts, 3):
            pieces = [message[:first], message[first:second], message[second:end]]
            assert type(self).hash_pieces(iter(pieces)) == ours.pure(message[:end]), (first, second, end)

    def test_what_are_no_pieces(self) -> None:
        """A piece that is no buffer, and what holds no pieces, are a TypeError; an error on the way is let through."""
        for wrong in ([b"a", "text"], 5, None):
            with pytest.raises(TypeError):
                type(self).hash_pieces(wrong)
        with pytest.raises(ZeroDivisionError):
            type(self).hash_pieces(bytes(1 // rest) for rest in (1, 0))


class PureTests(Shared, SynchronousTestCase):
    """The Python twin."""

    hash = staticmethod(ours.pure)
    hash_pieces = staticmethod(ours.pure_pieces)

    def test_it_stands_in(self) -> None:
        """Where the C file is not compiled the module works by the twin, and says so."""
        module = without_the_file()
        self.assertFalse(module.COMPILED)
        self.assertIs(module.blake256, module.pure)
        self.assertIs(module.blake256_pieces, module.pure_pieces)
        self.assertEqual(module.blake256_checksum(b"").hex(), EMPTY[:8])


class CompiledTests(Shared, SynchronousTestCase):
    """The C file."""

    def setUp(self) -> None:
        if not ours.COMPILED and os.environ.get("PEERPROTO_REQUIRE_NODES") != "1":
            raise SkipTest("peerproto/wire/_blake256.c is not compiled: python setup.py build_ext --inplace")
        from peerproto.wire._blake256 import blake256, blake256_pieces

        type(self).hash, type(self).hash_pieces = staticmethod(blake256), staticmethod(blake256_pieces)

    def test_it_is_the_one_in_use(self) -> None:
        """Where it is compiled nothing else is used."""
        self.assertIs(ours.blake256, type(self).hash)
        self.assertIs(ours.blake256_pieces, type(self).hash_pieces)

    @given(st.binary(max_size=400) | st.binary(min_size=1000, max_size=5000))
    def test_twins(self, message: bytes) -> None:
        """Both give the same for any bytes."""
        self.assertEqual(type(self).hash(message), ours.pure(message))

    @given(st.lists(st.binary(max_size=150), max_size=8))
    def test_twins_of_pieces(self, pieces: list[bytes]) -> None:
        """However many they are."""
        self.assertEqual(type(self).hash_pieces(pieces), ours.pure_pieces(pieces))

    def test_others_run_meanwhile(self) -> None:
        """Many bytes are hashed without holding up other threads: this one goes on before the hash is there."""
        begun, done = threading.Event(), threading.Event()
        message = bytes(1 << 26)

        def work() -> None:
            begun.set()
            type(self).hash(message)
            done.set()

        interval = sys.getswitchinterval()
        sys.setswitchinterval(
            1000
        )  # seconds: no thread is made to give way, only what gives way by itself does
        self.addCleanup(sys.setswitchinterval, interval)
        thread = threading.Thread(target=work)
        thread.start()
        begun.wait()
        early = not done.is_set()
        thread.join()
        self.assertTrue(early)


class ChecksumTests(SynchronousTestCase):
    """Decred's checksum."""

    def test_four_bytes_of_one_hash(self) -> None:
        """It is the beginning of the hash, taken once."""
        self.assertEqual(ours.blake256_checksum(b"").hex(), EMPTY[:8])
        self.assertEqual(ours.blake256_checksum(b"x"), ours.pure(b"x")[:4])
        self.assertEqual(ours.blake256_checksum_of_pieces([b"", b"x"]), ours.pure(b"x")[:4])
