"""Tor's addresses of the third version: a public key on the wire, a name ending in `.onion` as people write it."""

from __future__ import annotations

import base64
from hashlib import sha3_256

_VERSION = b"\x03"


def onion_name(key: bytes) -> str:
    """The name of a service by its public key of 32 bytes (Tor's rend-spec-v3, section 6)."""
    return base64.b32encode(_with_checksum(key)).decode().lower() + ".onion"


def onion_key(name: str) -> bytes:
    """The public key in the name of a service. Raises ValueError for any other text."""
    try:
        raw = base64.b32decode(name.removesuffix(".onion").upper())
    except ValueError:
        raw = b""
    if not name.endswith(".onion") or len(raw) != 35 or raw != _with_checksum(raw[:32]):
        raise ValueError(f"{name!r} is no address of Tor")
    return raw[:32]


def _with_checksum(key: bytes) -> bytes:
    return key + sha3_256(b".onion checksum" + key + _VERSION).digest()[:2] + _VERSION
