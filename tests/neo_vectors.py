"""The vectors of tests/vectors/neo, and the codecs that they were written for."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

from peerproto import networks
from peerproto.network import Network
from peerproto.wire.codec import Codec

Entry = dict[str, Any]

FOLDER = Path(__file__).parent / "vectors" / "neo"


def _load(name: str) -> list[Entry]:
    found: list[Entry] = json.loads(gzip.decompress((FOLDER / name).read_bytes()))
    return found


@cache
def golden() -> list[Entry]:
    """Frames that reference implementations have written and read."""
    return _load("golden.json.gz")


@cache
def bad() -> list[Entry]:
    """Frames that are refused, passed over, waited for, or taken although they are odd."""
    return _load("bad.json.gz")


@cache
def seed() -> list[Entry]:
    """Payloads of the main network, and what they are, from the tests of neo-go's seed."""
    return _load("seed.json.gz")


def by_label(label: str) -> Entry:
    """One golden entry."""
    return next(entry for entry in golden() if entry["label"] == label)


def frame_of(entry: Entry) -> bytes:
    """The whole frame."""
    return bytes.fromhex(entry["frame"])


def network_of(entry: Entry) -> Network:
    """The network of an entry."""
    return networks.named(f"{entry['network']}-{entry['net']}")


def codec_of(entry: Entry) -> Codec:
    """The codec that an entry was written for."""
    return network_of(entry).codec(entry["pver"])
