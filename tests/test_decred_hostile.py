"""Tests of Decred's messages against what anybody can send."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from peerproto import networks
from peerproto.wire.varint import write_varint
from tests import hostile, memory
from tests.decred_vectors import bad, big, codec_of, frame_of, golden, lenient, load, network_of


class DecredTests(hostile.HostileCase):
    """Both policies, every protocol version."""

    network = networks.named("decred-simnet")
    codecs = [
        network_of({"net": "simnet"}, policy).codec(pver)
        for pver in (12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1)
        for policy in ("dcrd", "dcrd1")
    ]
    frames = [frame_of(entry) for entry in (*golden(), *lenient(), *bad())]
    unwritable = "mix[a-z]+: .*a matrix of"
    lists = 21


class DecredMemoryTests(memory.MemoryCase):
    """What the frames cost."""

    hashes = frozenset(
        {"inv", "getdata", "notfound", "getblocks", "getheaders", "getcfheaders", "cfheaders", "initstate"}
    )

    def cases(self) -> Iterator[memory.Case]:
        yield from ((codec_of(entry), frame_of(entry)) for entry in (*golden(), *lenient(), *bad()))
        yield from ((codec_of(entry), codec_of(entry).encode(big(entry))) for entry in load("big"))

    def dense(self) -> Iterable[memory.Dense]:
        codec = network_of({"net": "simnet"}).codec()
        regular, stake = (write_varint(8000) + 8000 * b"\1\0\2\0\0" for _ in range(2))
        return (
            (codec, "block", bytes(180) + regular + stake),
            (codec, "tx", b"\1" + bytes(4) + write_varint(20_000) + 20_000 * bytes(11) + bytes(9)),
            (codec, "tx", b"\1\0\2\0" + write_varint(10_000) + 10_000 * bytes(17)),
            (codec, "mixdcnet", bytes(133) + write_varint(1024) + b"\0\x14\0"),
            (codec, "getinitstate", b"\x20" + bytes(32)),
            (
                codec,
                "mixslotres",
                bytes(133) + write_varint(100) + write_varint(512) + bytes(100 * 512) + b"\0",
            ),
        )

    def test_claims(self) -> None:
        """A count that is not too large takes nothing either if what it counts is not there."""
        codec = network_of({"net": "simnet"}).codec()
        for command, before, count in (
            ("inv", 0, 50_000),
            ("headers", 0, 2000),
            ("tx", bytes.fromhex("01000000"), 780_336),
            ("tx", bytes.fromhex("0100000000"), 3_728_271),
            ("tx", bytes.fromhex("01000200"), 780_336),
            ("block", 180, 43_691),
            ("mixdcnet", 133, 1024),
            ("mixslotres", 133, 1024),
            ("mixcphrtxt", 133, 512),
            ("mixsecrets", 165, 1024),
            ("cfiltersv2", 0, 100),
            ("addrv2", 0, 1000),
        ):
            self.check_claim(codec, command, bytes(before) + write_varint(count) + b"\xfd\0")
