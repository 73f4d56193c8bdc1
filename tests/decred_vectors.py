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
from peerproto.wire.codec import Codec
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
