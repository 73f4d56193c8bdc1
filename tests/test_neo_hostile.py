"""Tests of NEO's messages against what anybody can send."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from peerproto import networks
from peerproto.wire.varint import write_varint
from tests import hostile, memory
from tests.neo_vectors import bad, codec_of, frame_of, golden


class NeoTests(hostile.HostileCase):
    """The one protocol version."""

    codecs = [networks.named("neo-privnet").codec()]
    frames = [frame_of(entry) for entry in (*golden(), *bad())]
    lists = 5


class NeoMemoryTests(memory.MemoryCase):
    """What the frames cost."""

    hashes = frozenset({"inv", "getdata", "getblocks", "getheaders"})

    def cases(self) -> Iterator[memory.Case]:
        return ((codec_of(entry), frame_of(entry)) for entry in (*golden(), *bad()))

    def dense(self) -> Iterable[memory.Dense]:
        codec = networks.named("neo-privnet").codec()
        return (
            (codec, "tx", b"\x80" + bytes(4) + write_varint(20_000) + 20_000 * bytes(2)),
            (codec, "tx", b"\x80\0\x10" + 16 * b"\x90\2ab" + bytes(3)),
            (codec, "tx", b"\2\0" + write_varint(2000) + 2000 * bytes(34) + bytes(4)),
        )
