"""The vectors of tests/vectors/kaspa, and the codecs that they were written for."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

from peerproto import networks
from peerproto.network import Network
from peerproto.wire.codec import Codec
from peerproto.wire.message import Message

Entry = dict[str, Any]

FOLDER = Path(__file__).parent / "vectors" / "kaspa"


def _load(name: str) -> list[Entry]:
    data = (FOLDER / name).read_bytes()
    entries: list[Entry] = json.loads(gzip.decompress(data) if name.endswith(".gz") else data)
    return entries


@cache
def golden() -> list[Entry]:
    """Frames that kaspad has written and read."""
    return _load("golden.json.gz")


@cache
def bad() -> list[Entry]:
    """Frames that kaspad refuses."""
    return _load("bad.json.gz")


@cache
def odd() -> list[Entry]:
    """Frames that kaspad reads and would not write."""
    return _load("odd.json")


@cache
def big() -> list[Entry]:
    """Recipes for long inventories."""
    return _load("big.json")


@cache
def bloom() -> list[Entry]:
    """Filters, and hashes."""
    return _load("bloom.json")


@cache
def session() -> list[Entry]:
    """A recorded conversation of two nodes."""
    return _load("session-simnet.json.gz")


def by_label(label: str) -> Entry:
    """One entry, golden or odd."""
    return next(entry for entry in (*golden(), *odd()) if entry["label"] == label)


def frame_of(entry: Entry) -> bytes:
    """The whole frame."""
    return bytes.fromhex(entry["frame"])


def network_of(entry: Entry) -> Network:
    """The network of an entry."""
    return networks.named(f"{entry['network']}-{entry['net']}")


def codec_of(entry: Entry) -> Codec:
    """The codec that an entry was written for."""
    return network_of(entry).codec(entry["pver"])


def message_of(label: str) -> Message:
    """The message of one entry."""
    entry = by_label(label)
    return codec_of(entry).decode(frame_of(entry))
