"""The vectors of tests/vectors/decred, and the codecs that they were written for."""

from __future__ import annotations

import gzip
import json
import lzma
from functools import cache
from pathlib import Path
from typing import Any

from peerproto import networks
from peerproto.network import Network
from peerproto.networks import decred
from peerproto.networks.bitcoin.records import InvVect, TimedAddress
from peerproto.networks.decred.addresses import IPV4
from peerproto.wire.blake256 import blake256
from peerproto.wire.codec import Codec
from peerproto.wire.message import Message
from peerproto.wire.plain import Plain, shown

Entry = dict[str, Any]

FOLDER = Path(__file__).parent / "vectors" / "decred"
NETS = ("mainnet", "testnet", "simnet", "regnet")

_UNPACK = {".gz": gzip.decompress, ".xz": lzma.decompress}


@cache
def load(name: str) -> Any:
    """What a file of JSON says, whether it is compressed or not."""
    (path,) = (path for path in FOLDER.iterdir() if path.name.partition(".")[0] == name)
    return json.loads(_UNPACK.get(path.suffix, bytes)(path.read_bytes()))


def golden() -> list[Entry]:
    """Frames that dcrd has written and read."""
    entries: list[Entry] = load("golden")
    return entries


def lenient() -> list[Entry]:
    """Frames that dcrd reads and would not write."""
    entries: list[Entry] = load("lenient")
    return entries


def bad() -> list[Entry]:
    """Frames that dcrd refuses."""
    entries: list[Entry] = load("bad")
    return entries


def by_label(label: str) -> Entry:
    """One golden or lenient entry."""
    return next(entry for entry in (*golden(), *lenient()) if entry["label"] == label)


def frame_of(entry: Entry) -> bytes:
    """The whole frame."""
    return bytes.fromhex(entry["frame"])


def network_of(entry: Entry, policy: str | None = None) -> Network:
    """The network of an entry."""
    return networks.named(f"decred-{entry['net']}", policy)


def codec_of(entry: Entry, policy: str | None = None) -> Codec:
    """The codec that an entry was written for."""
    return network_of(entry, policy).codec(entry["pver"])


def there(plain: Plain) -> Plain:
    """What the vectors say, without what is null: here that is left out."""
    if isinstance(plain, dict):
        return {name: there(value) for name, value in plain.items() if value is not None}
    return [there(value) for value in plain] if isinstance(plain, list) else plain


def extra_of(message: Any) -> dict[str, Plain]:
    """What is shown beside the fields of a message, as JSON."""
    extra: dict[str, Plain] = shown(message.extra())
    return extra


def nth(index: int) -> bytes:
    """The hash that the rules of big.json call H(index)."""
    return blake256((17).to_bytes(4, "little") + index.to_bytes(4, "little"))


def pattern(size: int) -> bytes:
    """The filter data of the rules of big.json."""
    return bytes((index * 131 + 89) % 256 for index in range(size))


def big(entry: Entry) -> Message:
    """The message that a rule describes."""
    command, _, count = entry["label"].partition(" ")
    size, genesis = int(count), networks.named("decred-simnet").chain.genesis
    hashes = [nth(index) for index in range(size if size < 50_001 else 0)]
    vectors = [InvVect(1 + index % 4, hash_) for index, hash_ in enumerate(hashes)]
    first = decred.BlockHeader._make(decred.records.HEADER.unpack(genesis))
    makers = {
        "inv": lambda: decred.Inv(vectors),
        "getdata": lambda: decred.GetData(vectors),
        "notfound": lambda: decred.NotFound(vectors),
        "headers": lambda: decred.Headers(
            [
                first._replace(prev_block=hash_, height=index, nonce=index * 7919)
                for index, hash_ in enumerate(hashes)
            ]
        ),
        "addr": lambda: decred.Addr(
            [
                TimedAddress(1_700_000_000 + index, 1, f"10.{index // 256}.{index % 256}.1", 1000 + index)
                for index in range(size)
            ]
        ),
        "addrv2": lambda: decred.AddrV2(
            [
                decred.NetAddressV2(
                    1_700_000_000 + index, 1, IPV4, bytes((10, index // 256, index % 256, 1)), 1000 + index
                )
                for index in range(size)
            ]
        ),
        "getheaders": lambda: decred.GetHeaders(12, hashes, hashes[0]),
        "getblocks": lambda: decred.GetBlocks(12, hashes, hashes[0]),
        "cfheaders": lambda: decred.CFHeaders(hashes[0], 1, hashes),
        "cfilterv2": lambda: decred.CFilterV2(nth(0), pattern(size), 1, [nth(1)]),
        "cfiltersv2": lambda: decred.CFiltersV2(
            [
                decred.BlockFilter(hash_, pattern(index), index, [nth(index + 1)])
                for index, hash_ in enumerate(hashes)
            ]
        ),
    }
    return makers[command]()
