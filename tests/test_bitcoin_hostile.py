"""Tests of Bitcoin's and Litecoin's messages against what anybody can send."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from peerproto import networks
from peerproto.wire.varint import write_varint
from tests import hostile, memory
from tests.bitcoin_vectors import bad, codec_of, frame_of, golden

PVERS = (70016, 70015, 70002, 60001, 60000, 31402, 106, 1)


class BitcoinTests(hostile.HostileCase):
    """Both policies, many versions, both encodings."""

    network = networks.named("bitcoin-regtest")
    codecs = [
        networks.named("bitcoin-regtest", policy).codec(pver, witness)
        for pver in PVERS
        for policy in ("btcd", "core")
        for witness in (True, False)
    ]
    frames = [frame_of(entry) for entry in (*golden(), *bad())]
    lists = 16


class LitecoinTests(BitcoinTests):
    """The same with Litecoin's envelope."""

    network = networks.named("litecoin-mainnet", "core")
    codecs = [
        networks.named("litecoin-mainnet", policy).codec(pver, witness)
        for pver in PVERS
        for policy in ("core", "btcd")
        for witness in (True, False)
    ]


class BitcoinMemoryTests(memory.MemoryCase):
    """What the frames cost."""

    hashes = frozenset({"inv", "getdata", "notfound", "getblocks", "getheaders", "cfheaders", "cfcheckpt"})

    def cases(self) -> Iterator[memory.Case]:
        return ((codec_of(entry), frame_of(entry)) for entry in (*golden(), *bad()))

    def dense(self) -> Iterable[memory.Dense]:
        base, witness = (
            networks.named("bitcoin-regtest").codec(),
            networks.named("bitcoin-regtest").codec(None, True),
        )
        count, transaction = write_varint(8000), bytes(10)
        return (
            (base, "block", bytes(80) + count + 8000 * transaction),
            (base, "blocktxn", bytes(32) + count + 8000 * transaction),
            (base, "cmpctblock", bytes(89) + count + 8000 * (b"\0" + transaction)),
            (base, "tx", bytes(5) + count + 8000 * (b"\1\1" + bytes(7)) + bytes(4)),
            (base, "tx", bytes(4) + count + 8000 * bytes(41) + bytes(5)),
            (witness, "tx", bytes(5) + b"\1\1" + bytes(42) + count + 8000 * b"\2ab" + bytes(4)),
            (base, "getblocktxn", bytes(32) + count + bytes(8000)),
            (base, "addrv2", write_varint(1000) + 1000 * (b"\1\1\1\1\0\1\4" + bytes(6))),
        )
