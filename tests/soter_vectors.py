"""The vectors of tests/vectors/soter, and the codecs that they were written for."""

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

FOLDER = Path(__file__).parent / "vectors" / "soter"


def _load(name: str) -> Any:
    data = (FOLDER / name).read_bytes()
    return json.loads(gzip.decompress(data) if name.endswith(".gz") else data)


@cache
def golden() -> list[Entry]:
    """Frames that soterd has written and read."""
    entries: list[Entry] = _load("golden.json.gz")
    return entries


@cache
def bad() -> list[Entry]:
    """Frames that soterd refuses."""
    entries: list[Entry] = _load("bad.json.gz")
    return entries


@cache
def limits() -> list[Entry]:
    """Recipes for payloads of the largest sizes, and for larger ones."""
    entries: list[Entry] = _load("limits.json")
    return entries


@cache
def mined() -> list[Entry]:
    """Blocks of a simnet."""
    entries: list[Entry] = _load("simnet-blocks.json")
    return entries


@cache
def transcripts() -> dict[str, Any]:
    """Two recorded conversations with a node."""
    found: dict[str, Any] = _load("transcripts.json")
    return found


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
    return network_of(entry).codec(entry["pver"], entry["encoding"] == "witness")
