"""The vectors of tests/vectors/bitcoin, and the codecs that they were written for."""

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

FOLDER = Path(__file__).parent / "vectors" / "bitcoin"


@cache
def golden() -> list[Entry]:
    """Frames that reference implementations have written and read."""
    entries: list[Entry] = json.loads(gzip.decompress((FOLDER / "golden.json.gz").read_bytes()))
    return entries


@cache
def bad() -> list[Entry]:
    """Frames that btcd refuses, skips, or finds cut."""
    entries: list[Entry] = json.loads((FOLDER / "bad.json").read_text())
    return entries


@cache
def nets() -> list[Entry]:
    """The networks' numbers."""
    entries: list[Entry] = json.loads((FOLDER / "networks.json").read_text())
    return entries


def by_label(label: str) -> Entry:
    """One golden entry."""
    return next(entry for entry in golden() if entry["label"] == label)


def frame_of(entry: Entry) -> bytes:
    """The whole frame; big ones lie in files of their own."""
    if "frame" in entry:
        return bytes.fromhex(entry["frame"])
    return gzip.decompress((FOLDER / "big" / Path(entry["frame_file"]).name).read_bytes())


def network_of(entry: Entry, policy: str = "") -> Network:
    """The network of an entry, with the policy of the implementation that wrote it unless one is given."""
    written_by = "core" if entry.get("reference", "").startswith("Bitcoin Core") else "btcd"
    return networks.named(f"{entry['network']}-{entry['net']}", policy or written_by)


def codec_of(entry: Entry, policy: str = "") -> Codec:
    """The codec that an entry was written for."""
    return network_of(entry, policy).codec(entry["pver"], entry["encoding"] == "witness")
